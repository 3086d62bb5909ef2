"""The state that an encoder carries from one batch of a stream to the next; backpropagation ends between the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from unroll.data.batching import Share
from unroll.data.splits import Batch
from unroll.models.contracts import State
from unroll.models.network import Network


@dataclass
class Carry:
    """What this rank's encoder carries between steps; nothing where examples do not follow each other."""

    state: State | None = None
    examples: int = 0  # of the global batch that it is of

    def into(self, batch: Batch) -> Batch:
        """A batch of this rank with the state that it goes on from, where it goes on."""
        if not batch.goes_on or self.state is None:
            return batch
        state = [tensor[:, : len(batch.index)].to(batch.inputs.device) for tensor in self.state]
        return replace(batch, state=state)

    def keep(self, batch: Batch, network: Network) -> None:
        """Keep what the encoder carried out of a batch that the next one may go on from."""
        if batch.in_order:
            self.state = network.carried
            self.examples = batch.examples if isinstance(batch, Share) else len(batch.index)

    def saved(self) -> dict[str, Any]:
        """What a checkpoint holds of this rank; on the CPU."""
        state = None if self.state is None else [tensor.cpu() for tensor in self.state]
        return {"state": state, "examples": self.examples}


def own_carry(saved: Sequence[Mapping[str, Any]], rank: int, world: int) -> Carry:
    """This rank's part of what all ranks saved, of which there may have been another number."""
    states = [part["state"] for part in saved]
    if not saved or any(state is None for state in states):
        return Carry()
    examples = saved[0]["examples"]
    rows = [range(before, examples, len(saved)) for before in range(len(saved))]
    order = torch.tensor([row for part in rows for row in part]).argsort()
    whole = [
        torch.cat([layer[:, : len(part)] for layer, part in zip(layers, rows, strict=True)], dim=1)[:, order]
        for layers in zip(*states, strict=True)
    ]
    mine = order.sort().values[rank::world]
    return Carry([layer[:, mine if len(mine) else slice(1)] for layer in whole], examples)

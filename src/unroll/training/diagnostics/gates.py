"""How far the gates of LSTM and GRU layers are saturated (as in Karpathy, Johnson, Fei-Fei 2016, section 4.2, there at
0.1 and 0.9).

torch.nn's fused layers show no gates, so they are computed again from the weights, the inputs and the outputs:
sigma(W x_t + b + U h_{t-1} + b'), where h_{t-1} is the output of the step before. The cell c_t is in none of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.models.contracts import length_mask

CLOSED, OPEN = 0.05, 0.95
KINDS: dict[type[nn.RNNBase], dict[str, int]] = {  # which of the stacked weights belong to which gate, as in torch.nn
    nn.LSTM: {"input": 0, "forget": 1, "output": 3},
    nn.GRU: {"reset": 0, "update": 1},
}


def gates_of(layer: nn.Module) -> dict[str, int]:
    """The sigmoid gates of a layer, by their place in its weights; none where it does not compute as nn.LSTM or nn.GRU
    of one layer and one direction do."""
    for kind, gates in KINDS.items():
        if isinstance(layer, kind) and type(layer).forward is kind.forward:
            plain = layer.num_layers == 1 and not layer.bidirectional and not layer.proj_size
            return gates if plain else {}
    return {}


def gate_values(layer: nn.RNNBase, x: Tensor, outputs: Tensor, initial: Tensor | None) -> dict[str, Tensor]:
    """Gates [B,T,H] of a layer over x [B,T,D] with outputs [B,T,H], from its initial state [1,B,H] (None = zero)."""
    first = torch.zeros_like(outputs[:, :1]) if initial is None else initial.transpose(0, 1)
    before = torch.cat((first, outputs[:, :-1]), dim=1)
    weights = dict(layer.named_parameters())
    summed = before.new_zeros(())
    for part, values in (("ih", x), ("hh", before)):
        bias = weights.get(f"bias_{part}_l0")
        weight = weights[f"weight_{part}_l0"].float()
        summed = summed + F.linear(values.float(), weight, None if bias is None else bias.float())
    parts = summed.split(layer.hidden_size, dim=-1)
    return {name: parts[place].sigmoid() for name, place in gates_of(layer).items()}


@dataclass
class GateShares:
    """Counts of closed, open and all gate values, by layer and gate."""

    lengths: dict[int, Tensor]  # steps T -> real positions [B] of a sequence that is padded to T
    counts: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def add(self, name: str, values: dict[str, Tensor]) -> None:
        """Count a layer's gates [B,T,H] at real positions."""
        for gate, value in values.items():
            rows, steps = value.shape[:2]
            lengths = self.lengths.get(steps)
            if lengths is not None and len(lengths) == rows:
                value = value[length_mask(lengths, steps)]
            counted = torch.tensor([(value < CLOSED).sum(), (value > OPEN).sum(), value.numel()])
            layer = self.counts.setdefault(name, {})
            layer[gate] = layer.get(gate, torch.zeros_like(counted)) + counted

    def shares(self) -> dict[str, dict[str, dict[str, float]]]:
        """layer -> gate -> {"closed": share below 0.05, "open": share above 0.95}, in the order of their use."""
        return {
            layer: {
                gate: {"closed": float(counted[0] / counted[2]), "open": float(counted[1] / counted[2])}
                for gate, counted in gates.items()
            }
            for layer, gates in self.counts.items()
        }


@contextmanager
def watching_gates(network: nn.Module, lengths: dict[int, Tensor]) -> Iterator[GateShares]:
    """Count the gates of every LSTM and GRU layer that runs in the block.

    Args:
        network: with the layers, batch first.
        lengths: steps T -> lengths [B] of the sequences that are padded to T; elsewhere all positions are real.
    """
    found = GateShares(lengths)

    def watcher(name: str) -> Any:
        def watch(layer: Any, given: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
            hidden = given[1] if len(given) > 1 else named.get("hx")
            initial = hidden[0] if isinstance(hidden, tuple) else hidden
            with torch.no_grad():
                found.add(name, gate_values(layer, given[0], result[0], initial))

        return watch

    hooks = [
        layer.register_forward_hook(watcher(name), with_kwargs=True)
        for name, layer in network.named_modules()
        if gates_of(layer)
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()

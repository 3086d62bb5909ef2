"""Evaluation: every example of a split exactly once, whatever the number of ranks; one loop for all."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import distributed

from unroll.data.batching import evaluation_order
from unroll.data.splits import Batch, Split
from unroll.models.network import Network
from unroll.seeds import derive
from unroll.tasks.task import Outputs, gather_outputs
from unroll.training.carry import Carry
from unroll.training.devices import seed_noise

Score = Callable[[Network, Batch], Outputs]


def evaluate_split(
    score: Score,
    network: Network,
    split: Split,
    seed: int,
    device: torch.device,
    rank: int = 0,
    world: int = 1,
) -> Outputs:
    """Run `score` over a split: per-example outputs in the split's order, gathered from all ranks.

    Batches are fixed by the split alone, and each one's noise by the seed and its first example, so that no result
    depends on the training batch size or the number of ranks. A stream is read by one rank, from its beginning to its
    end, the encoder's state carried on.

    Raises:
        RuntimeError: an example was missed or counted twice.
    """
    was_training = network.training
    network.eval()
    mine: list[tuple[np.ndarray, Outputs]] = []
    carry = Carry()
    with torch.inference_mode(), network.precision():
        for number, index in enumerate(evaluation_order(split)):
            if (0 if split.in_order else number % world) == rank:
                seed_noise(derive(seed, "evaluation", int(index[0])), device)
                batch = replace(split.batch(index).to(device), goes_on=split.in_order and number > 0)
                mine.append((index.numpy(), score(network, carry.into(batch))))
                carry.keep(batch, network)
    network.train(was_training)
    shares = [mine]
    if world > 1:
        shares = [[] for _ in range(world)]
        distributed.all_gather_object(shares, mine)
    together = [part for share in shares for part in share]
    counted = np.concatenate([part[0] for part in together])
    if not np.array_equal(np.sort(counted), np.arange(len(split))):
        raise RuntimeError(f"evaluation counted {len(counted)} examples, {len(split)} are in the split")
    return gather_outputs([part[1] for part in together], counted)

"""Evaluation: every example of a split exactly once, whatever the number of ranks; one loop for all."""

from collections.abc import Callable

import numpy as np
import torch
from torch import distributed

from unroll.data.batching import evaluation_order
from unroll.data.splits import Batch, Split
from unroll.models.network import Network
from unroll.seeds import derive
from unroll.tasks.task import Outputs, gather_outputs

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
    depends on the training batch size or the number of ranks.

    Raises:
        RuntimeError: an example was missed or counted twice.
    """
    was_training = network.training
    network.eval()
    mine: list[tuple[np.ndarray, Outputs]] = []
    with torch.inference_mode(), network.precision():
        for number, index in enumerate(evaluation_order(split)):
            if number % world == rank:
                torch.manual_seed(derive(seed, "evaluation", int(index[0])))
                mine.append((index.numpy(), score(network, split.batch(index).to(device))))
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

"""Which examples make which batch: a pure function of (seed, epoch), the same for every architecture and rank."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from unroll.data.splits import Batch, Split
from unroll.seeds import generator

POOL = 100  # batches that are sorted by length together
EVALUATION_BATCH = 128  # fixed: no metric depends on the training batch size; of more, recurrent states leave the cache


def _sorted_by_length(index: np.ndarray, keys: list[np.ndarray]) -> np.ndarray:
    """Sort by the first key; ties by the second, up and down in turn, so that neighbours are alike in both."""
    first = keys[0][index]
    ties = [np.where(first % 2 == 0, key[index], -key[index]) for key in keys[1:]]
    return index[np.lexsort([*reversed(ties), first])]


def epoch_order(split: Split, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    """Batches of one epoch: every example once; text sorted by length inside shuffled pools of batches.

    Of a stream each batch has the next example of each of `batch_size` rows, equal parts of it one after the other.

    Returns: index tensors [<= batch_size].
    """
    if split.in_order:
        steps = steps_per_epoch(len(split), batch_size)
        rows = torch.arange(len(split)).split(steps)
        return [torch.stack([row[step] for row in rows if step < len(row)]) for step in range(steps)]
    random = generator(seed, "order", epoch)
    order = random.permutation(len(split))
    keys = [key.numpy() for key in split.length_keys()]
    if keys:
        pool = POOL * batch_size
        pools = [order[start : start + pool] for start in range(0, len(order), pool)]
        order = np.concatenate([_sorted_by_length(part, keys) for part in pools])
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if keys:
        batches = [batches[i] for i in random.permutation(len(batches))]
    return [torch.from_numpy(batch) for batch in batches]


def evaluation_order(split: Split) -> list[Tensor]:
    """Batches that cover a split exactly once, sorted by length where there are lengths; of a stream one by one.

    Those of a left-padded split keep its order: there a batch's longest example is part of what the others are.
    """
    if split.in_order:
        return list(torch.arange(len(split)).split(1))
    order = np.arange(len(split))
    keys = [] if split.left_padded else [key.numpy() for key in split.length_keys()]
    if keys:
        order = _sorted_by_length(order, keys)
    return [
        torch.from_numpy(order[start : start + EVALUATION_BATCH]) for start in range(0, len(order), EVALUATION_BATCH)
    ]


def share(examples: int, rank: int, world: int) -> tuple[slice, bool]:
    """A rank's rows of a global batch, and whether they count: an empty share gets one example that does not."""
    return (slice(rank, None, world), True) if rank < examples else (slice(1), False)


@dataclass(frozen=True, kw_only=True)
class Share(Batch):
    """A rank's share of a global batch, padded as the whole is: its shapes are the whole's but for the rows."""

    examples: int  # of the global batch
    rows: slice  # of the global batch that are here


def share_of(split: Split, whole: Tensor, rank: int, world: int) -> Share:
    """A rank's share of the global batch of index `whole` [B]; what only fills an empty share weighs nothing."""
    rows, counts = share(len(whole), rank, world)
    batch = split.batch(whole[rows], whole)
    if not counts:
        batch = replace(batch, weight=torch.zeros_like(batch.weight))
    items = {item.name: getattr(batch, item.name) for item in fields(batch)}
    return Share(**items, examples=len(whole), rows=rows)


class TrainingBatches:
    """The batches of steps `start` to `steps`, step by step; epochs follow each other without a seam.

    Each batch carries the normaliser of its global batch, so that ranks need not tell each other.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, start: int, steps: int, rank: int = 0, world: int = 1):
        self.split, self.batch_size, self.seed = split, batch_size, seed
        self.start, self.steps, self.rank, self.world = start, steps, rank, world
        self.weights = split.weights()

    def __len__(self) -> int:
        return max(0, self.steps - self.start)

    def __iter__(self) -> Iterator[Batch]:
        per_epoch = steps_per_epoch(len(self.split), self.batch_size)
        order: list[Tensor] = []
        for step in range(self.start, self.steps):
            epoch, position = divmod(step, per_epoch)
            if not order or position == 0:
                order = epoch_order(self.split, self.batch_size, self.seed, epoch)
            whole = order[position]
            alone = self.world == 1
            batch = self.split.batch(whole) if alone else share_of(self.split, whole, self.rank, self.world)
            goes_on = self.split.in_order and position > 0
            yield replace(batch, normaliser=normaliser_of(self.weights[whole]), goes_on=goes_on)


def normaliser_of(weights: Tensor) -> float:
    """What the sum of the losses of examples is divided by, from their `Split.weights`; 1 where none adds any."""
    return float(weights.sum()) or 1.0


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Batches of one epoch; the last may be smaller."""
    return -(-examples // batch_size)


def typical_batch(split: Split, batches: list[Tensor]) -> Tensor:
    """The full batch whose longest sequences, by every length key, are nearest to the batches' mean."""
    size = max(map(len, batches))
    full = [batch for batch in batches if len(batch) == size]
    keys = split.length_keys()
    longest = np.array([[int(key[batch].max()) for key in keys] for batch in full], np.float64)
    return full[int(np.abs(longest / longest.mean(axis=0) - 1).sum(axis=1).argmin())] if longest.size else full[0]


def padding_share(split: Split, batches: list[Tensor]) -> float:
    """Share of padded positions among all positions of the batches, every length key counted; 0 without lengths."""
    padded = real = 0
    for key in split.length_keys():
        for batch in batches:
            lengths = key[batch]
            real += int(lengths.sum())
            padded += int(lengths.max()) * len(lengths)
    return 1 - real / padded if padded else 0.0


def train_share(examples: int, fraction: float) -> np.ndarray:
    """Indices of the seeded share of train that `data.fraction` keeps: nested, in order, the same for every trial."""
    if fraction == 1.0:
        return np.arange(examples)
    kept = max(1, round(fraction * examples))
    return np.sort(generator(0, "fraction").permutation(examples)[:kept])

"""Noise that does not depend on the number of ranks: dropout, Gaussian samples and coin flips of a training step.

One process draws for its batch. Each of several ranks draws the same numbers for the whole global batch, from the same
seed, and takes its own examples' rows. So everything random in a network's training goes through here, and the first
axis of what is drawn is always the batch's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F


class Rows(NamedTuple):
    """Which rows of a global batch this rank has."""

    whole: int  # examples of the global batch
    mine: slice


_rows: Rows | None = None  # None: the whole batch is here


@contextmanager
def drawing(rows: Rows) -> Iterator[None]:
    """Draw for a whole global batch and take a rank's rows, for as long as the block runs."""
    global _rows
    before, _rows = _rows, rows
    try:
        yield
    finally:
        _rows = before


def _whole(mine: Tensor, rows: Rows) -> Tensor:
    """An unfilled tensor for the whole batch, in the memory layout of one process: torch draws in that order."""
    sizes = [rows.whole, *mine.shape[1:]]
    outer_first = sorted(range(mine.dim()), key=lambda axis: (mine.stride(axis), mine.shape[axis]), reverse=True)
    empty = mine.new_empty([sizes[axis] for axis in outer_first])
    return empty.permute([outer_first.index(axis) for axis in range(mine.dim())])


def dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """`torch.nn.functional.dropout` of x [B, ...]."""
    if _rows is None or not training or share == 0:
        return F.dropout(x, share, training)
    return x * F.dropout(_whole(x, _rows).fill_(1), share)[_rows.mine]


def gaussian(like: Tensor) -> Tensor:
    """Standard normal values, of the shape and type of `like` [B, ...]."""
    return torch.randn_like(like) if _rows is None else torch.randn_like(_whole(like, _rows))[_rows.mine]


def bernoulli(probabilities: Tensor) -> Tensor:
    """1 with the given probabilities [B, ...], else 0."""
    if _rows is None:
        return torch.bernoulli(probabilities)
    whole = _whole(probabilities, _rows).zero_()
    whole[_rows.mine] = probabilities
    return torch.bernoulli(whole)[_rows.mine]


def batch_mean(x: Tensor) -> Tensor:
    """The mean of x [B, ...] over the examples of the whole global batch [...], with its gradient on every rank."""
    if _rows is None or not distributed.is_initialized():
        return x.mean(dim=0)
    from torch.distributed.nn.functional import all_reduce

    only_fills = _rows.mine.step is None  # a rank without examples of its own: see `share_of`
    return all_reduce(x.sum(dim=0) * (not only_fills)) / _rows.whole


class Dropout(nn.Module):
    """Zeroes a share of x [B, ...] in training and scales up the rest."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def extra_repr(self) -> str:
        return f"share={self.share}"

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.share, self.training)

"""Noise that does not depend on the number of ranks: dropout, Gaussian samples and coin flips of a training step.

One process draws for its batch. Each of several ranks draws the same numbers for the whole global batch, from the same
seed, and takes its own examples' rows. So everything random in a network's training goes through here, and the first
axis of what is drawn is always the batch's. Numbers are drawn in the order of the indices, whatever lies in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn

SHARES = 2**16  # a share is rounded to a multiple of one by this
_DRAWS = 4  # of 16 bits, in one of torch's 64


class Rows(NamedTuple):
    """Which rows of a global batch this rank has."""

    whole: int  # examples of the global batch
    mine: slice


_rows: Rows | None = None  # None: the whole batch is here


@contextmanager
def drawing(rows: Rows | None) -> Iterator[None]:
    """Draw for a whole global batch and take a rank's rows, for as long as the block runs; None: the batch is whole."""
    global _rows
    before, _rows = _rows, rows
    try:
        yield
    finally:
        _rows = before


def _sizes(shape: Sequence[int]) -> list[int]:
    """The shape of what is drawn for own rows of this shape."""
    return [*shape] if _rows is None else [_rows.whole, *shape[1:]]


def _mine(drawn: Tensor) -> Tensor:
    return drawn if _rows is None else drawn[_rows.mine]


def _chance(share: float) -> int:
    return min(round(share * SHARES), SHARES - 1)


def _drawn(share: float, shape: Sequence[int], device: torch.device) -> Tensor:
    """1 with the probability of a share, else 0, as 16-bit integers: in place and by type, since booleans take longer.

    16 bits decide, of which torch draws 64 at once. `Tensor.bernoulli_` draws for each value alone.
    """
    sizes = _sizes(shape)
    count = torch.Size(sizes).numel()
    words = torch.empty(-(-count // _DRAWS), dtype=torch.int64, device=device).random_(-(2**63), None)
    return _mine(words.view(torch.int16)[:count].lt_(_chance(share) - SHARES // 2).view(sizes))


def chosen(share: float, shape: Sequence[int], device: torch.device) -> Tensor:
    """True with the probability of a share below 1, independently, in a tensor of a shape [B, ...]."""
    return _drawn(share, shape, device).bool()


def dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """Zero a share of x [B, ...] in training and scale up the rest, so that the mean stays (Srivastava et al. 2014)."""
    if not training or not _chance(share):
        return x
    kept = 1 - _chance(share) / SHARES
    return x * _drawn(kept, x.shape, x.device).to(x.dtype).div_(kept)


def gaussian(like: Tensor) -> Tensor:
    """Standard normal values, of the shape and type of `like` [B, ...]."""
    return _mine(torch.randn(_sizes(like.shape), dtype=like.dtype, device=like.device))


def bernoulli(probabilities: Tensor) -> Tensor:
    """1 with the given probabilities [B, ...], else 0; drawn in single precision, whatever theirs is."""
    drawn = torch.rand(_sizes(probabilities.shape), device=probabilities.device)
    return (_mine(drawn) < probabilities).to(probabilities.dtype)


def batch_mean(x: Tensor, positions: Tensor | None = None) -> Tensor:
    """The mean of x over the whole global batch, with its gradient on every rank.

    Args:
        x: [B, ...], or [B, S, ...] with positions.
        positions: [B, S] those that are real; the mean is over all of them.
    """
    count: Tensor | int = len(x) if _rows is None else _rows.whole
    if positions is not None:
        x, count = (x * positions[..., None]).sum(dim=1), positions.sum()
    if _rows is None or not distributed.is_initialized():
        return x.mean(dim=0) if positions is None else x.sum(dim=0) / count
    from torch.distributed.nn.functional import all_reduce

    counts = _rows.mine.step is not None  # a rank without examples of its own does not: see `share_of`
    if isinstance(count, Tensor):
        count = all_reduce(count * counts)
    return all_reduce(x.sum(dim=0) * counts) / count


class Dropout(nn.Module):
    """Zeroes a share of x [B, ...] in training and scales up the rest."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def extra_repr(self) -> str:
        return f"share={self.share}"

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.share, self.training)

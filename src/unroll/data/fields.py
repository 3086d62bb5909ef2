"""Fields: one side of the examples of a split, ragged or dense, of integers or floats, as compactly as may be.

An index [B] comes in, values padded to the longest of them and their lengths come out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from unroll.data.placing import sent


class Field(Protocol):
    """One side of N examples."""

    def __len__(self) -> int: ...

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Values [B, T] or [B, T, D], zero in the padding, or one each [B], where the field's are; the lengths [B].

        The index and the lengths are on the CPU.
        """

    def each(self, change: Callable[[Tensor], Tensor]) -> "Field":
        """The same field with the tensor of its values changed: to one on another device, say."""

    @property
    def lengths(self) -> Tensor | None:
        """Of all examples [N]; None where all are alike."""


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths in one flat tensor: sequence i is flat[offsets[i]:offsets[i + 1]]."""

    flat: Tensor  # [sum of lengths] or [sum of lengths, D]
    offsets: Tensor  # [N + 1] int64
    truncated: int = 0  # how many sequences were cut

    @classmethod
    def pack(cls, sequences: Sequence[Sequence[int]], max_length: int) -> "Ragged":
        """Keep at most max_length ids of each sequence."""
        lengths = np.fromiter((min(len(ids), max_length) for ids in sequences), np.int64, len(sequences))
        kept = chain.from_iterable(ids[:max_length] for ids in sequences)
        flat = np.fromiter(kept, np.int64, int(lengths.sum()))
        cut = sum(len(ids) > max_length for ids in sequences)
        return cls(torch.from_numpy(flat), _offsets(lengths), cut)

    @classmethod
    def stack(cls, sequences: Sequence[np.ndarray]) -> "Ragged":
        """Pack sequences of values [T] or [T, D], each of any T of 1 or more."""
        lengths = np.array([len(values) for values in sequences], np.int64)
        return cls(torch.from_numpy(np.concatenate(sequences)), _offsets(lengths))

    @classmethod
    def chunks(cls, stream: Tensor, size: int) -> "Ragged":
        """Cut one stream [L] or [L, D] into sequences of so many steps; the last may be shorter."""
        ends = torch.arange(0, len(stream) + size, size).clamp(max=len(stream))
        return cls(stream, ends)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        return self.offsets[1:] - self.offsets[:-1]

    def each(self, change: Callable[[Tensor], Tensor]) -> "Ragged":
        return replace(self, flat=change(self.flat))

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        start = self.offsets[index]
        lengths = self.offsets[index + 1] - start
        steps = torch.arange(int(lengths.max()))[None, :]
        where = sent((start[:, None] + steps).clamp(max=len(self.flat) - 1), self.flat.device)
        padding = sent(steps >= lengths[:, None], self.flat.device)
        return self.flat[where].masked_fill(padding if self.flat.dim() == 1 else padding[..., None], 0), lengths


@dataclass(frozen=True)
class Dense:
    """Values of one shape: numbers, or sequences of one length, made from what is kept batch by batch."""

    kept: Tensor  # [N, ...]
    values: Callable[[Tensor], Tensor] = lambda kept: kept  # kept [B, ...] -> [B], [B, T] or [B, T, D]
    lengths: None = None

    def __len__(self) -> int:
        return len(self.kept)

    def each(self, change: Callable[[Tensor], Tensor]) -> "Dense":
        return replace(self, kept=change(self.kept))

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        found = self.values(self.kept.index_select(0, sent(index, self.kept.device)))
        return found, torch.full_like(index, found.shape[1] if found.dim() > 1 else 1)


@dataclass(frozen=True)
class Windows:
    """Windows of a series [L, C], cut lazily: example i is the `size` rows from row `first + i` on.

    With independent channels example i is window i // C of channel i % C, with one channel.
    """

    series: Tensor  # [L, C]
    first: int  # row where the first window starts
    windows: int
    size: int
    independent: bool = False
    lengths: None = None

    def __len__(self) -> int:
        return self.windows * (self.series.shape[1] if self.independent else 1)

    def each(self, change: Callable[[Tensor], Tensor]) -> "Windows":
        return replace(self, series=change(self.series))

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        channels, device = self.series.shape[1], self.series.device
        start = self.first + (index // channels if self.independent else index)
        values = self.series[sent(start[:, None] + torch.arange(self.size), device)]
        if self.independent:
            values = values.gather(2, sent(index % channels, device)[:, None, None].expand(-1, self.size, 1))
        return values, torch.full_like(index, self.size)


def _offsets(lengths: np.ndarray) -> Tensor:
    return torch.from_numpy(np.concatenate((np.zeros(1, np.int64), lengths.cumsum())))

"""Splits in memory: an index [B] comes in, a `Batch` of padded tensors comes out."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from unroll.data.text import Ragged
from unroll.data.trees import Tree, Treebank


@dataclass(frozen=True)
class Batch:
    """What a network sees of B examples, and what it is measured against."""

    index: Tensor  # [B] of the examples in their split
    inputs: Tensor  # [B, T] token ids or [B, T, D] values
    lengths: Tensor  # [B] real positions of inputs
    targets: Tensor  # labels [B], token ids [B, T'] (end token included), values [B, T', C]
    target_lengths: Tensor  # [B] real positions of targets
    weight: Tensor  # [B] 1, or 0 for an example that only fills a rank's share
    normaliser: float = 1.0  # what the sum of losses over the global batch is divided by
    tree: Tree | None = None  # over the inputs, where the data has trees and the encoder reads them

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return replace(self, **self.each(lambda tensor: tensor.to(device)))

    def each(self, change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        """Every field by name, the tensors changed."""
        items = {f.name: getattr(self, f.name) for f in fields(self)}
        changed: dict[str, Any] = {name: change(item) for name, item in items.items() if isinstance(item, Tensor)}
        if self.tree is not None:
            changed["tree"] = Tree(*map(change, self.tree))
        return items | changed


class Split(Protocol):
    """One of train, validation, test."""

    def __len__(self) -> int: ...

    def batch(self, index: Tensor) -> Batch:
        """The examples of index [B], int64."""
        ...

    def length_keys(self) -> list[Tensor]:
        """Lengths [N] to bucket by, most important first; empty where all are alike."""
        ...

    def weights(self) -> Tensor:
        """What each example adds to the normaliser of its batch [N]: 1, or its target tokens."""
        ...


@dataclass(frozen=True)
class LabelledTextSplit:
    """Sentences or phrases with a class each."""

    tokens: Ragged
    labels: Tensor  # [N] int64

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: Tensor) -> Batch:
        ids, lengths = self.tokens.padded(index)
        ones = torch.ones(len(index))
        return Batch(index, ids, lengths, self.labels[index], torch.ones_like(lengths), ones)

    def length_keys(self) -> list[Tensor]:
        return [self.tokens.lengths]

    def weights(self) -> Tensor:
        return torch.ones(len(self))


@dataclass(frozen=True)
class TreeTextSplit(LabelledTextSplit):
    """Sentences with a class and a tree each, any node of which may have a class; the root has the sentence's."""

    trees: Treebank
    by_sentence: bool = False  # a batch's loss is the mean over sentences, not over labelled nodes

    def batch(self, index: Tensor) -> Batch:
        plain = super().batch(index)
        return replace(plain, tree=self.trees.batch(index, plain.inputs.shape[1]))

    def weights(self) -> Tensor:
        """Labelled nodes, over which a sentence's loss is summed, or 1."""
        return super().weights() if self.by_sentence else self.trees.labelled()


@dataclass(frozen=True)
class PairSplit:
    """Source sentences with their translations, each target ended by <eos>."""

    sources: Ragged
    targets: Ragged

    def __len__(self) -> int:
        return len(self.sources)

    def batch(self, index: Tensor) -> Batch:
        ids, lengths = self.sources.padded(index)
        targets, target_lengths = self.targets.padded(index)
        return Batch(index, ids, lengths, targets, target_lengths, torch.ones(len(index)))

    def length_keys(self) -> list[Tensor]:
        return [self.sources.lengths, self.targets.lengths]

    def weights(self) -> Tensor:
        return self.targets.lengths.float()


@dataclass(frozen=True)
class WindowSplit:
    """Windows of a standardised series [N, C], cut lazily: example i starts at row `first + i`.

    With independent channels example i is window i // C of channel i % C, with one channel.
    """

    series: Tensor  # [N, C]
    first: int  # row where the first window starts
    windows: int
    window: int
    horizon: int
    independent: bool = False

    def __len__(self) -> int:
        return self.windows * (self.series.shape[1] if self.independent else 1)

    def batch(self, index: Tensor) -> Batch:
        channels = self.series.shape[1]
        start = self.first + (index // channels if self.independent else index)
        rows = start[:, None] + torch.arange(self.window + self.horizon)
        values = self.series[rows]
        if self.independent:
            channel = (index % channels)[:, None, None].expand(-1, values.shape[1], 1)
            values = values.gather(2, channel)
        lengths = torch.full_like(index, self.window)
        ahead = torch.full_like(index, self.horizon)
        return Batch(index, values[:, : self.window], lengths, values[:, self.window :], ahead, torch.ones(len(index)))

    def length_keys(self) -> list[Tensor]:
        return []

    def weights(self) -> Tensor:
        return torch.ones(len(self))


@dataclass(frozen=True)
class ImageSplit:
    """Grey images as sequences of rows, values in [0, 1]."""

    pixels: Tensor  # [N, H, W] uint8
    labels: Tensor  # [N] int64

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, index: Tensor) -> Batch:
        rows = self.pixels.index_select(0, index).float().div_(255)
        lengths = torch.full_like(index, rows.shape[1])
        return Batch(index, rows, lengths, rows, lengths, torch.ones(len(index)))

    def length_keys(self) -> list[Tensor]:
        return []

    def weights(self) -> Tensor:
        return torch.ones(len(self))


@dataclass(frozen=True)
class SequenceSplit:
    """Sequences of one length, kept as compactly as may be and made into values batch by batch."""

    kept: Tensor  # [N, ...]
    targets: Tensor  # [N], or [N, T']
    values: Callable[[Tensor], Tensor]  # kept [B, ...] -> inputs [B, T, D]

    def __len__(self) -> int:
        return len(self.kept)

    def batch(self, index: Tensor) -> Batch:
        inputs, targets = self.values(self.kept.index_select(0, index)), self.targets.index_select(0, index)
        lengths = torch.full_like(index, inputs.shape[1])
        ahead = torch.full_like(index, targets.shape[1] if targets.dim() > 1 else 1)
        return Batch(index, inputs, lengths, targets, ahead, torch.ones(len(index)))

    def length_keys(self) -> list[Tensor]:
        return []

    def weights(self) -> Tensor:
        return torch.ones(len(self))


@dataclass(frozen=True)
class SubsetSplit:
    """The share `kept` [n] of another split."""

    whole: Split
    kept: Tensor

    @property
    def labels(self) -> Tensor:
        """Of the examples kept [n], where the other split has any."""
        labels: Tensor = self.whole.labels[self.kept]  # type: ignore[attr-defined]
        return labels

    @property
    def targets(self) -> Tensor:
        """Of the examples kept [n, ...], where the other split has them in one tensor."""
        targets: Tensor = self.whole.targets[self.kept]  # type: ignore[attr-defined]
        return targets

    def __len__(self) -> int:
        return len(self.kept)

    def batch(self, index: Tensor) -> Batch:
        return replace(self.whole.batch(self.kept[index]), index=index)

    def length_keys(self) -> list[Tensor]:
        return [key[self.kept] for key in self.whole.length_keys()]

    def weights(self) -> Tensor:
        return self.whole.weights()[self.kept]

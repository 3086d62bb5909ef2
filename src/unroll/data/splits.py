"""A split in memory: an index [B] comes in, a `Batch` of padded tensors comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from unroll.data.fields import Field
from unroll.data.levels import levelled
from unroll.data.placing import sent, sent_together
from unroll.data.trees import Tree, Treebank

AT_ONCE = 1024  # examples that are unpadded together
CPU = torch.device("cpu")


class Known(NamedTuple):
    """What the CPU knows of a batch, wherever that is: what is where, so that no device is asked."""

    lengths: Tensor  # [B] of inputs
    target_lengths: Tensor  # [B]
    tree: Tree | None

    def each(self, change: Callable[[Tensor], Tensor]) -> "Known":
        """The same with every tensor changed."""
        return Known(change(self.lengths), change(self.target_lengths), self.tree and self.tree.each(change))


@dataclass(frozen=True)
class Batch:
    """What a network sees of B examples, and what it is measured against.

    What is computed from lengths and trees alone is asked of `read_tree`, `real_inputs` and `real_targets`: the CPU
    finds it, once, and a device need not be waited for.
    """

    index: Tensor  # [B] of the examples in their split
    inputs: Tensor  # [B, T] token ids or [B, T, D] values
    lengths: Tensor  # [B] real positions of inputs
    targets: Tensor  # labels [B], token ids [B, T'] (end token included), values [B, T', C]
    target_lengths: Tensor  # [B] real positions of targets
    weight: Tensor  # [B] 1, or 0 for an example that only fills a rank's share
    normaliser: float = 1.0  # what the sum of losses over the global batch is divided by
    tree: Tree | None = None  # over the inputs, where the data has trees and the encoder reads them
    in_order: bool = False  # of a stream: the next batch goes on where this one ends, place by place
    goes_on: bool = False  # this one goes on where the batch before ended
    state: Any = None  # what the encoder carried to there; None: it starts
    known: Known | None = None  # None: a device has to be asked

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device; what is known of it stays."""
        if self.index.device == device:
            return self
        here: dict[int, Tensor] = {}
        unknown = replace(self, known=None)
        unknown.each(lambda tensor: here.setdefault(id(tensor), tensor))
        there = dict(zip(here, sent_together(list(here.values()), device), strict=True))
        return replace(self, **unknown.each(lambda tensor: there[id(tensor)]) | {"known": self.known})

    def each(self, change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        """Every field by name, the tensors changed; a state is where the encoder is, and stays as it is."""
        items = {f.name: getattr(self, f.name) for f in fields(self)}
        changed: dict[str, Any] = {name: change(item) for name, item in items.items() if isinstance(item, Tensor)}
        parts: dict[str, Any] = {
            name: items[name].each(change) for name in ("tree", "known") if items[name] is not None
        }
        return items | changed | parts

    @cached_property
    def real_inputs(self) -> Tensor:
        """The real positions of the inputs, as example x T + position."""
        return self._real(self._known.lengths, self.inputs)

    @cached_property
    def real_targets(self) -> Tensor:
        """The real positions of the targets, as example x T' + position."""
        return self._real(self._known.target_lengths, self.targets)

    @cached_property
    def read_tree(self) -> Tree:
        """The trees over the inputs with their levels; balanced ones where there are none."""
        known, (size, device) = self._known, (self.inputs.shape[1], self.inputs.device)
        found = levelled(known.tree, known.lengths, size, device)
        return found if self.tree is None else self.tree._replace(levels=found.levels)

    @property
    def _known(self) -> Known:
        if self.known is not None:
            return self.known
        return Known(self.lengths, self.target_lengths, self.tree).each(lambda tensor: tensor.cpu())

    @staticmethod
    def _real(lengths: Tensor, values: Tensor) -> Tensor:
        real = torch.arange(values.shape[1]) < lengths[:, None]
        return sent(real.flatten().nonzero()[:, 0], values.device)


@dataclass(frozen=True)
class Split:
    """One of train, validation, test, or a part of one."""

    inputs: Field
    targets: Field | None = None  # None: the inputs themselves
    trees: Treebank | None = None  # over the inputs
    normalisers: Tensor | None = None  # [N] what each example adds to the normaliser of its batch; None: 1
    rows: Tensor | None = None  # [n] the examples of the fields that are in it; None: all
    in_order: bool = False  # the examples are one stream: each goes on where the one before it ended
    left_padded: bool = False  # padding stands before each input and counts as real: all of a batch are of one length

    def __len__(self) -> int:
        return len(self.inputs) if self.rows is None else len(self.rows)

    def batch(self, index: Tensor, whole: Tensor | None = None) -> Batch:
        """The examples of index [B], int64; padded as all of `whole` would be, of which they are a part."""
        at, of = self._at(index), None if whole is None else self._at(whole)
        inputs, lengths = _taken(self.inputs, at, of)
        if self.left_padded:
            inputs, lengths = moved_right(inputs, lengths), torch.full_like(lengths, inputs.shape[1])
        targets, target_lengths = (inputs, lengths) if self.targets is None else _taken(self.targets, at, of)
        tree = None if self.trees is None else self.trees.batch(at, inputs.shape[1])
        known = Known(lengths, target_lengths, tree)
        weight = torch.ones(len(index))
        return Batch(
            index, inputs, lengths, targets, target_lengths, weight, tree=tree, in_order=self.in_order, known=known
        )

    def each(self, change: Callable[[Tensor], Tensor]) -> "Split":
        """The same split with the tensors of its values changed; what says where these are stays on the CPU."""
        targets = None if self.targets is None else self.targets.each(change)
        return replace(self, inputs=self.inputs.each(change), targets=targets)

    def part(self, rows: Tensor) -> "Split":
        """The examples of rows [n] alone."""
        return replace(self, rows=self._at(rows))

    def all_targets(self) -> Tensor:
        """The targets of all examples [N, ...]; they are of one shape."""
        assert self.targets is not None
        return self.targets.take(self._at(torch.arange(len(self))))[0]

    def length_keys(self) -> list[Tensor]:
        """Lengths [N] to bucket by, most important first; empty where all are alike, or where order is all."""
        sides = [self.inputs] if self.targets is None else [self.inputs, self.targets]
        keys = [lengths for side in sides if (lengths := side.lengths) is not None]
        return [] if self.in_order else [key if self.rows is None else key[self.rows] for key in keys]

    def weights(self) -> Tensor:
        """What each example adds to the normaliser of its batch [N]: 1, or its target tokens, say."""
        if self.normalisers is None:
            return torch.ones(len(self))
        return self.normalisers if self.rows is None else self.normalisers[self.rows]

    def _at(self, index: Tensor) -> Tensor:
        return index if self.rows is None else self.rows[index]


def _taken(field: Field, index: Tensor, whole: Tensor | None) -> tuple[Tensor, Tensor]:
    values, lengths = field.take(index)
    if whole is None or field.lengths is None:
        return values, lengths
    missing = int(field.lengths[whole].max()) - values.shape[1]
    return F.pad(values, (0, missing) if values.dim() == 2 else (0, 0, 0, missing)), lengths


def moved_right(values: Tensor, lengths: Tensor) -> Tensor:
    """Sequences [B, T] or [B, T, D] that end where the longest of them does: zeros stand before each, not after."""
    steps = torch.arange(values.shape[1])[None, :] - (values.shape[1] - lengths)[:, None]
    at, padding = sent(steps.clamp(min=0), values.device), sent(steps < 0, values.device)
    rows = torch.arange(len(values), device=values.device)[:, None]
    return values[rows, at].masked_fill(padding if values.dim() == 2 else padding[..., None], 0)


def placed(splits: Mapping[str, Split], device: torch.device, megabytes: int) -> Mapping[str, Split]:
    """The splits with their values on a device, each tensor once; as they are where that takes more megabytes, and on
    a CPU."""
    here: dict[int, Tensor] = {}
    for split in splits.values():
        split.each(lambda tensor: here.setdefault(id(tensor), tensor))
    if device == CPU or sum(tensor.nbytes for tensor in here.values()) > megabytes * 10**6:
        return splits
    there = {key: tensor.to(device) for key, tensor in here.items()}
    return {name: split.each(lambda tensor: there[id(tensor)]) for name, split in splits.items()}


def unpadded(split: Split) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inputs and the targets of each example, without padding; of one number each, that number."""
    inputs: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    for index in torch.arange(len(split)).split(AT_ONCE):
        batch = split.batch(index)
        sides = ((inputs, batch.inputs, batch.lengths), (targets, batch.targets, batch.target_lengths))
        for found, values, lengths in sides:
            rows = values.numpy()
            found += list(rows) if rows.ndim == 1 else [row[:n] for row, n in zip(rows, lengths.tolist(), strict=True)]
    return inputs, targets

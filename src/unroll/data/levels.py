"""The levels of a batch's trees: which nodes are made together, and where what they are made of lies.

They depend on lengths and parses alone, so the CPU finds them, and a device is sent one tensor with all indices.
Level 0 is the leaves, level k the inner nodes of height k. A level's nodes are ordered by example, then by number.
"""

import functools
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unroll.data.placing import sent
from unroll.data.trees import Tree, balanced, roots


class Order(NamedTuple):
    """Rows put into another order, each of them once: row n comes from row there[n], row m goes to row back[m]."""

    there: Tensor
    back: Tensor


class Level(NamedTuple):
    """How the n nodes of a level are made, and how they lie for the levels above that are made of them."""

    children: Order | None  # [2n] of what waits for this level, to each node's left and right child; None: leaves
    parts: Order | None  # [n] of its nodes, to one part for each level above; None: they lie so
    above: list[tuple[int, int]]  # (level above, its part's size), in order; the roots are last, for no level


@dataclass(frozen=True)
class Levels:
    """The levels of B trees over sequences padded to T positions, N nodes in all, B of them roots."""

    packed: Tensor  # [B + leaves + N + 2 (N - B) + 2 N] int64: all the indices below, one behind the other
    examples: int
    above: list[list[tuple[int, int]]]  # of each level, see `Level`

    def to(self, device: torch.device) -> "Levels":
        """The same on a device."""
        return replace(self, packed=sent(self.packed, device))

    @cached_property
    def _counts(self) -> list[int]:
        return [sum(count for _, count in above) for above in self.above]

    @cached_property
    def _indices(self) -> tuple[Tensor, ...]:
        made, nodes = 2 * sum(self._counts[1:]), sum(self._counts)
        return self.packed.split([self.examples, self._counts[0], nodes, made, made, nodes, nodes])

    @property
    def roots(self) -> Tensor:
        """[B] the trees' roots, as example x (2T - 1) + node."""
        return self._indices[0]

    @property
    def leaves(self) -> Tensor:
        """The real positions, as example x T + position: the nodes of level 0."""
        return self._indices[1]

    @property
    def nodes(self) -> Tensor:
        """[N] the nodes of all levels, the lowest first, as example x (2T - 1) + node."""
        return self._indices[2]

    @cached_property
    def steps(self) -> list[Level]:
        """The levels, the lowest first."""
        below = [2 * count for count in self._counts[1:]]
        children = map(Order, *(index.split(below) for index in self._indices[3:5]))
        parts = map(Order, *(index.split(self._counts) for index in self._indices[5:]))
        return [
            Level(one, part if len(above) > 1 else None, above)
            for one, part, above in zip([None, *children], parts, self.above, strict=True)
        ]


def levels(tree: Tree, lengths: Tensor) -> Levels:
    """The levels of trees over sequences of lengths [B]; all are on the CPU."""
    children, height = tree.children.numpy(), tree.height.numpy()
    examples, inner = height.shape
    size, width = inner + 1, 2 * inner + 1
    real = np.arange(size) < lengths.numpy()[:, None]
    level = np.concatenate((real - 1, np.where(height > 0, height, -1)), axis=1).ravel()  # -1 in the padding
    nodes = level.argsort(kind="stable")[(level < 0).sum() :]
    level = level[nodes]
    counts = np.bincount(level)
    starts = counts.cumsum() - counts
    place, first = np.arange(len(nodes)) - starts[level], counts[0]
    example, number = np.divmod(nodes, width)
    below = children[example[first:], number[first:] - size] + example[first:, None] * width
    above, slot = np.full(examples * width, len(counts)), np.zeros(examples * width, np.int64)
    above[below] = level[first:, None]  # the level that a node is a child of a node of; of a root, no level
    slot[below] = 2 * place[first:, None] + [0, 1]
    above = above[nodes]
    parts = (level * (len(counts) + 1) + above).argsort(kind="stable")
    waiting = above.argsort(kind="stable")[: len(nodes) - examples]  # for level 1, level 2, ...
    before = 2 * (starts[above[waiting]] - first)  # what waits for lower levels
    back = slot[nodes[waiting]]
    found = [
        roots(lengths, size).numpy() + np.arange(examples) * width,
        example[:first] * size + number[:first],
        nodes,
        _inverse(back + before) - np.repeat(2 * (starts - first)[1:], 2 * counts[1:]),
        back,
        parts - starts[level],
        _inverse(parts) - starts[level],
    ]
    kept = np.bincount(level * (len(counts) + 1) + above, minlength=len(counts) * (len(counts) + 1))
    rows = kept.reshape(len(counts), -1).tolist()
    sizes = [[(to, count) for to, count in enumerate(row) if count] for row in rows]
    return Levels(torch.from_numpy(np.concatenate(found)), examples, sizes)


def _inverse(order: np.ndarray) -> np.ndarray:
    found = np.empty_like(order)
    found[order] = np.arange(len(order))
    return found


def levelled(tree: Tree | None, lengths: Tensor, size: int, device: torch.device) -> Tree:
    """Trees with their levels, on a device; balanced ones where there are none, which are kept for equal lengths.

    Args:
        tree: on the CPU.
        lengths: [B], on the CPU.
        size: what the sequences are padded to.
    """
    if tree is None:
        return _balanced(lengths.numpy().tobytes(), size, device)
    return tree._replace(levels=levels(tree, lengths).to(device))


@functools.lru_cache(maxsize=8)
def _balanced(lengths: bytes, size: int, device: torch.device) -> Tree:
    with torch.inference_mode(False):  # in evaluation, too: the next who reads them may train
        known = torch.frombuffer(bytearray(lengths), dtype=torch.int64)
        tree = balanced(known, size)
        return tree.each(lambda part: sent(part, device))._replace(levels=levels(tree, known).to(device))

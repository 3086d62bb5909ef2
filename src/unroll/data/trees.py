"""Binary trees over the positions of a sequence: those of parses, and balanced ones where there is no parse.

A tree over n positions has n - 1 inner nodes. Nodes are numbered: first the positions, from the left, then the inner
nodes, each after the two below it, so that the root is the last.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from unroll.data.levels import Levels

UNLABELLED = -1
_PIECE = re.compile(r"\((\d+) |\)|[^()\s]+")


class Tree(NamedTuple):
    """The trees of B sequences padded to T positions; node t < T is position t, node T + m is inner node m.

    `roots` says which node is the root of each.
    """

    children: Tensor  # [B, T - 1, 2] the nodes below each inner node, left and right; 0 in the padding
    height: Tensor  # [B, T - 1] of inner nodes, 1 above two positions; 0 in the padding
    labels: Tensor  # [B, 2T - 1] classes of nodes; UNLABELLED where there is none, and in the padding
    levels: "Levels | None" = None  # of the nodes, where the trees are about to be read

    def each(self, change: Callable[[Tensor], Tensor]) -> "Tree":
        """The same trees with every tensor changed, and no levels."""
        return Tree(change(self.children), change(self.height), change(self.labels))


class Parse(NamedTuple):
    """One tree over n positions, its nodes numbered from 0 to 2n - 2."""

    links: list[tuple[int, int, int]]  # n - 1 inner nodes: left, right, height
    labels: list[int]  # 2n - 1 nodes


class _Builder:
    """Grows one tree from the left. A subtree is (node, height); inner node m is -1 - m until n is known."""

    def __init__(self) -> None:
        self.links: list[tuple[int, int, int]] = []
        self.labels: dict[int, int] = {}
        self.positions = 0

    def leaf(self) -> tuple[int, int]:
        self.positions += 1
        return self.positions - 1, 0

    def join(self, parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """One subtree over one part or more, halved until it is binary; the left half is the larger."""
        if len(parts) == 1:
            return parts[0]
        middle = (len(parts) + 1) // 2
        (left, left_height), (right, right_height) = self.join(parts[:middle]), self.join(parts[middle:])
        height = 1 + max(left_height, right_height)
        self.links.append((left, right, height))
        return -len(self.links), height

    def parse(self) -> Parse:
        n = self.positions

        def number(node: int) -> int:
            return node if node >= 0 else n - 1 - node

        labels = [UNLABELLED] * (2 * n - 1)
        for node, label in self.labels.items():
            labels[number(node)] = label
        return Parse([(number(left), number(right), height) for left, right, height in self.links], labels)


def parse(line: str, tokens: Mapping[str, int], limit: int) -> Parse:
    """Read a labelled PTB tree such as `(3 (2 The) (4 film))` as a binary tree over the sentence's tokens.

    A node over one subtree is that subtree, with the upper node's label. One over more than two, and a word of more
    than one token, is halved until it is binary, by nodes without a label.

    Args:
        tokens: how many tokens each word is.
        limit: tokens kept, from the left; what lies beyond is cut off the tree, and the nodes above keep their labels.

    Raises:
        ValueError: unbalanced parentheses, or a node without words.
    """
    builder = _Builder()
    labels: list[int] = []
    parts: list[list[tuple[int, int]]] = [[]]
    for piece in _PIECE.finditer(line):
        if piece.group(1) is not None:
            labels.append(int(piece.group(1)))
            parts.append([])
        elif not labels:
            raise ValueError("unbalanced parentheses")
        elif piece.group() != ")":
            kept = min(tokens[piece.group()], limit - builder.positions)
            if kept > 0:
                parts[-1].append(builder.join([builder.leaf() for _ in range(kept)]))
        else:
            label, below = labels.pop(), parts.pop()
            if below:
                subtree = builder.join(below)
                builder.labels[subtree[0]] = label
                parts[-1].append(subtree)
            elif builder.positions < limit:
                raise ValueError("a node without words")
    if labels or len(parts[0]) != 1:
        raise ValueError("unbalanced parentheses")
    return builder.parse()


def words(line: str) -> list[str]:
    """The words of a labelled PTB tree, from the left."""
    return [piece.group() for piece in _PIECE.finditer(line) if piece.group(1) is None and piece.group() != ")"]


def root_label(line: str) -> int:
    """The label of a labelled PTB tree's root."""
    return int(line[1 : line.index(" ")])


@functools.lru_cache(maxsize=4096)
def _balanced(positions: int) -> Tensor:
    builder = _Builder()
    builder.join([builder.leaf() for _ in range(positions)])
    return torch.tensor(builder.parse().links, dtype=torch.int64).view(-1, 3)


def _padded_numbers(links: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Links [B, T - 1, 3], numbered for each sequence's own length, to children and heights numbered for T."""
    children, inner = links[..., :2], lengths[:, None, None]
    return torch.where(children >= inner, children - inner + size, children), links[..., 2]


def roots(lengths: Tensor, size: int) -> Tensor:
    """The root of each tree [B] over sequences padded to `size`."""
    return torch.where(lengths > 1, size + lengths - 2, 0)


def balanced(lengths: Tensor, size: int) -> Tree:
    """Balanced trees over the real positions of sequences padded to `size`, without labels.

    A node over k positions has the first ceil(k / 2) of them on its left: the height is ceil(log2 n). A pure function
    of the lengths [B], on the CPU.
    """
    distinct, which = lengths.unique(return_inverse=True)
    table = torch.zeros(len(distinct), size - 1, 3, dtype=torch.int64)
    for row, positions in enumerate(distinct.tolist()):
        table[row, : positions - 1] = _balanced(positions)
    links, labels = table[which], lengths.new_full((len(lengths), 2 * size - 1), UNLABELLED)
    return Tree(*_padded_numbers(links, lengths, size), labels)


@dataclass(frozen=True)
class Treebank:
    """The trees of N sequences in flat tensors; those of sequence i start where the lengths before it say."""

    links: Tensor  # [sum of n - 1, 3]
    labels: Tensor  # [sum of 2n - 1]
    lengths: Tensor  # [N]
    offsets: Tensor  # [N] positions before each sequence

    @classmethod
    def pack(cls, parses: Iterable[Parse]) -> "Treebank":
        """Pack trees, one a sequence."""
        links: list[tuple[int, int, int]] = []
        labels: list[int] = []
        lengths: list[int] = []
        for one in parses:
            links += one.links
            labels += one.labels
            lengths.append(len(one.links) + 1)
        sizes = torch.tensor(lengths, dtype=torch.int64)
        flat = torch.tensor(links, dtype=torch.int64).view(-1, 3)
        return cls(flat, torch.tensor(labels, dtype=torch.int64), sizes, sizes.cumsum(0) - sizes)

    def labelled(self) -> Tensor:
        """How many nodes of each sequence have a label [N]."""
        owner = torch.arange(len(self.lengths)).repeat_interleave(2 * self.lengths - 1)
        return torch.bincount(owner, weights=(self.labels != UNLABELLED).float(), minlength=len(self.lengths)).float()

    def batch(self, index: Tensor, size: int) -> Tree:
        """The trees of index [B], padded to `size` positions."""
        lengths, start = self.lengths[index][:, None], self.offsets[index][:, None]
        position = torch.arange(size)[None, :]
        inner = position[:, : size - 1]
        real = inner < lengths - 1
        links = self.links[torch.where(real, start - index[:, None] + inner, 0)] * real[..., None]
        first = 2 * start - index[:, None]
        places = torch.cat((first + position, first + lengths + inner), dim=1)
        known = torch.cat((position < lengths, real), dim=1)
        labels = self.labels[torch.where(known, places, 0)].masked_fill(~known, UNLABELLED)
        return Tree(*_padded_numbers(links, lengths[:, 0], size), labels)

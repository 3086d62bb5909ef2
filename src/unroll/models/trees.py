"""Encoders over binary trees: from the words up, all nodes of one height of all examples at once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from unroll.data.trees import Tree, balanced, roots
from unroll.models.contracts import Encoded, Shape, length_mask


class Level(NamedTuple):
    """How the nodes of one height are made. Rows count in what lies open: the nodes that have no parent yet."""

    left: Tensor  # [n] rows of the left children
    right: Tensor  # [n] rows of the right children
    kept: Tensor  # rows that stay open; the n new nodes follow them
    nodes: Tensor  # [n] the new nodes: example x (2T - 1) + node


def levels(tree: Tree, leaves: Tensor) -> Iterator[Level]:
    """Yield the levels of B trees, the lowest first; at first the leaves lie open, in their order.

    Args:
        leaves: the real positions, as example x (2T - 1) + position.
    """
    examples, inner = tree.height.shape
    first = torch.arange(examples, device=leaves.device)[:, None] * (2 * inner + 1)
    numbers = (first + inner + 1 + torch.arange(inner, device=leaves.device)).flatten()
    children = (first[..., None] + tree.children).view(-1, 2)
    height = tree.height.flatten()
    order = height.argsort(stable=True)
    row = torch.empty(examples * (2 * inner + 1), dtype=torch.int64, device=leaves.device)
    row[leaves] = torch.arange(len(leaves), device=leaves.device)
    still, *counts = height.bincount(minlength=1).tolist()
    opened = leaves
    for count in counts:
        chosen = order[still : still + count]
        still += count
        left, right = row[children[chosen]].unbind(1)
        stays = torch.ones(len(opened), dtype=torch.bool, device=leaves.device)
        stays[left] = stays[right] = False
        kept = stays.nonzero()[:, 0]
        nodes = numbers[chosen]
        opened = torch.cat((opened[kept], nodes))
        row[opened] = torch.arange(len(opened), device=leaves.device)
        yield Level(left, right, kept, nodes)


class TreeEncoder(nn.Module, ABC):
    """Composes words into phrases up a binary tree. The code is the root's vector, the states are all nodes'.

    Where the batch has no trees, they are balanced ones over the real positions (`unroll.data.trees.balanced`). A
    subclass says how a leaf is made (`leaf`), how two nodes become one (`join`), and, where a node carries more than
    its vector, which part of it that is (`vector`).
    """

    reads_trees: ClassVar[bool] = True

    def __init__(self, shape: Shape, width: int):
        super().__init__()
        self.code_width = self.state_width = width

    @abstractmethod
    def leaf(self, x: Tensor) -> Tensor:
        """Words [n, D] -> what their nodes carry [n, C]."""

    @abstractmethod
    def join(self, left: Tensor, right: Tensor) -> Tensor:
        """What two nodes carry, [n, C] each -> what their parents carry [n, C]."""

    def vector(self, carried: Tensor) -> Tensor:
        """What nodes carry [n, C] -> their vectors [n, H]."""
        return carried

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor, tree: Tree | None = None) -> Encoded:
        """Encode x [B,T,D]: states [B, 2T - 1, H] in the order of the tree's nodes, code [B,H]."""
        examples, size = mask.shape
        tree = balanced(lengths, size) if tree is None else tree
        first = torch.arange(examples, device=x.device) * (2 * size - 1)
        leaves = (first[:, None] + torch.arange(size, device=x.device))[mask]
        opened = self.leaf(x[mask])
        vectors, nodes = [self.vector(opened)], [leaves]
        for level in levels(tree, leaves):
            made = self.join(opened[level.left], opened[level.right])
            opened = torch.cat((opened[level.kept], made))
            vectors.append(self.vector(made))
            nodes.append(level.nodes)
        found = torch.cat(vectors)
        flat = found.new_zeros(examples * (2 * size - 1), self.state_width).index_copy(0, torch.cat(nodes), found)
        real = torch.cat((mask, length_mask(lengths - 1, size - 1)), dim=1)
        code = flat[first + roots(lengths, size)]
        return Encoded(flat.view(examples, 2 * size - 1, -1), real, code)

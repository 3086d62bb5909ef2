"""Encoders over binary trees: from the words up, all nodes of one height of all examples at once."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from unroll.data.levels import levelled
from unroll.data.trees import Tree
from unroll.models.contracts import Encoded, Shape, length_mask
from unroll.models.rows import moved, picked


class TreeEncoder(nn.Module, ABC):
    """Composes words into phrases up a binary tree. The summary is the root's vector, the states are all nodes'.

    Where the batch has no trees, they are balanced ones over the real positions (`unroll.data.trees.balanced`). A
    subclass says how a leaf is made (`leaf`), how two nodes become one (`joining`), and, where a node carries more than
    its vector, which part of it that is (`vector`).
    """

    states: ClassVar[str] = "nodes"

    def __init__(self, shape: Shape, width: int):
        super().__init__()
        self.summary_width = self.state_width = width

    @abstractmethod
    def leaf(self, x: Tensor) -> Tensor:
        """Words [n, D] -> what their nodes carry [n, C]."""

    @abstractmethod
    def joining(self) -> Callable[[Tensor], Tensor]:
        """What two nodes carry, left and right [n, 2, C] -> what their parents carry [n, C]; asked once a batch."""

    def vector(self, carried: Tensor) -> Tensor:
        """What nodes carry [n, C] -> their vectors [n, H]."""
        return carried

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor, tree: Tree | None = None) -> Encoded:
        """Encode x [B,T,D]: states [B, 2T - 1, H] in the order of the tree's nodes, summary [B,H]."""
        examples, size = mask.shape
        if tree is None or tree.levels is None:
            known = tree and tree.each(lambda tensor: tensor.cpu())
            tree = levelled(known, lengths.cpu(), size, x.device)
        levels = tree.levels
        assert levels is not None
        waiting: list[list[Tensor]] = [[] for _ in range(len(levels.steps) + 1)]  # for each level; the roots for none
        carried: list[Tensor] = []
        join = self.joining()
        for children, parts, above in levels.steps:
            if children is None:
                made = self.leaf(picked(x.flatten(0, 1), levels.leaves))
            else:
                below = waiting[len(carried)]
                pairs = moved(below[0] if len(below) == 1 else torch.cat(below), *children)
                made = join(pairs.view(-1, 2, pairs.shape[1]))
            carried.append(made)
            rows = made if parts is None else moved(made, *parts)
            for (level, _), part in zip(above, rows.split([count for _, count in above]), strict=True):
                waiting[level].append(part)
        found = self.vector(torch.cat(carried))
        flat = found.new_zeros(examples * (2 * size - 1), self.state_width).index_copy(0, levels.nodes, found)
        real = torch.cat((mask, length_mask(lengths - 1, size - 1)), dim=1)
        return Encoded(flat.view(examples, 2 * size - 1, -1), real, picked(flat, levels.roots))

"""Tree-structured LSTMs (Tai, Socher, Manning 2015): each node has a hidden vector h and a memory cell c.

Equations, with two biases a gate as the paper counts its parameters (sigma is the logistic function, * elementwise):
constituency  eqs. 9-14 with two children, without x above the leaves; each gate has a matrix for either child:
              i, f_l, f_r, o = sigma(U h_l + b + U' h_r + b') each with its own U, U', b, b';  u = tanh(...)
              c = i * u + f_l * c_l + f_r * c_r,  h = o * tanh(c)
              leaves, as in the authors' code: c = W x + b,  h = sigma(W' x + b') * tanh(c)
child_sum     eqs. 2-8, with s = h_l + h_r and k either child:
              i, o = sigma(W x + b + U s + b'),  u = tanh(...),  f_k = sigma(W x + b + U h_k + b')
              c = i * u + sum_k f_k * c_k,  h = o * tanh(c)
              The paper gives it dependency trees, where every node has a word. In a binary tree only leaves have one:
              x is 0 above them, and leaves have no children.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.models.contracts import Shape
from unroll.models.trees import TreeEncoder
from unroll.registry.options import Count


class TreeLSTMEncoder(TreeEncoder):
    """Tree-LSTM of either kind; a node carries [h; c] and its vector is h.

    Args:
        shape: what the task says of its input.
        width: of h, and of c.
        kind: constituency | child_sum.

    Raises:
        UserError: unknown kind.
    """

    bounds = (-1.0, 1.0)

    def __init__(self, shape: Shape, width: Count, kind: Literal["constituency", "child_sum"] = "constituency"):
        super().__init__(shape, width)
        self.kind, self.width = kind, width
        if kind == "constituency":
            self.words = nn.Linear(shape.input.width, 2 * width)  # c, o
            self.left = nn.Linear(width, 5 * width)  # i, o, u, f_l, f_r
            self.right = nn.Linear(width, 5 * width)
        else:
            self.words = nn.Linear(shape.input.width, 4 * width)  # i, o, u, f
            self.below = nn.Linear(width, 4 * width)

    def leaf(self, x: Tensor) -> Tensor:
        if self.kind == "constituency":
            cell, output = self.words(x).chunk(2, dim=1)
            return torch.cat((torch.sigmoid(output) * torch.tanh(cell), cell), dim=1)
        gates = self.words(x)[:, : 3 * self.width] + self.below.bias[: 3 * self.width]
        return self._node(gates, torch.zeros_like(gates[:, : self.width]))

    def joining(self) -> Callable[[Tensor], Tensor]:
        """All gates of a level are one product, of both children's vectors and the matrices beside each other."""
        inner = 3 * self.width
        if self.kind == "constituency":
            both, both_biases = (
                torch.cat((self.left.weight, self.right.weight), dim=1),
                self.left.bias + self.right.bias,
            )

            def join(pair: Tensor) -> Tensor:
                gates = F.linear(pair[:, :, : self.width].flatten(1), both, both_biases)
                forget = torch.sigmoid(gates[:, inner:]).view(-1, 2, self.width)
                return self._node(gates[:, :inner], (forget * pair[:, :, self.width :]).sum(dim=1))

            return join
        bias = self.words.bias + self.below.bias
        (own, forgets), (own_bias, forget_bias) = (
            part.split((inner, self.width)) for part in (self.below.weight, bias)
        )

        def join_sums(pair: Tensor) -> Tensor:
            h = pair[:, :, : self.width]
            forget = torch.sigmoid(F.linear(h, forgets, forget_bias))
            return self._node(F.linear(h.sum(dim=1), own, own_bias), (forget * pair[:, :, self.width :]).sum(dim=1))

        return join_sums

    def _node(self, gates: Tensor, remembered: Tensor) -> Tensor:
        """Gates i, o, u before their nonlinearities [n, 3H] and what the children's cells leave [n, H] -> [h; c]."""
        entering, output, update = gates.chunk(3, dim=1)
        cell = torch.sigmoid(entering) * torch.tanh(update) + remembered
        return torch.cat((torch.sigmoid(output) * torch.tanh(cell), cell), dim=1)

    def vector(self, carried: Tensor) -> Tensor:
        return carried[:, : self.width]

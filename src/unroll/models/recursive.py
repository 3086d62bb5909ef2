"""Recursive networks without gates, and the average of vectors that Socher et al. (2013) compare them with.

Words and phrases have vectors of one width. Where the input has that width, as in the papers, its vectors are the
leaves' own; elsewhere a linear map brings them to it.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unroll.models.contracts import Shape
from unroll.models.trees import TreeEncoder
from unroll.registry.options import Count


class RecursiveEncoder(TreeEncoder):
    """p = tanh(W [a; b] + bias) (Socher et al. 2011; 2013, section 4.1).

    W starts with variance 1 / 2H, so that a deep tree's root is about as large as its words; the bias starts at 0.

    Args:
        shape: what the task says of its input.
        width: of each node's vector.
    """

    def __init__(self, shape: Shape, width: Count):
        super().__init__(shape, width)
        self.words = nn.Identity() if shape.input.width == width else nn.Linear(shape.input.width, width)
        self.composition = nn.Linear(2 * width, width)
        nn.init.kaiming_uniform_(self.composition.weight, nonlinearity="linear")
        nn.init.zeros_(self.composition.bias)

    def leaf(self, x: Tensor) -> Tensor:
        return self.words(x)

    def joining(self) -> Callable[[Tensor], Tensor]:
        return lambda pair: torch.tanh(self.composition(pair.flatten(1)))


class TensorEncoder(RecursiveEncoder):
    """RNTN: p = tanh([a; b]' V [a; b] + W [a; b] + bias) (Socher et al. 2013, section 4.3).

    V holds one [2H, 2H] slice for each of the H units: 4 H^3 weights, which start from U(-r, r), r = 1 / 4H. The
    parameter is 2H V: a step of Adam moves every weight alike, and a unit sums over 2H times as many in V as in W.
    Weight decay and penalties are of V.
    """

    def __init__(self, shape: Shape, width: Count):
        super().__init__(shape, width)
        self.tensor = nn.Parameter(torch.empty(2 * width, width, 2 * width).uniform_(-0.5, 0.5))
        self.scaled_weights = {"tensor": 2.0 * width}

    def joining(self) -> Callable[[Tensor], Tensor]:
        rows, units, _ = self.tensor.shape

        def join(pair: Tensor) -> Tensor:
            pair = pair.flatten(1)
            products = ((pair / rows) @ self.tensor.view(rows, -1)).view(-1, units, rows)
            return torch.tanh((products * pair[:, None]).sum(dim=2) + self.composition(pair))

        return join


class VectorAverageEncoder(TreeEncoder):
    """VecAvg: a node's vector is the mean of its words', whatever their order (Socher et al. 2013, section 5).

    It has no parameters; the tree only says which words a node has, and the summary is the mean of all.
    """

    def __init__(self, shape: Shape):
        super().__init__(shape, shape.input.width)

    def leaf(self, x: Tensor) -> Tensor:
        """The sum of a node's word vectors, then their number."""
        return torch.cat((x, torch.ones_like(x[:, :1])), dim=1)

    def joining(self) -> Callable[[Tensor], Tensor]:
        return lambda pair: pair.sum(dim=1)

    def vector(self, carried: Tensor) -> Tensor:
        return carried[:, :-1] / carried[:, -1:]

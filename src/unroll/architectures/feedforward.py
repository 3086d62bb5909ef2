"""Fully connected encoder and decoder: the contrast to recurrence, and the body of the plain autoencoders
(Rumelhart, Hinton, Williams 1986; Hinton & Salakhutdinov 2006)."""

from torch import Tensor, nn
from torch.nn import functional as F

from unroll.architectures.contracts import Encoded, Shape
from unroll.architectures.noise import Dropout
from unroll.errors import UserError, suggest

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}


def _activation(name: str) -> nn.Module:
    if name not in ACTIVATIONS:
        raise UserError(f"Unknown activation.{suggest(name, ACTIVATIONS)}", saw=name, allowed=list(ACTIVATIONS))
    return ACTIVATIONS[name]()


def _hidden(below: int, width: int, depth: int, activation: str, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(below, width), _activation(activation), Dropout(dropout)]
        below = width
    return nn.Sequential(*layers)


def _first(weights: Tensor, size: int, dim: int = 0) -> Tensor:
    """The first `size` along a dimension; the tensor itself where that is all, since a slice's gradient is copied."""
    return weights if weights.shape[dim] == size else weights.narrow(dim, 0, size)


class FeedForwardEncoder(nn.Module):
    """The input flattened to [max_length x D], then `depth` hidden layers; the code is the last of them.

    Padding is zero and shorter batches use the first columns of the first layer's weights only, which is the same sum.
    It keeps no states.
    """

    state_width = 0

    def __init__(self, shape: Shape, width: int, depth: int = 1, activation: str = "relu", dropout: float = 0.0):
        super().__init__()
        self.first = nn.Linear(shape.max_length * shape.input_width, width)
        self.activation = _activation(activation)
        self.dropout = Dropout(dropout)
        self.rest = _hidden(width, width, depth - 1, activation, dropout)
        self.code_width = width

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Encoded:
        """Encode x [B,T,D]: code [B, width]."""
        flat = (x * mask[:, :, None]).flatten(1)
        first = F.linear(flat, _first(self.first.weight, flat.shape[1], dim=1), self.first.bias)
        return Encoded(None, mask, self.rest(self.dropout(self.activation(first))))


class FeedForwardDecoder(nn.Module):
    """`depth` hidden layers on the code, then a linear layer to all output positions at once."""

    parallel = True
    linear_output = True

    def __init__(
        self,
        shape: Shape,
        code_width: int,
        state_width: int,
        width: int,
        depth: int = 1,
        activation: str = "relu",
        dropout: float = 0.0,
    ):
        super().__init__()
        if shape.attention is not None:
            raise UserError(
                "Attention needs a recurrent decoder.",
                saw=f"task.attention={shape.attention} with a feed-forward decoder",
                allowed="task.attention=null, or a recurrent architecture",
            )
        self.hidden = _hidden(code_width, width, depth, activation, dropout)
        self.output = nn.Linear(width, shape.output_length * shape.output_width)
        self.width = shape.output_width

    def forward(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor:
        """Decode code [B,Z] into the first `length` positions [B, length, output width]."""
        flat = length * self.width
        weight, bias = _first(self.output.weight, flat), _first(self.output.bias, flat)
        return F.linear(self.hidden(code), weight, bias).view(len(code), length, self.width)

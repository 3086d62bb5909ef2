"""Fully connected encoder and decoder: the contrast to recurrence, and the body of the plain autoencoders
(Rumelhart, Hinton, Williams 1986; Hinton & Salakhutdinov 2006)."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.errors import UserError, suggest
from unroll.models.contracts import Encoded, Shape
from unroll.models.noise import Dropout
from unroll.registry.declared import Need
from unroll.registry.options import Count, Positive, Share

Activation = Literal["relu", "tanh", "sigmoid", "gelu", "linear"]
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "linear": nn.Identity}


def activation_named(name: str) -> nn.Module:
    """The activation of that name; UserError where there is none."""
    if name not in ACTIVATIONS:
        raise UserError(f"Unknown activation.{suggest(name, ACTIVATIONS)}", saw=name, allowed=list(ACTIVATIONS))
    return ACTIVATIONS[name]()


def _hidden(below: int, widths: Sequence[int], activation: str, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(below, width), activation_named(activation), Dropout(dropout)]
        below = width
    return nn.Sequential(*layers)


def start_from(deviation: float | Literal["glorot"] | None, *layers: nn.Module) -> None:
    """Draw the matrices of linear layers and zero their biases; None leaves them.

    From N(0, deviation^2), or uniformly within sqrt(6 / (inputs + outputs)) as Keras does (Glorot & Bengio 2010,
    equation 16).
    """
    if deviation is None:
        return
    for layer in (found for given in layers for found in given.modules() if isinstance(found, nn.Linear)):
        if deviation == "glorot":
            nn.init.xavier_uniform_(layer.weight)
        else:
            nn.init.normal_(layer.weight, std=deviation)
        nn.init.zeros_(layer.bias)


def first(weights: Tensor, size: int, dim: int = 0) -> Tensor:
    """The first `size` along a dimension; the tensor itself where that is all, since a slice's gradient is copied."""
    return weights if weights.shape[dim] == size else weights.narrow(dim, 0, size)


class FeedForwardEncoder(nn.Module):
    """The input flattened to [longest x D], then `depth` hidden layers; the summary is the last of them.

    Padding is zero and shorter batches use the first columns of the first layer's weights only, which is the same sum.
    It keeps no states. `weight_deviation`: of the matrices at the start, as `start_from` has it; None is torch's draw.
    `widths`: of each hidden layer, in place of `depth` layers of one width.
    """

    state_width, states = 0, None
    ties = True

    def __init__(
        self,
        shape: Shape,
        width: Count,
        depth: Count = 1,
        activation: Activation = "relu",
        dropout: Share = 0.0,
        weight_deviation: Positive | Literal["glorot"] | None = None,
        widths: Annotated[list[Count], Field(min_length=1)] | None = None,
    ):
        super().__init__()
        width, *others = [width] * depth if widths is None else widths
        self.steps, self.padded = shape.input.length, not shape.input.image
        self.first = nn.Linear(shape.input.length * shape.input.width, width)
        self.activation = activation_named(activation)
        self.dropout = Dropout(dropout)
        self.rest = _hidden(width, others, activation, dropout)
        start_from(weight_deviation, self)
        self.summary_width = others[-1] if others else width

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Encoded:
        """Encode x [B,T,D]: summary [B, width]."""
        flat = (x * mask[:, :, None] if self.padded else x).flatten(1)
        hidden = F.linear(flat, first(self.first.weight, flat.shape[1], dim=1), self.first.bias)
        return Encoded(None, mask, self.rest(self.dropout(self.activation(hidden))))

    def matrices(self) -> list[Tensor]:
        """Weight matrices [width, below] of the layers, first to last."""
        return [self.first.weight, *(layer.weight for layer in self.rest if isinstance(layer, nn.Linear))]

    @property
    def closed_form(self) -> bool:
        """Whether `squared_jacobian` holds: one sigmoid layer without dropout."""
        return isinstance(self.activation, nn.Sigmoid) and not len(self.rest) and self.dropout.share == 0

    def squared_jacobian(self, code: Tensor, mask: Tensor) -> Tensor:
        """Squared Frobenius norm [B] of d code / d x at real positions, from the code [B, width] itself.

        sum_j (h_j (1 - h_j))^2 sum_i W_ji^2 (Rifai et al. 2011, eq. 6), i over the values of real positions.
        """
        steps = mask.shape[1]
        width = self.first.in_features // self.steps
        rows = first(self.first.weight, steps * width, dim=1).square().view(-1, steps, width).sum(dim=2)
        slopes = (code * (1 - code)).square()
        return (slopes * (mask.to(rows.dtype) @ rows.T)).sum(dim=1)


class FeedForwardDecoder(nn.Module):
    """`depth` hidden layers on the code, then a linear layer to all output positions at once.

    `tied`: its matrices are the encoder's, transposed and in reverse order, with biases of its own (Vincent et al.
    2010, section 2.2); `auto` ties where that is possible. Such a decoder is finished by `tie`, and its code is the
    encoder's last hidden layer, so that it has one hidden layer less. `widths`: of each hidden layer, in place of
    `depth` layers of one width; none of them is a linear map of the code. Tied ones have the encoder's.

    Raises:
        UserError: in `tie`, weights that cannot be tied.
    """

    parallel = True
    needs = tuple(Need(capability, {"tied": True}) for capability in ("same", "ties", "unprojected"))
    linear_output = True

    def __init__(
        self,
        shape: Shape,
        code_width: int,
        state_width: int,
        width: Count,
        depth: Count = 1,
        activation: Activation = "relu",
        dropout: Share = 0.0,
        tied: Literal[True, False, "auto"] = False,
        weight_deviation: Positive | Literal["glorot"] | None = None,
        widths: list[Count] | None = None,
    ):
        super().__init__()
        self.shape, self.tied = shape, tied
        self.activation, self.share, self.weight_deviation = activation, dropout, weight_deviation
        self.width = shape.output.width
        self._encoder: tuple[FeedForwardEncoder, ...] = ()  # in a tuple, so that its parameters are not these
        self._widths = code_width, *([width] * depth if widths is None else widths)
        if not tied:
            self._own(*self._widths)

    def _own(self, code_width: int, *widths: int) -> None:
        self.hidden = _hidden(code_width, widths, self.activation, self.share)
        self.output = nn.Linear((code_width, *widths)[-1], self.shape.output.length * self.shape.output.width)
        start_from(self.weight_deviation, self.hidden, self.output)

    def tie(self, encoder: nn.Module, projection: nn.Module) -> None:
        """Take an encoder's matrices; with `tied=auto` make own ones where that is impossible."""
        why = self._untied_reason(encoder, projection)
        if why is None:
            assert isinstance(encoder, FeedForwardEncoder)
            self._encoder, self.tied = (encoder,), True
            self.after = nn.Sequential(activation_named(self.activation), Dropout(self.share))
            sizes = [matrix.shape[1] for matrix in reversed(encoder.matrices())]
            self.biases = nn.ParameterList([nn.Parameter(torch.zeros(size)) for size in sizes])
        elif self.tied == "auto":
            self.tied = False
            self._own(*self._widths)
        else:
            raise UserError(
                "The decoder cannot have the encoder's weights.",
                saw=f"architecture.tied=true, {why}",
                allowed="architecture.tied=false, or auto: tied where it can be",
            )

    def _untied_reason(self, encoder: nn.Module, projection: nn.Module) -> str | None:
        if not isinstance(encoder, FeedForwardEncoder):
            return f"and the encoder is a {type(encoder).__name__}"
        if not isinstance(projection, nn.Identity):
            return "and the bottleneck projects the encoder's output to another size"
        values = self.shape.output.length * self.shape.output.width
        if self.shape.relation != "same" or encoder.first.in_features != values:
            return "and the task's output is not its input"
        return None

    def forward(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor:
        """Decode code [B,Z] into the first `length` positions [B, length, output width]."""
        flat = length * self.width
        if self._encoder:
            *hidden, last = reversed(self._encoder[0].matrices())
            for matrix, bias in zip(hidden, self.biases, strict=False):
                code = self.after(F.linear(code, matrix.T, bias))
            weight, bias = first(last, flat, dim=1).T, first(self.biases[-1], flat)
            return F.linear(code, weight, bias).view(len(code), length, self.width)
        weight, bias = first(self.output.weight, flat), first(self.output.bias, flat)
        return F.linear(self.hidden(code), weight, bias).view(len(code), length, self.width)

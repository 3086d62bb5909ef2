"""Convolutional encoder and decoder: strided convolutions down, transposed convolutions up (Masci et al. 2011; sizes as
in Dumoulin & Visin 2016, relations 6 and 14). 2-D where the steps are rows of an image, along time elsewhere.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.errors import UserError
from unroll.models.contracts import Encoded, Shape, length_mask
from unroll.models.feedforward import Activation, activation_named
from unroll.registry.options import Count

STRIDE = 2


def _sizes(size: int, depth: int) -> list[int]:
    """A side before the first layer and after each: half of it, rounded up."""
    sizes = [size]
    for _ in range(depth):
        sizes.append((sizes[-1] + STRIDE - 1) // STRIDE)
    return sizes


def _check(width: int, depth: int, kernel: int) -> None:
    if width < 1 or depth < 1 or kernel < STRIDE or kernel % 2 == 0:
        raise UserError(
            "Convolutions need channels, layers and an odd kernel.",
            saw=f"width={width}, depth={depth}, kernel={kernel}",
            allowed="width and depth of 1 or more; kernel of 3, 5, 7, ...",
        )


class ConvolutionalEncoder(nn.Module):
    """`depth` convolutions of stride 2, channels doubled by each; the summary is the last feature map, flattened.

    Padding is masked before the first and after every layer, so the summary does not depend on it. It keeps no states.

    Args:
        shape: what the task says of its input.
        width: channels of the first layer.
        depth: layers.
        kernel: side of each kernel, odd.
        activation: relu | tanh | sigmoid | gelu.

    Raises:
        UserError: an unknown activation, or sizes that are none.
    """

    state_width, states = 0, None

    def __init__(
        self, shape: Shape, width: Count, depth: Count = 2, kernel: Count = 3, activation: Activation = "relu"
    ):
        super().__init__()
        _check(width, depth, kernel)
        self.image = image = shape.input.image
        layer = nn.Conv2d if image else nn.Conv1d
        channels = [1 if image else shape.input.width, *(width * 2**level for level in range(depth))]
        self.layers = nn.ModuleList(
            layer(before, after, kernel, STRIDE, kernel // 2) for before, after in itertools.pairwise(channels)
        )
        self.activation = activation_named(activation)
        self.steps = _sizes(shape.input.length, depth)[-1]
        across = _sizes(shape.input.width, depth)[-1] if image else 1
        self.summary_width = channels[-1] * self.steps * across

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Encoded:
        """Encode x [B,T,D]: summary [B, channels x remaining positions]."""
        x = x[:, None] if self.image else (x * mask[:, :, None]).transpose(1, 2)
        for layer in self.layers:
            x = self.activation(layer(x))
            if not self.image:
                lengths = (lengths + STRIDE - 1) // STRIDE
                x = x * length_mask(lengths, x.shape[2])[:, None]
        x = x if self.image else F.pad(x, (0, self.steps - x.shape[2]))
        return Encoded(None, mask, x.flatten(1))


class ConvolutionalDecoder(nn.Module):
    """A linear layer to the smallest feature map, then `depth` transposed convolutions to all output positions at once.

    Args: as of `ConvolutionalEncoder`, whose mirror image it is; `width` channels before the last layer.
    """

    parallel = True
    linear_output = True

    def __init__(
        self,
        shape: Shape,
        code_width: int,
        state_width: int,
        width: Count,
        depth: Count = 2,
        kernel: Count = 3,
        activation: Activation = "relu",
    ):
        super().__init__()
        _check(width, depth, kernel)
        image = shape.output.image
        self.width, self.image = shape.output.width, image
        steps = _sizes(shape.output.length, depth)[::-1]
        across = _sizes(shape.output.width, depth)[::-1]
        channels = [width * 2**level for level in reversed(range(depth))]
        self.first = (channels[0], steps[0], across[0]) if image else (channels[0], steps[0])
        self.start = nn.Linear(code_width, torch.Size(self.first).numel())
        self.activation = activation_named(activation)
        ends = [*channels, 1 if image else shape.output.width]
        self.layers = nn.ModuleList()
        for level in range(depth):
            sides = (steps, across) if image else (steps,)
            extra: Any = tuple(side[level + 1] - (STRIDE * side[level] - 1) for side in sides)
            layer = nn.ConvTranspose2d if image else nn.ConvTranspose1d
            self.layers.append(layer(ends[level], ends[level + 1], kernel, STRIDE, kernel // 2, extra))

    def forward(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor:
        """Decode code [B,Z] into the first `length` positions [B, length, output width]."""
        x = self.start(code).view(-1, *self.first)
        for layer in self.layers:
            x = layer(self.activation(x))
        values = x[:, 0] if self.image else x.transpose(1, 2)
        return values[:, :length]

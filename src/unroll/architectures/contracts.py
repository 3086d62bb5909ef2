"""The three contracts that let every architecture serve every task.

Letters in shapes: B examples, T input steps, D input width, S memory steps, H hidden width, Z code width, T' output
steps, E width of a decoder's inputs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """What a task tells an architecture before it is built."""

    input_width: int  # D
    max_length: int  # largest T; dense parts flatten [T, D] to this
    output_width: int  # width that a dense output has: pixels a row, channels, or the embedding for text
    output_length: int  # largest T'
    reference_code: int  # the code size that ratios refer to
    decoder_input: int = 0  # E; 0 where the decoder runs freely
    attention: str | None = None  # None | additive | multiplicative
    image: bool = False  # the steps are rows of one image


class Encoded(NamedTuple):
    """What an encoder gives. `states` is None for encoders that keep no sequence."""

    states: Tensor | None  # [B, S, H], zero where mask is False
    mask: Tensor  # [B, S] bool
    code: Tensor  # [B, Z]


class Encoder(Protocol):
    """`(x [B,T,D], lengths [B], mask [B,T]) -> Encoded`; padding never changes an output."""

    code_width: int
    state_width: int  # H of states; 0 where there are none

    def __call__(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Encoded: ...


class Decoder(Protocol):
    """`(code [B,Z], memory, length T', inputs [B,T',E] or None) -> [B,T',H]`.

    `parallel` decoders ignore inputs; `linear_output` ones end in a linear layer of the task's output width.
    Autoregressive ones also have `start(code) -> state` and `step(state, inputs [B,E], memory) -> (state, [B,H])`.
    """

    width: int
    parallel: bool
    linear_output: bool

    def __call__(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor: ...


@dataclass
class Context:
    """What a bottleneck term may look at while it transforms and penalises the code."""

    x: Tensor  # [B, T, D] embedded input, as the encoder saw it
    mask: Tensor  # [B, T]
    index: Tensor  # [B] indices of the examples in their split
    hidden: Tensor  # [B, encoder.code_width] before the projection to the code
    code: Tensor  # [B, Z] before any transform
    encode: Callable[[Tensor], Tensor]  # x -> code, without corruption
    weights: Callable[[], Iterable[Tensor]]  # the architecture's weight matrices
    noise: Callable[[Tensor], Tensor]  # standard normal like its argument
    found: dict[str, Any] = field(default_factory=dict)  # what terms leave for each other and for tasks


class Term(nn.Module):
    """One part of a bottleneck. Each method is optional; the default does nothing.

    Built with its YAML options; `attach` is called once, when the widths are known.
    """

    def attach(self, hidden_width: int, size: int) -> None:
        """Make the parameters that depend on the encoder's width and the code's size."""

    def corrupt(self, x: Tensor, mask: Tensor) -> Tensor:
        """Corrupt the embedded input [B,T,D] in training."""
        return x

    def transform(self, code: Tensor, context: Context) -> Tensor:
        """Change the code [B,Z]; in evaluation, give the mean code."""
        return code

    def penalty(self, code: Tensor, context: Context) -> Tensor | None:
        """Nats (or the stated unit) per example [B] to add to the loss, already weighted; None for nothing."""
        return None


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """True at real positions: [B] lengths -> [B, size]."""
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]

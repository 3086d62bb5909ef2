"""The three contracts that let every architecture serve every task.

Letters in shapes: B examples, T input steps, D input width, S memory steps, H hidden width, Z code width, T' output
steps, E width of a decoder's inputs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from unroll.errors import UserError


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
    forecasts: bool = False  # the output goes on where the input ends, channel by channel
    own_input: bool = False  # the decoder's output is the embedded input, position by position


class Encoded(NamedTuple):
    """What an encoder gives. `states` is None for encoders that keep no sequence."""

    states: Tensor | None  # [B, S, H], zero where mask is False
    mask: Tensor  # [B, S] bool
    code: Tensor  # [B, Z]


class Encoder(Protocol):
    """`(x [B,T,D], lengths [B], mask [B,T]) -> Encoded`; padding never changes an output.

    One with `reads_trees = True` takes `tree: Tree | None` as its last argument: the batch's trees, or None.
    """

    code_width: int
    state_width: int  # H of states; 0 where there are none

    def __call__(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Encoded: ...


def reads_trees(encoder: Any) -> bool:
    """Whether an encoder, or a class of encoders, takes trees."""
    return bool(getattr(encoder, "reads_trees", False))


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

    x: Tensor  # [B, T, D] embedded input, before `corrupt`
    mask: Tensor  # [B, T]
    index: Tensor  # [B] indices of the examples in their split
    hidden: Tensor  # [B, encoder.code_width] before the projection to the code
    code: Tensor  # [B, Z] before any transform
    encode: Callable[[Tensor], Tensor]  # x -> code, without corruption
    weights: Callable[[], Iterable[Tensor]]  # the architecture's weight matrices
    noise: Callable[[Tensor], Tensor]  # standard normal like its argument
    decode: Callable[[Tensor], Tensor] | None = None  # code -> decoder's output [B, T', H], zero at padding, words at 0
    closed_jacobian: Callable[[Tensor], Tensor] | None = None  # code -> |d code / d x|^2 [B]; None: no closed form
    found: dict[str, Any] = field(default_factory=dict)  # what terms leave for each other and for tasks


class Term(nn.Module):
    """One part of a bottleneck. Each method is optional; the default does nothing.

    Built with its YAML options; `attach` is called once, when the widths are known.
    """

    def attach(self, hidden_width: int, size: int) -> None:
        """Make the parameters that depend on the encoder's width and the code's size."""

    def check_network(self, closed_jacobian: bool, tied: bool) -> None:
        """Raise UserError where an option does not go with the network, once that is built.

        `closed_jacobian`: the code's Jacobian has a closed form; `tied`: the decoder has the encoder's weights.
        """

    def prepare(self, examples: int, features: Callable[[Tensor], np.ndarray], cache: Path) -> None:
        """Called once before training: `features` of train examples at index [N] are [N,F]; `cache` is a folder."""

    def check(self, autoencodes: bool, last: bool) -> None:
        """Raise UserError where the options do not suit a task (does it reconstruct its input?) or a place in order."""

    def scheduled(self) -> bool:
        """Whether the term changes with the steps, so that a budget needs a number of them."""
        return False

    def schedule(self, done: float) -> None:
        """Called before each step of training with the share [0, 1) of the phase's steps that are done."""

    def corrupt(self, x: Tensor, mask: Tensor) -> Tensor:
        """Corrupt the embedded input [B,T,D] in training; of text only where the term does not corrupt its tokens."""
        return x

    def corrupt_tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Corrupt token ids [B,T] in training, before they are embedded."""
        return ids

    def transform(self, code: Tensor, context: Context) -> Tensor:
        """Change the code [B,Z], or those of a tree's nodes [B,N,Z]; in evaluation, give the mean code."""
        return code

    def penalty(self, code: Tensor, context: Context) -> Tensor | None:
        """Nats (or the stated unit) per example [B] to add to the loss, already weighted; None for nothing."""
        return None


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """True at real positions: [B] lengths -> [B, size]."""
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]


def no_attention(shape: Shape, decoder: str) -> None:
    """Raise UserError where a task asks for attention that a decoder does not have."""
    if shape.attention is not None:
        raise UserError(
            "Attention needs a recurrent decoder.",
            saw=f"task.attention={shape.attention} with {decoder}",
            allowed="task.attention=null, or a recurrent architecture",
        )

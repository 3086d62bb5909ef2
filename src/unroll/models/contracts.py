"""The three contracts that let every architecture serve every task.

Letters in shapes: B examples, T input steps, D input width, S memory steps, H hidden width, Z code width, T' output
steps, E width of a decoder's inputs.

An encoder's *summary* is what it says of the whole input. The *code* is what comes out of the bottleneck, of an
example, of a step or of a node; nothing else is called so.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from unroll.models.distributions import Distribution

Relation = Literal["same", "continues", "free", "per_step"]


@dataclass(frozen=True)
class Side:
    """One side of a task: the sequences that go in, or those that come out."""

    width: int  # values a step: word vectors', pixels of a row, channels
    length: int  # the largest number of steps; dense parts flatten to length x width
    image: bool = False  # the steps are rows of one image, all of them: no padding


@dataclass(frozen=True)
class Shape:
    """What a task tells an architecture before it is built: its input, its output, and how the two are related.

    same       the output is the embedded input again, position by position
    continues  the output goes on where the input ends, channel by channel
    per_step   one output a step of the input, from that step's state or code
    free       anything else: another sequence, or a class
    """

    input: Side
    output: Side
    reference_code: int  # the code size that ratios refer to
    relation: Relation = "free"
    decoder_input: int = 0  # E; 0 where the decoder runs freely
    attention: str | None = None  # None | additive | multiplicative


State = list[Tensor]
"""What a recurrent part carries from step to step: tensors [cell states, B, H], one a layer."""


class Encoded(NamedTuple):
    """What an encoder gives. `states` is None for encoders that keep no sequence."""

    states: Tensor | None  # [B, S, H], zero where mask is False
    mask: Tensor  # [B, S] bool
    summary: Tensor  # [B, H'] of the whole input
    carried: State | None = None  # what a stateful encoder goes on from


class Encoder(Protocol):
    """`(x [B,T,D], lengths [B], mask [B,T]) -> Encoded`; padding never changes an output.

    Its class declares `states`, `causal`, `stateful` and `ties` (`unroll.registry.declared`). One whose states are
    nodes takes `tree: Tree` as well: the batch's trees with their levels, balanced ones where the data has none. A
    stateful one takes `state: State | None`, which each sequence goes on from, and gives `carried`; `start` and `step`
    do so step by step. One whose summary and states lie in a range of their own may say so as `bounds = (-1, 1)`:
    diagnostics then tell how saturated they are.
    """

    states: str | None
    summary_width: int  # H'
    state_width: int  # H of states; 0 where there are none

    def __call__(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Encoded: ...


class Stateful(Encoder, Protocol):
    """An encoder that goes on from a state."""

    def start(self, examples: int) -> State:
        """Return the state before the first step of so many sequences."""

    def step(self, state: State, x: Tensor) -> tuple[State, Tensor]:
        """Read one step [B, D]: the state after it, and the step's state [B, H]."""


class Decoder(Protocol):
    """`(code [B,Z], memory, length T', inputs [B,T',E] or None) -> [B,T',H]`.

    Its class declares `parallel` and `attends`. `linear_output` ones end in a linear layer of the task's output width.
    Those that are not parallel have `start(code) -> state` and `step(state, inputs [B,E], code, memory) -> (state,
    [B,H])`, too.
    """

    width: int
    parallel: bool
    linear_output: bool

    def __call__(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor: ...


class Importance(NamedTuple):
    """How an importance-weighted bound is made (Burda, Grosse, Salakhutdinov 2016)."""

    samples: int
    beta: float  # weight of the divergence


@dataclass
class Context:
    """What a bottleneck term may look at while it transforms and penalises codes.

    Codes are one an example [B, Z], or one a step or node [B, S, Z], of which those at `positions` are real.
    """

    x: Tensor  # [B, T, D] embedded input, before `corrupt`
    mask: Tensor  # [B, T]
    index: Tensor  # [B] indices of the examples in their split
    hidden: Tensor  # the encoder's summaries [B, H'] or states [B, S, H], before the projection
    projected: Tensor  # codes before any transform
    encode: Callable[[Tensor], Tensor]  # x -> `projected`, without corruption; zero where no position is real
    weights: Callable[[], Iterable[Tensor]]  # the architecture's weight matrices
    noise: Callable[[Tensor], Tensor]  # standard normal like its argument
    positions: Tensor | None = None  # [B, S]; None: one code an example
    decode: Callable[[Tensor], Tensor] | None = None  # code -> decoder's output [B, T', H], zero at padding, words at 0
    closed_jacobian: Callable[[Tensor], Tensor] | None = None  # code -> |d code / d x|^2 [B]; None: no closed form
    posterior: Distribution | None = None  # of the codes, where a term makes them random
    prior: Distribution | None = None  # what a sampling term draws the posterior to
    importance: Importance | None = None  # where the task is to minimise an importance-weighted bound


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
        """Change codes [B,Z] or [B,S,Z]; in evaluation, give the mean code."""
        return code

    def penalty(self, code: Tensor, context: Context) -> Tensor | None:
        """What to add to the loss, in nats or the stated unit, already weighted; None for nothing.

        Returns:
            [B], or [B, S] for each code: then those at real positions are summed.

        Args:
            code: as `transform` of this term left it.
        """
        return None


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """True at real positions: [B] lengths -> [B, size]."""
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]

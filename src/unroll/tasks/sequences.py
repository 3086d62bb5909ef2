"""Sequences of tokens, once for all tasks: what they cost, how a decoder is fed, how they are searched for and drawn.

A `Step` is all that search and sampling see of a network: translation steps its decoder, a language model its encoder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.splits import Batch
from unroll.data.tokenizers import BEGIN, END, PAD
from unroll.errors import UserError
from unroll.models.contracts import Encoded, State
from unroll.models.network import Coded, Network
from unroll.models.noise import chosen
from unroll.models.rows import picked
from unroll.registry.declared import Need, Unless
from unroll.registry.options import OptionGroup

PartOfSteps = Annotated[float, Field(ge=0, le=1)]
Step = Callable[[State, Tensor], tuple[State, Tensor]]
"""(state, last ids [R]) -> the state after them, log probabilities of the next ids [R, V]."""


@dataclass(frozen=True)
class TeacherForcing(OptionGroup):
    """What a decoder that works step by step is fed: true tokens, or its own likeliest ones.

    Args:
        teacher_forcing: share of the steps that are fed the true token (the "teacher forcing ratio" of tutorials).
        teacher_forcing_last: share at the end of training, to which it falls or rises linearly with the steps (Bengio,
            Vinyals, Jaitly, Shazeer 2015, section 2.4); None: the same throughout.
        free_running: whether it is fed its own tokens alone where validation and test ask for the nats of true ones, as
            in some tutorials; these nats, no likelihood of the target, have a name of their own.
    """

    teacher_forcing: PartOfSteps = 1.0
    teacher_forcing_last: PartOfSteps | None = None
    free_running: bool = False

    needs: ClassVar = tuple(
        Need(capability, where)
        for capability in ("sequential", "untruncated")
        for where in (
            {"teacher_forcing": Unless(1)},
            {"teacher_forcing_last": Unless(None)},
            {"free_running": Unless(False)},
        )
    )

    def share(self, done: float) -> float:
        """The share after the share `done` [0, 1) of training's steps."""
        first, last = self.teacher_forcing, self.teacher_forcing_last
        return first if last is None else first + (last - first) * done


def token_nats(vocabulary: nn.Module, decoded: Tensor, targets: Tensor, real: Tensor) -> Tensor:
    """-log p of each target under `vocabulary`'s logits, zero in the padding; only real positions reach it.

    Args:
        vocabulary: features [n, H] -> logits [n, V].
        decoded: features [B, T, H].
        targets: ids [B, T].
        real: the real positions [n], as example x T + position; see `Batch.real_targets`.

    Returns:
        nats [B, T].
    """
    nats = F.cross_entropy(
        vocabulary(picked(decoded.flatten(0, 1), real)), targets.flatten().index_select(0, real), reduction="none"
    )
    return decoded.new_zeros(targets.numel()).index_copy(0, real, nats.to(decoded.dtype)).view(targets.shape)


def right_tokens(vocabulary: nn.Module, decoded: Tensor, targets: Tensor, real: Tensor) -> Tensor:
    """How many targets of each example are the likeliest ids [B]; the arguments are those of `token_nats`."""
    likeliest = vocabulary(picked(decoded.flatten(0, 1), real)).argmax(dim=-1)
    right = (likeliest == targets.flatten().index_select(0, real)).long()
    return right.new_zeros(targets.numel()).index_copy(0, real, right).view(targets.shape).sum(dim=1)


def shifted(targets: Tensor) -> Tensor:
    """What a decoder is fed to give targets [B, T]: <bos>, then all of them but the last."""
    return torch.cat((torch.full_like(targets[:, :1], BEGIN), targets[:, :-1]), dim=1)


def teacher_forced(
    network: Network, code: Coded, targets: Tensor, share: float = 1.0, free_running: bool = False
) -> Tensor:
    """A decoder's outputs [B, T', H] while it is fed targets [B, T'] (parallel ones are fed nothing).

    With a `share` below 1, in training, each step of each example is fed the true token with that probability, else
    the network's own likeliest one, through which no gradient flows; with `free_running`, always the network's own.
    """
    length = targets.shape[1]
    if "target" not in network.heads:
        return network.decode(code.code, code.memory, length)
    fed = shifted(targets)
    if not free_running and (share >= 1 or not network.training):
        return network.decode(code.code, code.memory, length, network.heads["target"](fed))
    true = torch.zeros_like(fed, dtype=torch.bool) if free_running else chosen(share, fed.shape, fed.device)
    state, step = stepping(network, code)
    last, outputs = fed[:, 0], []
    for place in range(length):
        state, output = step(state, last)
        outputs.append(output)
        if place + 1 < length:
            with torch.no_grad():
                own = network.heads["vocabulary"](output).argmax(dim=-1)
            last = torch.where(true[:, place + 1], fed[:, place + 1], own)
    return torch.stack(outputs, dim=1)


def stepping(network: Network, code: Coded, copies: int = 1) -> tuple[State, Step]:
    """A decoder that is not parallel, before its first step: its state for `copies` rows of each example, one beside
    the other, and (state, last ids [R]) -> the state after them, outputs [R, H]."""
    decoder, heads = network.decoder, network.heads
    rows = torch.arange(len(code.code), device=code.code.device).repeat_interleave(copies)
    codes, memory = code.code[rows], _rows_of(code.memory, rows)
    start: State = decoder.start(code.code)  # type: ignore[union-attr]

    def step(state: State, last: Tensor) -> tuple[State, Tensor]:
        state, output = decoder.step(state, heads["target"](last), codes, memory)  # type: ignore[union-attr]
        return state, heads["output"](output)

    return [tensor[:, rows] for tensor in start], step


def next_tokens(network: Network, code: Coded, copies: int = 1) -> tuple[State, Step]:
    """`stepping`, with the log probabilities of the next ids in place of outputs."""
    state, step = stepping(network, code, copies)

    def scored(state: State, last: Tensor) -> tuple[State, Tensor]:
        state, output = step(state, last)
        return state, network.heads["vocabulary"](output).log_softmax(dim=-1)

    return state, scored


def beam_search(state: State, step: Step, beam: int, max_length: int, length_penalty: float) -> Tensor:
    """Search for the likeliest sequences; a beam of 1 is greedy decoding.

    Args:
        state: before the first step, tensors [cells, B beam, H], an example's rows beside each other.
        step: from ids to the next ones.
        beam: hypotheses kept for each example.
        max_length: tokens at most, the end token included.
        length_penalty: a hypothesis's log probability is divided by its length to this power (Wu et al. 2016, eq. 14,
            without the constant) when the best is chosen.

    Returns:
        ids [B, <= max_length], ended by <eos> and padded.
    """
    device = state[0].device
    examples = state[0].shape[1] // beam
    last = torch.full((examples * beam,), BEGIN, device=device)
    scores = torch.full((examples, beam), float("-inf"), device=device)
    scores[:, 0] = 0
    ended = torch.zeros(examples, beam, dtype=torch.bool, device=device)
    lengths = torch.zeros(examples, beam, device=device)
    ids = torch.empty(examples, beam, 0, dtype=torch.int64, device=device)
    offset = torch.arange(examples, device=device)[:, None] * beam
    for _ in range(max_length):
        state, log_probabilities = step(state, last)
        vocabulary = log_probabilities.shape[-1]
        ahead = log_probabilities.view(examples, beam, vocabulary).float()
        ahead[..., PAD] = float("-inf")
        ahead[..., BEGIN] = float("-inf")
        ahead = ahead.masked_fill(ended[..., None], float("-inf"))
        ahead[..., PAD] = torch.where(ended, 0.0, ahead[..., PAD])
        best, where = (scores[..., None] + ahead).view(examples, -1).topk(beam, dim=-1)
        parent, token = where // vocabulary, where % vocabulary
        scores = best
        lengths = lengths.gather(1, parent) + (~ended.gather(1, parent)).float()
        ended = ended.gather(1, parent) | (token == END)
        ids = torch.cat((ids.gather(1, parent[..., None].expand_as(ids)), token[..., None]), dim=-1)
        chosen = (parent + offset).view(-1)
        state = [tensor[:, chosen] for tensor in state]
        last = token.view(-1)
        if bool(ended.all()):
            break
    final = scores / lengths.clamp(min=1).pow(length_penalty)
    return ids[torch.arange(examples, device=device), final.argmax(dim=1)]


def check_limits(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise UserError for a temperature, k or p out of range."""
    limits = {
        "temperature": (temperature, 0 < temperature < float("inf"), "a number more than 0"),
        "top_k": (top_k, top_k is None or top_k >= 1, "1 or more"),
        "top_p": (top_p, top_p is None or 0 < top_p <= 1, "more than 0, at most 1"),
    }
    for name, (value, fits, allowed) in limits.items():
        if not fits:
            raise UserError(f"'{name}' is out of range.", saw=value, allowed=allowed)


def restricted(
    log_probabilities: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    without: Sequence[int] = (),
) -> Tensor:
    """Probabilities [R, V] that are drawn from: log p / temperature, of the k likeliest ids (Fan, Lewis, Dauphin 2018,
    section 5) or of the fewest likeliest that have p together (Holtzman et al. 2020, section 3.1); <pad>, <bos> and
    the ids `without` are never drawn.

    Raises:
        UserError: as `check_limits` does.
    """
    check_limits(temperature, top_k, top_p)
    logits = log_probabilities.float().clone()
    logits[:, [PAD, BEGIN, *without]] = float("-inf")
    logits = (logits - logits.amax(dim=-1, keepdim=True)).double() / temperature
    ordered, ids = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ordered.softmax(dim=-1)
    kept = torch.ones_like(probabilities, dtype=torch.bool)
    if top_k is not None:
        kept[:, top_k:] = False
    if top_p is not None:
        probabilities = probabilities * kept
        probabilities = probabilities / probabilities.sum(dim=-1, keepdim=True)
        kept &= probabilities.cumsum(dim=-1) - probabilities < top_p
    probabilities = probabilities * kept
    return torch.zeros_like(probabilities).scatter(1, ids, probabilities / probabilities.sum(dim=-1, keepdim=True))


def encoder_steps(network: Network, read: Tensor) -> tuple[State, Step]:
    """A stateful encoder's state after ids [R, T], T of 0 or more, and its step to the next ids."""

    def step(state: State, last: Tensor) -> tuple[State, Tensor]:
        ones = torch.ones(len(last), dtype=torch.int64, device=last.device)
        batch = Batch(ones, last[:, None], ones, last[:, None], ones, ones.float(), state=state)
        features = network.heads["output"](network.encode(batch).code[:, 0])
        assert network.carried is not None
        return network.carried, network.heads["vocabulary"](features).log_softmax(dim=-1)

    state: State = network.encoder.start(len(read))  # type: ignore[attr-defined]
    for last in read.unbind(dim=1):
        state, _ = step(state, last)
    return state, step


def drawn_at_once(log_probabilities: Tensor, generator: torch.Generator, **limits: Any) -> Tensor:
    """Sample each place of sequences by itself, as parallel decoders emit them, each up to its first <eos>.

    Args:
        log_probabilities: of each place's ids [R, T, V].
        generator: on the CPU.
        limits: temperature, top_k, top_p and without, as of `restricted`.

    Returns:
        ids [R, T], padded behind <eos>.
    """
    rows, places, _ = log_probabilities.shape
    chances = restricted(log_probabilities.flatten(0, 1), **limits).cpu()
    drawn = torch.multinomial(chances, 1, generator=generator).view(rows, places).to(log_probabilities.device)
    behind = ((drawn == END).cumsum(dim=1) - (drawn == END).long()) > 0
    return drawn.masked_fill(behind, PAD)


def draw(
    state: State,
    step: Step,
    first: Tensor,
    max_length: int,
    generator: torch.Generator,
    stop: int | None = END,
    **limits: Any,
) -> Tensor:
    """Sample sequences token by token, each up to its first `stop`; None: of max_length tokens.

    Args:
        state: before `first` is read.
        step: from ids to the next ones.
        first: the ids [R] that are read first: <bos>, or the last of a prompt.
        max_length: tokens at most, the end token included.
        generator: on the CPU, whatever the device.
        limits: temperature, top_k, top_p and without, as of `restricted`.

    Returns:
        ids [R, <= max_length], padded behind `stop`.
    """
    ended = torch.zeros(len(first), dtype=torch.bool, device=first.device)
    drawn, last = [], first
    for _ in range(max_length):
        state, log_probabilities = step(state, last)
        chances = restricted(log_probabilities, **limits).masked_fill(ended[:, None], 1.0)
        token = torch.multinomial(chances.cpu(), 1, generator=generator)[:, 0].to(first.device)
        last = token.masked_fill(ended, PAD)
        drawn.append(last)
        ended = ended | (last == stop) if stop is not None else ended
        if bool(ended.all()):
            break
    return torch.stack(drawn, dim=1)


def _rows_of(memory: Encoded, rows: Tensor) -> Encoded:
    states = None if memory.states is None else memory.states[rows]
    return Encoded(states, memory.mask[rows], memory.summary[rows])

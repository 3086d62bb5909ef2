"""Decoding of token sequences: greedy and beam search for autoregressive decoders, cutting for parallel ones."""

from collections.abc import Callable

import torch
from torch import Tensor

from unroll.data.text import BEGIN, END, PAD
from unroll.models.contracts import Encoded

Step = Callable[[list[Tensor], Tensor, Tensor, Encoded], tuple[list[Tensor], Tensor]]


def _choose_memory(memory: Encoded, rows: Tensor) -> Encoded:
    states = None if memory.states is None else memory.states[rows]
    return Encoded(states, memory.mask[rows], memory.code[rows])


def beam_search(
    step: Step,
    state: list[Tensor],
    code: Tensor,
    memory: Encoded,
    beam: int,
    max_length: int,
    length_penalty: float,
) -> Tensor:
    """Search for the likeliest sequences; a beam of 1 is greedy decoding.

    Args:
        step: (state, last ids [R], code [R,Z], memory of R rows) -> new state, log probabilities [R, V].
        state: the decoder's first state, tensors [cells, B, H].
        code: [B, Z].
        memory: the encoder's output for B examples.
        beam: hypotheses kept for each example.
        max_length: tokens at most, the end token included.
        length_penalty: a hypothesis's log probability is divided by its length to this power (Wu et al. 2016, eq. 14,
            without the constant) when the best is chosen.

    Returns:
        ids [B, <= max_length], ended by <eos> and padded.
    """
    examples, device = len(code), code.device
    rows = torch.arange(examples, device=device).repeat_interleave(beam)
    state = [tensor[:, rows] for tensor in state]
    code, memory = code[rows], _choose_memory(memory, rows)
    last = torch.full((examples * beam,), BEGIN, device=device)
    scores = torch.full((examples, beam), float("-inf"), device=device)
    scores[:, 0] = 0
    ended = torch.zeros(examples, beam, dtype=torch.bool, device=device)
    lengths = torch.zeros(examples, beam, device=device)
    ids = torch.empty(examples, beam, 0, dtype=torch.int64, device=device)
    offset = torch.arange(examples, device=device)[:, None] * beam
    for _ in range(max_length):
        state, log_probabilities = step(state, last, code, memory)
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

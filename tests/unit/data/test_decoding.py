"""Beam search against enumerating every sequence of a small random language."""

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unroll.data.text import BEGIN, END, PAD, UNKNOWN, until_end
from unroll.models.contracts import Encoded
from unroll.tasks.decoding import beam_search

WORDS = [UNKNOWN, END, 4, 5]  # what may be emitted; ids 0 (<pad>) and 2 (<bos>) never are


class Language:
    """log p(next | last, how many so far, example): tables that differ by step and example."""

    def __init__(self, seed: int, examples: int, longest: int, vocabulary: int = 6):
        drawn = torch.randn(examples, longest, vocabulary, vocabulary, generator=torch.Generator().manual_seed(seed))
        self.table = (2 * drawn).log_softmax(dim=-1)
        self.examples = examples

    def start(self) -> tuple[list[Tensor], Tensor, Encoded]:
        """A state that counts steps, and a code and memory that say which example a row belongs to."""
        which = torch.arange(self.examples).float()
        memory = Encoded(which[:, None, None], torch.ones(self.examples, 1, dtype=torch.bool), which[:, None])
        return [torch.stack((which, torch.zeros(self.examples)), dim=-1)[None]], which[:, None], memory

    def step(self, state: list[Tensor], last: Tensor, code: Tensor, memory: Encoded) -> tuple[list[Tensor], Tensor]:
        which, steps = state[0][0].long().unbind(-1)
        assert memory.states is not None
        assert torch.equal(which, code[:, 0].long())
        assert torch.equal(which, memory.states[:, 0, 0].long())
        assert torch.equal(which, memory.code[:, 0].long())
        ahead = torch.stack((state[0][..., 0], state[0][..., 1] + 1), dim=-1)
        return [ahead], self.table[which, steps, last]

    def score(self, example: int, ids: tuple[int, ...], penalty: float) -> float:
        before = (BEGIN, *ids)
        total = sum(float(self.table[example, t, before[t], token]) for t, token in enumerate(ids))
        return total / len(ids) ** penalty

    def search(self, beam: int, longest: int, penalty: float) -> list[tuple[int, ...]]:
        state, code, memory = self.start()
        rows = beam_search(self.step, state, code, memory, beam, longest, penalty).tolist()
        found = []
        for row in rows:
            real = until_end(row)
            ended = real if len(real) == len(row) else [*real, END]
            assert set(row[len(ended) :]) <= {PAD}
            found.append(tuple(ended))
        return found


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), longest=st.integers(1, 4), penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]))
def test_a_beam_that_holds_everything_finds_the_best_of_all(seed: int, longest: int, penalty: float) -> None:
    language = Language(seed, 3, longest)
    everything = list(reference.sequences(WORDS, END, longest))
    for example, found in enumerate(language.search(len(everything), longest, penalty)):
        scores = {ids: language.score(example, ids, penalty) for ids in everything}
        assert scores[found] == pytest.approx(max(scores.values()), abs=1e-5)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_a_beam_of_one_is_the_argmax_loop(seed: int) -> None:
    language = Language(seed, 4, 7)
    for example, found in enumerate(language.search(1, 7, 1.0)):
        ids, last = [], BEGIN
        while len(ids) < 7 and last != END:
            last = max(WORDS, key=lambda word: float(language.table[example, len(ids), last, word]))
            ids.append(last)
        assert found == tuple(ids)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), beam=st.integers(2, 5))
def test_a_small_beam_equals_a_search_written_with_lists(seed: int, beam: int) -> None:
    language, longest = Language(seed, 2, 6), 6
    for example, found in enumerate(language.search(beam, longest, 0.6)):
        hypotheses: list[tuple[int, ...]] = [()]
        for _ in range(longest):
            grown = [(*ids, w) for ids in hypotheses if END not in ids for w in WORDS]
            grown += [ids for ids in hypotheses if END in ids]
            hypotheses = sorted(grown, key=lambda ids: -language.score(example, ids, 0.0))[:beam]
        assert found == max(hypotheses, key=lambda ids: language.score(example, ids, 0.6))


def fixed(rows: dict[tuple[int, int], dict[int, float]]) -> Language:
    """A language of one example with given probabilities of (step, last) -> next."""
    language = Language(0, 1, 3)
    language.table = torch.full_like(language.table, -np.inf)
    for (step, last), row in rows.items():
        for token, probability in row.items():
            language.table[0, step, last, token] = float(np.log(probability))
    return language


def test_a_beam_mends_what_greedy_gets_wrong() -> None:
    """4 looks better at first (0.6), but leads to 0.6 x 0.4; 5 leads to 0.4 x 1."""
    language = fixed({(0, BEGIN): {4: 0.6, 5: 0.4}, (1, 4): {END: 0.4, 4: 0.3, 5: 0.3}, (1, 5): {END: 1.0}})
    assert language.search(1, 2, 0.0) == [(4, END)]
    assert language.search(2, 2, 0.0) == [(5, END)]


def test_length_penalty_by_hand() -> None:
    """p(<eos>) = 0.3, p(4 <eos>) = 0.7 x 0.36 = 0.252; per token: log 0.3 against log(0.252) / 2 = log 0.502."""
    language = fixed({(0, BEGIN): {END: 0.3, 4: 0.7}, (1, 4): {END: 0.36, 5: 0.64}, (2, 5): {END: 0.01, 4: 0.99}})
    assert language.search(2, 2, 0.0) == [(4, 5)]
    language.table[0, 1, 4, 5] = -np.inf
    assert language.search(2, 2, 0.0) == [(END,)]
    assert language.search(2, 2, 1.0) == [(4, END)]


def test_padding_and_begin_are_never_emitted_even_when_they_are_likeliest() -> None:
    language = fixed({(0, BEGIN): {PAD: 0.5, BEGIN: 0.4, 4: 0.1}, (1, 4): {BEGIN: 0.9, END: 0.1}})
    assert language.search(1, 3, 1.0) == [(4, END)]


def test_examples_in_one_batch_do_not_disturb_each_other() -> None:
    together = Language(5, 3, 6).search(3, 6, 1.0)
    for example in range(3):
        alone = Language(5, 3, 6)
        alone.table, alone.examples = alone.table[example : example + 1], 1
        assert alone.search(3, 6, 1.0) == [together[example]]

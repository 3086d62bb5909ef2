"""Search and sampling against enumerating every sequence of a small random language."""

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unroll.data.tokenizers import BEGIN, END, PAD, UNKNOWN, until_end
from unroll.errors import UserError
from unroll.tasks.sequences import beam_search, draw, restricted

WORDS = [UNKNOWN, END, 4, 5]  # what may be emitted; ids 0 (<pad>) and 2 (<bos>) never are


class Language:
    """log p(next | last, how many so far, example): tables that differ by step and example."""

    def __init__(self, seed: int, examples: int, longest: int, vocabulary: int = 6):
        drawn = torch.randn(examples, longest, vocabulary, vocabulary, generator=torch.Generator().manual_seed(seed))
        self.table = (2 * drawn).log_softmax(dim=-1)
        self.examples = examples

    def start(self, copies: int) -> list[Tensor]:
        """A state that counts steps and says which example a row belongs to."""
        which = torch.arange(self.examples).repeat_interleave(copies).float()
        return [torch.stack((which, torch.zeros(len(which))), dim=-1)[None]]

    def step(self, state: list[Tensor], last: Tensor) -> tuple[list[Tensor], Tensor]:
        which, steps = state[0][0].long().unbind(-1)
        ahead = torch.stack((state[0][..., 0], state[0][..., 1] + 1), dim=-1)
        return [ahead], self.table[which, steps, last]

    def score(self, example: int, ids: tuple[int, ...], penalty: float) -> float:
        before = (BEGIN, *ids)
        total = sum(float(self.table[example, t, before[t], token]) for t, token in enumerate(ids))
        return total / len(ids) ** penalty

    def search(self, beam: int, longest: int, penalty: float) -> list[tuple[int, ...]]:
        rows = beam_search(self.start(beam), self.step, beam, longest, penalty).tolist()
        found = []
        for row in rows:
            real = until_end(row)
            ended = real if len(real) == len(row) else [*real, END]
            assert set(row[len(ended) :]) <= {PAD}
            found.append(tuple(ended))
        return found


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), longest=st.integers(1, 4), penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]))
def test_a_beam_that_holds_everything_finds_the_best_of_all(seed: int, longest: int, penalty: float) -> None:
    language = Language(seed, 3, longest)
    everything = list(reference.sequences(WORDS, END, longest))
    for example, found in enumerate(language.search(len(everything), longest, penalty)):
        scores = {ids: language.score(example, ids, penalty) for ids in everything}
        assert scores[found] == pytest.approx(max(scores.values()), abs=1e-5)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_a_beam_of_one_is_the_argmax_loop(seed: int) -> None:
    language = Language(seed, 4, 7)
    for example, found in enumerate(language.search(1, 7, 1.0)):
        ids, last = [], BEGIN
        while len(ids) < 7 and last != END:
            last = max(WORDS, key=lambda word: float(language.table[example, len(ids), last, word]))
            ids.append(last)
        assert found == tuple(ids)


@settings(max_examples=25)
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


def test_draws_are_as_frequent_as_their_probabilities() -> None:
    language = fixed({(0, BEGIN): {4: 0.5, 5: 0.3, END: 0.2}, (1, 4): {END: 1.0}, (1, 5): {5: 0.5, END: 0.5}})
    rows = 20_000
    state = [language.start(1)[0].expand(-1, rows, -1)]
    ids = draw(state, language.step, torch.full((rows,), BEGIN), 2, torch.Generator().manual_seed(0))
    kinds, counts = ids.unique(dim=0, return_counts=True)
    found = {tuple(kind): count / rows for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True)}
    expected = {(4, END): 0.5, (5, 5): 0.15, (5, END): 0.15, (END, PAD): 0.2}
    assert found == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.1, 0.2, 0.3, 0.4]),
        ({"temperature": 0.5}, [1 / 30, 4 / 30, 9 / 30, 16 / 30]),
        ({"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_k": 9}, [0.1, 0.2, 0.3, 0.4]),
        ({"top_p": 0.4}, [0, 0, 0, 1]),
        ({"top_p": 0.41}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 1.0}, [0.1, 0.2, 0.3, 0.4]),
        ({"top_k": 3, "top_p": 0.5}, [0, 0, 3 / 7, 4 / 7]),  # of 2, 3, 4 in 9: 4/9, then 7/9
    ],
)
def test_what_is_drawn_from_by_hand(options: dict[str, float], expected: list[float]) -> None:
    log_probabilities = torch.log(torch.tensor([[0.6, 0.1, 0.7, 0.2, 0.3, 0.4]]))  # <pad> and <bos> never
    assert restricted(log_probabilities, **options)[0, [1, 3, 4, 5]].tolist() == pytest.approx(expected)
    assert restricted(log_probabilities, **options)[0, [PAD, BEGIN]].tolist() == [0, 0]


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}])
def test_limits_out_of_range_are_told(options: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        restricted(torch.zeros(1, 6), **options)

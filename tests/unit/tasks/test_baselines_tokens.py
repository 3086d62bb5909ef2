"""Baselines of words by hand, and Kneser-Ney smoothing against NLTK's."""

import itertools
import math
from collections.abc import Callable, Sequence

import made_up
import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated, Vocabulary

from unroll.data.tokenizers import BEGIN
from unroll.tasks.baselines.tokens import (
    STRENGTHS,
    CommonestTag,
    CommonestWord,
    KneserNey,
    MajorityTag,
    Neighbours,
    Unigram,
)
from unroll.tasks.baselines.views import MaskedView, Splits, TaggedView, TokenView

VOCABULARY = 9


def tagged(*rows: str) -> TaggedView:
    """Rows of word/number of its tag."""
    pairs = [[token.split("/") for token in row.split()] for row in rows]
    return TaggedView(
        [[word for word, _ in row] for row in pairs], [np.array([int(tag) for _, tag in row]) for row in pairs], 3
    )


def masked(*rows: Sequence[int], at: Sequence[Sequence[int]] = ()) -> MaskedView:
    flags = [np.isin(np.arange(len(row)), places) for row, places in zip(rows, at or [()] * len(rows), strict=True)]
    return MaskedView([np.array(row) for row in rows], flags, VOCABULARY)


def tokens(*rows: Sequence[int], block: int | None = None) -> TokenView:
    return TokenView([np.array(row) for row in rows], VOCABULARY, block)


def test_shares_of_tags_whatever_the_word() -> None:
    baseline = MajorityTag()
    train = tagged("run/1 dog/0 run/1", "run/0 the/2", "dog/0")
    baseline.fit(Splits(train, train))
    first, second = baseline.predict(tagged("run/0 unheard/3", "the/0"))["probabilities"]
    np.testing.assert_allclose(first, [[3 / 6, 2 / 6, 1 / 6]] * 2)
    np.testing.assert_allclose(second, [[3 / 6, 2 / 6, 1 / 6]])


def test_a_words_commonest_tag() -> None:
    baseline = CommonestTag()
    train = tagged("run/1 dog/0 run/1", "run/0 the/2", "dog/0")
    baseline.fit(Splits(train, train))
    first, second = baseline.predict(tagged("run/0 unheard/0", "the/0"))["probabilities"]
    np.testing.assert_allclose(first, [[1 / 3, 2 / 3, 0], [3 / 6, 2 / 6, 1 / 6]])
    assert second.tolist() == [[0, 0, 1]]


def test_the_task_takes_what_the_commonest_tag_says() -> None:
    task = made_up.prepared(made_up.trial("tagging"))
    baseline = CommonestTag()
    baseline.fit(Splits(task.view("train"), task.view("validation")))
    found = task.metrics(baseline.predict(task.view("test")), "test")
    assert found["accuracy"] == 100  # a word has one tag in this language
    assert found["nll"] == 0


def test_the_commonest_word() -> None:
    baseline = CommonestWord()
    train = masked([4, 5, 5], [6, 5])
    baseline.fit(Splits(train, train))
    found = baseline.predict(masked([5, 4, 8], [6], at=[(0, 2), ()]))
    assert [row.tolist() for row in found["predicted"]] == [[5, 5], []]
    np.testing.assert_allclose(found["nats"][0], [-np.log(4 / 10), -np.log(1 / 10)])


NEIGHBOURING = masked([4, 5, 6], [4, 5, 6], [4, 7, 6, 4], [8, 5])


def chance(row: Sequence[int], place: int, k: float, hidden: Sequence[int] = ()) -> np.ndarray:
    """p(w | a, b) is as p(w | a) p(b | w), each with k counts of the word alone, written with loops."""
    train = [words.tolist() for words in NEIGHBOURING.words]
    flat = [word for words in train for word in words]
    pairs = [pair for words in train for pair in itertools.pairwise(words)]
    alone = [(flat.count(word) + 1) / (len(flat) + VOCABULARY) for word in range(VOCABULARY)]

    def following(before: int, word: int) -> float:
        return (pairs.count((before, word)) + k * alone[word]) / (sum(a == before for a, _ in pairs) + k)

    found = []
    for word in range(VOCABULARY):
        left = place > 0 and place - 1 not in hidden
        right = place + 1 < len(row) and place + 1 not in hidden
        p = following(row[place - 1], word) if left else alone[word]
        found.append(p * (following(word, row[place + 1]) if right else 1.0))
    found[:4] = [0.0] * 4  # no special token is masked
    return np.array(found) / sum(found)


@pytest.mark.parametrize(
    ("row", "places"), [([4, 5, 6], [1]), ([4, 5, 6], [0, 2]), ([4, 5, 6, 4], [1, 2]), ([5], [0]), ([1, 8, 1], [1])]
)
def test_neighbours_by_loops(row: list[int], places: list[int]) -> None:
    baseline = Neighbours()
    baseline.fit(Splits(NEIGHBOURING, masked([4, 5, 6], at=[(1,)])))
    found = baseline.predict(masked(row, at=[places]))
    chances = [chance(row, place, baseline.strength, places) for place in places]
    assert found["predicted"][0].tolist() == [int(p.argmax()) for p in chances]
    np.testing.assert_allclose(found["nats"][0], [-np.log(p[row[at]]) for p, at in zip(chances, places, strict=True)])


@pytest.mark.parametrize("validation", [masked([4, 5, 6], at=[(1,)]), masked([6, 4, 8, 7], at=[(0, 2)])])
def test_the_strength_is_the_best_of_validation(validation: MaskedView) -> None:
    baseline = Neighbours()
    baseline.fit(Splits(NEIGHBOURING, validation))
    (row,), places = [words.tolist() for words in validation.words], np.flatnonzero(validation.masked[0]).tolist()
    nats = [sum(-np.log(chance(row, place, k, places)[row[place]]) for place in places) for k in STRENGTHS]
    assert baseline.strength == STRENGTHS[int(np.argmin(nats))]


def test_the_two_choose_different_strengths() -> None:
    found = set()
    for row, places in (([4, 5, 6], (1,)), ([6, 4, 8, 7], (0, 2))):
        baseline = Neighbours()
        baseline.fit(Splits(NEIGHBOURING, masked(row, at=[places])))
        found.add(baseline.strength)
    assert len(found) == 2


def test_unigrams_by_hand() -> None:
    baseline = Unigram()
    train = tokens([4, 4, 5, 3])
    baseline.fit(Splits(train, train))
    found = baseline.predict(tokens([4, 5], [8], [4, 4, 3]))
    p = {4: 3 / 13, 5: 2 / 13, 3: 2 / 13, 8: 1 / 13}
    expected = [-math.log(p[4] * p[5]), -math.log(p[8]), -math.log(p[4] ** 2 * p[3])]
    np.testing.assert_allclose(found["nll"], expected)
    assert found["tokens"].tolist() == [2, 1, 3]


def test_a_stream_is_counted_in_blocks() -> None:
    baseline = Unigram()
    view = tokens([4, 4, 5, 3, 4], block=2)
    baseline.fit(Splits(view, view))
    found = baseline.predict(view)
    assert found["tokens"].tolist() == [2, 2, 1]
    whole = baseline.predict(tokens([4, 4, 5, 3, 4]))
    assert found["nll"].sum() == pytest.approx(whole["nll"].item())
    assert len(view) == 3


def sequences(seed: int, count: int = 12) -> list[list[int]]:
    """Sequences in which some words follow others more often, and 8 is never seen."""
    random = np.random.default_rng(seed)
    weights = random.dirichlet([0.4] * 5, size=VOCABULARY)
    found = []
    for _ in range(count):
        row = [4]
        while len(row) < random.integers(2, 12):
            row.append(int(random.choice([1, 4, 5, 6, 7], p=weights[row[-1]])))
        found.append([*row, 3])
    return found


def fitted(order: int, discount: float | None, train: Sequence[Sequence[int]]) -> KneserNey:
    baseline = KneserNey(order, discount)
    baseline.fit(Splits(tokens(*train), tokens(*train)))
    return baseline


def by_nltk(order: int, discount: float, train: Sequence[Sequence[int]]) -> Callable[[tuple[int, ...], int], float]:
    """NLTK's, but for the lowest order, where ours expects each token a little: it counts by hand."""
    model = KneserNeyInterpolated(order, discount, vocabulary=Vocabulary([*map(str, range(VOCABULARY))]))
    grams = []
    for row in train:
        padded = [str(BEGIN)] * (order - 1) + [*map(str, row)]
        for place in range(len(row)):
            gram = padded[place : place + order]
            grams += [tuple(gram[start:]) for start in range(order)]
    model.fit([grams])

    def unigram(word: str) -> float:
        if order > 1:
            counts = {token: model.estimator._continuation_counts(token)[0] for token in map(str, range(VOCABULARY))}
        else:
            counts = {token: model.counts[token] for token in map(str, range(VOCABULARY))}
        seen, total = sum(count > 0 for count in counts.values()), sum(counts.values())
        return (max(counts[word] - discount, 0) + discount * seen / VOCABULARY) / total

    model.estimator.unigram_score = unigram
    return lambda context, token: model.score(str(token), [*map(str, context)])


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("discount", [0.1, 0.75])
def test_kneser_ney_is_nltks(order: int, discount: float) -> None:
    train, other = sequences(0), [*sequences(1, 6), [8, 4, 8, 3]]
    baseline, score = fitted(order, discount, train), by_nltk(order, discount, train)
    for row in (*train[:3], *other):
        padded = [BEGIN] * (order - 1) + list(row)
        expected = [
            score(tuple(padded[place : place + order - 1]), padded[place + order - 1]) for place in range(len(row))
        ]
        found = [
            baseline.probability(padded[place : place + order - 1], padded[place + order - 1])
            for place in range(len(row))
        ]
        np.testing.assert_allclose(found, expected)
        assert baseline.predict(tokens(row))["nll"].item() == pytest.approx(-np.log(expected).sum())


@pytest.mark.parametrize("discount", [None, 0.4])
def test_kneser_ney_sums_to_one(discount: float | None) -> None:
    train = sequences(2)
    baseline = fitted(4, discount, train)
    seen = [row[start : start + 3] for row in train for start in range(len(row) - 3)]
    for context in ([BEGIN] * 3, [], [8, 8, 8], [4, 8, 4], [8, 8, 4], *seen):
        total = sum(baseline.probability(context, token) for token in range(VOCABULARY))
        assert total == pytest.approx(1.0, abs=1e-12)
        assert min(baseline.probability(context, token) for token in range(VOCABULARY)) > 0


def test_discounts_are_of_each_orders_counts() -> None:
    """Of pairs: 4 5 thrice, 5 3 twice, 5 4 and <bos> 4 ... by hand; of single tokens how many stand before each."""
    train = [[4, 5, 4, 5, 3], [4, 5, 3]]
    baseline = fitted(2, None, train)
    pairs = {(BEGIN, 4): 2, (4, 5): 3, (5, 4): 1, (5, 3): 2}  # once: 1; twice: 2
    assert {discount for discount, _, _ in baseline.levels[1].values()} == {1 / 5}
    behind = {4: 2, 5: 1, 3: 1}  # once: 2; twice: 1
    ((discount, total, counts),) = baseline.levels[0].values()
    assert (discount, total, counts) == (2 / 4, 4, behind)
    p4 = (2 - 0.5 + 0.5 * 3 / VOCABULARY) / 4
    expected = (pairs[5, 4] - 0.2 + 0.2 * 2 * p4) / 3
    assert baseline.probability([5], 4) == pytest.approx(expected)


def test_where_no_count_is_one_or_two_the_discount_is_a_half() -> None:
    baseline = fitted(1, None, [[4, 4, 4, 5, 5, 5]])
    assert [discount for discount, _, _ in baseline.levels[0].values()] == [0.5]


def test_longer_contexts_tell_more() -> None:
    """Sequences of which the fifth token is the first again: one of order 5 guesses once a row, others twice."""
    rows = [[first, 4, 4, 4, first, 3] for first in (5, 6, 7)] * 10
    nats = [fitted(order, None, rows).predict(tokens(*rows))["nll"].sum() for order in (1, 2, 4, 5)]
    assert nats[0] > nats[1] > nats[2] > nats[3]
    assert nats[3] == pytest.approx(30 * math.log(3), abs=3)
    assert nats[2] == pytest.approx(60 * math.log(3), abs=4)

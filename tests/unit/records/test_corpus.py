"""Corpus metrics from counts, against sacreBLEU's own values, leave-one-out loops and sacreBLEU's paired tests."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.significance import PairedTest, _bootstrap_resample

from unroll.records.corpus import STATISTICS, bleu, chrf, corpus_value, exponential, pseudo_values
from unroll.tasks.metrics.text import corpus_counts

WORDS = [f"word{number}" for number in range(40)]


def made_up_set(sentences: int, *shares: float) -> tuple[list[str], list[list[str]]]:
    """References of 4 to 20 words, and systems that get so large shares of the words right."""
    lot = np.random.default_rng(0)
    references = [[WORDS[number] for number in lot.integers(40, size=lot.integers(4, 21))] for _ in range(sentences)]
    systems = [
        [
            " ".join(word if lot.random() < share else WORDS[lot.integers(40)] for word in row[: len(row) - share_cut])
            for row, share_cut in zip(references, lot.integers(0, 2, size=sentences), strict=True)
        ]
        for share in shares
    ]
    return [" ".join(row) for row in references], systems


def test_bleu_by_hand() -> None:
    """7 words of 9: precisions 6/7, 3/6, 1/5 and none of 4, which the first smoothing makes 1/8."""
    counts = np.array([7, 9, 6, 3, 1, 0, 7, 6, 5, 4])
    expected = 100 * math.exp(1 - 9 / 7) * (6 / 7 * 3 / 6 * 1 / 5 * 1 / 8) ** 0.25
    assert bleu(counts) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "counts",
    [
        [7, 9, 6, 3, 1, 0, 7, 6, 5, 4],
        [7, 9, 6, 0, 0, 0, 7, 6, 5, 4],  # three orders smoothed
        [12, 9, 6, 3, 1, 1, 12, 11, 10, 9],  # no brevity penalty
        [7, 9, 0, 0, 0, 0, 7, 6, 5, 4],  # nothing is right
        [3, 9, 3, 2, 1, 0, 3, 2, 1, 0],  # no sentence has four words
        [0, 9, 0, 0, 0, 0, 0, 0, 0, 0],  # empty hypotheses
    ],
)
def test_bleu_of_sums_is_sacrebleus(counts: list[int]) -> None:
    theirs = BLEU.compute_bleu(counts[2:6], counts[6:], counts[0], counts[1], smooth_method="exp").score
    assert bleu(np.array(counts)) == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    assert bleu(np.array([counts, counts])).tolist() == [pytest.approx(theirs, rel=1e-12, abs=1e-12)] * 2


@pytest.mark.parametrize(
    "counts", [[5, 6, 4, 4, 5, 2, 3, 4, 1, 2, 3, 0, 1, 2, 0, 0, 1, 0], [0, 6, 0] * 6, [9, 9, 0] * 6]
)
def test_chrf_of_sums_is_sacrebleus(counts: list[int]) -> None:
    assert chrf(np.array(counts)) == pytest.approx(CHRF()._compute_f_score(counts), rel=1e-12)


@pytest.mark.parametrize(("name", "metric"), [("bleu_counts", BLEU()), ("chrf_counts", CHRF())])
def test_counts_of_sentences_give_the_corpus_value_and_what_it_is_without_each(name: str, metric: BLEU | CHRF) -> None:
    references, (system,) = made_up_set(30, 0.8)
    counts = corpus_counts(system, references)[name]
    statistic = "bleu" if name == "bleu_counts" else "chrf"
    whole = metric.corpus_score(system, [references]).score
    assert counts.shape == (30, STATISTICS[statistic].counts)  # type: ignore[index]
    assert corpus_value(statistic, counts) == pytest.approx(whole, rel=1e-12)  # type: ignore[arg-type]

    without = [
        metric.corpus_score(system[:n] + system[n + 1 :], [references[:n] + references[n + 1 :]]).score
        for n in range(30)
    ]
    jackknife = 30 * whole - 29 * np.array(without)
    found = pseudo_values(counts, STATISTICS[statistic].value)  # type: ignore[index]
    np.testing.assert_allclose(found, jackknife - jackknife.mean() + whole, rtol=1e-9)
    assert found.mean() == pytest.approx(whole, rel=1e-12)


def test_pseudo_values_of_a_mean_are_its_terms() -> None:
    scores = np.array([1.0, 4.0, 10.0])
    np.testing.assert_allclose(pseudo_values(scores, STATISTICS["proportional"].value), scores)
    assert pseudo_values(np.array([2.0]), exponential).tolist() == [pytest.approx(math.exp(2))]


def test_pseudo_values_of_perplexity_by_hand() -> None:
    """Two examples of ln 2 and ln 8 nats: 4 together, 8 without the first and 2 without the second."""
    found = pseudo_values(np.log([2.0, 8.0]), exponential)
    np.testing.assert_allclose(found, [4 - 3, 4 + 3])


def test_f1_of_ones_own_counts() -> None:
    counts = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])  # right, falsely found, missed

    def f1(sums: np.ndarray, examples: int) -> np.ndarray:
        return 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1] + sums[..., 2])

    found = pseudo_values(counts, f1)
    assert found.mean() == pytest.approx(2 / 3)
    assert (found[0], found[2]) == (pytest.approx(67 / 60), pytest.approx(13 / 60))


def test_a_system_that_repeats_one_word_does_not_score() -> None:
    """The mean of its smoothed sentence BLEUs is 3 or more, of which nothing is left in the corpus's."""
    references, _ = made_up_set(300)
    references = [f"a {text}" for text in references]
    counts = corpus_counts(["a a a a a a a a"] * 300, references)["bleu_counts"]
    sentence = BLEU(effective_order=True)
    mean = np.mean([sentence.sentence_score("a a a a a a a a", [text]).score for text in references])
    found = pseudo_values(counts, bleu)
    assert found.mean() == pytest.approx(BLEU().corpus_score(["a a a a a a a a"] * 300, [references]).score)
    assert found.mean() < 0.1 < 3 < mean


@pytest.mark.parametrize("shares", [(0.80, 0.79), (0.80, 0.78), (0.80, 0.76)])
def test_differences_vary_as_sacrebleus_paired_tests_say(shares: tuple[float, float]) -> None:
    """Its bootstrap counts one tail, its approximate randomisation both."""
    references, systems = made_up_set(400, *shares)
    counts = [corpus_counts(system, references)["bleu_counts"] for system in systems]
    each = np.subtract(*(pseudo_values(one, bleu) for one in counts))
    error = each.std(ddof=1) / math.sqrt(len(each))

    drawn = [[score.score for score in _bootstrap_resample(one.tolist(), BLEU(), 1000)[1]] for one in counts]
    assert error == pytest.approx(np.subtract(*drawn).std(ddof=1), rel=0.1)

    named = list(zip(("first", "second"), systems, strict=True))
    tail = NormalDist().cdf(-abs(each.mean()) / error)
    for test, ours in (("bs", tail), ("ar", 2 * tail)):
        _, scores = PairedTest(named, {"BLEU": BLEU()}, [references], test_type=test, n_samples=1000)()
        assert each.mean() == pytest.approx(scores["BLEU"][0].score - scores["BLEU"][1].score)
        assert scores["BLEU"][1].p_value == pytest.approx(ours, abs=0.03)

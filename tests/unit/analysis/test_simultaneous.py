"""All rows of a table compared at once: against the Studentised range, on literals, and where nothing differs."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, polygamma

from unroll.analysis.power import resolution, seeds_for, smallest_difference
from unroll.analysis.statistics.samples import Sample
from unroll.analysis.statistics.simultaneous import AllPairs, all_pairs, moderated


def rows(scores: np.ndarray, fixed: bool = False) -> list[Sample]:
    """Rows of scores [K, S, N]."""
    numbers = tuple(range(scores.shape[1]))
    return [Sample(numbers, one.mean(axis=1), one, scores.shape[2], fixed=fixed) for one in scores]


def of_seeds(values: np.ndarray) -> list[Sample]:
    """Rows of seeds alone, values [K, S]."""
    return [Sample(tuple(range(values.shape[1])), one) for one in values]


def equal(spread: float, count: int, networks: int, apart: float = 0.0) -> np.ndarray:
    """Values [K, S] whose variance is exactly `spread` in each row, and whose means are `apart` from row to row."""
    one = np.linspace(-1, 1, count)
    turned = np.stack([np.roll(one, k) for k in range(networks)])
    return apart * np.arange(networks)[:, None] + turned * (spread / one.var(ddof=1)) ** 0.5


def test_rows_that_spread_alike_are_compared_as_by_tukey() -> None:
    """The critical value is the Studentised range's by the square root of 2, with the degrees of all rows together."""
    found = all_pairs(of_seeds(equal(1.0, 200, 6)), draws=40_000)
    expected = stats.studentized_range.ppf(0.95, 6, np.inf) / 2**0.5
    assert found.critical == pytest.approx(expected, rel=0.02)


def test_p_and_interval_say_the_same() -> None:
    found = all_pairs(of_seeds(equal(1.0, 5, 4, apart=1.0)))
    for one, other in itertools.combinations(range(4), 2):
        difference, reach = found.difference(one, other)
        assert (found.p(one, other) < 0.05) == (abs(difference) > reach)
        assert found.p(one, other) == found.p(other, one)
    assert found.p(0, 3) < found.p(0, 1)


def test_examples_move_rows_together() -> None:
    """What all rows have in common is nothing between them: rows that agree on every example differ surely."""
    random = np.random.default_rng(0)
    common = random.standard_normal((1, 1, 300))
    own = 0.01 * random.standard_normal((4, 3, 300)) + 0.05 * np.arange(4)[:, None, None]
    assert all_pairs(rows(np.broadcast_to(common, (4, 3, 300)) + own)).p(0, 1) < 0.05
    apart = random.standard_normal((4, 1, 300))
    assert all_pairs(rows(apart - apart.mean(axis=2, keepdims=True) + own)).p(0, 1) > 0.5


def test_rows_without_seeds_are_told_apart_by_examples() -> None:
    scores = np.random.default_rng(3).standard_normal((3, 1, 400)) + np.array([0.0, 0.0, 1.0])[:, None, None]
    found = all_pairs(rows(scores, fixed=True))
    assert found.p(0, 2) < 0.001
    assert found.p(0, 1) > 0.05


def test_letters_from_best_to_worst() -> None:
    found = all_pairs(of_seeds(equal(0.01, 5, 4) + np.array([9.0, 5.0, 9.05, 1.0])[:, None]))
    assert found.letters([2, 0, 1, 3]) == ["a", "a", "b", "c"]


def test_more_groups_than_letters_have_none() -> None:
    """Sixty rows, each surely apart from all others; the table says so in words."""
    found = all_pairs(of_seeds(equal(1e-6, 3, 60, apart=1.0)), draws=199)
    assert found.letters(range(60)) is None
    assert found.letters(range(52)) is not None


def test_rows_that_all_agree_are_equal_or_surely_not() -> None:
    found = all_pairs(of_seeds(np.array([[1.0] * 3, [1.0] * 3, [2.0] * 3])))
    assert (found.p(0, 1), found.p(0, 2)) == (1.0, 0.0)
    assert found.p_beyond(0, 1, 0.5) == 0.0
    assert found.p_beyond(0, 2, 0.5) == 1.0


def test_the_draws_repeat_and_touch_no_other_generator() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    values = of_seeds(np.random.default_rng(1).standard_normal((5, 3)))
    assert all_pairs(values).maxima.tolist() == all_pairs(values).maxima.tolist()
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


@pytest.mark.parametrize("values", [np.zeros((1, 3)), np.zeros((3, 2))])
def test_too_few_rows_or_seeds_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="two rows"):
        all_pairs(of_seeds(values))


def test_spreads_borrow_by_smyth() -> None:
    """The moments of the log variances by hand, and no spread below its own."""
    spreads, d = np.array([0.1, 0.4, 1.0, 9.0]), 2.0
    logs = np.log(spreads) - digamma(1) + np.log(1)
    excess = logs.var(ddof=1) - polygamma(1, 1)
    found, prior = moderated(spreads, np.full(4, d))
    assert polygamma(1, prior / 2) == pytest.approx(excess)
    scale = np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))
    posterior = (prior * scale + d * spreads) / (prior + d)
    assert found == pytest.approx(np.maximum(posterior, spreads))
    assert found[3] == 9.0


def test_spreads_that_are_alike_are_pooled_and_few_are_left_alone() -> None:
    found, prior = moderated(np.array([1.0, 1.1, 0.9, 0.0]), np.array([2.0, 2.0, 2.0, np.inf]))
    assert prior == np.inf
    assert found == pytest.approx([1.0, 1.1, 1.0, 0.0])
    alone, none = moderated(np.array([1.0, 4.0, 0.0]), np.full(3, 2.0))
    assert (alone.tolist(), none) == ([1.0, 4.0, 0.0], 0.0)


def test_equal_networks_are_seldom_told_apart() -> None:
    """At the smallest honest size; benchmarks/error_rates.py has the sizes of real tables."""
    random, wrong = np.random.default_rng(5), 0
    for _ in range(300):
        scores = 0.2 * random.standard_normal((10, 3, 1)) + random.standard_normal((10, 1, 100))
        found = all_pairs(rows(scores + random.standard_normal((10, 3, 100))), draws=499)
        wrong += any(found.p(one, other) < 0.05 for one, other in itertools.combinations(range(10), 2))
    assert wrong <= 24, "more than a binomial of 5 % allows with 1 in 100"


@pytest.mark.parametrize(("seeds", "least"), [(3, 0.67), (8, 0.7)])
def test_the_smallest_difference_is_seen_about_four_times_in_five(seeds: int, least: float) -> None:
    random = np.random.default_rng(7)
    values = random.standard_normal((400, 6, seeds))
    gain = float(np.mean([smallest_difference(all_pairs(of_seeds(one), draws=499)) for one in values[:50]]))
    seen = 0
    for one in values:
        one[0] += gain
        seen += all_pairs(of_seeds(one), draws=499).p(0, 1) < 0.05
    assert least < seen / 400 < 0.88


def test_seeds_that_a_difference_needs() -> None:
    samples = of_seeds(equal(1.0, 5, 4))
    few, many = seeds_for(samples, 3.0), seeds_for(samples, 1.0)
    assert few is not None
    assert many is not None
    assert 3 <= few < many
    assert smallest_difference(all_pairs(samples, 1999, seeds=many)) <= 1.0
    assert smallest_difference(all_pairs(samples, 1999, seeds=many - 1)) > 1.0
    with pytest.raises(ValueError, match="above 0"):
        seeds_for(samples, 0.0)


def test_a_small_test_set_leaves_a_floor() -> None:
    scores = np.random.default_rng(8).standard_normal((4, 1, 50)) + np.zeros((4, 3, 1))
    assert seeds_for(rows(scores), 0.05) is None


def test_a_resolution_says_how_many_seeds_would_do() -> None:
    samples = of_seeds(equal(1.0, 3, 4, apart=0.3))
    found = resolution(samples, all_pairs(samples), [0, 1, 2, 3])
    assert found is not None
    assert (found.seeds, found.apart, found.pairs) == ((3, 3), 0, 6)
    assert found.largest == pytest.approx(0.9)
    assert found.floor < found.smallest
    assert found.enough == seeds_for(samples, found.largest)
    assert resolution(samples, all_pairs(samples), [0]) is None
    far = of_seeds(equal(0.001, 3, 4, apart=5.0))
    told = resolution(far, all_pairs(far), [0, 1, 2, 3])
    assert told is not None
    assert (told.apart, told.enough) == (6, None)


def test_adjusted_p_counts_the_draws_that_pass() -> None:
    found = AllPairs(np.array([0.0, 2.0]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.5, 1.0, 1.5, 2.0, 2.5]))
    assert found.p(0, 1) == pytest.approx((1 + 2) / 6)
    assert found.p_beyond(0, 1, 3.2) == pytest.approx((1 + 3) / 6)

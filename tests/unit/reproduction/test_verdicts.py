"""The verdict's rule on literals: tolerances, intervals, deviations, orders."""

import math

import pytest
from scipy import stats

from unroll.reproduction.published import Tolerance, Value
from unroll.reproduction.verdicts import (
    BETTER,
    MEAN_WITHIN,
    NOT_COMPARABLE,
    REPRODUCED,
    UNDECIDED,
    WORSE,
    interval,
    seeds_needed,
    verdict,
    within,
)

TWO_PER_CENT = Tolerance(relative=0.02)
EXACT = Tolerance(exact=True)
ONE = Tolerance(absolute=1.0)


@pytest.mark.parametrize(
    ("values", "direction", "word"),
    [
        (
            [0.375, 0.376, 0.377],
            "lower",
            REPRODUCED,
        ),  # mean 0.376, half of the interval 0.0025; allowed 0.3675 to 0.3825
        ([0.325, 0.375, 0.425], "lower", MEAN_WITHIN),  # half of the interval is 0.124
        ([0.374, 0.380, 0.386], "lower", MEAN_WITHIN),  # one end within, the other beyond
        ([0.376, 0.377], "lower", MEAN_WITHIN),  # two seeds: 12.7 standard errors, 0.0064, reach from 0.3765 to 0.3829
        ([0.3750, 0.3754], "lower", REPRODUCED),
        ([0.376], "lower", MEAN_WITHIN),
        ([0.30, 0.301, 0.302], "lower", BETTER),
        ([0.30, 0.301, 0.302], "higher", WORSE),
        ([0.45, 0.451, 0.452], "lower", WORSE),
        ([0.45, 0.451, 0.452], "higher", BETTER),
        ([0.45, 0.451, 0.452], "equal", WORSE),
        ([0.36, 0.40, 0.41], "lower", UNDECIDED),  # mean 0.39, interval from 0.325 to 0.455
        ([0.45], "lower", UNDECIDED),
    ],
)
def test_means_and_intervals_against_375(values: list[float], direction: str, word: str) -> None:
    assert verdict(values, Value(value=0.375), direction, TWO_PER_CENT).word == word


def test_an_interval_that_reaches_the_tolerance_leaves_it_undecided() -> None:
    found = verdict([0.36, 0.40, 0.41], Value(value=0.375), "lower", TWO_PER_CENT)
    assert str(found) == "undecided: its 95 % interval reaches from beyond the tolerance into it"
    assert found.difference == pytest.approx(0.015)
    assert found.low is not None
    assert found.high is not None
    half = stats.t.ppf(0.975, 2) * stats.tstd([0.36, 0.40, 0.41]) / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((0.015 - half, 0.015 + half))


@pytest.mark.parametrize(("value", "word"), [(0.45, UNDECIDED), (0.376, MEAN_WITHIN)])
def test_one_seed_is_never_reproduced_better_or_worse(value: float, word: str) -> None:
    found = verdict([value], Value(value=0.375), "lower", TWO_PER_CENT)
    assert (found.word, found.why, found.low, found.high) == (word, "one seed has no interval", None, None)


@pytest.mark.parametrize(
    ("value", "published", "tolerance", "word"),
    [
        (315_840, 315_840, EXACT, REPRODUCED),
        (315_841, 315_840, EXACT, WORSE),
        (0.376, 0.375, TWO_PER_CENT, REPRODUCED),
        (0.45, 0.375, TWO_PER_CENT, WORSE),
    ],
)
def test_what_no_seed_changes_is_exact(value: float, published: float, tolerance: Tolerance, word: str) -> None:
    found = verdict([value], Value(value=published), "lower", tolerance, seeded=False)
    assert (found.word, found.low, found.high, found.why) == (word, found.difference, found.difference, "")


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([0.375, 0.376, 0.377], MEAN_WITHIN),
        ([0.30, 0.301, 0.302], UNDECIDED),
        ([0.45, 0.451, 0.452], WORSE),
        ([0.36, 0.40, 0.41], UNDECIDED),
    ],
)
def test_beside_a_failed_trial_nothing_is_reproduced_and_nothing_is_better(values: list[float], word: str) -> None:
    assert verdict(values, Value(value=0.375), "lower", TWO_PER_CENT, failed=1).word == word


def test_a_failed_trial_is_the_reason() -> None:
    found = verdict([0.375, 0.376, 0.377], Value(value=0.375), "lower", TWO_PER_CENT, failed=2)
    assert str(found) == "mean within tolerance: the mean leaves out 2 failed trials"


@pytest.mark.parametrize(
    ("values", "published", "expected"),
    [
        # mean 0, standard deviation 1: t(n - 1) / sqrt(n) falls below 1 from 7 seeds on: 1.05 for six, 0.92 for seven
        ([-1.0, 0.0, 1.0], Value(value=0.0), 7),
        # mean 3, so 2 beyond: 4 seeds give 1.59, and 3 gave 2.48
        ([2.0, 3.0, 4.0], Value(value=0.0), 4),
        # mean 0.9: 0.1 is left, which takes more than a hundred
        ([-0.1, 0.9, 1.9], Value(value=0.0), None),
        # their own standard error, 1.1 / sqrt(2), does not shrink: 1.96 of them are above 1
        ([-1.0, 0.0, 1.0], Value(value=0.0, spread=1.1, n=2), None),
    ],
)
def test_seeds_that_would_settle_it(values: list[float], published: Value, expected: int | None) -> None:
    assert seeds_needed(values, published, ONE) == expected


def test_seeds_that_would_settle_it_need_a_spread() -> None:
    with pytest.raises(ValueError, match="no spread"):
        seeds_needed([1.0], Value(value=0.0), ONE)


def test_what_is_not_comparable_says_why() -> None:
    assert verdict([1.0], None, "lower", EXACT).why == "nothing was published for it"
    assert verdict([], Value(value=1.0), "lower", EXACT).why == "no trial has finished"
    found = verdict([1.0, 1.0], Value(value=1.0), "lower", EXACT, incomparable="other vectors")
    assert (found.word, found.why, found.difference) == (NOT_COMPARABLE, "other vectors", 0.0)


@pytest.mark.parametrize(
    ("mean", "published", "tolerance", "expected"),
    [
        (1.2946, 1.295, Tolerance(decimals=3), True),
        (1.2944, 1.295, Tolerance(decimals=3), False),
        (84.0, 85.0, Tolerance(absolute=1.0), True),
        (83.9, 85.0, Tolerance(absolute=1.0), False),
        (-98.0, -100.0, Tolerance(relative=0.02), True),
        (1.0, 1.0 + 1e-9, EXACT, False),
    ],
)
def test_tolerances(mean: float, published: float, tolerance: Tolerance, expected: bool) -> None:
    assert within(mean - published, mean, published, tolerance) is expected


def test_both_means_are_uncertain_where_the_paper_gives_its_spread() -> None:
    """Welch's interval, against scipy's from the same six numbers."""
    own, theirs = [42.0, 43.5, 44.0], Value(value=46.4, spread=1.1, n=5)
    low, high = interval(own, theirs)
    test = stats.ttest_ind_from_stats(sum(own) / 3, stats.tstd(own), 3, 46.4, 1.1, 5, equal_var=False)
    assert low is not None
    assert high is not None
    difference = sum(own) / 3 - 46.4
    assert (low + high) / 2 == pytest.approx(difference)
    freedom = (stats.tvar(own) / 3 + 1.1**2 / 5) ** 2 / ((stats.tvar(own) / 3) ** 2 / 2 + (1.1**2 / 5) ** 2 / 4)
    reach = (high - low) / 2
    assert 2 * stats.t.sf(abs(difference) / (reach / stats.t.ppf(0.975, freedom)), freedom) == pytest.approx(
        test.pvalue
    )


def test_a_spread_over_runs_widens_the_interval_and_one_over_evaluations_does_not() -> None:
    values = [0.375, 0.376, 0.377]
    of_runs = Value(value=0.375, spread=0.02, n=5)
    assert verdict(values, of_runs, "lower", TWO_PER_CENT).word == MEAN_WITHIN
    of_evaluations = Value(value=0.375, spread=0.02, n=5, spread_of="evaluations")
    assert interval(values, of_evaluations) == interval(values, Value(value=0.375))
    assert verdict(values, of_evaluations, "lower", TWO_PER_CENT).word == REPRODUCED
    assert interval(values, Value(value=0.375, spread=0.02)) == interval(values, Value(value=0.375))  # of how many?

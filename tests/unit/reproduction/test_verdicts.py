"""The verdict's rule on literals: tolerances, intervals, deviations, orders, and what validation still did."""

import math

import pytest
from scipy import stats

from unroll.reproduction.published import Tolerance, Value
from unroll.reproduction.verdicts import (
    BETTER,
    NOT_COMPARABLE,
    REPRODUCED,
    WORSE,
    final_change,
    interval,
    verdict,
    within,
)

TWO_PER_CENT = Tolerance(relative=0.02)
EXACT = Tolerance(exact=True)


@pytest.mark.parametrize(
    ("values", "direction", "word"),
    [
        ([0.37, 0.38, 0.376], "lower", REPRODUCED),
        ([0.30, 0.301, 0.302], "lower", BETTER),
        ([0.30, 0.301, 0.302], "higher", WORSE),
        ([0.45, 0.451, 0.452], "lower", WORSE),
        ([0.45, 0.451, 0.452], "higher", BETTER),
        ([0.45, 0.451, 0.452], "equal", WORSE),
        ([0.36, 0.40, 0.41], "lower", NOT_COMPARABLE),  # mean 0.39, interval from 0.325 to 0.455
        ([0.45], "lower", NOT_COMPARABLE),
        ([0.376], "lower", REPRODUCED),
    ],
)
def test_means_and_intervals_against_375(values: list[float], direction: str, word: str) -> None:
    assert verdict(values, Value(value=0.375), direction, TWO_PER_CENT).word == word


def test_an_interval_that_reaches_the_tolerance_asks_for_more_seeds() -> None:
    found = verdict([0.36, 0.40, 0.41], Value(value=0.375), "lower", TWO_PER_CENT)
    assert "interval of 3 seeds reaches the tolerance" in found.why
    assert found.difference == pytest.approx(0.015)
    assert found.low is not None
    assert found.high is not None
    half = stats.t.ppf(0.975, 2) * stats.tstd([0.36, 0.40, 0.41]) / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((0.015 - half, 0.015 + half))


def test_one_seed_has_no_interval_but_what_no_seed_changes_needs_none() -> None:
    found = verdict([0.45], Value(value=0.375), "lower", TWO_PER_CENT)
    assert (found.word, found.why, found.sure) == (NOT_COMPARABLE, "undecided, since one seed has no interval", False)
    found = verdict([0.376], Value(value=0.375), "lower", TWO_PER_CENT)
    assert (found.word, found.why, found.sure) == (REPRODUCED, "one seed", False)
    assert verdict([0.45], Value(value=0.375), "lower", TWO_PER_CENT, seeded=False).word == WORSE
    assert verdict([315_840], Value(value=315_840), "equal", EXACT, seeded=False).word == REPRODUCED
    assert verdict([315_841], Value(value=315_840), "equal", EXACT, seeded=False).word == WORSE


def test_a_mean_within_the_tolerance_says_where_its_interval_ends() -> None:
    """Within 0.3675 and 0.3825; half of the first interval is 0.0025, of the second 0.124."""
    narrow = verdict([0.375, 0.376, 0.377], Value(value=0.375), "lower", TWO_PER_CENT)
    assert (narrow.word, narrow.why, narrow.sure) == (REPRODUCED, "", True)
    wide = verdict([0.325, 0.375, 0.425], Value(value=0.375), "lower", TWO_PER_CENT)
    assert str(wide) == "reproduced: mean within tolerance; its 95 % interval reaches beyond"
    assert (wide.word, wide.sure) == (REPRODUCED, False)
    one_side = verdict([0.374, 0.380, 0.386], Value(value=0.375), "lower", TWO_PER_CENT)
    assert (one_side.word, one_side.sure) == (REPRODUCED, False)


def test_what_is_undecided_is_told_from_what_is_not_comparable() -> None:
    assert verdict([0.36, 0.40, 0.41], Value(value=0.375), "lower", TWO_PER_CENT).sure is False
    assert verdict([0.375, 0.376], Value(value=0.375), "lower", TWO_PER_CENT, incomparable="other data").sure is True


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


def test_the_change_at_the_end_is_a_share_of_the_value_and_says_over_what() -> None:
    falling = [(step, 2.0 - 0.001 * step) for step in range(100, 1001, 100)]
    assert final_change(falling) == pytest.approx((-0.2 / 1.1, 0.2))  # the last quarter: 1.2, 1.1, 1.0
    assert final_change([(1, 9.0), (2, 4.0), (3, 5.0)]) == pytest.approx((1 / 4.5, 1 / 3))  # it rose, in the last third
    assert final_change([(1, 5.0), (2, 5.0)]) == pytest.approx((0.0, 0.5), abs=1e-12)
    assert final_change([(1, 5.0)]) is None

"""Statistics on literals: textbook numbers, SciPy's own intervals, and the edges n = 0 and n = 1."""

import pytest
import scipy.stats

from unroll.analysis.statistics.summary import better, sample_sd, summarise, t_interval


def test_sample_standard_deviation_divides_by_n_minus_1() -> None:
    assert sample_sd([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx((32 / 7) ** 0.5)
    assert sample_sd([1.0, 2.0]) == pytest.approx(0.5**0.5)
    assert sample_sd([3.0]) is None


def test_t_interval_of_three_seeds_uses_4_30() -> None:
    low, high = t_interval([1.0, 2.0, 3.0]) or (0.0, 0.0)
    assert (low, high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), abs=1e-6)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_t_interval_equals_scipy(confidence: float) -> None:
    values = [81.2, 82.0, 80.7, 81.9]
    expected = scipy.stats.t.interval(confidence, 3, loc=scipy.stats.tmean(values), scale=scipy.stats.sem(values))
    assert t_interval(values, confidence) == pytest.approx(expected)


def test_one_value_has_a_mean_and_no_spread() -> None:
    one = summarise([5.0])
    assert (one.n, one.mean, one.sd, one.low, one.high) == (1, 5.0, None, None, None)


def test_equal_values_have_no_width() -> None:
    same = summarise([2.0, 2.0, 2.0])
    assert (same.sd, same.low, same.high) == (0.0, 2.0, 2.0)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_interval([1.0, 2.0], confidence)


def test_nothing_cannot_be_summarised() -> None:
    with pytest.raises(ValueError, match="no values"):
        summarise([])


def test_better_follows_the_direction() -> None:
    assert better(2, 1, "higher")
    assert better(1, 2, "lower")
    assert not better(1, 1, "higher")

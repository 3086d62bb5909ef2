"""The probability of improvement by hand, and its interval against a bootstrap that draws seed by seed."""

import math

import numpy as np
import pytest

from unroll.analysis.statistics.improvement import Improvement, improvement


def test_pairs_of_seeds_are_counted_setting_by_setting() -> None:
    """First setting: 3 of 4 pairs won, one tied; second: none of 2."""
    found = improvement([[2.0, 3.0], [1.0]], [[1.0, 2.0], [4.0, 5.0]], [0.5, 0.5])
    assert found.probability == pytest.approx((3.5 / 4 + 0) / 2)
    assert improvement([[2.0, 3.0], [1.0]], [[1.0, 2.0], [4.0, 5.0]], [0.2, 0.8]).probability == pytest.approx(0.175)


def test_a_failed_trial_loses_and_equals_another_failed_one() -> None:
    failed = -math.inf
    assert improvement([[failed]], [[-99.0]], [1.0]).probability == 0.0
    assert improvement([[failed]], [[failed]], [1.0]).probability == 0.5
    assert improvement([[failed, 1.0]], [[0.0, failed]], [1.0]).probability == pytest.approx((0 + 0.5 + 1 + 1) / 4)


def test_both_ways_add_up_to_one() -> None:
    one, other, weights = [[1.0, 2.0, 2.0], [0.5, 3.0]], [[2.0, 1.5], [3.0, 0.0, 1.0]], [0.25, 0.75]
    both = improvement(one, other, weights).probability + improvement(other, one, weights).probability
    assert both == pytest.approx(1)


FIVE, FOUR = [1.0, 2.0, 3.0, 4.0, 5.0], [1.5, 2.5, 3.5, 4.5]


def test_there_is_an_interval_from_five_seeds_of_both_in_each_setting_on() -> None:
    found = improvement([FIVE, FIVE], [FIVE, FIVE], [0.5, 0.5])
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.probability == 0.5 < found.high
    assert improvement([FIVE, FOUR], [FIVE, FIVE], [0.5, 0.5]).low is None
    assert improvement([FIVE, FIVE], [FOUR, FIVE], [0.5, 0.5]).high is None


def test_there_is_no_interval_of_zero_width() -> None:
    assert improvement([FIVE] * 3, [[0.0] * 5] * 3, [1 / 3] * 3) == Improvement(pytest.approx(1.0), None, None)
    assert improvement([FIVE, [0.0] * 5], [[0.0] * 5, FIVE], [0.5, 0.5]) == Improvement(0.5, None, None)


def test_the_interval_is_of_seeds_drawn_within_each_setting() -> None:
    random = np.random.default_rng(3)
    first, second, weights = random.normal(0.3, 1, (3, 6)), random.normal(0, 1, (3, 5)), [0.25, 0.25, 0.5]
    drawn = []
    for _ in range(4000):
        shares = []
        for x, y in zip(first, second, strict=True):
            x, y = random.choice(x, len(x)), random.choice(y, len(y))
            shares.append(np.mean(x[:, None] > y[None]))
        drawn.append(np.dot(weights, shares))
    found = improvement(first.tolist(), second.tolist(), weights)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), abs=0.02)


def test_settings_without_values_or_without_a_partner_are_refused() -> None:
    for first, second in (([], []), ([[1.0]], [[1.0], [2.0]]), ([[1.0], []], [[1.0], [2.0]])):
        with pytest.raises(ValueError, match="the same settings"):
            improvement(first, second, [1 / 2] * len(first))
    with pytest.raises(ValueError, match="each with a weight"):
        improvement([[1.0]], [[1.0]], [])

"""The probability of improvement by hand, and its interval against a bootstrap that draws seed by seed."""

import math

import numpy as np
import pytest

from unroll.analysis.statistics.improvement import improvement


def test_pairs_of_seeds_are_counted_problem_by_problem() -> None:
    """First problem: 3 of 4 pairs won, one tied; second: none of 2. Mean of 3.5 / 4 and 0."""
    found = improvement([[2.0, 3.0], [1.0]], [[1.0, 2.0], [4.0, 5.0]])
    assert found.probability == pytest.approx((3.5 / 4 + 0) / 2)
    assert (found.problems, found.trials) == (2, (3, 4))


def test_a_failed_trial_loses_and_equals_another_failed_one() -> None:
    failed = -math.inf
    assert improvement([[failed]], [[-99.0]]).probability == 0.0
    assert improvement([[failed]], [[failed]]).probability == 0.5
    assert improvement([[failed, 1.0]], [[0.0, failed]]).probability == pytest.approx((0 + 0.5 + 1 + 1) / 4)


def test_both_ways_add_up_to_one() -> None:
    one, other = [[1.0, 2.0, 2.0], [0.5, 3.0]], [[2.0, 1.5], [3.0, 0.0, 1.0]]
    assert improvement(one, other).probability + improvement(other, one).probability == pytest.approx(1)


def test_the_interval_is_a_point_where_every_pair_is_won() -> None:
    found = improvement([[5.0, 6.0]] * 3, [[1.0, 2.0]] * 3)
    assert (found.probability, found.low, found.high) == (1.0, 1.0, 1.0)


def test_the_interval_is_of_seeds_drawn_within_each_problem() -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(0.3, 1, (3, 6)), random.normal(0, 1, (3, 5))
    drawn = []
    for _ in range(4000):
        shares = []
        for x, y in zip(first, second, strict=True):
            x, y = random.choice(x, len(x)), random.choice(y, len(y))
            shares.append(np.mean(x[:, None] > y[None]))
        drawn.append(np.mean(shares))
    found = improvement(first.tolist(), second.tolist())
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), abs=0.02)


def test_problems_without_values_or_without_a_partner_are_refused() -> None:
    for first, second in (([], []), ([[1.0]], [[1.0], [2.0]]), ([[1.0], []], [[1.0], [2.0]])):
        with pytest.raises(ValueError, match="the same problems"):
            improvement(first, second)

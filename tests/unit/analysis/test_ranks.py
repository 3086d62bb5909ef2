"""Ranks, Friedman and Nemenyi by hand, and against the critical difference that Demšar prints."""

import math

import numpy as np
import pytest

from unroll.analysis.statistics.ranks import critical_difference, mean_ranks, ranking

IN_ORDER = np.array([[9.0, 5.0, 1.0]] * 4)


def test_the_critical_difference_is_that_of_demsar_2006() -> None:
    """Section 3.2.2: four classifiers on 14 data sets, 2.569 sqrt(4 * 5 / (6 * 14)) = 1.25."""
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_friedman_and_nemenyi_by_hand() -> None:
    """Chi-square 12 * 4 / (3 * 4) * (1 + 4 + 9 - 3 * 16 / 4) = 8 with two degrees of freedom: p = exp(-4)."""
    found = ranking(IN_ORDER)
    assert found.mean_ranks == (1.0, 2.0, 3.0)
    assert found.friedman == pytest.approx(math.exp(-4))
    assert found.critical_difference == pytest.approx(2.343 * math.sqrt(12 / 24), abs=0.002)
    assert (found.apart(0, 2), found.apart(0, 1), found.apart(1, 2)) == (True, False, False)
    assert found.blocks == 4


def test_two_are_apart_from_the_critical_difference_on() -> None:
    found = ranking(np.random.default_rng(0).normal(size=(12, 5)) + np.arange(5) * 0.8)
    for one in range(5):
        for other in range(5):
            far = abs(found.mean_ranks[one] - found.mean_ranks[other]) > found.critical_difference
            assert found.apart(one, other) == far


def test_a_failed_trial_ranks_last_and_ties_share_their_ranks() -> None:
    values = np.array([[-math.inf, 2.0, 1.0], [-math.inf, 3.0, -math.inf]])
    assert mean_ranks(values).tolist() == [2.75, 1.0, 2.25]
    assert ranking(values).mean_ranks == (2.75, 1.0, 2.25)


def test_nothing_is_told_apart_where_all_are_alike() -> None:
    found = ranking(np.ones((5, 3)))
    assert (found.mean_ranks, found.friedman, found.apart(0, 2)) == ((2.0, 2.0, 2.0), 1.0, False)


@pytest.mark.parametrize("shape", [(1, 3), (4, 2), (4, 9)])
def test_what_cannot_be_ranked_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 blocks and 3 to 8 networks"):
        ranking(np.ones(shape))


def test_a_missing_value_is_refused() -> None:
    with pytest.raises(ValueError, match="none missing"):
        ranking(np.array([[1.0, 2.0, math.nan], [1.0, 2.0, 3.0]]))

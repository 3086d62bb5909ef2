"""Ranks, Cohen's d and Wilcoxon's signed ranks by hand, and how often equal networks are told apart."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from unroll.analysis.statistics.pairs import holm
from unroll.analysis.statistics.ranks import cohens_d, problems_needed, ranks, signed_rank

FAILED = -math.inf


def test_a_failed_network_ranks_last_and_ties_share_their_ranks() -> None:
    values = np.array([[FAILED, 2.0, 1.0], [FAILED, 3.0, FAILED], [5.0, 5.0, 5.0]])
    assert ranks(values).tolist() == [[3.0, 1.0, 2.0], [2.5, 1.0, 2.5], [2.0, 2.0, 2.0]]


def test_cohens_d_by_hand() -> None:
    """Means 4 and 1; squares 2 and 8 about them with 1 and 2 degrees: s^2 = 10 / 3."""
    assert cohens_d([3.0, 5.0], [-1.0, 1.0, 3.0]) == pytest.approx(3 / math.sqrt(10 / 3))


@pytest.mark.parametrize(
    ("first", "second", "d"),
    [
        ([2.0, 2.0], [2.0, 2.0], 0.0),
        ([0.1, 0.2, 0.3], [0.3, 0.2, 0.1], 0.0),
        ([3.0, 3.0], [2.0, 2.0], math.inf),
        ([3.0, FAILED], [2.0, 1.0], -math.inf),
        ([0.0, 1.0], [FAILED, FAILED], math.inf),
        ([FAILED, 9.0], [FAILED, FAILED], 0.0),
    ],
)
def test_cohens_d_without_a_spread_or_with_failed_trials(first: list[float], second: list[float], d: float) -> None:
    assert cohens_d(first, second) == d


def test_cohens_d_of_one_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two values of each, not 1 and 3"):
        cohens_d([1.0], [1.0, 2.0, 3.0])


SEEDS = st.lists(st.floats(-1000, 1000).map(lambda value: round(value, 3)), min_size=2, max_size=6)


@given(SEEDS, SEEDS, st.sampled_from([0.25, 2.0, 1024.0]))
def test_cohens_d_has_no_unit_and_turns_with_its_pair(first: list[float], second: list[float], unit: float) -> None:
    """A power of two as the unit, since it changes no rounding."""
    d = cohens_d(first, second)
    assert cohens_d(second, first) == -d
    assert cohens_d([unit * value for value in first], [unit * value for value in second]) == pytest.approx(d)


@pytest.mark.parametrize(
    ("differences", "p", "lean"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], 2 / 32, 15.0),
        ([-1.0, 2.0, 3.0, 4.0, 5.0], 4 / 32, 13.0),
        ([-5.0, -2.0, -3.0, -4.0, -1.0, -6.0], 2 / 64, -21.0),
        ([1.0, 2.0, 3.0, 4.0, math.inf], 2 / 32, 15.0),
        ([1.0, 2.0, 3.0, 4.0, -math.inf], 20 / 32, 5.0),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 2 / 32, 15.0),
        ([7.0, 7.0, 7.0, 7.0, 7.0], 2 / 32, 15.0),
        ([0.0, 0.0], 1.0, 0.0),
    ],
)
def test_signed_ranks_by_counting(differences: list[float], p: float, lean: float) -> None:
    """p is the share of the 2^N signs whose sum of signed ranks is as far from 0, either way."""
    found = signed_rank(differences)
    assert found == (pytest.approx(p), lean)


def test_signed_ranks_without_ties_are_those_of_scipy() -> None:
    random = np.random.default_rng(5)
    for n in (1, 4, 11, 30):
        differences = random.normal(0.4, 1, n)
        assert signed_rank(differences.tolist())[0] == pytest.approx(wilcoxon(differences, method="exact").pvalue)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=30))
def test_signed_ranks_have_no_unit_and_no_smaller_p_than_their_number_allows(differences: list[int]) -> None:
    p, lean = signed_rank(differences)
    assert 2.0 ** (1 - len(differences)) <= p + 1e-12
    assert signed_rank([-8.0 * value for value in differences]) == (pytest.approx(p), -lean)


@pytest.mark.parametrize(("pairs", "problems"), [(1, 6), (3, 7), (6, 8), (10, 9), (28, 11), (406, 14), (10_000, 19)])
def test_the_problems_needed_are_the_fewest_that_can_reject(pairs: int, problems: int) -> None:
    """One pair: 2^-4 = 0.0625 is no less than 0.05, 2^-5 is."""
    assert problems_needed(pairs) == problems
    for n, rejected in ((problems - 1, False), (problems, True)):
        p, _ = signed_rank([float(value) for value in range(1, n + 1)])
        assert (holm([p] + [1.0] * (pairs - 1))[0] < 0.05) == rejected


def surely_apart(random: np.random.Generator, lead: float) -> bool:
    """Whether any two of three networks are told apart over ten problems of three seeds; the first leads by `lead`.

    Each problem has a unit of its own; the network x problem interaction is twice as large as the spread of the seeds.
    """
    values = random.normal(0, 2, (3, 10, 1)) + random.normal(0, 1, (3, 10, 3))
    values[0] += lead
    values *= random.lognormal(0, 2, (1, 10, 1))
    p = []
    for one, other in combinations(values.tolist(), 2):
        p.append(signed_rank([cohens_d(x, y) for x, y in zip(one, other, strict=True)])[0])
    return min(holm(p)) < 0.05


def test_equal_networks_are_told_apart_in_at_most_six_of_a_hundred_pages() -> None:
    """Equal on average over problems, though they differ in each; the same test sees networks that do differ."""
    random = np.random.default_rng(14)
    assert np.mean([surely_apart(random, 0.0) for _ in range(500)]) <= 0.06
    assert np.mean([surely_apart(random, 5.0) for _ in range(50)]) >= 0.8

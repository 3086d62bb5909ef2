"""Skill, interquartile mean, performance profile and the stratified bootstrap, on literals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unroll.analysis.statistics.aggregates import interquartile_mean, profile, shares_above, skills
from unroll.analysis.statistics.resampling import stratified

FAILED = -math.inf


def test_skill_is_nought_at_the_weaker_baseline_and_one_at_the_stronger() -> None:
    assert skills([[50.0, 80.0], [95.0]], 50.0, 80.0) == [[0.0, 1.0], [1.5]]
    assert skills([[-0.5, -0.2]], -0.5, -0.3) == [[0.0, pytest.approx(1.5)]]


def test_a_failed_trial_has_the_lowest_skill_of_the_setting_or_nought() -> None:
    assert skills([[1.0, FAILED], [-2.0]], 0.0, 1.0) == [[1.0, -2.0], [-2.0]]
    assert skills([[1.0, FAILED], [2.0]], 0.0, 1.0) == [[1.0, 0.0], [2.0]]


@pytest.mark.parametrize("strongest", [50.0, 40.0])
def test_baselines_that_do_not_differ_make_no_scale(strongest: float) -> None:
    with pytest.raises(ValueError, match="must be better"):
        skills([[60.0]], 50.0, strongest)


@given(st.sampled_from([0.5, 4.0, -2.0]), st.integers(-64, 64))
def test_skill_has_no_unit(unit: float, zero: int) -> None:
    """In another unit, of another zero, and of a metric whose sign was turned twice."""
    values, scale = [[3.0, 8.0], [5.0, 1.0]], abs(unit)
    moved = [[scale * value + zero for value in seeds] for seeds in values]
    assert skills(moved, scale * 2.0 + zero, scale * 6.0 + zero) == skills(values, 2.0, 6.0)


def test_the_interquartile_mean_is_of_the_middle_half_of_all_trials() -> None:
    """Of 10 trials two go at each end, a quarter rounded down: 1, 1 and 9, 100 of 1 1 | 2 3 4 5 6 7 | 9 100."""
    found = interquartile_mean([[100.0, 1.0, 2.0, 3.0, 4.0], [1.0, 9.0, 5.0, 6.0, 7.0]])
    assert found.value == pytest.approx(27 / 6)
    assert found.low < found.value < found.high


def test_a_profile_is_the_share_of_seeds_in_each_setting_then_the_mean_over_settings() -> None:
    strata = [[0.0, 0.5, 1.0, 1.0], [2.0, -1.0]]
    assert shares_above(strata, [0.5, 0.5], [0.0, 1.0]).tolist() == [(0.75 + 0.5) / 2, (0 + 0.5) / 2]
    assert shares_above(strata, [0.2, 0.8], [0.5]).tolist() == [pytest.approx(0.2 * 0.5 + 0.8 * 0.5)]


def test_a_profile_falls_and_lies_within_its_intervals() -> None:
    found = profile([[0.1, 0.3, 0.6, 0.8, 1.2], [0.2, 0.4, 0.9, 1.1, 1.3]], [0.5, 0.5], [-1.0, 0.0, 0.5, 1.0, 2.0])
    assert [one.value for one in found] == [1.0, 1.0, 0.6, pytest.approx(0.3), 0.0]
    assert [(one.low, one.high) for one in (found[0], found[-1])] == [(1.0, 1.0), (0.0, 0.0)]
    assert all(one.low < one.value < one.high for one in found[2:4])


def total(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.asarray(sum(sample.mean(axis=axis) for sample in samples))


def test_draws_stay_within_their_stratum() -> None:
    """Strata without a spread inside give a point, however far they are apart."""
    low, high = stratified(total, [[1.0] * 5, [100.0] * 7])
    assert (low, high) == (101.0, 101.0)


def test_draws_have_a_generator_of_their_own() -> None:
    """Few draws of irregular values, so that no two generators give the same interval."""
    strata = [[0.0, 1.1, 2.7, 5.3, 9.1, 17.9]]
    np.random.seed(1)  # noqa: NPY002  what it guards is the global generator
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    first = stratified(total, strata, draws=99, seed=3)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert stratified(total, strata, draws=99, seed=3) == first
    assert stratified(total, strata, draws=99, seed=4) != first


@pytest.mark.parametrize("strata", [[], [[1.0, 2.0, 3.0, 4.0]], [[1.0] * 5, [1.0] * 4]])
def test_fewer_than_five_seeds_have_no_interval(strata: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="at least 5 values in each stratum"):
        stratified(total, strata)

"""Paired statistics on literals, against closed forms, and against SciPy."""

import numpy as np
import pytest
from scipy import stats

from unroll.results.paired import DRAWS, holm, paired_bootstrap, paired_t


def one(differences: list[list[float]] | np.ndarray, **options: int) -> tuple[float, float, float, float]:
    (found,) = paired_bootstrap(np.asarray(differences)[None], **options)
    assert found.low is not None
    assert found.high is not None
    assert found.p is not None
    return found.difference, found.low, found.high, found.p


def test_rows_that_are_equal_do_not_differ() -> None:
    assert one([[0.0] * 5] * 3) == (0.0, 0.0, 0.0, 1.0)


def test_a_constant_difference_is_sure() -> None:
    assert one([[0.25] * 5] * 3) == (0.25, 0.25, 0.25, 2 / (DRAWS + 1))


def test_within_one_seed_the_interval_is_that_of_the_mean_of_examples() -> None:
    values = np.random.default_rng(1).standard_normal(400) + 0.1
    _, low, high, p = one(values[None])
    expected = stats.norm.interval(0.95, values.mean(), values.std() / 20)
    assert (low, high) == pytest.approx(expected, abs=0.01)
    assert p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.02)


def test_seeds_that_differ_widen_the_interval_by_their_own_variance() -> None:
    """Examples alike within a seed: the replicates' standard deviation is sd / sqrt(S), as of independent seeds."""
    seeds = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    difference, low, high, _ = one(np.repeat(seeds[:, None], 6, axis=1), draws=20000)
    assert difference == 4.5
    reach = 1.96 * seeds.std(ddof=1) / np.sqrt(10)
    assert (low, high) == pytest.approx((4.5 - reach, 4.5 + reach), abs=0.15)


def test_two_seeds_that_disagree_say_nothing() -> None:
    assert one([[1.0] * 50, [-1.0] * 50])[3] > 0.4


def test_neighbours_that_depend_on_each_other_count_as_blocks() -> None:
    """Each of 40 values repeated ten times is forty examples, not four hundred."""
    values = np.random.default_rng(2).standard_normal(40)
    _, low, high, _ = one(np.repeat(values, 10)[None], block=10)
    _, expected_low, expected_high, _ = one(values[None])
    assert (low, high) == pytest.approx((expected_low, expected_high))
    _, narrow_low, narrow_high, _ = one(np.repeat(values, 10)[None])
    assert (narrow_high - narrow_low) < 0.4 * (high - low)


def test_pairs_are_judged_alike_alone_and_together() -> None:
    values = np.random.default_rng(3).standard_normal((4, 3, 20))
    together = paired_bootstrap(values)
    assert together[2] == paired_bootstrap(values[2:3])[0]


def test_the_draws_have_a_generator_of_their_own() -> None:
    np.random.seed(0)  # noqa: NPY002 the global generator is what must not be touched
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    values = np.random.default_rng(4).standard_normal((1, 2, 30))
    assert paired_bootstrap(values, seed=1) == paired_bootstrap(values, seed=1)
    assert paired_bootstrap(values, seed=1) != paired_bootstrap(values, seed=2)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize(("shape", "block"), [((3, 4), 1), ((1, 2, 1), 1), ((1, 2, 7), 4), ((1, 2, 7), 0)])
def test_too_little_to_draw_from_is_refused(shape: tuple[int, ...], block: int) -> None:
    with pytest.raises(ValueError, match="two blocks"):
        paired_bootstrap(np.zeros(shape), block=block)


def test_students_t_of_paired_seeds() -> None:
    found = paired_t([1.0, 2.0, 3.0])
    expected = stats.ttest_rel([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.difference, found.low) == (2.0, pytest.approx(2 - 4.302653 / 3**0.5))
    assert (found.seeds, found.examples) == (3, 0)


def test_one_seed_has_a_difference_and_no_interval() -> None:
    found = paired_t([0.5])
    assert (found.difference, found.low, found.high, found.p) == (0.5, None, None, None)
    assert paired_t([2.0, 2.0]).p == 0.0
    assert paired_t([0.0, 0.0]).p == 1.0
    with pytest.raises(ValueError, match="no seeds"):
        paired_t([])


def test_holm_on_a_textbook_family() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []

"""Paired statistics on literals, against closed forms, and against SciPy."""

import numpy as np
import pytest
from scipy import stats

from unroll.analysis.statistics.paired import holm, paired_examples, paired_t


def one(differences: list[list[float]] | np.ndarray, block: int = 1) -> tuple[float, float, float, float]:
    (found,) = paired_examples(np.asarray(differences)[None], block)
    assert found.low is not None
    assert found.high is not None
    assert found.p is not None
    return found.difference, found.low, found.high, found.p


def test_rows_that_are_equal_do_not_differ() -> None:
    assert one([[0.0] * 5] * 3) == (0.0, 0.0, 0.0, 1.0)


def test_a_constant_difference_is_sure() -> None:
    assert one([[0.25] * 5] * 3) == (0.25, 0.25, 0.25, 0.0)


def test_within_one_seed_it_is_students_t_of_the_examples() -> None:
    values = np.random.default_rng(1).standard_normal(40) + 0.1
    expected = stats.ttest_1samp(values, 0)
    interval = expected.confidence_interval(0.95)
    assert one(values[None]) == pytest.approx((values.mean(), interval.low, interval.high, expected.pvalue))


def test_examples_alike_within_a_seed_leave_students_t_of_the_seeds() -> None:
    seeds = np.arange(10.0)
    interval = stats.ttest_1samp(seeds, 0).confidence_interval(0.95)
    assert one(np.repeat(seeds[:, None], 6, axis=1))[:3] == pytest.approx((4.5, interval.low, interval.high))


def test_seeds_that_are_copies_add_nothing_to_the_examples() -> None:
    values = np.random.default_rng(5).standard_normal(30)
    assert one(np.stack([values] * 3)) == pytest.approx(one(values[None]))


def test_two_seeds_and_two_examples_by_hand() -> None:
    """Means 1 and 3: 2 / 2 of seeds; deviations (-1, 1) and (-2, 2): covariance 4, by 2 blocks 2. Degrees 9 / 5."""
    difference, low, high, p = one([[0.0, 2.0], [1.0, 5.0]])
    reach = stats.t.ppf(0.975, 9 / 5) * 3**0.5
    assert (difference, low, high) == pytest.approx((2.0, 2 - reach, 2 + reach))
    assert p == pytest.approx(2 * stats.t.sf(2 / 3**0.5, 9 / 5))


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(("of_seed", "of_example"), [(1.0, 0.0), (0.05, 1.0), (0.0, 0.0)])
def test_a_true_null_hypothesis_is_rejected_as_often_as_stated(seeds: int, of_seed: float, of_example: float) -> None:
    draw = np.random.default_rng(6).standard_normal
    pairs, examples = 4000, 100
    values = (
        of_seed * draw((pairs, seeds, 1)) + of_example * draw((pairs, 1, examples)) + draw((pairs, seeds, examples))
    )
    rejected = np.mean([found.p < 0.05 for found in paired_examples(values)])
    assert rejected < 0.085


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
    assert paired_examples(values)[2] == paired_examples(values[2:3])[0]


@pytest.mark.parametrize(("shape", "block"), [((3, 4), 1), ((1, 2, 1), 1), ((1, 2, 7), 4), ((1, 2, 7), 0)])
def test_too_few_examples_are_refused(shape: tuple[int, ...], block: int) -> None:
    with pytest.raises(ValueError, match="two blocks"):
        paired_examples(np.zeros(shape), block)


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

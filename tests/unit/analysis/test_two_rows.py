"""Two rows compared: on literals, against closed forms, and against SciPy."""

import numpy as np
import pytest
from scipy import stats

from unroll.analysis.statistics.pairs import Difference, difference, holm
from unroll.analysis.statistics.samples import Sample, block_means, components, seed_correlation


def row(scores: list[list[float]] | np.ndarray, block: int = 1, **more: object) -> Sample:
    """A row by the scores [S, N] of its seeds."""
    values = np.asarray(scores, dtype=np.float64)
    return Sample(
        tuple(range(len(values))), values.mean(axis=1), block_means(values, block), values.shape[1], block, **more
    )  # type: ignore[arg-type]


def seeds(*values: float, first: int = 0) -> Sample:
    """A row of seeds alone."""
    return Sample(tuple(range(first, first + len(values))), np.array(values))


def test_rows_that_are_equal_do_not_differ() -> None:
    found = difference(row([[1.0, 2.0, 3.0]] * 3), row([[1.0, 2.0, 3.0]] * 3))
    assert (found.value, found.error, found.p, found.reach()) == (0.0, 0.0, 1.0, 0.0)


def test_a_constant_difference_is_sure() -> None:
    found = difference(row([[1.25, 2.25, 3.25]] * 3), row([[1.0, 2.0, 3.0]] * 3))
    assert (found.value, found.error, found.p) == (0.25, 0.0, 0.0)
    assert found.p_beyond(0.2) == 1.0
    assert found.p_beyond(0.3) == 0.0


def test_seeds_alone_are_welchs_test() -> None:
    first, second = [1.0, 2.0, 4.0, 4.5], [3.0, 5.0, 9.0]
    found = difference(seeds(*first), seeds(*second))
    expected = stats.ttest_ind(first, second, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)
    assert found.value + found.reach() == pytest.approx(interval.high)


def test_a_correlation_of_one_is_the_paired_test() -> None:
    first, second = np.array([1.0, 2.0, 4.0]), np.array([3.5, 4.5, 6.5])
    found = difference(seeds(*(2 * first)), seeds(*second), correlation=1.0)
    expected = stats.ttest_rel(2 * first, second)
    assert found.freedom == pytest.approx(2)
    assert found.p == pytest.approx(expected.pvalue)


def test_the_degrees_of_freedom_fall_with_the_correlation() -> None:
    """Equal variances: 2 (S - 1) / (1 + r^2)."""
    one, other = seeds(1.0, 2.0, 3.0), seeds(5.0, 6.0, 7.0)
    for r in (0.0, 0.3, 0.9):
        assert difference(one, other, r).freedom == pytest.approx(4 / (1 + r**2))


def test_seeds_that_are_not_shared_do_not_move_together() -> None:
    one = seeds(1.0, 2.0, 3.0)
    apart, half = seeds(5.0, 6.0, 7.0, first=3), seeds(5.0, 6.0, 7.0, first=1)
    assert difference(one, apart, 0.9).error == difference(one, apart).error == pytest.approx((2 / 3) ** 0.5)
    assert difference(one, half, 0.9).error == pytest.approx((2 / 3 - 2 * 0.9 * 2 / 9) ** 0.5)


def test_rows_without_seeds_differ_by_their_examples() -> None:
    first, second = np.random.default_rng(1).standard_normal((2, 40))
    found = difference(row(first[None], fixed=True), row(second[None], fixed=True))
    expected = stats.ttest_rel(first, second)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(39)


def test_what_examples_share_between_seeds_by_hand() -> None:
    """Of the second row 0. Means 1 and 3: 2 / 2 of seeds. Deviations (-1, 1), (-2, 2): covariance 4, by 2 blocks 2."""
    first, none = row([[0.0, 2.0], [1.0, 5.0]]), row([[0.0, 0.0]], fixed=True)
    found = components([first, none])
    assert found.spreads.tolist() == [2.0, 0.0]
    assert found.examples == pytest.approx(np.array([[2.0, 0.0], [0.0, 0.0]]))
    both = difference(first, none)
    assert (both.value, both.error) == pytest.approx((2.0, 3**0.5))
    assert both.freedom == pytest.approx(9 / (1 / 1 + 4 / 1))


def test_what_seeds_add_to_single_examples_counts_once() -> None:
    """Independent noise in every seed and example: nothing is left for the examples' part but chance."""
    noise = np.random.default_rng(2).standard_normal((200, 100))
    found = components([row(noise)])
    assert found.spreads[0] / 200 == pytest.approx(noise.var() / noise.size, rel=0.3)
    assert found.examples[0, 0] < 0.3 * found.spreads[0] / 200


def test_neighbours_that_depend_on_each_other_count_as_blocks() -> None:
    """Each of 40 values repeated ten times is forty examples, not four hundred."""
    values = np.random.default_rng(2).standard_normal(40)
    none = np.zeros((1, 400))
    blocks = difference(row(np.repeat(values, 10)[None], 10, fixed=True), row(none, 10, fixed=True))
    plain = difference(row(values[None], fixed=True), row(np.zeros((1, 40)), fixed=True))
    assert (blocks.error, blocks.freedom) == pytest.approx((plain.error, plain.freedom))
    assert block_means(np.arange(7.0)[None], 3).tolist() == [[1.0, 4.0]]


def test_two_one_sided_tests() -> None:
    found = Difference(0.3, 0.1, 7.0)
    expected = max(stats.t.sf((0.5 - 0.3) / 0.1, 7), stats.t.sf((0.5 + 0.3) / 0.1, 7))
    assert found.p_beyond(0.5) == pytest.approx(expected)
    assert found.p_beyond(0.3) == pytest.approx(0.5)
    assert found.p_beyond(0.2) > 0.5


def test_a_correlation_counts_as_far_as_it_is_shown() -> None:
    one, alike, other = seeds(1.0, 2.0, 4.0, 3.0, 5.0), seeds(2.0, 3.0, 5.0, 4.0, 6.0), seeds(1.0, -1.0, 1.0, -1.0, 0.0)
    assert seed_correlation([(one, alike)]) == pytest.approx(1 - 1.645 / 2)
    assert seed_correlation([(one, other)]) == 0.0
    assert seed_correlation([(seeds(1.0, 2.0), seeds(1.0, 2.0))]) == 0.0, "two seeds show nothing"
    assert seed_correlation([(one, seeds(7.0, 7.0, 7.0, 7.0, 7.0))]) == 0.0
    assert seed_correlation([]) == 0.0
    assert seed_correlation([(one, alike)] * 25) == pytest.approx(1 - 1.645 / 10)


@pytest.mark.parametrize("count", [3, 10])
@pytest.mark.parametrize(("of_seed", "of_example"), [(1.0, 0.0), (0.05, 1.0), (0.0, 0.0)])
def test_a_true_null_hypothesis_is_rejected_as_often_as_stated(count: int, of_seed: float, of_example: float) -> None:
    draw = np.random.default_rng(6).standard_normal
    wrong = 0
    for _ in range(1500):
        scores = of_seed * draw((2, count, 1)) + of_example * draw((2, 1, 60)) + draw((2, count, 60))
        wrong += difference(row(scores[0]), row(scores[1])).p < 0.05
    assert wrong / 1500 < 0.065


def test_holm_on_a_textbook_family() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []

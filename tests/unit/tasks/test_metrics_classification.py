"""Scores of class probabilities, by hand."""

import numpy as np
import pytest

from unroll.tasks.metrics.classification import calibration_error, example_scores, summary

PROBABILITIES = np.array([[0.7, 0.3], [0.4, 0.6], [0.95, 0.05], [0.2, 0.8]])
LABELS = np.array([0, 0, 0, 1])


def test_summary_by_hand() -> None:
    scores = summary(PROBABILITIES, LABELS)
    assert scores["accuracy"] == 0.75
    # Class 0: precision 2/2, recall 2/3, F1 0.8; class 1: precision 1/2, recall 1/1, F1 2/3.
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores["nll"] == pytest.approx(-np.log([0.7, 0.4, 0.95, 0.8]).mean())
    # Each confidence lies in a bin of its own: |1-.7|, |0-.6|, |1-.95|, |1-.8|, a quarter each.
    assert scores["ece"] == pytest.approx((0.3 + 0.6 + 0.05 + 0.2) / 4, abs=1e-6)


def test_calibration_error_pools_a_bin() -> None:
    # Four predictions of 0.75, three right: perfectly calibrated together.
    probabilities = np.tile([0.75, 0.25], (4, 1))
    assert calibration_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0, abs=1e-6)
    assert calibration_error(probabilities, np.array([1, 1, 1, 1])) == pytest.approx(0.75, abs=1e-6)


@pytest.mark.parametrize(
    ("confidences", "right", "error"),
    [
        ([0.95, 1.0], [1, 0], 0.475),  # in one bin: |1/2 - 1.95/2|
        ([1.0, 1.0], [1, 0], 0.5),
        ([0.8, 0.79], [1, 0], abs(0.5 - 0.795)),  # a bin holds its upper end
        ([0.8, 0.81], [1, 0], (0.2 + 0.81) / 2),  # and not its lower one
        ([0.5, 0.5], [1, 0], 0.0),
    ],
)
def test_calibration_error_has_its_bins_from_the_paper(
    confidences: list[float], right: list[int], error: float
) -> None:
    probabilities = np.stack([np.array(confidences), 1 - np.array(confidences)], axis=1)
    assert calibration_error(probabilities, 1 - np.array(right)) == pytest.approx(error, abs=1e-6)


def test_calibration_error_equals_a_count_in_double_precision() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(3000, 5)) * generator.choice([1, 8, 40], (3000, 1))  # a third at 1 or near it
    probabilities = np.exp(logits - logits.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    labels, top = generator.integers(0, 5, 3000), probabilities.max(1)
    assert (top.astype(np.float32) == 1).sum() > 200
    error = 0.0
    for m in range(1, 16):
        inside = (top > (m - 1) / 15) & (top <= m / 15)
        if inside.any():
            right = probabilities.argmax(1)[inside] == labels[inside]
            error += inside.mean() * abs(right.mean() - top[inside].mean())
    assert calibration_error(probabilities, labels) == pytest.approx(error, abs=2e-6)


def test_rounding_above_one_does_not_look_like_logits() -> None:
    probabilities = np.array([[1 + 1e-9, -1e-9], [0.0, 1.0]])
    assert calibration_error(probabilities, np.array([0, 1])) == pytest.approx(0, abs=1e-6)


def test_per_example_scores_keep_the_order() -> None:
    scores = example_scores(PROBABILITIES, LABELS)
    assert scores["predicted"].tolist() == [0, 1, 0, 1]
    assert scores["correct"].tolist() == [1, 0, 1, 1]
    assert scores["nll"][1] == pytest.approx(0.9163, abs=1e-4)


def test_an_impossible_label_costs_a_finite_number_of_nats() -> None:
    assert example_scores(np.array([[1.0, 0.0]]), np.array([1]))["nll"][0] == pytest.approx(27.631, abs=1e-3)


def test_logits_and_foreign_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to one"):
        example_scores(np.array([[2.0, -1.0]]), np.array([0]))
    with pytest.raises(ValueError, match="sum to one"):
        example_scores(np.array([[0.5, 0.7]]), np.array([0]))
    with pytest.raises(ValueError, match="outside classes"):
        example_scores(PROBABILITIES, np.array([0, 0, 0, 2]))

"""Scores of class probabilities [N, K] against labels [N]; rows sum to one, in data-set order."""

import numpy as np

SMALLEST_PROBABILITY = 1e-12
CALIBRATION_BINS = 15


def example_scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Per example: `predicted` class, `correct` (0 or 1) and `nll` in nats, each [N].

    A probability below 1e-12 counts as 1e-12: an impossible label costs 27.6 nats, not infinity.
    Raises ValueError for probabilities that are not [N, K] rows summing to one, or labels outside 0..K-1.
    """
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(f"probabilities [N, K] and labels [N] do not match: {probabilities.shape}, {labels.shape}")
    if not np.allclose(probabilities.sum(1), 1, atol=1e-4) or probabilities.min(initial=0) < -1e-4:
        raise ValueError(
            "each row of probabilities must be at least 0 and sum to one: pass softmax outputs, not logits"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < probabilities.shape[1]:
        raise ValueError(f"labels {labels.min()}..{labels.max()} lie outside classes 0..{probabilities.shape[1] - 1}")
    predicted = probabilities.argmax(1)
    truth = probabilities[np.arange(len(labels)), labels]
    return {
        "predicted": predicted,
        "correct": (predicted == labels).astype(np.float64),
        "nll": -np.log(truth.clip(min=SMALLEST_PROBABILITY)),
    }


def summary(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """`accuracy`, `macro_f1`, `nll` (nats per example), `ece`. Raises ValueError as `example_scores` does.

    Macro-F1 is the mean over the classes that occur in the labels or the predictions (scikit-learn's rule).
    """
    from sklearn.metrics import f1_score

    scores = example_scores(probabilities, labels)
    return {
        "accuracy": float(scores["correct"].mean()),
        "macro_f1": float(f1_score(labels, scores["predicted"], average="macro", zero_division=0)),
        "nll": float(scores["nll"].mean()),
        "ece": calibration_error(probabilities, labels),
    }


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3): the top probability in bins ((m - 1) / bins, m / bins].

    In single precision, and summed over an empty place behind the bins, as it was before 1 had its place in the last
    bin: recorded values keep their bits.
    """
    import torch

    top, predicted = torch.from_numpy(np.asarray(probabilities, np.float64).clip(0, 1)).max(dim=1)
    confidence = top.float()
    right = (predicted == torch.from_numpy(np.asarray(labels, np.int64))).float()
    places = torch.bucketize(confidence, torch.linspace(0, 1, bins + 1)).sub(1).clamp(min=0)
    count, sure, correct = (
        torch.zeros(bins + 1).scatter_add_(0, places, value) for value in (torch.ones_like(right), confidence, right)
    )
    gaps = (correct / count - sure / count).nan_to_num().abs()
    return float((gaps * (count / count.sum())).sum())


def taken_for(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """How often each class was taken for which: counts [classes, classes], a row a true one.

    Args:
        truth: classes [N] below `classes`.
        predicted: the same.
        classes: how many there are.
    """
    pairs = np.asarray(truth, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)

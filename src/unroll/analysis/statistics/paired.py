"""Paired comparisons: two rows on the same seeds and the same test examples. Pure functions of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Paired:
    """A mean difference, its interval, and the two-sided p of no difference."""

    difference: float
    low: float | None  # ends of the 95 % interval; None: one seed and no examples
    high: float | None
    p: float | None
    seeds: int
    examples: int  # 0: the seeds' own values are compared, by Student's t
    block: int = 1  # neighbouring examples that count as one


def paired_examples(differences: np.ndarray, block: int = 1) -> list[Paired]:
    """Compare C pairs of rows by two-way random effects: seeds, crossed with the test examples that all of them share.

    A difference is d[s,n] = mean + seed[s] + example[n] + rest[s,n]. The mean over both has the variance

        var_s(d[s,.]) / S + cov / B,

    where var_s is that of the S seeds' means (seed and rest), and cov the mean covariance between two seeds over the B
    blocks of examples (what the seeds share, negative values counted as zero). It is referred to Student's t with the
    degrees of freedom of Satterthwaite (1946) for S - 1 and B - 1. A block is one example, or so many neighbours as
    depend on each other (windows of a series). With one seed only the examples vary, and the interval speaks of that
    seed's weights alone.

    Args:
        differences: scores of the first row minus those of the second [C, S, N].
        block: neighbouring examples that count as one; those that fill no last block are in the mean alone.

    Raises:
        ValueError: an array of another form, or fewer than two blocks.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 3 or values.shape[2] < 2 * block or block < 1:
        raise ValueError(f"differences [C, S, N] with at least two blocks of {block}, not {values.shape}")
    seeds, examples = values.shape[1:]
    blocks = examples // block
    means = values.mean(axis=2)
    deviations = values[:, :, : blocks * block].reshape(-1, seeds, blocks, block).mean(axis=3)
    deviations = deviations - deviations.mean(axis=2, keepdims=True)
    squares = (deviations**2).sum(axis=(1, 2))
    if seeds == 1:
        of_seeds, of_examples = np.zeros(len(values)), squares / (blocks - 1) / blocks
    else:
        between = (deviations.sum(axis=1) ** 2).sum(axis=1) - squares
        of_seeds = means.var(axis=1, ddof=1) / seeds
        of_examples = np.maximum(0.0, between / (seeds * (seeds - 1) * (blocks - 1))) / blocks
    return [
        _t_of(float(mean), float(one), float(other), (seeds, examples, block), (max(1, seeds - 1), blocks - 1))
        for mean, one, other in zip(means.mean(axis=1), of_seeds, of_examples, strict=True)
    ]


def _t_of(mean: float, of_seeds: float, of_examples: float, of: tuple[int, ...], freedom: tuple[int, int]) -> Paired:
    """Student's t of a mean whose variance has two parts with degrees of freedom of their own."""
    from scipy.special import stdtr, stdtrit

    variance = of_seeds + of_examples
    if variance == 0:
        return Paired(mean, mean, mean, float(mean == 0), *of)
    degrees = variance**2 / (of_seeds**2 / freedom[0] + of_examples**2 / freedom[1])
    error = float(np.sqrt(variance))
    reach = float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * error
    return Paired(mean, mean - reach, mean + reach, float(2 * stdtr(degrees, -abs(mean) / error)), *of)


def paired_t(differences: Sequence[float]) -> Paired:
    """Compare two rows by one value a seed: Student's t of the paired differences.

    Raises ValueError when there is none.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not len(values):
        raise ValueError("no seeds to compare")
    mean = float(values.mean())
    if len(values) == 1:
        return Paired(mean, None, None, None, 1, 0)
    if np.ptp(values) == 0:
        return Paired(mean, mean, mean, float(mean == 0), len(values), 0)
    return _t_of(mean, float(values.var(ddof=1)) / len(values), 0.0, (len(values), 0), (len(values) - 1, 1))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being one of a family, in their order (Holm 1979): step-down, at most 1."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate((len(values) - np.arange(len(values))) * values[order]))
    return [float(value) for value in adjusted]

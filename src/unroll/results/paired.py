"""Paired comparisons: two rows on the same seeds and the same test examples. Pure functions of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 4999
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Paired:
    """A mean difference, its interval, and the two-sided p of no difference."""

    difference: float
    low: float | None  # ends of the 95 % interval; None: one seed and no examples to draw from
    high: float | None
    p: float | None
    seeds: int
    examples: int  # 0: the seeds' own values are compared, by Student's t
    block: int = 1  # neighbouring examples drawn together


def paired_bootstrap(differences: np.ndarray, block: int = 1, draws: int = DRAWS, seed: int = 0) -> list[Paired]:
    """Compare C pairs of rows by a bootstrap of examples nested in seeds (Efron & Tibshirani 1993, chapters 8 and 16).

    A replicate draws S seeds with replacement, and for each of them the test examples with replacement, in blocks of
    neighbours where these depend on each other (windows of a series: Künsch 1989, here without overlap). All pairs see
    the same draws. Drawing S of S seeds shows (S - 1) / S of their variance, which is made good by widening the seeds'
    deviations. With one seed, only the examples vary, and the interval speaks of that seed's weights alone. The ends
    are percentiles; p is twice the smaller share of replicates on either side of zero, these included, so that it is
    never below 2 / (draws + 1).

    Args:
        differences: scores of the first row minus those of the second [C, S, N].
        block: neighbouring examples drawn together; those that fill no last block are left out of the draws.
        draws: replicates.
        seed: of the draws; no other generator is touched.

    Raises:
        ValueError: an array of another form, or fewer than two blocks.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 3 or values.shape[2] < 2 * block or block < 1:
        raise ValueError(f"differences [C, S, N] with at least two blocks of {block}, not {values.shape}")
    rows, seeds, examples = values.shape
    means = values.mean(axis=2)
    blocks = examples // block
    deviations = values[:, :, : blocks * block].reshape(rows, seeds, blocks, block).mean(axis=3)
    deviations = deviations - deviations.mean(axis=2, keepdims=True)
    overall = means.mean(axis=1)
    widened = overall[:, None] + (means - overall[:, None]) * np.sqrt(seeds / max(1, seeds - 1))
    random = np.random.default_rng(seed)
    replicates = np.zeros((rows, draws))
    for _ in range(seeds):
        chosen = random.integers(seeds, size=draws)
        drawn = random.integers(blocks, size=(draws, blocks)) + blocks * np.arange(draws)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=draws * blocks).reshape(draws, blocks)
        for number in range(seeds):
            own = chosen == number
            replicates[:, own] += widened[:, number, None] + deviations[:, number] @ counts[own].T / blocks
    replicates /= seeds
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(replicates, [tail, 100 - tail], axis=1)
    below, above = (replicates <= 0).sum(axis=1), (replicates >= 0).sum(axis=1)
    p = np.minimum(1.0, 2 * (np.minimum(below, above) + 1) / (draws + 1))
    return [
        Paired(float(overall[row]), float(low[row]), float(high[row]), float(p[row]), seeds, examples, block)
        for row in range(rows)
    ]


def paired_t(differences: Sequence[float]) -> Paired:
    """Compare two rows by one value a seed: Student's t of the paired differences.

    Raises ValueError when there is none.
    """
    from scipy import stats

    values = np.asarray(differences, dtype=np.float64)
    if not len(values):
        raise ValueError("no seeds to compare")
    mean = float(values.mean())
    if len(values) == 1:
        return Paired(mean, None, None, None, 1, 0)
    if np.ptp(values) == 0:
        return Paired(mean, mean, mean, float(mean == 0), len(values), 0)
    found = stats.ttest_1samp(values, 0.0)
    interval = found.confidence_interval(CONFIDENCE)
    return Paired(mean, float(interval.low), float(interval.high), float(found.pvalue), len(values), 0)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being one of a family, in their order (Holm 1979): step-down, at most 1."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate((len(values) - np.arange(len(values))) * values[order]))
    return [float(value) for value in adjusted]

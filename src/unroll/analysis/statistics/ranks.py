"""Networks ranked over problems, and each two of them compared by Wilcoxon's signed ranks. Pure functions of arrays."""

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from unroll.analysis.statistics.simultaneous import LEVEL


def ranks(values: np.ndarray) -> np.ndarray:
    """Return each row's ranks [S, K] of values [S, K]: the highest has rank 1, -inf the last, ties share their mean."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(-np.asarray(values, dtype=np.float64), axis=1))


def cohens_d(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the difference of two means in units of the pooled standard deviation (Cohen 1988, section 2.5.1).

    d = (m1 - m2) / s with s^2 = ((n1 - 1) s1^2 + (n2 - 1) s2^2) / (n1 + n2 - 2). It has no unit, so that d of different
    metrics can stand beside each other, and rests on these two alone, whoever else is compared.

    Args:
        first: a value for each seed, -inf where the trial failed: then the mean is -inf.
        second: the same of the other.

    Returns:
        0 where the means are equal, both being -inf too; +-inf where they differ and one is -inf or s is 0.

    Raises:
        ValueError: fewer than two values of one of them.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"at least two values of each, not {len(first)} and {len(second)}")
    one, other = statistics.fmean(first), statistics.fmean(second)
    if one == other:
        return 0.0
    if math.isinf(one) or math.isinf(other):
        return math.copysign(math.inf, one - other)
    squares = sum((value - one) ** 2 for value in first) + sum((value - other) ** 2 for value in second)
    pooled = math.sqrt(squares / (len(first) + len(second) - 2))
    return (one - other) / pooled if pooled else math.copysign(math.inf, one - other)


def signed_rank(differences: Sequence[float]) -> tuple[float, float]:
    """Test whether differences are symmetric about 0, one of each problem (Wilcoxon 1945).

    Exact, ties included: each rank's sign is + or - with probability 1/2, and p is twice the smaller tail of the sum of
    the positive ones. (`scipy.stats.wilcoxon` takes seconds for twelve differences with ties, and approximates more.) A
    zero counts as no difference and is left out, as by Wilcoxon; +-inf is larger than every number. With N differences
    other than 0 no p is below 2^(1 - N).

    Returns:
        p, two-sided, and the sum of the signed ranks: above 0 where the differences lean that way.
    """
    from scipy.stats import rankdata

    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    doubled = np.rint(2 * rankdata(np.abs(values))).astype(int)  # ties share halves
    chances = np.ones(1)  # of each sum of the positive ones
    for rank in doubled:
        chances = 0.5 * (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0)))
    positive = int(doubled[values > 0].sum())
    p = min(1.0, 2 * float(min(chances[: positive + 1].sum(), chances[positive:].sum())))
    return p, float((np.sign(values) * doubled).sum() / 2)


def problems_needed(pairs: int) -> int:
    """Return the fewest problems in which one pair of so many can be told apart at 5 % after Holm's correction.

    The pair that differs in the same direction in all of N problems has Wilcoxon's smallest p, 2^(1 - N), and Holm's
    first step asks that it be below 0.05 / pairs.
    """
    return math.floor(math.log2(2 * pairs / LEVEL)) + 1


def signed_ranks(effects: Mapping[tuple[int, int], Sequence[float]]) -> dict[tuple[int, int], float]:
    """Return the p of each pair of networks by `signed_rank`, named (the worse one, the better one).

    Args:
        effects: (one, other) -> of each problem, how far the first is ahead of the second.
    """
    found = {}
    for (one, other), values in effects.items():
        p, lean = signed_rank(values)
        found[(one, other) if lean < 0 else (other, one)] = p
    return found

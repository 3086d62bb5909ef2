"""Networks ranked over blocks: whether they differ at all, which do, and what that could tell apart.

Pure functions of arrays. A block is one seed of one problem.
"""

import math
from dataclasses import dataclass

import numpy as np

MOST = 8  # networks of one group: the critical difference grows with their number
LEVEL = 0.05


@dataclass(frozen=True)
class Ranking:
    """K networks over N blocks."""

    mean_ranks: tuple[float, ...]  # 1 is best; ties share the mean of their ranks
    friedman: float  # p of all being alike
    pairs: tuple[tuple[float, ...], ...]  # p of each two being alike, by Nemenyi [K, K]
    critical_difference: float  # of mean ranks, at 5 %
    blocks: int

    def apart(self, one: int, other: int) -> bool:
        """Whether two networks differ: both Friedman's and Nemenyi's p are below 5 %."""
        return self.friedman < LEVEL and self.pairs[one][other] < LEVEL


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Return the mean rank of each column [K] of values [N, K]: the highest of a row has rank 1, -inf the last."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(-np.asarray(values, dtype=np.float64), axis=1).mean(axis=0))


def critical_difference(networks: int, blocks: int) -> float:
    """Return the difference of two mean ranks from which on Nemenyi's test is significant at 5 % (Demšar 2006, §3.2.2).

    q sqrt(K (K + 1) / (6 N)), with q the Studentised range of K groups and infinite degrees of freedom, by sqrt(2).
    """
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - LEVEL, networks, np.inf)) / math.sqrt(2)
    return q * math.sqrt(networks * (networks + 1) / (6 * blocks))


def ranking(values: np.ndarray) -> Ranking:
    """Compare K networks over N blocks by Friedman's test, then each two by Nemenyi's (Demšar 2006, §3.2).

    Args:
        values: higher is better, -inf for a trial that failed [N, K].

    Raises:
        ValueError: fewer than two blocks, fewer than three networks or more than eight, or a value missing (nan).
    """
    from scikit_posthocs import posthoc_nemenyi_friedman
    from scipy.stats import friedmanchisquare, rankdata

    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < 2 or not 3 <= values.shape[1] <= MOST or np.isnan(values).any():
        raise ValueError(f"values [N, K] of at least 2 blocks and 3 to {MOST} networks, none missing: {values.shape}")
    ranks = rankdata(-values, axis=1)
    alike = bool((ranks == ranks[:, :1]).all())
    return Ranking(
        mean_ranks=tuple(float(rank) for rank in ranks.mean(axis=0)),
        friedman=1.0 if alike else float(friedmanchisquare(*ranks.T).pvalue),
        pairs=tuple(tuple(float(p) for p in row) for row in posthoc_nemenyi_friedman(ranks).to_numpy()),
        critical_difference=critical_difference(values.shape[1], values.shape[0]),
        blocks=values.shape[0],
    )

"""How probable it is that one network's trial beats another's: pure functions of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unroll.analysis.statistics.paired import CONFIDENCE

DRAWS = 4999


@dataclass(frozen=True)
class Improvement:
    """P(X > Y), mean over problems, and its 95 % interval."""

    probability: float
    low: float
    high: float
    problems: int
    trials: tuple[int, int]  # of X and of Y, over all problems


def improvement(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], draws: int = DRAWS, seed: int = 0
) -> Improvement:
    """Return the probability of improvement of X on Y (Agarwal et al. 2021, NeurIPS, section 4.3).

    In each problem the share of the pairs (a seed of X, a seed of Y) in which X is better, ties counting a half; then
    the mean over problems. The interval is of percentiles of a bootstrap stratified by problem: in each problem the
    seeds of X and those of Y are drawn with replacement, each by itself. Problems are not drawn, so it speaks of these.

    Args:
        first: of X, for each problem the values of its seeds; higher is better, -inf for a trial that failed.
        second: of Y, the same problems in the same order; the seeds may be others, and of another number.
        draws: replicates.
        seed: of the draws; no other generator is touched.

    Raises:
        ValueError: no problems, another number of them, or one without values.
    """
    if not first or len(first) != len(second) or not all(map(len, (*first, *second))):
        raise ValueError("the same problems of both, each with at least one value of both")
    random = np.random.default_rng(seed)
    exact, replicates = 0.0, np.zeros(draws)
    for one, other in zip(first, second, strict=True):
        x, y = np.asarray(one, dtype=np.float64)[:, None], np.asarray(other, dtype=np.float64)[None]
        wins = (x > y) + 0.5 * (x == y)
        shares = [random.multinomial(n, np.full(n, 1 / n), size=draws) / n for n in wins.shape]
        exact += wins.mean()
        replicates += np.einsum("di,ij,dj->d", shares[0], wins, shares[1])
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(replicates / len(first), [tail, 100 - tail])
    trials = sum(map(len, first)), sum(map(len, second))
    return Improvement(float(exact / len(first)), float(low), float(high), len(first), trials)

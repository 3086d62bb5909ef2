"""How probable it is that one network's trial beats another's: pure functions of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unroll.analysis.statistics.resampling import DRAWS, FEWEST, stratified


@dataclass(frozen=True)
class Improvement:
    """P(X > Y), a mean over settings, and its 95 % interval.

    None of the latter with fewer than five seeds in a setting, and where every draw gives the same: there the seeds of
    one beat all seeds of the other, setting by setting, and a bootstrap cannot say how sure that is.
    """

    probability: float
    low: float | None
    high: float | None


def improvement(
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    weights: Sequence[float],
    draws: int = DRAWS,
    seed: int = 0,
) -> Improvement:
    """Return the probability of improvement of X on Y (Agarwal et al. 2021, NeurIPS, section 4.3).

    In each setting the share of the pairs (a seed of X, a seed of Y) in which X is better, ties counting a half; then
    the mean over settings. The interval is that of `stratified`: in each setting the seeds of X and those of Y are
    drawn, each by itself.

    Args:
        first: of X, for each setting the values of its seeds; higher is better, -inf for a trial that failed.
        second: of Y, the same settings in the same order; the seeds may be others, and of another number.
        weights: of each setting in the mean; they add up to 1.
        draws: replicates.
        seed: of the draws; no other generator is touched.

    Raises:
        ValueError: no settings, another number of them, or one without values.
    """
    if not first or not len(first) == len(second) == len(weights) or not all(map(len, (*first, *second))):
        raise ValueError("the same settings of both, each with a weight and at least one value of both")

    def statistic(*strata: np.ndarray, axis: int = -1) -> np.ndarray:
        halves = strata[: len(first)], strata[len(first) :]
        shares = []
        for x, y in zip(*halves, strict=True):
            one, other = x[..., :, None], y[..., None, :]
            shares.append(((one > other) + 0.5 * (one == other)).mean(axis=(-2, -1)))
        return np.tensordot(np.asarray(weights), np.stack(shares), axes=1)

    strata = [*first, *second]
    exact = float(statistic(*(np.asarray(values, dtype=np.float64) for values in strata)))
    if min(map(len, strata)) < FEWEST:
        return Improvement(exact, None, None)
    low, high = stratified(statistic, strata, draws, seed)
    return Improvement(exact, float(low), float(high)) if low < high else Improvement(exact, None, None)

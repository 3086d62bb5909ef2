"""What a network reaches over all settings on one scale: interquartile mean and performance profile. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unroll.analysis.statistics.resampling import DRAWS, stratified


@dataclass(frozen=True)
class Aggregate:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


def skills(values: Sequence[Sequence[float]], weakest: float, strongest: float) -> list[list[float]]:
    """Return the values of one setting's networks on a scale that is 0 at one baseline and 1 at another.

    s = (x - weakest) / (strongest - weakest), the skill score of forecasting (Murphy 1988, equation 4) with a second
    baseline in the place of a perfect answer, which not every metric has. A failed trial (-inf) takes the lowest skill
    of the setting, or 0 where that is lower.

    Args:
        values: for each network those of its seeds; higher is better.
        weakest: of the baseline that counts as 0.
        strongest: of the baseline that counts as 1.

    Raises:
        ValueError: the second is not better than the first.
    """
    if not strongest > weakest:
        raise ValueError(f"the stronger baseline must be better than the weaker one: {strongest} and {weakest}")
    found = [[(value - weakest) / (strongest - weakest) for value in seeds] for seeds in values]
    lowest = min([0.0, *(skill for seeds in found for skill in seeds if math.isfinite(skill))])
    return [[skill if math.isfinite(skill) else lowest for skill in seeds] for seeds in found]


def interquartile_mean(strata: Sequence[Sequence[float]], draws: int = DRAWS, seed: int = 0) -> Aggregate:
    """Return the mean of the middle half of all trials' skills (Agarwal et al. 2021, section 4.2), every trial once.

    A quarter of the trials, rounded down, is left out at each end. Raises as `stratified`.
    """
    from scipy.stats import trim_mean

    def statistic(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(trim_mean(np.concatenate(samples, axis=-1), 0.25, axis=-1))

    low, high = stratified(statistic, strata, draws, seed)
    return Aggregate(float(statistic(*map(np.asarray, strata))), float(low), float(high))


def shares_above(
    strata: Sequence[Sequence[float] | np.ndarray], weights: Sequence[float], thresholds: Sequence[float]
) -> np.ndarray:
    """Return the performance profile [M, ...]: the share of trials whose skill is above each of M thresholds.

    The share of the seeds in each setting, then the mean over settings with `weights`, which add up to 1 (Agarwal et
    al. 2021, section 4.2). Strata are arrays [..., n].
    """
    shares = [[(np.asarray(values) > level).mean(axis=-1) for values in strata] for level in thresholds]
    return np.tensordot(np.asarray(shares), np.asarray(weights), axes=((1,), (0,)))


def profile(
    strata: Sequence[Sequence[float]],
    weights: Sequence[float],
    thresholds: Sequence[float],
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Aggregate]:
    """Return `shares_above` with the interval of each point. Raises as `stratified`."""

    def statistic(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        return shares_above(samples, weights, thresholds)

    low, high = stratified(statistic, strata, draws, seed)
    found = zip(shares_above(strata, weights, thresholds), low, high, strict=True)
    return [Aggregate(float(value), float(least), float(most)) for value, least, most in found]

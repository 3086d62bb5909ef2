"""Bootstrap intervals over seeds, which are drawn in each setting by itself: pure functions of arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from unroll.analysis.statistics.pairs import CONFIDENCE

FEWEST = 5  # seeds of a setting: of fewer, the percentiles of what can be drawn are no 95 % interval
DRAWS = 4999


def stratified(
    statistic: Callable[..., np.ndarray], strata: Sequence[Sequence[float]], draws: int = DRAWS, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of a statistic's 95 % interval: percentiles of a bootstrap stratified by setting.

    Each stratum is drawn from with replacement, by itself and as often as it has values (Agarwal et al. 2021, section
    4.1). Settings and problems are not drawn, so the interval speaks of these problems.

    Args:
        statistic: of arrays [..., n], one a stratum, and `axis=-1`; returns [...] or, of M numbers, [M, ...].
        strata: the values of each.
        draws: replicates.
        seed: of the draws' own generator; no other is touched.

    Raises:
        ValueError: a stratum of fewer than five values.
    """
    from scipy.stats import bootstrap

    if not strata or min(map(len, strata)) < FEWEST:
        raise ValueError(f"at least {FEWEST} values in each stratum, not {[len(values) for values in strata]}")
    data: Any = [np.asarray(values, dtype=np.float64) for values in strata]
    found = bootstrap(
        data,
        statistic,
        n_resamples=draws,
        vectorized=True,
        axis=-1,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return np.asarray(found.confidence_interval.low), np.asarray(found.confidence_interval.high)

"""Means over seeds, their spread and their uncertainty: pure functions of lists of numbers."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """What n seeds say together. Spread and interval need two: with fewer they are None."""

    n: int
    mean: float
    sd: float | None  # sample standard deviation (n - 1 below)
    low: float | None  # ends of the t-interval of the mean
    high: float | None


def sample_sd(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation, sqrt(sum (x - mean)^2 / (n - 1)), or None for fewer than two."""
    return statistics.stdev(values) if len(values) > 1 else None


def t_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the two-sided Student t interval of the mean, or None for fewer than two values.

    mean -+ t(n - 1; (1 + confidence) / 2) * sd / sqrt(n): exact for independent normal values. It is the wide
    but honest choice for the few seeds that deep learning affords (three seeds: t = 4.30, not 1.96).
    Raises ValueError unless 0 < confidence < 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    sd = sample_sd(values)
    if sd is None:
        return None
    from scipy.special import stdtrit

    mean = statistics.fmean(values)
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * sd / math.sqrt(len(values))
    return mean - reach, mean + reach


def summarise(values: Sequence[float], confidence: float = 0.95) -> Summary:
    """Return the mean of values with its spread and interval. Raises ValueError when there is none."""
    if not values:
        raise ValueError("no values to summarise")
    low, high = t_interval(values, confidence) or (None, None)
    return Summary(len(values), statistics.fmean(values), sample_sd(values), low, high)


def better(first: float, second: float, direction: str) -> bool:
    """Return whether first is strictly better than second; direction is "higher" or "lower"."""
    return first > second if direction == "higher" else first < second

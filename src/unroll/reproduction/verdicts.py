"""What a reproduced number says of a published one: a rule, as a pure function of numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unroll.analysis.statistics.summary import better, sample_sd, t_interval

if TYPE_CHECKING:
    from unroll.reproduction.published import Tolerance, Value

REPRODUCED, BETTER, WORSE, NOT_COMPARABLE = (
    "reproduced",
    "better than reported",
    "worse than reported",
    "not comparable",
)
VERDICTS = (REPRODUCED, BETTER, WORSE, NOT_COMPARABLE)
RULE = (
    "Reproduced: the mean over seeds is within the tolerance of the published value; where the 95 % interval of the "
    "difference is not wholly within it, or one seed has no interval, that is said beside it and counted as not surely "
    "reproduced. Better or worse than reported: neither the mean nor any value in the interval is within the tolerance "
    "(Student's t over seeds; Welch's where the paper gives its spread and number of runs); of a metric without a "
    "better side (=) what is so far off is worse. Not comparable: a deviation says so, no trial has finished, or it is "
    "undecided: the mean is beyond the tolerance and its interval reaches into it, or one seed has none, so that more "
    "seeds are needed. What is computed without a seed needs no interval. Failed trials give no value; they are "
    "counted beside the seeds. In brackets after a verdict stands how much training lies behind the row; it changes no "
    "verdict."
)


@dataclass(frozen=True)
class Verdict:
    """A verdict, the difference behind it in the metric's unit, and why where that is not plain."""

    word: str
    difference: float | None = None  # reproduced minus reported
    low: float | None = None  # ends of the 95 % interval of the difference
    high: float | None = None
    why: str = ""
    sure: bool = True  # False: reproduced by a mean whose interval reaches beyond the tolerance, or undecided

    def __str__(self) -> str:
        return f"{self.word}: {self.why}" if self.why else self.word


def verdict(
    values: Sequence[float],
    reported: "Value | None",
    direction: str,
    tolerance: "Tolerance",
    *,
    seeded: bool = True,
    incomparable: str = "",
) -> Verdict:
    """Judge the values of some seeds against a published one by `RULE`.

    Args:
        values: one a seed, in the published unit.
        reported: the published value, or None where there is none.
        direction: higher | lower | equal (neither side is better, so that what differs is "worse").
        tolerance: how far the mean may be off.
        seeded: whether a seed changes the value; if none does, it has no interval and needs none.
        incomparable: a deviation's reason; a difference is still given.
    """
    if reported is None:
        return Verdict(NOT_COMPARABLE, why="nothing was published for it")
    if not values:
        return Verdict(NOT_COMPARABLE, why="no trial has finished")
    mean = sum(values) / len(values)
    difference = mean - reported.value
    low, high = interval(values, reported) if seeded else (difference, difference)
    found = (difference, low, high)
    if incomparable:
        return Verdict(NOT_COMPARABLE, *found, incomparable)
    if within(difference, mean, reported.value, tolerance):
        if low is None or high is None:
            return Verdict(REPRODUCED, *found, "one seed", sure=False)
        if all(within(end, reported.value + end, reported.value, tolerance) for end in (low, high)):
            return Verdict(REPRODUCED, *found)
        return Verdict(REPRODUCED, *found, "mean within tolerance; its 95 % interval reaches beyond", sure=False)
    if low is None or high is None:
        return Verdict(NOT_COMPARABLE, *found, "undecided, since one seed has no interval", sure=False)
    nearest = 0.0 if low <= 0 <= high else min(low, high, key=abs)
    if within(nearest, reported.value + nearest, reported.value, tolerance):
        why = f"undecided, since the interval of {len(values)} seeds reaches the tolerance"
        return Verdict(NOT_COMPARABLE, *found, why, sure=False)
    side = direction != "equal" and better(mean, reported.value, direction)
    return Verdict(BETTER if side else WORSE, *found)


def within(difference: float, mean: float, published: float, tolerance: "Tolerance") -> bool:
    """Whether a mean counts as a published value: differing by as much as the tolerance is within it."""
    if tolerance.decimals is not None:
        return round(mean, tolerance.decimals) == round(published, tolerance.decimals)
    allowed = 0.0
    if tolerance.relative is not None:
        allowed = tolerance.relative * abs(published)
    elif tolerance.absolute is not None:
        allowed = tolerance.absolute
    return abs(difference) <= allowed * (1 + 1e-12)


def interval(values: Sequence[float], reported: "Value") -> tuple[float | None, float | None]:
    """Return the 95 % t-interval of the mean of values minus the published value; None, None for one value.

    Where the paper gives a standard deviation and n >= 2 runs, both means are uncertain: Welch 1947, with
    Satterthwaite's degrees of freedom. Otherwise the published value is a constant.
    """
    ends = t_interval(values)
    sd = sample_sd(values)
    if ends is None or sd is None:
        return None, None
    if reported.spread is None or reported.n is None or reported.n < 2:
        return ends[0] - reported.value, ends[1] - reported.value
    from scipy.special import stdtrit

    own, theirs = sd**2 / len(values), reported.spread**2 / reported.n
    difference = sum(values) / len(values) - reported.value
    if own + theirs == 0:
        return difference, difference
    freedom = (own + theirs) ** 2 / (own**2 / (len(values) - 1) + theirs**2 / (reported.n - 1))
    reach = float(stdtrit(freedom, 0.975)) * math.sqrt(own + theirs)
    return difference - reach, difference + reach


def final_change(validations: Sequence[tuple[float, float]], share: float = 0.25) -> tuple[float, float] | None:
    """Return how far a validation metric still moved at the end of training, and over which part of the training.

    Args:
        validations: (step, value), in order of steps; the last one ends the training.
        share: of the steps, at the end, whose validations are looked at; where they are fewer than two, the last two.

    Returns:
        The rise of their least-squares line as a share of their mean, and the part of the steps that it spans; None
        with fewer than two validations or a mean of 0.
    """
    if len(validations) < 2:
        return None
    steps, values = np.asarray(validations, dtype=np.float64).T
    last = max(2, int((steps >= steps[-1] * (1 - share)).sum()))
    slope = np.polyfit(steps[-last:], values[-last:], 1)[0]
    span, level = steps[-1] - steps[-last], abs(values[-last:].mean())
    return (float(slope * span / level), float(span / steps[-1])) if level else None

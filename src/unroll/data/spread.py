"""Mean and deviation of the channels of a series, exact whatever level they stand at."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

ROUNDING = 16
"""Units in the last place of the largest value: a deviation up to that is rounding, and the channel constant."""


def spread(values: "numpy.ndarray") -> "tuple[numpy.ndarray, numpy.ndarray]":
    """Return the mean above the first row [C] and the deviation [C] of values [N,C], 0 for a constant channel.

    Values are counted from their first row before anything is summed, so that a level costs no digits. Where squares
    pass double precision the deviation is infinite.
    """
    import numpy

    with numpy.errstate(over="ignore", invalid="ignore"):
        above = values - values[0]
        mean, deviation = above.mean(axis=0), above.std(axis=0)
        rounding = ROUNDING * numpy.finfo(numpy.float64).eps * numpy.abs(values).max(axis=0)
    return mean, numpy.where(numpy.isnan(deviation), numpy.inf, numpy.where(deviation > rounding, deviation, 0.0))

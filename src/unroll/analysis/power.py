"""What a table could have seen, and how many seeds more would see it. Pure functions of samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unroll.analysis.statistics.samples import Sample
from unroll.analysis.statistics.simultaneous import LEVEL, AllPairs, all_pairs

POWER = 0.8
PLANNED = 1999  # draws where numbers of seeds are tried
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Resolution:
    """What the rows of a table can tell apart, in the unit of its metric."""

    seeds: tuple[int, int]  # the fewest and the most of its networks
    apart: int  # pairs of networks that are surely apart
    pairs: int
    smallest: float  # difference of two networks that would be seen with a chance of 80 %
    floor: float  # what that comes to with any number of seeds (1,000): the test set's part
    largest: float  # difference of two networks as it was found
    enough: int | None  # seeds that would see a difference of that size; None: no number, or it is seen


def smallest_difference(found: AllPairs, rows: Sequence[int] | None = None) -> float:
    """Return the true difference of two rows, whichever these are, that would be surely seen with a chance of 80 %.

    The difference d at which the mean over the pairs of Phi(d / se - c) is 0.8: c is the critical value of all pairs at
    5 %, se the standard error of a pair. Pairs differ in what they can show, so that a middling one says too much.

    Args:
        found: the comparison of all pairs.
        rows: the numbers of the rows that count; all by default.
    """
    from scipy.special import ndtr, ndtri

    chosen = found.variance if rows is None else found.variance[np.ix_(rows, rows)]
    errors = np.sqrt(chosen[np.triu_indices(len(chosen), 1)])
    errors = errors[errors > 0]
    if not len(errors):
        return 0.0
    low, high = 0.0, (found.critical + float(ndtri(POWER))) * float(errors.max())  # seen there in every pair
    for _ in range(60):
        middle = (low + high) / 2
        seen = ndtr(middle / errors - found.critical).mean()
        low, high = (middle, high) if seen < POWER else (low, middle)
    return float(high)


def seeds_for(samples: Sequence[Sample], difference: float, rows: Sequence[int] | None = None) -> int | None:
    """Return how many seeds a row would see a true difference of two rows with a chance of 80 %.

    The spreads of the seeds and the examples' part stay as these samples show them.

    Args:
        samples: rows with enough seeds each.
        difference: above 0, in the unit of the values.
        rows: the numbers of the rows between which it is to be seen; all by default.

    Returns:
        The number, at least 3; None where 1,000 would not do, as where the test set is too small.

    Raises:
        ValueError: the difference is not above 0, or the samples are too few.
    """
    if not difference > 0:
        raise ValueError(f"a difference above 0, not {difference}")

    def seen(seeds: int) -> bool:
        return smallest_difference(all_pairs(samples, PLANNED, seeds=seeds), rows) <= difference

    if not seen(MOST_SEEDS):
        return None
    low, high = 2, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high


def resolution(samples: Sequence[Sample], found: AllPairs, rows: Sequence[int]) -> Resolution | None:
    """Return what a table can tell of its networks; None for fewer than two.

    Args:
        samples: all rows that were compared at once.
        found: that comparison.
        rows: the numbers of the networks among them.
    """
    if len(rows) < 2:
        return None
    pairs = [(one, other) for number, one in enumerate(rows) for other in rows[number + 1 :]]
    apart = sum(found.p(*pair) < LEVEL for pair in pairs)
    means = found.means[list(rows)]
    largest = float(means.max() - means.min())
    numbers = [len(samples[row].values) for row in rows]
    enough = seeds_for(samples, largest, rows) if not apart and largest > 0 else None
    smallest = smallest_difference(found, rows)
    least = smallest_difference(all_pairs(samples, PLANNED, seeds=MOST_SEEDS), rows)
    return Resolution((min(numbers), max(numbers)), apart, len(pairs), smallest, least, largest, enough)

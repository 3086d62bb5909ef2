"""How much of the error rate each look at growing data may spend (Lan and DeMets 1983). Pure functions."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from unroll.analysis.statistics.simultaneous import LEVEL


@dataclass(frozen=True)
class Look:
    """A test of the seeds 0 to `seeds` - 1 of each row, at an error rate of its own."""

    seeds: int
    level: float


def pocock(share: float, level: float = LEVEL) -> float:
    """Return what is spent by a share t of the seeds: alpha ln(1 + (e - 1) t); nearly even over the looks."""
    return level * math.log(1 + (math.e - 1) * share)


def obrien_fleming(share: float, level: float = LEVEL) -> float:
    """Return what is spent by a share t of the seeds: 2 - 2 Phi(z / sqrt(t)), z the normal's 1 - alpha / 2 point.

    Early looks spend next to nothing, so that the last one tests at nearly the whole rate.
    """
    from scipy.special import ndtr, ndtri

    return float(2 * ndtr(ndtri(level / 2) / math.sqrt(share)))


SPENDING: Mapping[str, Callable[[float, float], float]] = {"pocock": pocock, "obrien_fleming": obrien_fleming}


def looks(seeds: Sequence[int], spending: str, level: float = LEVEL) -> tuple[Look, ...]:
    """Return looks after so many seeds, each with the increment of what is spent: alpha(t_i) - alpha(t_(i-1)).

    Each look tests at its increment. The chance of any error in any look is at most their sum, which is `level`,
    whatever the looks share (Bonferroni): no model of their dependence is needed, and all looks meet the same test
    examples.

    Args:
        seeds: rising; t is the share of the last of them.
        spending: one of SPENDING.
        level: of all looks together.
    """
    spent = [SPENDING[spending](one / seeds[-1], level) for one in seeds]
    return tuple(Look(one, now - before) for one, now, before in zip(seeds, spent, [0.0, *spent[:-1]], strict=True))

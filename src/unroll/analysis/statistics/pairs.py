"""Two rows compared: the difference of their means, its interval, and whether it is none or small. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unroll.analysis.statistics.samples import Sample, components

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """A difference of two means with its standard error and the degrees of freedom of that."""

    value: float
    error: float
    freedom: float

    def reach(self, confidence: float = CONFIDENCE) -> float:
        """Return half the width of the two-sided interval."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.error if self.error else 0.0

    @property
    def p(self) -> float:
        """The two-sided p of no difference."""
        from scipy.special import stdtr

        if not self.error:
            return float(self.value == 0)
        return float(2 * stdtr(self.freedom, -abs(self.value) / self.error))

    def p_beyond(self, margin: float) -> float:
        """Return the p of a true difference of at least `margin`, either way: two one-sided tests (Schuirmann 1987)."""
        from scipy.special import stdtr

        inside = margin - abs(self.value)
        if not self.error:
            return float(inside <= 0)
        return float(stdtr(self.freedom, -inside / self.error))


def difference(first: Sample, second: Sample, correlation: float = 0.0) -> Difference:
    """Compare two rows by two-way random effects: seeds, crossed with the test examples that both share.

    With v1 and v2 the variances of the two means over seeds and r their correlation, the difference has the variance

        v1 + v2 - 2 r sqrt(v1 v2) + c,

    where c is that of the examples' part. It is referred to Student's t with the degrees of freedom of Satterthwaite
    (1946). Those of the seeds' part f follow from normal values of that correlation: f^2 / (g1^2 / d1 + g2^2 / d2 +
    2 r^2 g1 g2 / max(d1, d2)) with g = v - r sqrt(v1 v2), d = S - 1. For equal v they are 2 (S - 1) / (1 + r^2): twice
    those of a paired test where r = 0, and the same where r = 1. Welch's test is the case r = c = 0.

    Args:
        first: a row of at least one value.
        second: the other; the number of seeds may differ.
        correlation: over the seeds that both have; see `seed_correlation`.
    """
    found = components((first, second), correlation)
    of_seeds = found.of_seeds(found.spreads)
    one, other, both = of_seeds[0, 0], of_seeds[1, 1], of_seeds[0, 1]
    seeds = one + other - 2 * both
    of_examples = max(0.0, float(found.examples[0, 0] + found.examples[1, 1] - 2 * found.examples[0, 1]))
    variance = seeds + of_examples
    parts = one - both, other - both
    squares = sum(part**2 / d for part, d in zip(parts, found.freedom, strict=True))
    squares += 2 * correlation**2 * parts[0] * parts[1] / found.freedom.max()
    if of_examples:
        squares += of_examples**2 / (found.blocks - 1)
    freedom = variance**2 / squares if squares else np.inf
    return Difference(float(found.means[0] - found.means[1]), float(np.sqrt(variance)), float(freedom))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being one of a family, in their order (Holm 1979): step-down, at most 1."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate((len(values) - np.arange(len(values))) * values[order]))
    return [float(value) for value in adjusted]

"""Whether the order of rows by their published values is the order that their trials give: what readers act on."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

from unroll.analysis.comparisons import Comparison, Records, compare, of_values, sample
from unroll.analysis.statistics.samples import Sample
from unroll.analysis.statistics.summary import better
from unroll.records.fields import is_primary, value_of
from unroll.records.scores import Scores
from unroll.reproduction.published import Metric, Ordering

HOLDS, PARTLY, CONTRADICTED, UNDECIDED = "holds", "holds in part", "contradicted", "undecided"
RULE = (
    "An order is that of the published values, which the paper need not state in words; where it is known to, that is "
    "quoted. Every two of its rows of at least three seeds are compared, with Holm's correction over the pairs: over "
    "test examples and seeds where scores of the metric are kept, else by Welch's t of the seeds "
    "alone. It holds where every pair is sure (p < 0.05) and as published, holds in part where some are "
    "and none is surely reversed, is contradicted where one is, and is undecided otherwise. Kendall's tau is of the "
    "means' order with the published one."
)


@dataclass(frozen=True)
class Pair:
    """The row that should be better, the other, and how they compare."""

    better: str
    worse: str
    comparison: Comparison
    as_published: bool


@dataclass(frozen=True)
class Ordered:
    """A published order with its statistic."""

    ordering: Ordering
    means: dict[str, float]  # in the published unit
    pairs: tuple[Pair, ...]
    missing: tuple[str, ...]  # rows without values
    losses: tuple[float, ...]  # of the rows that have values, in the published order: lower is better

    @property
    def kendall(self) -> tuple[float, float] | None:
        """Kendall's tau of the means' order with the published one, and its exact p.

        None for fewer than three rows, and where all means are equal.
        """
        if len(self.losses) < 3:
            return None
        from scipy.stats import kendalltau

        found = kendalltau(range(len(self.losses)), self.losses)
        return None if found.statistic != found.statistic else (float(found.statistic), float(found.pvalue))

    def count(self, sure: bool, as_published: bool) -> int:
        return sum(pair.comparison.is_sure == sure and pair.as_published == as_published for pair in self.pairs)

    @property
    def test(self) -> str:
        """Which test decided its pairs, in words."""
        by_examples = sum(pair.comparison.examples > 0 for pair in self.pairs)
        if by_examples == len(self.pairs):
            return "test examples and seeds"
        return f"test examples and seeds in {by_examples}, else by seeds alone" if by_examples else "seeds alone"

    @property
    def verdict(self) -> str:
        confirmed, reversed_ = self.count(True, True), self.count(True, False)
        if not self.pairs:
            return "no trials"
        if reversed_:
            return CONTRADICTED
        if confirmed == len(self.pairs) and not self.missing:
            return HOLDS
        return PARTLY if confirmed else UNDECIDED


def ordered(ordering: Ordering, metric: Metric, rows: Mapping[str, Records], scores: Scores) -> Ordered:
    """Compare every two rows of a published order.

    Args:
        ordering: rows from best to worst.
        metric: which number of the records; higher or lower is better.
        rows: row -> its finished records, a seed each.
        scores: of test examples, where they are kept.
    """
    means = {
        name: sum(values) / len(values) for name in ordering.rows if (values := _values(rows.get(name, ()), metric))
    }
    there = list(means)
    names = list(itertools.combinations(there, 2))
    primary = bool(there) and is_primary(metric.field, rows[there[0]][0])
    samples = {name: sample(rows[name], scores) if primary else _sample(rows[name], metric) for name in there}
    found = compare([(samples[first], samples[second]) for first, second in names])
    scaled = [_scaled(comparison, metric.scale) for comparison in found]
    pairs = tuple(
        Pair(first, second, comparison, better(comparison.difference, 0.0, metric.direction))
        for (first, second), comparison in zip(names, scaled, strict=True)
    )
    sign = -1 if metric.direction == "higher" else 1
    return Ordered(
        ordering,
        means,
        pairs,
        tuple(name for name in ordering.rows if name not in there),
        tuple(sign * means[name] for name in there),
    )


def _values(records: Records, metric: Metric) -> list[float]:
    """One a seed, in the published unit."""
    return [metric.scale * found for record in records if (found := value_of(record, metric.field)) is not None]


def _scaled(comparison: Comparison, scale: float) -> Comparison:
    """A comparison of the records' numbers, in the published unit."""
    low, high = comparison.low, comparison.high
    if low is not None and high is not None:
        low, high = sorted((scale * low, scale * high))
    return replace(comparison, difference=scale * comparison.difference, low=low, high=high)


def _sample(records: Records, metric: Metric) -> Sample:
    there = [(record, found) for record in records if (found := value_of(record, metric.field)) is not None]
    return of_values([record for record, _ in there], [found for _, found in there])

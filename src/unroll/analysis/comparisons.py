"""Rows compared, by seeds and examples where scores are kept and by seeds alone elsewhere: in pairs, or all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unroll.analysis.statistics.pairs import difference, holm
from unroll.analysis.statistics.samples import Sample, block_means, seed_correlation
from unroll.analysis.statistics.simultaneous import LEVEL, AllPairs, all_pairs
from unroll.config.identity import is_seeded
from unroll.records.scores import Scores, block_of

Records = Sequence[Mapping[str, Any]]  # finished records of one row, a seed each
Pairs = Sequence[tuple[Sample, Sample]]

AGREEMENT = 1e-4  # of a value, by which the mean of its scores may differ: they are kept in single precision


@dataclass(frozen=True)
class Comparison:
    """The first row's value minus the second's."""

    difference: float
    seeds: tuple[int, int]
    examples: int  # 0: seeds alone
    block: int
    low: float | None = None  # ends of the 95 % interval; None, as p: too few seeds
    high: float | None = None
    p: float | None = None  # of no difference, adjusted for the family
    p_alike: float | None = None  # of one of at least the margin, either way, adjusted; None without a margin, too
    level: float = LEVEL  # of its tests, and 1 minus the confidence of its interval

    @property
    def is_sure(self) -> bool:
        """Whether the rows differ: the adjusted p is below the level."""
        return self.p is not None and self.p < self.level

    @property
    def is_small(self) -> bool:
        """Whether no difference as large as the margin is left: its adjusted p is below the level."""
        return self.p_alike is not None and self.p_alike < self.level

    @property
    def is_decided(self) -> bool:
        """Whether it is known which."""
        return self.is_sure or self.is_small


def sample(records: Records, scores: Scores) -> Sample:
    """Return what is compared of a row: its primary metric by seed, and the scores that it is the mean of."""
    values = np.array([float(record["result"]["primary"]["value"]) for record in records])
    block = block_of(records[0]["config"]) if records else 1
    kept = _kept(records, values, scores, block)
    return Sample(
        seeds=tuple(record["config"]["seed"] for record in records),
        values=values,
        blocks=None if kept is None else block_means(kept, block),
        examples=0 if kept is None else kept.shape[1],
        block=block,
        fixed=bool(records) and not is_seeded(records[0]["config"]),
    )


def _kept(records: Records, values: np.ndarray, scores: Scores, block: int) -> np.ndarray | None:
    """The scores [S, N] of every seed; None where one has none, or others than its value is the mean of."""
    found = [scores(record) for record in records]
    whole = [one for one in found if one is not None]
    if not found or len(whole) < len(found) or len({len(one) for one in whole}) > 1 or len(whole[0]) < 2 * block:
        return None
    kept = np.stack(whole)
    return kept if np.allclose(kept.mean(axis=1), values, rtol=AGREEMENT, atol=AGREEMENT) else None


def of_values(records: Records, values: Sequence[float]) -> Sample:
    """Return what is compared of a row by another number than its primary metric: one a seed, and no examples."""
    fixed = bool(records) and not is_seeded(records[0]["config"])
    seeds = tuple(record["config"]["seed"] for record in records)
    return Sample(seeds, np.array(values, dtype=np.float64), fixed=fixed)


def compare(pairs: Pairs, margins: Sequence[float | None] = (), level: float = LEVEL) -> list[Comparison]:
    """Compare pairs of rows that were named before the data were seen: one family of tests, by Holm's correction.

    A row of fewer than three seeds gets a difference, and no p.

    Args:
        pairs: rows of at least one value each.
        margins: of each pair, the largest difference that counts as none; None: none is stated.
        level: the error rate of the family; the intervals have a confidence of 1 minus it each.
    """
    correlation = seed_correlation(pairs)
    limits = margins or [None] * len(pairs)
    found = [difference(*pair, correlation) if pair[0].is_testable and pair[1].is_testable else None for pair in pairs]
    equal = iter(holm([one.p for one in found if one is not None]))
    small = [
        None if one is None or limit is None else one.p_beyond(limit) for one, limit in zip(found, limits, strict=True)
    ]
    alike = iter(holm([p for p in small if p is not None]))
    comparisons = []
    for pair, one, p_small in zip(pairs, found, small, strict=True):
        if one is None:
            comparisons.append(_untested(*pair))
        else:
            reach = one.reach(1 - level)
            p_alike = None if p_small is None else next(alike)
            ends = one.value - reach, one.value + reach
            comparisons.append(Comparison(one.value, *_of(*pair), *ends, next(equal), p_alike, level))
    return comparisons


def against(rows: Sequence[Sample], pairs: AllPairs | None, best: int, margin: float | None) -> list[Comparison | None]:
    """Compare rows with the one of number `best`: with what `pairs` says of the testable ones. None for that one."""
    numbers = {number: k for k, number in enumerate(testable(rows))} if pairs is not None else {}
    found: list[Comparison | None] = []
    for number, row in enumerate(rows):
        if number == best or row.is_lone or rows[best].is_lone:
            found.append(None)
        elif pairs is None or number not in numbers or best not in numbers:
            found.append(_untested(row, rows[best]))
        else:
            k, top = numbers[number], numbers[best]
            value, reach = pairs.difference(k, top)
            alike = None if margin is None else pairs.p_beyond(k, top, margin)
            ends = value - reach, value + reach
            found.append(Comparison(value, *_of(row, rows[best]), *ends, pairs.p(k, top), alike))
    return found


def testable(rows: Sequence[Sample]) -> list[int]:
    """Return the numbers of the rows that can be compared at once: enough seeds, and scores where any row has them."""
    scored = any(row.blocks is not None and row.is_testable for row in rows)
    return [number for number, row in enumerate(rows) if row.is_testable and (row.blocks is not None or not scored)]


def every_pair(rows: Sequence[Sample]) -> AllPairs | None:
    """Compare all testable rows at once; None for fewer than two."""
    chosen = [rows[number] for number in testable(rows)]
    return all_pairs(chosen) if len(chosen) > 1 else None


def _untested(first: Sample, second: Sample) -> Comparison:
    value = float(first.values.mean() - second.values.mean())
    return Comparison(value, *_of(first, second))


def _of(first: Sample, second: Sample) -> tuple[tuple[int, int], int, int]:
    """The seeds of both, and the examples that both have scores of."""
    examples = first.examples if first.examples == second.examples else 0
    return (len(first.values), len(second.values)), examples, max(first.block, second.block)

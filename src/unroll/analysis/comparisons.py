"""Rows of a table compared in pairs: by seeds and examples where scores are kept, by seeds alone elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unroll.analysis.statistics.paired import Paired, holm, paired_examples, paired_t
from unroll.config.identity import is_seeded
from unroll.records.scores import Scores, block_of

Records = Sequence[Mapping[str, Any]]  # finished records of one row, a seed each


@dataclass(frozen=True)
class Comparison:
    """The first row's primary metric minus the second's, on the seeds that both have."""

    paired: Paired
    adjusted: float | None  # p after Holm's correction over its family

    @property
    def is_sure(self) -> bool:
        """Whether the adjusted p is below 5 %."""
        return self.adjusted is not None and self.adjusted < 0.05


def compare(pairs: Sequence[tuple[Records, Records]], scores: Scores) -> list[Comparison | None]:
    """Compare pairs of rows, one family of tests: None for a pair that shares no seed.

    A row without seeds (a baseline that was run once) is paired with each seed of the other.
    """
    found: list[Paired | None] = [None] * len(pairs)
    stacks: dict[tuple[int, int, int], list[tuple[int, np.ndarray]]] = {}
    for number, (first, second) in enumerate(pairs):
        shared = couples(first, second)
        if not shared:
            continue
        differences = [_difference(scores(one), scores(other)) for one, other in shared]
        whole = [values for values in differences if values is not None]
        block = block_of(shared[0][0]["config"])
        if len(whole) == len(shared) and len({len(values) for values in whole}) == 1 and len(whole[0]) >= 2 * block:
            array = np.stack(whole)
            stacks.setdefault((*array.shape, block), []).append((number, array))
        else:
            found[number] = paired_t([_primary(one) - _primary(other) for one, other in shared])
    for (_, _, block), members in stacks.items():
        results = paired_examples(np.stack([array for _, array in members]), block)
        for (number, _), paired in zip(members, results, strict=True):
            found[number] = paired
    return _adjusted(found)


def compare_values(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[Comparison | None]:
    """Compare pairs of one number a seed, paired in their order, by Student's t; one family of tests."""
    return _adjusted([paired_t([a - b for a, b in zip(*pair, strict=True)]) if pair[0] else None for pair in pairs])


def _adjusted(found: Sequence[Paired | None]) -> list[Comparison | None]:
    tested = [paired.p for paired in found if paired is not None and paired.p is not None]
    adjusted = iter(holm(tested))
    return [
        None if paired is None else Comparison(paired, None if paired.p is None else next(adjusted)) for paired in found
    ]


def couples(first: Records, second: Records) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the records of both rows that have the same seed, in order of seeds."""
    by_seed = [{record["config"]["seed"]: record for record in row} for row in (first, second)]
    for number in (0, 1):
        if by_seed[number] and all(_seedless(record) for record in by_seed[number].values()):
            (alone,) = by_seed[number].values()
            by_seed[number] = dict.fromkeys(by_seed[1 - number], alone)
    return [(by_seed[0][seed], by_seed[1][seed]) for seed in sorted(by_seed[0].keys() & by_seed[1].keys())]


def _seedless(record: Mapping[str, Any]) -> bool:
    return not is_seeded(record["config"])


def _difference(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    if first is None or second is None or first.shape != second.shape:
        return None
    return first - second


def _primary(record: Mapping[str, Any]) -> float:
    return float(record["result"]["primary"]["value"])

"""A published table beside what its trials gave: each cell with a verdict, each published order with its statistic."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from unroll.analysis.comparisons import Records
from unroll.analysis.halves import Half, beside
from unroll.config.identity import is_seeded
from unroll.records import stale
from unroll.records.fields import value_of
from unroll.records.scores import Scores
from unroll.reproduction.orderings import Ordered, ordered
from unroll.reproduction.plan import RowPlan, TablePlan
from unroll.reproduction.published import Deviation, Tolerance, Value
from unroll.reproduction.verdicts import MOST_SEEDS, OPEN, Verdict, seeds_needed, verdict
from unroll.verification import replications

COUNTED = "parameters"  # the field of a metric whose rows are counted, not trained
Count = Callable[[Sequence[Mapping[str, Any]]], int]


@dataclass(frozen=True)
class JudgedCell:
    """One published number, or a metric of a row that has none."""

    metric: str
    reported: Value | None
    values: tuple[float, ...]  # one a seed, in the published unit
    seeded: bool
    verdict: Verdict
    seeds_needed: str = ""  # to settle an open verdict: a number, or that it is beyond what was looked for

    @property
    def mean(self) -> float | None:
        return sum(self.values) / len(self.values) if self.values else None


@dataclass(frozen=True)
class Outcome:
    """A row of the table with what its trials gave."""

    plan: RowPlan
    cells: tuple[JudgedCell, ...]
    records: Records  # finished ones
    trained: Records  # all, those of the points that it was chosen by among them
    failed: tuple[str, ...]  # ids
    missing: tuple[str, ...]
    stale: tuple[str, ...]  # where a record of an earlier protocol stands in
    notes: tuple[str, ...]  # on training, beside the verdict
    half: Half | None = None  # its trials beside those of half their budget

    @property
    def is_trained(self) -> bool:
        """Whether networks stand behind its numbers, which have a budget."""
        return bool(self.records) and not self.plan.trials[0].trial.is_baseline

    @property
    def is_run(self) -> bool:
        """Whether every trial of the row has a finished record, or the row was counted."""
        return any(cell.values for cell in self.cells) and not self.missing and not self.failed


@dataclass(frozen=True)
class Reproduction:
    """A published table, reproduced as far as the records go."""

    plan: TablePlan
    outcomes: tuple[Outcome, ...]
    orderings: tuple[Ordered, ...]

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """All finished records behind its numbers, a trial once."""
        return _once(record for row in self.outcomes for record in row.records)

    @property
    def trained(self) -> list[Mapping[str, Any]]:
        """All records, a trial once: those of numbers, of choosing points and of failures, which took hours too."""
        return _once(record for row in self.outcomes for record in row.trained)

    @property
    def judged(self) -> list[JudgedCell]:
        """The cell of every published number whose row was run."""
        return [cell for row in self.outcomes for cell in row.cells if cell.reported is not None and cell.values]


def reproduced(
    plan: TablePlan, find: Callable[[str], Mapping[str, Any] | None], scores: Scores, count: Count
) -> Reproduction:
    """Judge a table's published numbers by the records of its trials.

    Args:
        plan: the table's rows as trials.
        find: gives the record of a trial, or None.
        scores: of test examples, for orders.
        count: adds up the parameters of parts.
    """
    outcomes = tuple(_outcome(plan, row, find, count) for row in plan.rows)
    halves = beside([outcome.records for outcome in outcomes], find, scores)
    outcomes = tuple(
        outcome if half is None else replace(outcome, half=half, notes=(*outcome.notes, _gain(half)))
        for outcome, half in zip(outcomes, halves, strict=True)
    )
    finished = {outcome.plan.name: replications.settled(outcome.records) for outcome in outcomes}
    orders = tuple(
        ordered(ordering, plan.table.metrics[ordering.metric], finished, scores) for ordering in plan.table.orderings
    )
    return Reproduction(plan, outcomes, orders)


def _outcome(plan: TablePlan, row: RowPlan, find: Callable[[str], Mapping[str, Any] | None], count: Count) -> Outcome:
    looked = {planned.trial.trial_id: stale.current_or_earlier(planned.trial, find) for planned in row.trials}
    found = [record for record in looked.values() if record is not None]
    finished = [record for record in found if record["status"] == "finished"]
    failed = tuple(record["trial_id"] for record in found if record["status"] != "finished")
    counted = None if row.row.count is None else float(count(row.row.count))
    cells = []
    for name, metric in plan.table.metrics.items():
        published = row.row.reported.get(name)
        if counted is None:
            values = [metric.scale * number for r in finished if (number := value_of(r, metric.field)) is not None]
        else:
            values = [counted] if metric.field == COUNTED else []
        if published is None and not values:
            continue
        seeded = counted is None and not _is_seedless(row)
        tolerance = plan.table.tolerance_of(row.row, name)
        judged = verdict(
            values,
            published,
            metric.direction,
            tolerance,
            seeded=seeded,
            failed=len(failed),
            incomparable=metric.incomparable
            or _incomparable([*plan.table.deviations, *row.row.deviations])
            or replications.reopened(finished)
            or "",
        )
        is_open = judged.word in OPEN and len(values) > 1 and not failed
        needed = _needed(values, published, tolerance) if is_open and published is not None else ""
        cells.append(JudgedCell(name, published, tuple(values), seeded, judged, needed))
    missing = tuple(trial_id for trial_id, record in looked.items() if record is None)
    points = [point.record for point in row.points if point.record is not None]
    old = tuple(trial_id for trial_id, record in looked.items() if record is not None and "stale" in record)
    return Outcome(row, tuple(cells), finished, [*points, *found], failed, missing, old, tuple(_notes(row, finished)))


def _needed(values: Sequence[float], published: Value, tolerance: Tolerance) -> str:
    found = seeds_needed(values, published, tolerance)
    return f"more than {MOST_SEEDS}" if found is None else f"about {found}"


def _once(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({record["trial_id"]: record for record in records}.values())


def _is_seedless(row: RowPlan) -> bool:
    return bool(row.trials) and not is_seeded(row.trials[0].trial.plain)


def _incomparable(deviations: Sequence[Deviation]) -> str:
    return "; ".join(deviation.says for deviation in deviations if not deviation.comparable)


def _notes(row: RowPlan, finished: Records) -> list[str]:
    """The budget's share of the paper's: no excuse, but a reason; and what is to be known of stale records."""
    said = []
    if row.share is not None and finished:
        said.append(f"trained for {100 * row.share:.3g} % of the published budget")
    if told := stale.said(finished):
        said.append(told)
    return said


def _gain(half: Half) -> str:
    """What a row's whole budget gives above half of it."""
    described, gain = half.records[0]["result"]["primary"], half.gain
    said = f"the whole budget minus half of it: test {described['name']} {gain.difference:+.3g}"
    if gain.low is not None and gain.high is not None:
        said += f" [{gain.low:+.3g}, {gain.high:+.3g}]"
    return f"{said}, {half.verdict} over n = {gain.seeds[0]}"

"""How many seeds a difference needs, by the spreads of the records that a suite has. Pure functions of its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unroll.analysis.comparisons import every_pair, sample, testable
from unroll.analysis.power import resolution, seeds_for
from unroll.analysis.statistics.samples import LEAST_SEEDS
from unroll.analysis.tables import Row, Table
from unroll.records.scores import Scores

TOO_SMALL = "no number: the test set is too small"
UNKNOWN = f"spreads are not known: fewer than two networks have {LEAST_SEEDS} seeds"
ALONE = "nothing to tell apart: fewer than two ranked networks"
NO_MARGIN = "its task states no margin: say --see METRIC=VALUE"


@dataclass(frozen=True)
class SeedsNeeded:
    """Of one problem's table; differences are of two networks, in the unit of its metric."""

    problem: str
    task: str
    data: str
    metric: str
    unit: str
    see: float | None  # the true difference to be seen with a chance of 80 %
    seeds: tuple[int, int]  # finished ones: the fewest and the most of its networks
    enough: int | None = None  # seeds that would see it; None where `why` says why not
    smallest: float | None = None  # difference that today's seeds see
    floor: float | None = None  # that no number of seeds (1,000) goes below: the test set's part
    lacking: int = 0  # trials of all networks, unranked ones too, whose records are of today's protocol
    core_hours: float | None = None  # of those, by the mean of each network's trials
    why: str | None = None


def seeds_needed(table: Table, scores: Scores, see: float | None) -> SeedsNeeded:
    """Return how many seeds each network of a table needs for a difference to be seen with a chance of 80 %.

    Rows that the table ranks are compared all at once, as in the table; see `unroll.analysis.power.seeds_for`.

    Args:
        table: of records and missing trials.
        scores: of test examples.
        see: the difference, above 0, in the unit of the table's metric; None: the margin that the task states.
    """
    networks = [row for row in table.networks if not row.unranked]
    if see is None and table.equivalence is not None:
        see = table.equivalence.margin
    counts = [len(row.finished) for row in networks] or [0]
    said = table.title, table.task, table.data, table.metric, table.unit, see, (min(counts), max(counts))
    if len(networks) < 2:
        return SeedsNeeded(*said, why=ALONE)
    ranked = [row for row in table.rows if row.primary and not row.unranked]
    samples = [sample(row.finished, scores) for row in ranked]
    chosen = testable(samples)
    rows = [k for k, number in enumerate(chosen) if not ranked[number].baseline]
    pairs = every_pair(samples)
    found = None if pairs is None else resolution([samples[number] for number in chosen], pairs, rows)
    if found is None:
        return SeedsNeeded(*said, why=UNKNOWN)
    if see is None:
        return SeedsNeeded(*said, smallest=found.smallest, floor=found.floor, why=NO_MARGIN)
    enough = seeds_for([samples[number] for number in chosen], see, rows)
    if enough is None:
        return SeedsNeeded(*said, smallest=found.smallest, floor=found.floor, why=TOO_SMALL)
    lacking = [max(0, enough - sum("stale" not in trial for trial in row.finished)) for row in table.networks]
    return SeedsNeeded(*said, enough, found.smallest, found.floor, sum(lacking), _core_hours(table.networks, lacking))


def _core_hours(networks: Sequence[Row], lacking: Sequence[int]) -> float | None:
    """Of so many more trials of each network; one without a finished trial costs what the others do in the mean."""
    known = [_core_seconds(row) for row in networks]
    there = [one for one in known if one is not None]
    if not there:
        return None
    mean = sum(there) / len(there)
    return sum(count * (mean if one is None else one) for one, count in zip(known, lacking, strict=True)) / 3600


def _core_seconds(row: Row) -> float | None:
    runs: list[Mapping[str, float | None]] = [trial["run"] for trial in row.finished]
    found = [
        seconds * (run.get("threads") or 1) * (run.get("world_size") or 1)
        for run in runs
        if (seconds := run.get("training_seconds")) is not None
    ]
    return sum(found) / len(found) if found else None

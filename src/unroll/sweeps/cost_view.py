"""What `unroll cost` prints: a row a cell, the totals, and how far such forecasts were off where that was measured."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from unroll.analysis.cost import AWAY, PILOT, SCALED, CellCost, Forecast, Total, measured_errors, total
from unroll.analysis.render.columns import columns
from unroll.config.overrides import refuse_repeated
from unroll.config.search_space import tunes
from unroll.durations import duration
from unroll.sweeps.cost import Costs, as_json, forecast, plan_costs
from unroll.visible import say, visible

HEADER = ("", "trials", "s each", "core h", "memory", "disk", "records")
_UNITS = ("B", "kB", "MB", "GB", "TB")


def run_cost(
    overrides: Sequence[str],
    config_dir: str | None,
    runs: Sequence[Path],
    filters: Sequence[str],
    *,
    retry_failed: bool = False,
    in_json: bool = False,
) -> None:
    """Forecast what trials cost, timing steps of the cells that have no record, and print it.

    Raises:
        UserError: see `plan_costs` and `forecast`.
    """
    refuse_repeated(overrides)
    todo, planned = plan_costs(overrides, config_dir, filters)
    if tunes(todo.hydra):
        say("Networks are tuned: of the points that the search will ask for nothing is known.", err=True)
    tell = partial(say, err=True)
    found = forecast(todo, planned, runs, retry_failed=retry_failed, pilots=True, say=tell)
    if in_json:
        say(as_json(found, measured_errors()))
    else:
        show(found)


def show(found: Costs, advice: str = "") -> None:
    """Print the cells that are still to be trained, then what all of them cost.

    Args:
        found: the costs.
        advice: the command that times what is not known.
    """
    for line in (*tables(found.cells), *lines(found, measured_errors(), advice)):
        print(visible(line), flush=True)


def tables(cells: Sequence[CellCost]) -> Iterator[str]:
    """Yield the lines of a table a problem, a row an architecture or baseline that is still to be trained."""
    problems: dict[str, list[CellCost]] = {}
    for one in cells:
        if one.to_train:
            problems.setdefault(one.problem, []).append(one)
    for problem, members in problems.items():
        yield problem
        yield from columns([HEADER, *map(row, members)], left=(0, len(HEADER) - 1))
        yield ""


def row(one: CellCost) -> list[str]:
    """Return a cell's texts, in the order of HEADER."""
    forecast = one.forecast
    if forecast is None:
        return [one.row, str(one.to_train), *["?"] * 4, one.why]
    most, least = "≤ " * forecast.is_most, "≥ " * forecast.disk_is_least
    disk = one.to_train * forecast.disk_bytes
    return [
        one.row,
        str(one.to_train),
        f"{most}{forecast.seconds:.3g}",
        f"{most}{one.to_train * forecast.core_hours:.2g}",
        size(forecast.memory_bytes),
        least + size(disk) if disk else "?",
        origin(forecast),
    ]


def origin(forecast: Forecast) -> str:
    """Return where a forecast comes from: records, so many (`3`, `1, other budget`), or a `pilot`."""
    if forecast.source == PILOT:
        return "pilot"
    return str(forecast.count) + {SCALED: ", other budget", AWAY: ", other CPU"}.get(forecast.source, "")


def lines(found: Costs, errors: Mapping[str, Any], advice: str = "") -> Iterator[str]:
    """Yield what is said below the cells."""
    paid = total(found.cells)
    if paid.ended:
        yield f"Ended, at no further cost: {_count(paid.ended, 'trial')}."
    if paid.known:
        yield _sum(paid, found.workers)
        yield from _notes(found, paid)
        yield from _errors(found.cells, errors)
    if paid.unknown:
        run = f" To time their steps: {advice}" if advice else ""
        yield f"Not in the total: {_count(paid.unknown, 'trial')} of unknown cost.{run}"
    if found.unread:
        yield f"Not read: {_count(found.unread, 'record')}, damaged or of another schema."


def expected(found: Costs) -> str | None:
    """Return how long a sweep will take, by records of its cells; None where most of them have none."""
    paid = total(found.cells)
    if not paid.known or paid.unknown > paid.known:
        return None
    known = "" if not paid.unknown else f" for {paid.known} of them"
    return (
        f"{'At most' if paid.is_most else 'About'} {duration(3600 * paid.hours / found.workers)}{known} in "
        f"{_count(found.workers, 'worker')}, by records of these cells."
    )


def _sum(paid: Total, workers: int) -> str:
    most, least = "at most " * paid.is_most, "at least " * paid.disk_is_least
    memory = "" if paid.memory_bytes is None else f", {size(paid.memory_bytes)} of memory a worker"
    return (
        f"To train: {_count(paid.known, 'trial')}, {most}{paid.core_hours:.3g} core hours "
        f"({most}{paid.hours / workers:.3g} h in {_count(workers, 'worker')}){memory}, "
        f"{least}{size(paid.disk_bytes)} on disk."
    )


def _notes(found: Costs, paid: Total) -> Iterator[str]:
    if paid.is_most:
        yield "At most: early stopping may end a trial before its budget."
    if paid.disk_is_least:
        yield "At least: published records do not say what predictions take; their weights alone are counted."
    others: Counter[str] = Counter()
    for one in found.cells:
        here = {found.machine.cpu, found.machine.gpu}
        if one.to_train and one.forecast and (away := set(one.forecast.processors) - here):
            others[", ".join(sorted(away))] += one.to_train
    for name, trials in sorted(others.items()):
        yield f"By records of another processor, {name}: {_count(trials, 'trial')}; this one is {found.machine.cpu}."


def _errors(cells: Sequence[CellCost], errors: Mapping[str, Any]) -> Iterator[str]:
    used = {one.forecast.source for one in cells if one.forecast and one.to_train}
    said = [
        f"by {source} {each['median']:.0%} in the median, {each['p90']:.0%} at the 90th percentile (n = {each['n']})"
        for source, each in errors["sources"].items()
        if source in used
    ]
    if said:
        yield f"Error of such forecasts of a trial's seconds: {'; '.join(said)}."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def size(count: float | None) -> str:
    """Return bytes in decimal units, to two digits or whole numbers: 950 B, 1.3 GB."""
    if count is None:
        return "?"
    for unit in _UNITS[:-1]:
        if count < 999.5:
            return f"{count:.2g} {unit}" if count < 99.5 and unit != "B" else f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.3g} {_UNITS[-1]}"

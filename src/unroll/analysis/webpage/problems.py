"""A table as plain data: the same texts that its Markdown shows, and the numbers that figures and sorting need."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from unroll.analysis.figures.costs import front_of
from unroll.analysis.figures.lines import rate_distortion
from unroll.analysis.figures.panels import family
from unroll.analysis.labels import slug
from unroll.analysis.render import cells, page
from unroll.analysis.tables import Row, Table
from unroll.analysis.webpage.headline import Headline

BASELINES = "Baselines"


def _mean(row: Row, read: Callable[[Mapping[str, Any]], float | None]) -> float | None:
    """The mean over the trials, where all of them have the number."""
    found = [read(trial) for trial in row.finished]
    known = [value for value in found if value]
    return statistics.fmean(known) if known and len(known) == len(found) else None


COSTS: dict[str, tuple[str, Callable[[Row], float | None]]] = {
    "seconds": ("seconds of training", lambda row: row.seconds),
    "flops": ("FLOPs of training", lambda row: _mean(row, lambda trial: trial["flops"]["training"])),
    "memory": ("bytes of memory at peak", lambda row: _mean(row, lambda trial: trial["run"].get("peak_memory_bytes"))),
    "parameters": ("trained parameters", lambda row: row.parameters),
}


def problem(table: Table, said: Headline, suite: str | None) -> dict[str, Any]:
    """Return a problem: what it is, its headline, its rows from best to worst, notes, and the fronts by cost."""
    places = cells.places_of(table)
    measured = cells.metrics(table)
    order = _order(table)
    return {
        "id": slug(table.title),
        "title": table.title,
        "task": table.task,
        "data": table.data,
        "metric": table.metric,
        "unit": table.unit,
        "direction": table.direction,
        "arrow": cells.ARROWS[table.direction],
        "selection": table.rows[0].trials[0]["config"]["task"]["selection"]["name"],
        "headline": {"text": said.text, "verdict": said.verdict, "winner": _place_of(table, said)},
        "has_networks": bool(table.networks),
        "ranked": len(order),
        "notes": page.below(table, suite),
        "metric_names": measured.header[1:],
        "rows": [
            _row(row, shown[1:], places, order.get((row.baseline, row.label)), len(order))
            for row, shown in zip(table.rows, measured.rows, strict=True)
        ],
        "fronts": {name: [row.label for row, _, _ in front_of(table, cost)] for name, (_, cost) in COSTS.items()},
        "rates": _rates(table),
    }


def _place_of(table: Table, said: Headline) -> int | None:
    """The place of the winner's row among the table's."""
    found = [place for place, row in enumerate(table.rows) if (row.label, row.baseline) == (said.winner, said.baseline)]
    return found[0] if found else None


def _order(table: Table) -> dict[tuple[bool, str], int]:
    """The place of each ranked row by its mean, networks and baselines together: 1 is best."""
    sign = -1 if table.direction == "higher" else 1
    ranked = [row for row in table.rows if row.primary and not row.unranked]
    ranked.sort(key=lambda row: (sign * row.primary.mean if row.primary else 0.0, row.label))
    return {(row.baseline, row.label): place for place, row in enumerate(ranked, 1)}


def _row(row: Row, measured: list[str], places: int, place: int | None, ranked: int) -> dict[str, Any]:
    config = row.trials[0]["config"]
    primary = row.primary
    return {
        "label": row.label,
        "name": row.name,
        "baseline": row.baseline,
        "family": BASELINES if row.baseline else family(config),
        "budget": "none" if row.baseline else config["budget"]["name"],
        "mean": primary and primary.mean,
        "low": primary and primary.low,
        "high": primary and primary.high,
        "value": cells.value_of(row, places).strip("*"),
        "best": row.best,
        "interval": cells.interval(primary, places),
        "letters": cells.letters(row.letters) if row.letters else "",
        "n": cells.seeds_of(row),
        "gap": row.to_best and row.to_best.difference,
        "difference": cells.difference(row.to_best, places),
        "unranked": row.unranked,
        "rank": place,
        "shade": None if place is None else round(1 - (place - 1) / max(1, ranked - 1), 3),
        "costs": {name: cost(row) for name, (_, cost) in COSTS.items()},
        "metrics": measured,
        "trials": [trial["trial_id"] for trial in row.trials],
    }


def _rates(table: Table) -> list[dict[str, Any]]:
    """Distortion against rate of each row that has a curve, as its figure draws it."""
    found = [(row, rate_distortion(row)) for row in table.rows]
    return [
        {"label": row.label, "baseline": row.baseline, "x": list(line.x), "y": list(line.mean), "n": line.n}
        for row, line in found
        if line is not None
    ]

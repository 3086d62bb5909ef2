"""A sentence a problem: what won, by how much, and whether that is sure."""

from collections.abc import Sequence
from dataclasses import dataclass

from unroll.analysis.render import cells
from unroll.analysis.statistics.samples import LEAST_SEEDS
from unroll.analysis.statistics.summary import better
from unroll.analysis.tables import Row, Table

SURE, UNSURE, UNTESTED, NOTHING = "sure", "not sure", "not tested", "nothing to compare"
NAMED = 4  # rows that a sentence names


@dataclass(frozen=True)
class Headline:
    """`verdict` is of `text`'s claim that its row is ahead; bold parts begin and end with **."""

    winner: str | None
    baseline: bool
    text: str
    verdict: str


def headline(table: Table) -> Headline:
    """Return what a table says of its first row, by the tests that the table holds already."""
    networks, baselines = ([row for row in rows if _ranks(row)] for rows in (table.networks, table.baselines))
    places = cells.places_of(table.rows)
    if not networks or len(networks) + len(baselines) == 1:
        return _alone(table, [*networks, *baselines], places)
    best = networks[0]
    rival = baselines[0] if baselines else None
    if rival is not None and rival.primary and best.primary:
        if better(rival.primary.mean, best.primary.mean, table.direction):
            return _baseline_ahead(table, best, rival, places)
    return _network_ahead(table, best, [*networks[1:], *baselines], places)


def _ranks(row: Row) -> bool:
    return row.primary is not None and not row.unranked


def _value(table: Table, row: Row, places: int) -> str:
    return f"{cells.spread(row.primary, places)} {table.unit}".strip()


def _alone(table: Table, rows: Sequence[Row], places: int) -> Headline:
    if not rows:
        return Headline(None, False, "No ranked row has a finished trial.", NOTHING)
    first = rows[0]
    said = f"Only **{first.label}** stands here, with {_value(table, first, places)}."
    if len(rows) > 1:
        said = f"Only baselines stand here; **{first.label}** has the best mean, {_value(table, first, places)}."
    return Headline(first.label, first.baseline, said, NOTHING)


def _baseline_ahead(table: Table, best: Row, rival: Row, places: int) -> Headline:
    """No network has a mean as good as a baseline's."""
    tested = rival.to_best
    said = (
        f"No network is ahead: the baseline **{rival.label}** has {_value(table, rival, places)}, the best network, "
        f"{best.label}, {_value(table, best, places)}; difference {cells.difference(tested, places)}."
    )
    if tested is None or tested.p is None:
        return Headline(rival.label, True, f"{said} {_why_untested(table)}", UNTESTED)
    above = [row for row in table.networks if _ranks(row) and row.label not in rival.beats]
    if not above:
        return Headline(rival.label, True, f"{said} It is surely better than every network.", SURE)
    return Headline(rival.label, True, f"{said} Not surely worse than it: {_listed(above)}.", UNSURE)


def _network_ahead(table: Table, best: Row, others: Sequence[Row], places: int) -> Headline:
    sign = -1 if table.direction == "higher" else 1
    others = sorted(others, key=lambda row: (sign * row.primary.mean if row.primary else 0.0, row.label))
    second = others[0]
    called = f"the baseline {second.label}" if second.baseline else second.label
    said = f"**{best.label}** has the best mean, {_value(table, best, places)}; next is {called}, "
    said += f"{_value(table, second, places)}"
    said += f" (difference to {best.label} {cells.difference(second.to_best, places)})." if second.to_best else "."
    if not any(row.to_best and row.to_best.p is not None for row in others):
        return Headline(best.label, False, f"{said} {_why_untested(table)}", UNTESTED)
    if best.best:
        return Headline(best.label, False, f"{said} It is surely better than every other ranked row.", SURE)
    near = [row for row in others if row.label not in best.beats]
    said += f" It is surely better than {len(best.beats)} of {len(others)} others; not surely apart: {_listed(near)}."
    return Headline(best.label, False, said, UNSURE)


def _why_untested(table: Table) -> str:
    if not any(row.to_best for row in table.rows):
        return "This report tests no rows against each other."
    return f"Nothing is tested: a row of fewer than {LEAST_SEEDS} seeds gets no p."


def _listed(rows: Sequence[Row]) -> str:
    names = [row.label for row in rows[:NAMED]]
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")

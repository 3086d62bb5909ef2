"""In words: what won each problem, by how much, and whether that is sure; and all problems in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from unroll.analysis.comparisons import Comparison
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
    places = cells.places_of(table)
    if not networks or len(networks) + len(baselines) == 1:
        return _alone(table, [*networks, *baselines], places)
    if baselines and _is_better(table, baselines[0], networks[0]):
        return _baseline_ahead(table, networks, baselines[0], places)
    return _network_ahead(table, networks, baselines, places)


def _ranks(row: Row) -> bool:
    return row.primary is not None and not row.unranked


def _is_better(table: Table, one: Row, other: Row) -> bool:
    assert one.primary is not None
    assert other.primary is not None
    return better(one.primary.mean, other.primary.mean, table.direction)


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


def _baseline_ahead(table: Table, networks: Sequence[Row], rival: Row, places: int) -> Headline:
    """No network has a mean as good as a baseline's."""
    tested = rival.to_best
    said = (
        f"No network beats the baseline **{rival.label}**, {_value(table, rival, places)}. The best network, "
        f"{networks[0].label}, has {_value(table, networks[0], places)}{_lead(table, tested, places, 'behind')}."
    )
    if tested is None or tested.p is None:
        return Headline(rival.label, True, f"{said} {_why_untested(table)}", UNTESTED)
    above = [row for row in networks if row.label not in rival.beats]
    if not above:
        return Headline(rival.label, True, f"{said} The baseline is surely better than every network.", SURE)
    return Headline(rival.label, True, f"{said} Not surely worse than it: {_listed(above)}.", UNSURE)


def _network_ahead(table: Table, networks: Sequence[Row], baselines: Sequence[Row], places: int) -> Headline:
    best, *rest = networks
    sign = -1 if table.direction == "higher" else 1
    others = sorted([*rest, *baselines], key=lambda row: (sign * row.primary.mean if row.primary else 0.0, row.label))
    second = others[0]
    called = f"the baseline {second.label}" if second.baseline else second.label
    said = f"**{best.label}** is best on average, {_value(table, best, places)}"
    joined = "next is" if _is_better(table, best, second) else "just as good is"
    said += f"; {joined} {called}, {_value(table, second, places)}{_lead(table, second.to_best, places, 'behind')}."
    if baselines and not second.baseline:
        said += f" The best baseline, {baselines[0].label}, has {_value(table, baselines[0], places)}."
    if not any(row.to_best and row.to_best.p is not None for row in others):
        return Headline(best.label, False, f"{said} {_why_untested(table)}", UNTESTED)
    if best.best:
        return Headline(best.label, False, f"{said} It is surely better than all {len(others)} others.", SURE)
    near = [row for row in others if row.label not in best.beats]
    of = f"It is surely better than {len(best.beats) or 'none'} of {len(others)} others"
    return Headline(best.label, False, f"{said} {of}. May be as good: {_listed(near)}.", UNSURE)


def _lead(table: Table, found: Comparison | None, places: int, word: str) -> str:
    """By how much a row is behind the other, with the interval of that, where they were compared."""
    if found is None:
        return ""
    sign = 1 if found.difference >= 0 else -1
    by = f"{cells.number(sign * found.difference, places)} {table.unit}".strip()
    if found.low is None or found.high is None or found.p is None:
        return f", {by} {word}"
    low, high = sorted((sign * found.low, sign * found.high))
    said = f", {by} {word} (95 %: {cells.number(low, places)} to {cells.number(high, places)}"
    return f"{said}, p {cells.probability(found.p)})" + (", which counts as none" if found.is_small else "")


def _why_untested(table: Table) -> str:
    if all(row.count("finished") < LEAST_SEEDS for row in table.networks):
        return f"Nothing is tested: no network has the {LEAST_SEEDS} seeds that a test needs."
    return "This report tests no rows against each other."


def _listed(rows: Sequence[Row]) -> str:
    names = [row.label for row in rows[:NAMED]]
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def overall(found: Sequence[tuple[Table, Headline]]) -> str:
    """Return all problems in words: where networks are ahead, where baselines are, and which of that is sure."""
    compared = [(table, one) for table, one in found if one.verdict != NOTHING]
    if not compared:
        return "Nothing can be compared yet: no problem has a finished trial of a network beside another row."
    beside, alone = (
        [(table, one) for table, one in compared if any(map(_ranks, table.baselines)) == has_rival]
        for has_rival in (True, False)
    )
    said = []
    for called, of_baselines in (("A network is ahead", False), ("A baseline is ahead", True)):
        if ahead := [(table, one) for table, one in beside if one.baseline == of_baselines]:
            said.append(f"**{called} in {len(ahead)} of {_problems(len(beside))}**; {_surely(ahead)}.")
    if alone:
        said.append(f"In {_problems(len(alone))} no baseline stands beside the networks; {_surely(alone)}.")
    counted = {verdict: sum(one.verdict == verdict for _, one in compared) for verdict in (UNSURE, UNTESTED)}
    if counted[UNSURE]:
        said.append(f"In {counted[UNSURE]} the lead may be chance: of the seeds drawn, or of the test examples.")
    if counted[UNTESTED]:
        said.append(f"In {counted[UNTESTED]} no lead is tested.")
    return " ".join(said)


def _problems(count: int) -> str:
    return f"{count} problem{'' if count == 1 else 's'}"


def _surely(ahead: Sequence[tuple[Table, Headline]]) -> str:
    sure = [f"**{one.winner}** in {table.title}" for table, one in ahead if one.verdict == SURE]
    if not sure:
        return "who is best is sure nowhere"
    *first, last = sure
    named = f"{', '.join(first)} and {last}" if first else last
    return f"all of that is sure: {named}" if len(sure) == len(ahead) else f"sure is only {named}"

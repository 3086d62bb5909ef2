"""Published tables beside reproduced ones in a terminal: one line a number, no name broken, 80 columns wide."""

import itertools
from collections.abc import Iterator, Sequence

from unroll.analysis.render.columns import columns, paragraphs
from unroll.reproduction import orderings, verdicts
from unroll.reproduction.judge import JudgedCell, Outcome, Reproduction
from unroll.reproduction.published import Metric, Value
from unroll.reproduction.published_page import SIGNS, below, decimals_of, not_run, waits

LETTERS = dict(zip(verdicts.VERDICTS, "RMUBWN", strict=True))
SHORT = {
    verdicts.MEAN_WITHIN: "mean within",
    verdicts.BETTER: "better",
    verdicts.WORSE: "worse",
}
NAME = 24  # characters of a row's name that stands beside its numbers; longer ones stand above them
COUNTED = "numbers with a published one: "


def lines(found: Reproduction, room: int) -> Iterator[str]:
    """Return a table's numbers, each with its verdict, and below them what its page says beside them.

    Args:
        found: the table.
        room: characters of a line.
    """
    table = found.plan.table
    yield from paragraphs([f"{table.title} ({table.citation})"], room)
    notes: list[str] = []
    shown = [(row.plan.row.says, _row(row, found, notes)) for row in found.outcomes if not waits(row)]
    above = any(len(name) > NAME for name, _ in shown)
    cells = [["" if above or place else name, *cell] for name, row in shown for place, cell in enumerate(row)]
    head = ["" if above else "row", "metric", "reported", "ours", "n", "difference", "verdict"]
    placed = columns([head, *cells], left=(0, 1, len(head) - 1)) if cells else iter(())
    yield from itertools.islice(placed, 1)
    for name, row in shown:
        yield from [name] if above else []
        yield from itertools.islice(placed, len(row))
    yield from paragraphs((f"[{number}] {note}" for number, note in enumerate(notes, 1)), room)
    said = [line for line in below(found) if line]
    said += [f"Not run: {line}." for line in not_run(found)]
    said += [f"Without a row here: {line}." for line in table.left_out]
    yield from paragraphs(said, room)


def _row(row: Outcome, found: Reproduction, notes: list[str]) -> list[list[str]]:
    """A line a number; what is to be said of it is noted, and marked by its number."""
    shown = []
    for place, cell in enumerate(row.cells):
        metric = found.plan.table.metrics[cell.metric]
        said = list(row.notes) if place == 0 else []
        said += [cell.verdict.why] if cell.reported is not None and cell.verdict.why else []
        said += [f"{cell.seeds_needed} seeds {_to(cell)}"] if cell.reported is not None and cell.seeds_needed else []
        said += [f"{len(row.failed)} failed"] if row.failed and place == 0 else []
        said += [f"{len(row.missing)} missing"] if row.missing and place == 0 else []
        marks = "".join(f" [{_noted(one, notes)}]" for one in said)
        shown.append([*_numbers(cell, metric), _word(cell) + marks])
    return shown


def _to(cell: JudgedCell) -> str:
    return f"to be {verdicts.REPRODUCED}" if cell.verdict.word == verdicts.MEAN_WITHIN else "to decide"


def _noted(text: str, notes: list[str]) -> int:
    if text not in notes:
        notes.append(text)
    return notes.index(text) + 1


def _word(cell: JudgedCell) -> str:
    word = cell.verdict.word
    return "—" if cell.reported is None else SHORT.get(word, word)


def _numbers(cell: JudgedCell, metric: Metric) -> list[str]:
    places = decimals_of(cell.reported, metric)
    more = places + 1 if places else 0
    return [
        f"{cell.metric} {SIGNS[metric.direction]}",
        "—" if cell.reported is None else _published(cell.reported, places),
        "—" if cell.mean is None else f"{cell.mean:,.{more}f}",
        str(len(cell.values)) if cell.seeded else "—",
        "—" if cell.verdict.difference is None else f"{cell.verdict.difference:+,.{more}f}",
    ]


def _published(value: Value, places: int) -> str:
    return f"{value.value:,.{places}f}"


def counts(found: Sequence[Reproduction]) -> list[str]:
    """How many numbers of all tables have which verdict, and how the published orders fare."""
    judged = [cell.verdict.word for one in found for cell in one.judged]
    said = ", ".join(f"{judged.count(word)} {word}" for word in verdicts.VERDICTS if word in judged)
    orders = [order.verdict for one in found for order in one.orderings]
    lines_ = [f"{len(judged)} {COUNTED}{said or 'none was run'}."]
    if orders:
        words = ", ".join(f"{orders.count(word)} {word}" for word in dict.fromkeys(orders))
        lines_.append(f"{len(orders)} published orders: {words}.")
    return lines_


def listed(found: Sequence[Reproduction], room: int) -> Iterator[str]:
    """Return a line a table: its rows, how many can run and were run, and its numbers by verdict."""
    rows = [["table", "rows", "can run", "run", *LETTERS.values(), "orders"]]
    for one in found:
        can = [row for row in one.outcomes if row.plan.row.cannot is None]
        words = [cell.verdict.word for cell in one.judged]
        tally = [str(words.count(word) or "") for word in verdicts.VERDICTS]
        held = sum(order.verdict == orderings.HOLDS for order in one.orderings)
        orders = f"{held} of {len(one.orderings)}" if one.orderings else ""
        run = sum(row.is_run for row in can)
        rows.append([one.plan.table.name, str(len(one.outcomes)), str(len(can)), str(run), *tally, orders])
    yield from columns(rows)
    legend = ", ".join(f"{letter}: {word}" for word, letter in LETTERS.items())
    yield from paragraphs([f"Numbers by verdict; {legend}. Orders: how many of the published ones hold."], room)

"""What `unroll status` prints: the grid, the counts, and what runs or has failed; redrawn while it is watched."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unroll.analysis.render.columns import columns, parts, width
from unroll.durations import duration
from unroll.errors import UserError
from unroll.sweeps.status import Seen, Watched, as_json, counts, grid
from unroll.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {
    "finished": "green",
    "running": "cyan",
    "failed": "red",
    "stale": "yellow",
    "damaged": "red",
    "interrupted": "yellow",
    "missing": "dim",
}
_LOOK_EVERY = 2.0  # seconds
_SHOWN_AS = ("running", "failed", "damaged", "interrupted", "stale")  # whose trials are listed, in this order

Wait = Callable[[float], object]


def show(watched: Watched, *, watch: bool = False, in_json: bool = False) -> None:
    """Print how far the trials are; with `watch` again and again, until all have ended.

    Raises:
        UserError: both options are given.
    """
    from rich.console import Console

    if watch and in_json:
        raise UserError("--watch is for people and --json for programs.", saw="--watch --json", allowed="one of them")
    console = Console()
    if in_json:
        print(as_json(watched, watched.look()))
    elif not watch:
        _print(console, watched, watched.look())
    elif console.is_terminal:
        _redraw(console, watched)
    else:
        follow(watched, threading.Event().wait)


def follow(watched: Watched, wait: Wait) -> None:
    """Print the counts, then a line for each trial whose state has changed, and the counts when all have ended."""
    seen = watched.look()
    print(_total(seen), flush=True)
    before = {one.trial_id: one.state for one in seen}
    while not watched.all_ended(seen):
        wait(_LOOK_EVERY)
        seen = watched.look()
        for one in seen:
            if before.get(one.trial_id) != one.state:
                print(_line(one), flush=True)
        for trial_id in before.keys() - {one.trial_id for one in seen}:
            print(visible(f"{'gone':11} {trial_id}"), flush=True)
        before = {one.trial_id: one.state for one in seen}
    print(_total(seen), flush=True)


def _redraw(console: "Console", watched: Watched) -> None:
    from rich.live import Live

    wait = threading.Event().wait
    seen = watched.look()
    with Live(_screen(console, watched, seen), console=console, auto_refresh=False, transient=True) as live:
        while not watched.all_ended(seen):
            live.update(_screen(console, watched, seen), refresh=True)
            wait(_LOOK_EVERY)
            seen = watched.look()
    _print(console, watched, seen)


def _screen(console: "Console", watched: Watched, seen: Sequence[Seen]) -> Any:
    """The grid and the counts, and as many trials as the terminal has lines left."""
    from rich.console import Group

    top = Group(_table(seen), _total(seen, watched.suite))
    taken = len(console.render_lines(top, pad=False))
    room = max(1, console.height - taken - 2)
    lines = _listed(seen)
    shown = lines if len(lines) <= room else [*lines[: room - 1], f"and {len(lines) - room + 1} more"]
    return Group(top, *(_cut(line, console.width) for line in shown))


def _print(console: "Console", watched: Watched, seen: Sequence[Seen]) -> None:
    if not seen:
        print(f"No trials under {watched.runs}.")
        return
    if console.is_terminal:
        console.print(_table(seen))
    else:
        print("\n".join(_plain_table(seen)) + "\n")
    print(_total(seen, watched.suite))
    for line in _listed(seen):
        print(line)


def _listed(seen: Sequence[Seen]) -> list[str]:
    return [_line(one) for state in _SHOWN_AS for one in seen if one.state == state]


def _line(one: Seen) -> str:
    more = one.error or ""
    if one.step is not None:
        more = f"{one.step}/{one.steps}" if one.steps is not None else f"{one.step} steps"
        if one.seconds_left is not None:
            more += f", {duration(one.seconds_left)} left"
    return visible(f"{one.state:11} {one.trial_id}  {more}".rstrip())


def _total(seen: Sequence[Seen], suite: str | None = None) -> str:
    found = ", ".join(f"{count} {name}" for name, count in counts(seen).items())
    return visible(f"{'' if suite is None else f'Suite {suite}: '}{len(seen)} trials" + (f": {found}" if found else ""))


def _cell(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.items()) or "—"


def _plain_table(seen: Sequence[Seen]) -> list[str]:
    problems, rows = grid(seen)
    cells = [["", *problems], *([row, *map(_cell, found)] for row, found in rows.items())]
    shown = (columns(part, left=range(len(part[0]))) for part in parts(cells, width()))
    return [visible(line) for part in shown for line in part]


def _table(seen: Sequence[Seen]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    problems, rows = grid(seen)
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("", *problems):
        table.add_column(Text(visible(name).replace(" ", "\n")))
    for row, cells in rows.items():
        coloured = [
            Text("\n").join(Text(f"{count} {name}", style=COLOURS[name]) for name, count in found.items())
            if found
            else Text("—", style="dim")
            for found in cells
        ]
        table.add_row(Text(visible(row)), *coloured)
    return table


def _cut(line: str, width: int) -> Any:
    from rich.text import Text

    text = Text(line, no_wrap=True, style=COLOURS.get(line.split()[0], ""))
    text.truncate(width, overflow="ellipsis")
    return text

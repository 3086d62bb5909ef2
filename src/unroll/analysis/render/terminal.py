"""Tables as a terminal shows them: one line a row, no name broken, as many columns as its width holds."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from unroll.analysis.render import cells
from unroll.analysis.render.page import CAPTION, below_overview, how_far
from unroll.analysis.tables import Row, Table
from unroll.visible import visible

if TYPE_CHECKING:
    import rich.table


_NAME, _METRIC, _LABEL = 12, 9, 34  # characters, at most
_PADDING = 2


def rich_table(tables: Sequence[Table], suite: str | None = None) -> list["rich.table.Table"]:
    """Return one Rich table a problem; where there are several, an overview of all at the end."""
    found = []
    for table in tables:
        below = (*_baselines(table.rows), *table.notes, *how_far(table, suite))
        found.append(_shown(table.title, _main(table), "\n".join(below)))
    if len(tables) > 1:
        parts = _parts(_overview(tables))
        for number, part in enumerate(parts):
            below = (*_baselines([row for table in tables for row in table.rows]), CAPTION, *below_overview(tables))
            last = number + 1 == len(parts)
            title = "Every architecture x task, means" + ("" if number == 0 else " (goes on)")
            found.append(_shown(title, part, "\n".join(below) if last else ""))
    return found


def winners(tables: Iterable[Table]) -> list[str]:
    """Return in how many problems the mean of a network is better than every ranked baseline, and a line a problem."""
    said, better, compared = [], 0, 0
    for table in tables:
        ranked = [
            [row for row in rows if row.primary and not row.unranked] for rows in (table.networks, table.baselines)
        ]
        if not all(ranked):
            continue
        (network, *_), (baseline, *_) = ranked
        assert network.primary is not None
        assert baseline.primary is not None
        sign = 1 if table.direction == "higher" else -1
        wins = sign * (network.primary.mean - baseline.primary.mean) > 0
        better, compared = better + wins, compared + 1
        both = (f"{row.label} {cells.value(row, table, spread=False).strip('*')}" for row in (network, baseline))
        said.append(f"  {'+' if wins else '-'} {table.task} on {table.data}, {table.metric}: {', '.join(both)}")
    if not said:
        return []
    return [
        f"In {better} of {compared} problems the best network's mean on test is better than every ranked baseline's:",
        *said,
    ]


def _first(rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if row.primary and not row.unranked), None)


def short(name: str, width: int) -> str:
    """Return a name in at most so many characters: its last parts are left out, then its last characters."""
    while len(name) > width and "_" in name:
        name = name.rpartition("_")[0]
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _main(table: Table) -> cells.Grid:
    grid = cells.main(table, intervals=False)
    header = ["", f"{short(table.metric, 2 * _METRIC)}, {table.unit} {_arrow(table)}", *grid.header[2:]]
    rows = []
    for row, found in zip(table.rows, grid.rows, strict=True):
        rows.append([_label(row), *("–" if cell == "no seed" else cell for cell in found[1:])])
    return cells.Grid(header, rows, grid.networks)


def _overview(tables: Sequence[Table]) -> cells.Grid:
    """Rows: architectures, then baselines; columns: problems; cells: means of the primary metric."""
    names = [short(table.data, _NAME) for table in tables]
    names = [table.data if names.count(name) > 1 else name for table, name in zip(tables, names, strict=True)]
    header = ["", *(_heading(name, table) for name, table in zip(names, tables, strict=True))]
    rows: dict[str, list[str]] = {}
    for baseline in (False, True):
        labels = sorted({_label(row) for table in tables for row in table.rows if row.baseline == baseline})
        rows.update({label: ["—"] * len(tables) for label in labels})
    for column, table in enumerate(tables):
        for row in table.rows:
            rows[_label(row)][column] = cells.value(row, table, spread=False)
    networks = len({_label(row) for table in tables for row in table.networks})
    return cells.Grid(header, [[label, *found] for label, found in rows.items()], networks)


def _heading(name: str, table: Table) -> str:
    return f"{name}\n{short(table.metric, _METRIC)} {_arrow(table)}"


def _arrow(table: Table) -> str:
    return cells.ARROWS[table.direction][0]


def _label(row: Row) -> str:
    return f"{row.label} †" if row.unranked else row.label


def _baselines(rows: Sequence[Row]) -> list[str]:
    """What the marks of a table mean."""
    said = ["Below the gap: baselines."] if any(row.baseline for row in rows) else []
    return [*said, *(["† is not ranked."] if any(row.unranked for row in rows) else [])]


def _parts(grid: cells.Grid) -> list[cells.Grid]:
    """A grid in parts that fit the terminal's width, each with the first column."""
    from rich.console import Console

    def width(column: int) -> int:
        lines = [
            line for cell in (grid.header[column], *(row[column] for row in grid.rows)) for line in cell.split("\n")
        ]
        return max(len(line) for line in lines) + _PADDING

    room = Console().width - min(width(0), _LABEL) - _PADDING
    parts: list[list[int]] = [[]]
    for column in range(1, len(grid.header)):
        if parts[-1] and sum(map(width, (*parts[-1], column))) > room:
            parts.append([])
        parts[-1].append(column)
    return [
        cells.Grid(
            [grid.header[column] for column in (0, *part)],
            [[row[column] for column in (0, *part)] for row in grid.rows],
            grid.networks,
        )
        for part in parts
    ]


def _shown(title: str, grid: cells.Grid, caption: str) -> "rich.table.Table":
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(
        title=_escaped(title),
        caption=_escaped(caption),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title_justify="left",
        caption_justify="left",
    )
    for number, name in enumerate(grid.header):
        table.add_column(_escaped(name), justify="right" if number else "left", overflow="fold", no_wrap=number > 0)
    for number, row in enumerate(grid.rows):
        table.add_row(*(_rich_bold(cell) for cell in row), end_section=number + 1 == grid.networks)
    return table


def _rich_bold(cell: str) -> str:
    bold = cell.startswith("**")
    shown = _escaped(cell.strip("*"))
    return f"[bold green]★ {shown}[/]" if bold else shown


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(visible(text))

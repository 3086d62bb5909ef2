"""The grid shown: as lines in a terminal, or Markdown."""

import itertools
import string
from collections.abc import Callable, Iterator, Mapping

from unroll.analysis.render.columns import columns, paragraphs, parts, width
from unroll.errors import UserError, suggest
from unroll.sweeps.matrix import Matrix, MatrixCell
from unroll.visible import say

FORMATS = ("text", "md")


def show(make: Callable[[], Matrix], form: str) -> None:
    """Print the grid that `make` gives, in one of FORMATS.

    Raises:
        UserError: another format, before anything is made.
    """
    if form not in FORMATS:
        raise UserError(f"There is no such format.{suggest(form, FORMATS)}", saw=f"--format {form}", allowed=FORMATS)
    if form == "md":
        print(markdown(make()))
        return
    for line in text(make(), width()):
        say(line)


def reasons(grid: Matrix) -> dict[str, str]:
    """Why cells do not run, each reason once: reason -> the letters that stand for it."""
    found = dict.fromkeys(cell.reason for cell in grid.cells.values() if cell.reason is not None)
    letters = itertools.chain(string.ascii_lowercase, map("".join, itertools.product(string.ascii_lowercase, repeat=2)))
    return dict(zip(found, letters, strict=False))


def cell_text(cell: MatrixCell | None, suite: bool, marks: Mapping[str, str]) -> str:
    """What a cell says: `runs` with its parameters, the mark of why it does not, or how many records it has."""
    if cell is None:
        return "—"
    if suite:
        return f"{cell.finished} of {cell.planned}"
    if cell.reason is not None:
        return f"no ({marks[cell.reason]})"
    if cell.parameters is None:
        return "runs"
    return f"{cell.parameters['counted']:,} ({cell.parameters['total']:,})"


def caption(grid: Matrix) -> list[str]:
    """What stands below the grid."""
    if grid.suite is not None:
        done, planned = (sum(getattr(cell, name) for cell in grid.cells.values()) for name in ("finished", "planned"))
        return [f"Finished of planned trials of the suite {grid.suite}: {done} of {planned}. Baselines are left out."]
    running = sum(cell.reason is None for cell in grid.cells.values())
    said = [f"{running} of {len(grid.cells)} cells run."]
    if any(cell.parameters for cell in grid.cells.values()):
        said.append("Parameters without embeddings and the projection to the vocabulary (with them).")
    return [*said, *(f"({mark}) {reason}" for reason, mark in reasons(grid).items()), *grid.notes]


def grid_rows(grid: Matrix) -> list[list[str]]:
    """A row an architecture: its name, then its cell on each task."""
    suite, marks = grid.suite is not None, reasons(grid)
    return [
        [row, *(cell_text(grid.cells.get((task, row)), suite, marks) for task in grid.tasks)]
        for row in grid.architectures
    ]


def markdown(grid: Matrix) -> str:
    """Return the grid as a Markdown table, what is said below it after an empty line."""
    lines = [["", *grid.tasks], ["---", *["---:"] * len(grid.tasks)], *grid_rows(grid)]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return "\n\n".join([table, *caption(grid)])


def text(grid: Matrix, room: int) -> Iterator[str]:
    """Return the grid as lines of at most so many characters: in parts where it is wider, each with every row."""
    rows = [["", *(task.replace("_", " ") for task in grid.tasks)], *grid_rows(grid)]
    head, *others = rows
    broken = [cell.split(" ") for cell in head]
    height = max(map(len, broken))
    above = [[words[place] if place < len(words) else "" for words in broken] for place in range(height)]
    for part in parts([*above, *others], room):
        yield from filter(None, columns(part))
        yield ""
    yield from paragraphs(caption(grid), room)

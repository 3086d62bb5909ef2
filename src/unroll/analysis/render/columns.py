"""Lines of columns for a terminal: one line a row, nothing broken, in as many parts as its width asks for."""

import shutil
import textwrap
from collections.abc import Container, Iterable, Iterator, Sequence

GAP = 2  # characters between columns


def width() -> int:
    """How many characters a line of the terminal holds; 80 in a pipe, or what COLUMNS says."""
    return shutil.get_terminal_size((80, 24)).columns


def columns(rows: Sequence[Sequence[str]], indent: int = 0, left: Container[int] = (0,)) -> Iterator[str]:
    """Return rows of cells as lines; the columns of `left` begin to the left, the others end to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        placed = [
            cell.ljust(size) if number in left else cell.rjust(size)
            for number, (cell, size) in enumerate(zip(cells, widths, strict=True))
        ]
        yield " " * indent + (" " * GAP).join(placed).rstrip()


def parts(rows: Sequence[Sequence[str]], room: int) -> Iterator[list[list[str]]]:
    """Return rows in parts that are no wider than so many characters, each with the first column and one at least."""
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    chosen: list[list[int]] = [[]]
    for column in range(1, len(sizes)):
        taken = sizes[0] + sum(sizes[other] + GAP for other in (*chosen[-1], column))
        if chosen[-1] and taken > room:
            chosen.append([])
        chosen[-1].append(column)
    for each in chosen:
        yield [[row[column] for column in (0, *each)] for row in rows]


def paragraphs(texts: Iterable[str], room: int) -> Iterator[str]:
    """Return texts as lines, each a paragraph; words and names stay whole."""
    for text in texts:
        yield from textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False, subsequent_indent="  ")

"""Sections as a Markdown page."""

from collections.abc import Iterable, Sequence

from unroll.results.cells import Grid
from unroll.results.page import Section


def page(sections: Iterable[Section]) -> str:
    """Return the text of a page; the same sections give the same bytes."""
    parts: list[str] = []
    for section in sections:
        parts += [f"{'#' * section.level} {section.title}"] if section.title else []
        parts += section.text
        parts += [grid(section.grid)] if section.grid else []
        parts += ["\n".join(f"- {note}" for note in section.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def grid(found: Grid) -> str:
    """Return a table: the first column left, the rest right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rule = ["---", *["---:"] * (len(found.header) - 1)]
    return "\n".join([line(found.header), line(rule), *(line(row) for row in found.rows)])

"""Sections as a Markdown page. What records say is shown as text: no tag, image or address of theirs comes alive."""

import re
from collections.abc import Iterable, Sequence

from unroll.results.cells import Grid
from unroll.results.page import Section
from unroll.visible import visible

_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!https?://[^\s<>]+>)")
_ADDRESS = re.compile(r"\](?=:|\((?![\w./#-]+\)))")  # of a link, unless it is a path beside the page


def page(sections: Iterable[Section]) -> str:
    """Return the text of a page; the same sections give the same bytes."""
    parts: list[str] = []
    for section in sections:
        parts += [f"{'#' * section.level} {plain(section.title)}"] if section.title else []
        parts += map(plain, section.text)
        parts += [grid(section.grid)] if section.grid else []
        parts += ["\n".join(f"- {plain(note)}" for note in section.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def grid(found: Grid) -> str:
    """Return a table: the first column left, the rest right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(plain(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rule = ["---", *["---:"] * (len(found.header) - 1)]
    return "\n".join([line(found.header), line(rule), *(line(row) for row in found.rows)])


def plain(text: str) -> str:
    """Return text without what would be HTML, an image or a link to elsewhere; bold, code and our own links stay."""
    return _ADDRESS.sub(r"\]", _TAG.sub("&lt;", visible(text)))

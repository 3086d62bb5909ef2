"""Sections as a Markdown page. What records say is shown as text: no tag, image or address of theirs comes alive."""

import re
from collections.abc import Iterable, Sequence

from unroll.analysis.render.cells import Grid
from unroll.analysis.render.page import Section
from unroll.visible import visible

_TAG = re.compile(r"<(?=[A-Za-z/!?]|[^\s<>]+@)")  # or an address in <>, of a page or a mailbox
_TARGET = re.compile(r"(\\*)\](?=:|\((?![\w.#-][\w./#-]*\)))")  # of a link, unless it is a path beside the page
_BARE = re.compile(r"(?<=[A-Za-z]):(?=//)|(?<=\bwww)\.", re.IGNORECASE)  # an address that many make a link of
_OURS = re.compile(r"https?://[^\s<>]+")
_BAR = re.compile(r"(\\*)\|")


def page(sections: Iterable[Section]) -> str:
    """Return the text of a page; the same sections give the same bytes."""
    parts: list[str] = []
    for section in sections:
        parts += [f"{'#' * section.level} {plain(section.title)}"] if section.title else []
        parts += (_with_links(plain(text), section.links) for text in section.text)
        parts += [grid(section.grid)] if section.grid else []
        parts += ["\n".join(f"- {plain(note)}" for note in section.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def grid(found: Grid) -> str:
    """Return a table: the first column left, the rest right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_BAR.sub(r"\1\1\\|", plain(cell)).replace("\n", " ") for cell in cells) + " |"

    rule = ["---", *["---:"] * (len(found.header) - 1)]
    return "\n".join([line(found.header), line(rule), *(line(row) for row in found.rows)])


def plain(text: str) -> str:
    """Return text without what would be HTML, an image or a link to elsewhere; bold, code and paths beside it stay.

    What is escaped may have had a backslash before it, which must not escape the new one.
    """
    shown = _TAG.sub("&lt;", visible(text))
    return _BARE.sub(lambda found: f"&#{ord(found[0])};", _TARGET.sub(r"\1\1\\]", shown))


def _with_links(text: str, links: Iterable[str]) -> str:
    """Return plain text in which links of ours live: what says <address> of one of them."""
    for link in filter(_OURS.fullmatch, links):
        text = text.replace(plain(f"<{link}>"), f"<{link}>")
    return text

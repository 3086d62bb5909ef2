"""Articles of a wiki, from the XML that MediaWiki exports."""

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any, NamedTuple

from unroll.data.readers import markup
from unroll.data.readers.columns import Files, Notes, Read
from unroll.data.readers.parts import cut
from unroll.data.readers.running_text import columns
from unroll.errors import UserError


class Page(NamedTuple):
    """One page of a dump: its title, its namespace's number, whether it only leads to another, its markup."""

    title: str
    namespace: str
    redirects: bool
    text: str


def mediawiki_dump(
    files: Files, *, validation: float = 0.1, test: float = 0.1, articles: int | None = None, shortest: int = 1
) -> Read:
    """Read the articles of MediaWiki's XML exports (pages-articles.xml), a sentence a line, an article a document.

    Redirects and pages of other namespaces are left out, markup goes by the rules of `readers/markup.py`, and so do
    articles of fewer than `shortest` sentences. articles: how many are kept of the first ones; null: all of them.
    validation, test: the shares of the articles that are cut from train by a fixed hash of their titles.
    Raises UserError for what is no such XML, and an option out of range.
    """
    if shortest < 1 or (articles is not None and articles < 1):
        raise UserError("data.options.articles and data.options.shortest count", saw=f"{articles}, {shortest}")
    notes, found = Notes(rows=0), dict[str, list[str]]()
    for name in sorted(files):
        for page in _pages(name, files[name]):
            if articles is not None and len(found) == articles:
                break
            notes.rows = (notes.rows or 0) + 1
            lines = [] if page.redirects or page.namespace != "0" else list(markup.sentences(page.text))
            if page.redirects:
                notes.leave_out("the page leads to another", where=page.title, asked=True)
            elif page.namespace != "0":
                notes.leave_out("the page is no article", where=page.title, asked=True)
            elif len(lines) < shortest:
                notes.leave_out("the article has too few sentences", where=page.title)
            elif page.title in found:
                notes.leave_out("an article of this title was there before", where=page.title)
            else:
                found[page.title] = lines
    goes = cut(list(found), {"validation": validation, "test": test}, salt="mediawiki_dump")
    placed: dict[str, list[Any]] = {"train": [], "validation": [], "test": []}
    for title, lines in found.items():
        placed[goes.get(title, "train")].append(lines)
    return Read(columns(placed), notes)


def _pages(name: str, content: bytes) -> Iterator[Page]:
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(content)):
            if _tag(element) == "page":
                yield _page(element)
                element.clear()
    except ElementTree.ParseError as error:
        line, column = error.position
        raise UserError(
            f"{name}, line {line} is no XML of MediaWiki: {error}.",
            saw=f"column {column}",
            allowed="a dump such as enwiki-latest-pages-articles1.xml, with or without .bz2 in its name",
        ) from error


def _page(element: ElementTree.Element) -> Page:
    inside = {_tag(child): child for child in element.iter()}
    text = {tag: child.text or "" for tag, child in inside.items()}
    return Page(text.get("title", ""), text.get("ns", "0"), "redirect" in inside, text.get("text", ""))


def _tag(element: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]

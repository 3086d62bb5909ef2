"""Wiki markup to plain paragraphs, and paragraphs to sentences, by fixed rules.

What has no words of its own goes: comments, references, formulas, galleries and other elements of `_DROPPED`, tables,
links to files and categories, addresses, headings, list items, indented and preformatted lines. Templates go too, and a
sentence in the middle of which one stood goes with it, since it would lack words; one at its end, as citations are, or
in parentheses goes alone. Links keep their words, other HTML elements their content. A sentence has two words or more,
begins with no small letter, and ends as one does.
"""

import html
import re
from collections.abc import Callable, Iterator

HOLE = "\ufffc"  # where a template or a formula stood
_DROPPED = (
    *("ref", "references", "math", "chem", "gallery", "timeline", "source", "syntaxhighlight", "code", "pre", "score"),
    *("table", "imagemap", "hiero", "graph", "mapframe", "poem", "noinclude", "includeonly"),
)
_COMMENT = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)
_EMPTY_ELEMENT = re.compile(rf"<({'|'.join(_DROPPED)})\b[^<>]*/>", re.IGNORECASE)
_ELEMENT = re.compile(rf"<({'|'.join(_DROPPED)})\b[^<>]*>.*?(</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_BREAK = re.compile(r"<(br|p|hr|/p)\b[^<>]*>", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{(?:(?!\{\{|\}\}).)*\}\}", re.DOTALL)
_TABLE = re.compile(r"^[:*#\s]*\{\|(?:(?!^[:*#\s]*\{\|).)*?^\s*\|\}", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[\[((?:(?!\[\[|\]\]).)*)\]\]", re.DOTALL)
_PLACE = re.compile(r"\s*:?\s*([\w -]+?)\s*:", re.ASCII)
_SHOWN_BELOW = ("file", "image", "category", "media")
_LEFT = re.compile(r"\{\{|\}\}|\[\[|\]\]|\|\}")  # of markup that is not closed
_ADDRESS = re.compile(r"\[(?:https?:|ftp:|mailto:|news:|irc:)?//[^\s\]]*(?:\s+([^\]]*))?\]")
_BARE_ADDRESS = re.compile(r"\b(?:https?|ftp)://\S+")
_MAGIC = re.compile(r"__[A-Z]+__")
_QUOTES = re.compile(r"'{2,}")
_LINE_OF_OTHERS = re.compile(r"[*#:;=|!{}]| |----")
_PARENTHESES = re.compile(rf"\s*\([^()]*{HOLE}[^()]*\)")
_CITED = re.compile(rf"(?<=[.,;:!?\"”)]){HOLE}+|^{HOLE}+\s*|(?<=\w){HOLE}+(?=[.!?]*$)")  # no words stood there
_NOTHING_WITHIN = re.compile(r"\s*(\(\s*[,;:.\s]*\)|\[\s*\])")
_BEFORE_MARK = re.compile(r"\s+([,;:.!?](?:\s|$))")

_END = re.compile(rf"([.!?]+[\"'”’)\]{HOLE}]*)\s+(?=[\"'“‘(\[]*[A-Z0-9À-ÖØ-Þ])")
_LAST = re.compile(r"\w\W*[.!?][\"'”’)\]]*$")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘-])(?:[A-Z]|[A-Za-z](?:\.[A-Za-z])+|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Maj|Brig|Adm|Col|Capt|Lt|Sgt|Gov|Sen|Rep|Rev|"
    r"Hon|Pres|vs|v|cf|ca|c|approx|No|no|Nos|nos|Vol|vol|pp|p|ed|eds|fig|Fig|ch|Ch|sec|Sec|Inc|Ltd|Co|Corp|Bros|Mt|Ft|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|b|d|r|fl|lit|trans|etc|al|est|esp|Op|op)\.$"
)


def sentences(text: str) -> Iterator[str]:
    """Yield the plain sentences of an article's wiki markup, in order."""
    for paragraph in paragraphs(text):
        for sentence in split(paragraph):
            whole = _without_holes(sentence)
            if " " in whole and not whole[0].islower() and _LAST.search(whole) and any(map(str.isalpha, whole)):
                yield whole


def split(paragraph: str) -> Iterator[str]:
    """Yield the sentences of a paragraph.

    One ends at a full stop, question or exclamation mark, closing quotes and brackets included, where white space and a
    capital letter or a digit follow, after opening quotes and brackets; but not after an initial or an abbreviation.
    """
    start = 0
    for end in _END.finditer(paragraph):
        before = paragraph[start : end.end(1)]
        if end.group(1) == "." and _ABBREVIATION.search(before):
            continue
        yield before.strip()
        start = end.end()
    if paragraph[start:].strip():
        yield paragraph[start:].strip()


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of wiki markup as plain text, HOLE where a template or a formula stood."""
    text = _COMMENT.sub("", text)
    text = _EMPTY_ELEMENT.sub("", text)
    text = _ELEMENT.sub(lambda found: HOLE if found.group(1).lower() in ("math", "chem") else "", text)
    text = _innermost_first(_TEMPLATE, HOLE, text)
    text = _innermost_first(_TABLE, "", text)
    text = _innermost_first(_LINK, _words_of_link, text)
    text = _LEFT.sub(HOLE, text)
    text = _ADDRESS.sub(lambda found: found.group(1) or "", text)
    text = _TAG.sub("", _BREAK.sub(" ", text))
    text = _QUOTES.sub("", _BARE_ADDRESS.sub("", _MAGIC.sub("", text)))
    for line in text.split("\n"):
        if line.strip() and not _LINE_OF_OTHERS.match(line):
            yield " ".join(html.unescape(html.unescape(line)).split())


def _innermost_first(pattern: re.Pattern[str], instead: str | Callable[[re.Match[str]], str], text: str) -> str:
    """Replace what a pattern of things without such things inside finds, until it finds nothing."""
    count = 1
    while count:
        text, count = pattern.subn(instead, text)
    return text


def _words_of_link(link: re.Match[str]) -> str:
    target, bar, shown = link.group(1).partition("|")
    place = _PLACE.match(target)
    if place and (place.group(1).lower() in _SHOWN_BELOW or (place.group(1).islower() and len(place.group(1)) <= 3)):
        return "" if not target.strip().startswith(":") else shown or target.strip(": ")
    return shown.rpartition("|")[2] if bar and shown else target


def _without_holes(sentence: str) -> str:
    """A sentence without the holes that take no words from it; empty where one does."""
    sentence = _PARENTHESES.sub("", sentence)
    sentence = _CITED.sub("", sentence)
    if HOLE in sentence:
        return ""
    return " ".join(_BEFORE_MARK.sub(r"\1", _NOTHING_WITHIN.sub("", sentence)).split())

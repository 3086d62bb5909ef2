"""Texts of sections as HTML: bold, code and links to files beside the page come alive, and nothing else does."""

import re
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from unroll.visible import visible

# alternatives, of escaped text: code, bold, a link to a path beside the page, a bare address in <>
_MARKS = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<bold>.+?)\*\*"
    r"|\[(?P<text>[^\]]+)\]\((?P<path>[\w.#-][\w./#-]*)\)"
    r"|&lt;(?P<address>https?://[^\s<>]+?)&gt;"
)

_NUMBER = re.compile(r"[-+−]?\d[\d,.]*(e[-+]?\d+)?( ± \S+)?( to [-+−]?\S+)?|—|")


def numeric(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Return for each column whether it holds numbers alone, which stand to the right."""
    return [all(_NUMBER.fullmatch(cell.strip("*")) for cell in column) for column in zip(*rows, strict=True)]


def marked(text: str, links: tuple[str, ...] = (), record: Callable[[str], str | None] | None = None) -> Markup:
    """Return a text as HTML. Of addresses only `links` become links; of code, ids that `record` knows."""

    def mark(found: re.Match[str]) -> str:
        if found["code"]:
            address = record(found["code"]) if record else None
            code = f"<code>{found['code']}</code>"
            return f'<a href="{escape(address)}">{code}</a>' if address else code
        if found["bold"]:
            return f"<strong>{found['bold']}</strong>"
        if found["path"]:
            return f'<a href="{found["path"]}">{found["text"]}</a>'
        address = found["address"]
        return f'<a href="{address}">{address}</a>' if address in map(str, map(escape, links)) else found[0]

    return Markup(_MARKS.sub(mark, str(escape(visible(text)))))

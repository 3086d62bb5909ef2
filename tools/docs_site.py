"""Hooks of mkdocs: pages from outside docs/, links between them, and equations as MathML, which needs no script."""

import html
import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "slurm/README.md", "slurm/local-cluster/README.md")
_LINK = re.compile(r"(?<!!)\[([^][]*(?:\[[^]]*\][^][]*)*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_MATH = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie beside docs/, under their own paths."""
    for path in OUTSIDE:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links of the site; a file that is no page becomes its path."""
    uri = page.file.src_uri
    place = uri if uri in OUTSIDE else f"docs/{uri}"
    return "".join(
        part if number % 2 else _LINK.sub(lambda found: _link(found, place, uri), part)
        for number, part in enumerate(_CODE.split(_hidden_code(markdown)))
    ).replace("\0", "`")


def _hidden_code(markdown: str) -> str:
    """Code within the text of a link is hidden from the search for code, so that the link is seen whole."""
    return re.sub(r"\[`([^`\n]+)`\]\(", "[\0\\1\0](", markdown)


def _link(found: re.Match[str], place: str, uri: str) -> str:
    text, target, anchor = found.group(1), found.group(2), found.group(3) or ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
    if path in OUTSIDE or path.startswith("docs/"):
        there = path if path in OUTSIDE else path.removeprefix("docs/")
        return f"[{text}]({posixpath.relpath(there, posixpath.dirname(uri) or '.')}{anchor})"
    if (ROOT / path).exists():
        return f"`{path}`" if text.strip("\0") in (path, target) else f"{text} (`{path}`)"
    return found.group(0)  # mkdocs warns of it


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace LaTeX by MathML, which browsers draw by themselves."""
    return _MATH.sub(lambda found: _mathml(found.group(3), "block" if found.group(2) == "[" else "inline"), content)


def _mathml(latex: str, display: str) -> str:
    return convert(html.unescape(latex).strip(), display=display)

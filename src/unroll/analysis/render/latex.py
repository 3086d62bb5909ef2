"""Sections as LaTeX: a table environment each, ruled by booktabs, no wider than its column."""

import re
import textwrap
from collections.abc import Iterable

from unroll.analysis.labels import slug
from unroll.analysis.render.cells import Grid
from unroll.analysis.render.page import Section

HEAD = r"% Made by `unroll report`; needs \usepackage[T1]{fontenc}, \usepackage{booktabs,adjustbox}."
COLUMN = 72  # characters of a row of a table that a column holds; a wider one goes over both
NAME = 28  # characters of a line of a row's name
_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
    "−": "$-$",
    "—": "---",
    "×": r"$\times$",
    "²": "$^2$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "←": r"$\leftarrow$",
    "§": r"\S{}",
}
_NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)")


def document(sections: Iterable[Section]) -> str:
    """Return the text of a file to \\input: paragraphs where a section has no grid, else a table with its notes."""
    return "\n\n".join([HEAD, *filter(None, (_section(section) for section in sections))]) + "\n"


def escaped(text: str) -> str:
    """Return text as LaTeX prints it: special characters escaped, **bold** and `code` marked as such."""
    bold = re.split(r"\*\*(.+?)\*\*", text.replace("\n", " "))
    shown = []
    for number, part in enumerate(bold):
        code = re.split(r"`(.+?)`", part)
        inner = "".join(rf"\texttt{{{plain(c)}}}" if odd % 2 else plain(c) for odd, c in enumerate(code))
        shown.append(rf"\textbf{{{inner}}}" if number % 2 else inner)
    return "".join(shown)


def plain(text: str) -> str:
    """Return text as LaTeX prints it, stars and backticks as they are."""
    return "".join(_SPECIAL.get(character, character) for character in _NEGATIVE.sub("−", text))


def _section(section: Section) -> str:
    paragraphs = [escaped(text) for text in section.text]
    if section.grid is None:
        title = rf"\paragraph{{{escaped(section.title)}}}" if section.title else ""
        return "\n\n".join(filter(None, [title, *paragraphs]))
    star = "*" if _width(section.grid) > COLUMN else ""
    width, name = r"\textwidth" if star else r"\columnwidth", section.name or slug(section.title)
    lines = [rf"\begin{{table{star}}}", r"\centering", rf"\caption{{{escaped(section.title)}}}"]
    lines += [rf"\label{{tab:{name}}}", r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"]
    lines += [rf"\begin{{adjustbox}}{{max width={width}}}", tabular(section.grid), r"\end{adjustbox}"]
    lines += [rf"\end{{table{star}}}"]
    below = [*paragraphs, *map(escaped, section.notes)]
    said = rf"{{\footnotesize Table~\ref{{tab:{name}}}. {' '.join(below)}\par}}"
    return "\n".join([*lines, *([rf"\noindent{said}"] if below else [])])


def _width(grid: Grid) -> int:
    """How many characters a row has, of cells that may break their lines."""
    rows = [[_broken(first), *others] for first, *others in grid.rows]
    columns = zip(grid.header, *rows, strict=True)
    return sum(max(len(line.strip("*")) for cell in column for line in cell.split("\n")) + 1 for column in columns)


def _broken(name: str) -> str:
    """A row's name in lines, broken between options."""
    return textwrap.fill(name, NAME, break_long_words=False, break_on_hyphens=False)


def tabular(grid: Grid) -> str:
    """Return a grid ruled by booktabs: the first column left, the rest right, a line between networks and baselines."""
    rows = [[_stacked(_broken(first), "l"), *map(escaped, others)] for first, *others in grid.rows]
    header = list(map(_stacked, grid.header))
    return _ruled(grid._replace(header=header, rows=rows), "tabular", (r"\toprule", r"\midrule", r"\bottomrule"))


def array(grid: Grid) -> str:
    """Return the same as a formula, for KaTeX and MathJax, which know neither tables nor booktabs."""
    header, *rows = [[rf"\text{{{escaped(cell)}}}" for cell in row] for row in (grid.header, *grid.rows)]
    return _ruled(grid._replace(header=header, rows=rows), "array", (r"\hline",) * 3)


def _stacked(text: str, side: str = "r") -> str:
    """A cell's lines below each other."""
    lines = [escaped(line) for line in text.split("\n")]
    stacked = r"\\".join(lines)
    return stacked if len(lines) == 1 else rf"\shortstack[{side}]{{{stacked}}}"


def _ruled(grid: Grid, environment: str, rules: tuple[str, str, str]) -> str:
    """A grid of what is LaTeX already, in an environment."""
    top, middle, bottom = rules
    header, *rows = [" & ".join(cells) + r" \\" for cells in (grid.header, *grid.rows)]
    if grid.networks is not None and 0 < grid.networks < len(rows):
        rows.insert(grid.networks, middle)
    columns = "l" + "r" * (len(grid.header) - 1)
    head = [rf"\begin{{{environment}}}{{{columns}}}", top, header, middle]
    return "\n".join([*head, *rows, bottom, rf"\end{{{environment}}}"])

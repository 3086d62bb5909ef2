"""Sections as LaTeX: a table environment each, ruled by booktabs."""

import re
from collections.abc import Iterable, Sequence

from unroll.analysis.render.cells import Grid
from unroll.analysis.render.page import Section

HEAD = r"% Made by `unroll report`; needs \usepackage{booktabs}."
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
        inner = "".join(rf"\texttt{{{_plain(c)}}}" if odd % 2 else _plain(c) for odd, c in enumerate(code))
        shown.append(rf"\textbf{{{inner}}}" if number % 2 else inner)
    return "".join(shown)


def _plain(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in _NEGATIVE.sub("−", text))


def _section(section: Section) -> str:
    paragraphs = [escaped(text) for text in section.text]
    if section.grid is None:
        title = rf"\paragraph{{{escaped(section.title)}}}" if section.title else ""
        return "\n\n".join(filter(None, [title, *paragraphs]))
    below = "\n\n".join(paragraphs + [escaped(note) for note in section.notes])
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{escaped(section.title)}}}", tabular(section.grid)]
    if below:
        lines += [r"\begin{flushleft}\footnotesize", below, r"\end{flushleft}"]
    return "\n".join([*lines, r"\end{table}"])


def tabular(grid: Grid) -> str:
    """Return a grid ruled by booktabs: the first column left, the rest right, a line between networks and baselines."""
    return _ruled(grid, "tabular", "{}", (r"\toprule", r"\midrule", r"\bottomrule"))


def array(grid: Grid) -> str:
    """Return the same as a formula, for KaTeX and MathJax, which know neither tables nor booktabs."""
    return _ruled(grid, "array", r"\text{{{}}}", (r"\hline",) * 3)


def _ruled(grid: Grid, environment: str, cell: str, rules: tuple[str, str, str]) -> str:
    top, middle, bottom = rules

    def line(cells: Sequence[str]) -> str:
        return " & ".join(cell.format(escaped(text)) for text in cells) + r" \\"

    rows = [line(row) for row in grid.rows]
    if grid.networks is not None and 0 < grid.networks < len(rows):
        rows.insert(grid.networks, middle)
    columns = "l" + "r" * (len(grid.header) - 1)
    head = [rf"\begin{{{environment}}}{{{columns}}}", top, line(grid.header), middle]
    return "\n".join([*head, *rows, bottom, rf"\end{{{environment}}}"])

"""Figures as files: SVG, PNG, PDF, and PGF for LaTeX. The same content gives the same bytes; no date is in them."""

import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.analysis.figures import style
from unroll.analysis.render.latex import plain
from unroll.errors import UserError, suggest

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text

USUAL = ("svg", "png")
_KEPT: dict[str, dict[str, Any]] = {  # metadata; None: leave out what matplotlib says by itself
    "svg": {"Date": None, "Creator": "unroll"},
    "png": {"Software": None},
    "pdf": {"Creator": "unroll", "Producer": None, "CreationDate": None},
    "pgf": {},
}
FORMATS = tuple(_KEPT)
_DEFAULT = r"\providecommand{\mathdefault}[1]{#1}"  # of numbers; matplotlib leaves it to the preamble


def check_formats(formats: Sequence[str], sheet: str | Path | None = None) -> None:
    """Raise UserError for a format that there is not, for PGF where there is no LaTeX, and for a wrong style sheet."""
    import matplotlib

    for name in formats:
        if name not in FORMATS:
            raise UserError(f"Figures have no such format.{suggest(name, FORMATS)}", saw=name, allowed=FORMATS)
    with style.settings(sheet):
        program = matplotlib.rcParams["pgf.texsystem"]
    if "pgf" in formats and shutil.which(program) is None:
        raise UserError(
            "PGF takes LaTeX, which measures its texts.",
            saw=f"no {program} on PATH",
            allowed="another format: pdf goes into LaTeX, too; or a TeX system with the packages pgf and inputenc",
        )


def save(
    path: Path,
    title: str,
    make: "Callable[[], Figure]",
    formats: Sequence[str] = USUAL,
    sheet: str | Path | None = None,
) -> list[Path]:
    """Draw a figure and write it as path.FORMAT, each in `formats`; return the files. The title is in their metadata.

    Raises:
        UserError: as `check_formats`.
    """
    check_formats(formats, sheet)
    found = []
    with style.settings(sheet):
        made = make()
        texts = _no_formulas(made)
        for name in sorted(formats, key=FORMATS.index):  # PGF last, for which texts are rewritten
            file = path.with_name(f"{path.name}.{name}")
            if name == "pgf":
                _as_latex(made, texts)
                _save_pgf(made, file)
            else:
                made.savefig(file, format=name, metadata={**_KEPT[name], "Title": title})
            found.append(file)
    return found


def save_one(path: Path, title: str, make: "Callable[[], Figure]", sheet: str | Path | None = None) -> Path:
    """Draw a figure and write it in the format of a file's suffix; return the file.

    Raises:
        UserError: another suffix, and as `check_formats`.
    """
    form = path.suffix.removeprefix(".")
    if form not in FORMATS:
        raise UserError("A figure has no such format.", saw=path, allowed=[f".{name}" for name in FORMATS])
    check_formats([form], sheet)
    path.parent.mkdir(parents=True, exist_ok=True)
    (file,) = save(path.with_suffix(""), title, make, [form], sheet)
    return file


def svg(title: str, make: "Callable[[], Figure]", sheet: str | Path | None = None) -> str:
    """Draw a figure and return it as SVG."""
    file = io.StringIO()
    with style.settings(sheet):
        made = make()
        _no_formulas(made)
        made.savefig(file, format="svg", metadata={**_KEPT["svg"], "Title": title})
    return file.getvalue()


def _save_pgf(made: "Figure", file: Path) -> None:
    from matplotlib.backends.backend_pgf import LatexError

    try:
        made.savefig(file, format="pgf")
    except (LatexError, ValueError) as error:  # such as a package that is not there
        raise UserError("LaTeX cannot measure a figure's texts.", saw=" ".join(str(error).split())[:500]) from error
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{_DEFAULT}\n{text}", encoding="utf-8")


def _no_formulas(made: "Figure") -> "list[Text]":
    """Show text as it is, what records say with dollars in it too: only the axes' own numbers are set as formulas.

    Returns these texts.
    """
    from matplotlib.text import Text

    numbers = {text for axis in _axes(made, False) for text in axis.findobj(Text) if text is not axis.label}
    texts = [text for text in made.findobj(Text) if text not in numbers]
    for text in texts:
        text.set_parse_math(False)
    return texts


def _axes(made: "Figure", named: bool) -> "list[Axis]":
    """The axes whose ticks are names, or those with numbers."""
    from matplotlib.ticker import FuncFormatter

    every = [axis for each in made.axes for axis in (each.xaxis, each.yaxis)]
    return [axis for axis in every if isinstance(axis.get_major_formatter(), FuncFormatter) is named]


def _as_latex(made: "Figure", texts: "Sequence[Text]") -> None:
    for axis in _axes(made, True):
        axis.set_ticklabels([plain(label.get_text()) for label in axis.get_ticklabels()])
    ticks = {label for axis in _axes(made, True) for label in axis.get_ticklabels()}
    for text in set(texts) - ticks:
        text.set_text(plain(text.get_text()))

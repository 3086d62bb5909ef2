"""How every figure looks: matplotlib's own defaults, SETTINGS, then a style sheet of one's own.

A page is 7 inches wide; a style sheet's `figure.figsize` is a figure's size instead. Colours are Okabe and Ito's (2008)
without yellow, which is faint on white; each comes with a dash and a marker of its own, so that none is needed to tell
two lines apart. They are no sheet's to change: a network looks alike in all figures.
"""

import logging
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0  # inches
CHARACTERS = 20.3  # of an inch, in the size of legends
SIZE = 7.0  # points of legends
LEFT = 0.6  # inches that an axis takes with its label
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
GREY = "0.35"
SETTINGS: Any = {
    "figure.figsize": (WIDTH, 0.0),  # 0: as high as the content asks for
    "savefig.dpi": 200,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: text has the same size everywhere
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "legend.fontsize": SIZE,
    "legend.title_fontsize": SIZE,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "svg.fonttype": "none",  # text stays text: it can be searched, selected and read aloud
    "svg.hashsalt": "unroll",
    "pdf.fonttype": 42,  # TrueType, as journals ask for
    "pgf.texsystem": "pdflatex",
    "pgf.rcfonts": False,  # the document's fonts
}


@dataclass(frozen=True)
class Look:
    """A line's colour, dash and marker."""

    colour: str
    dash: Any
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        return {"color": self.colour, "linestyle": self.dash, "marker": self.marker}


def look(index: int) -> Look:
    """Return the look of the index-th line of a panel."""
    return Look(COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)], MARKERS[index % len(MARKERS)])


@contextmanager
def settings(sheet: str | Path | None = None) -> Iterator[None]:
    """matplotlib's own defaults with SETTINGS and a style sheet, whatever the user has configured.

    Raises:
        UserError: the sheet is not there, or a line of it says nothing that matplotlib knows.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        if sheet is not None:
            matplotlib.rcParams.update(_read(Path(sheet)))
        yield


def _read(sheet: Path) -> Any:
    """What a style sheet sets."""
    import matplotlib

    if not sheet.is_file():
        raise UserError("There is no such style sheet.", saw=f"--style {sheet}", allowed="a file of matplotlib's keys")
    told, logger = _Told(), logging.getLogger("matplotlib")
    logger.addHandler(told)
    try:
        found = matplotlib.rc_params_from_file(sheet, fail_on_error=True, use_default_template=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"The style sheet {sheet} cannot be read.", saw=" ".join(str(error).split())) from error
    finally:
        logger.removeHandler(told)
    if told.lines:
        raise UserError(f"The style sheet {sheet} cannot be read.", saw=" ".join(told.lines[0].split()))
    return {key: value for key, value in found.items() if key != "backend"}  # files are what is drawn


class _Told(logging.Handler):
    """Keeps what matplotlib says of a line that it does not know."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


def figure(height: float) -> "Figure":
    """Return an empty figure, as wide as a page and of this height in inches, or of the style sheet's size."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, stated = matplotlib.rcParams["figure.figsize"]
    made = Figure(figsize=(width, stated or height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def small() -> float:
    """The size of the smallest text in points: that of legends."""
    import matplotlib
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=matplotlib.rcParams["legend.fontsize"]).get_size_in_points())


def characters(share: float = 1.0) -> int:
    """How many characters a line of a legend holds that stands below axes of a share of the figure's width."""
    import matplotlib

    wide = share * matplotlib.rcParams["figure.figsize"][0] - LEFT
    return max(20, round(CHARACTERS * wide * SIZE / small()))


def wrapped(label: str, share: float = 1.0) -> str:
    """Return an axis's label in lines that its axes hold."""
    return textwrap.fill(label, int(0.85 * characters(share)), break_long_words=False)


def legend(axes: "Axes", labels: Sequence[str], width: int) -> int:
    """Put the legend of an axes below it, as wide as so many characters; return its number of lines."""
    from matplotlib.transforms import ScaledTranslation

    handles, names = axes.get_legend_handles_labels()
    if not handles:
        return 0
    names = [textwrap.fill(name, max(12, width - 8)) for name in names]
    columns = legend_columns(labels, width)
    made: Any = axes.figure
    below = axes.transAxes + ScaledTranslation(0, -30 / 72, made.dpi_scale_trans)
    axes.legend(
        handles, names, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, ncols=columns, borderaxespad=0
    )
    return -(-len(names) // columns)


def legend_columns(labels: Sequence[str], width: int) -> int:
    """How many columns of these labels fit side by side."""
    longest = max((len(label) for label in labels), default=1)
    return max(1, min(len(labels), width // (longest + 8)))

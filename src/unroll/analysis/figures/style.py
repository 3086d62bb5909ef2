"""How every figure looks, and how it is saved: the same bytes for the same content.

Sizes are for a page's width of 7 inches. Colours are Okabe and Ito's (2008) without yellow, which is faint on white;
each comes with a dash and a marker of its own, so that none is needed to tell two lines apart.
"""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0  # inches
DPI = 200
NOTE = 125  # characters of a note's line
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
GREY = "0.35"
SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: text has the same size everywhere
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "svg.fonttype": "none",  # text stays text: it can be searched, selected and read aloud
    "svg.hashsalt": "unroll",
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
def settings() -> Iterator[None]:
    """matplotlib's own defaults with SETTINGS, whatever the user has configured."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def figure(title: str, notes: Sequence[str], height: float) -> "Figure":
    """Return an empty figure of the page's width and of this height in inches beside the text: a title, notes below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(
        figsize=(WIDTH, height + 0.17 * _lines(title.splitlines(), 95) + 0.13 * _lines(notes, NOTE)),
        layout="constrained",
    )
    FigureCanvasAgg(made)
    made.suptitle("\n".join(textwrap.fill(line, 95) for line in title.splitlines()), fontsize=9, x=0.01, ha="left")
    made.supxlabel(
        "\n".join(textwrap.fill(note, NOTE) for note in notes if note), fontsize=6.5, x=0.01, ha="left", color="0.25"
    )
    return made


def _lines(texts: Sequence[str], width: int) -> int:
    return sum(len(textwrap.wrap(text, width)) for text in texts)


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


def save(path: Path, title: str, make: Callable[[], "Figure"]) -> list[Path]:
    """Draw a figure and write path.svg and path.png; return both. No date and no version is in them."""
    found = []
    with settings():
        made = make()
        _no_formulas(made)
        for suffix, metadata in ((".svg", {"Date": None, "Creator": "unroll"}), (".png", {"Software": None})):
            file = path.with_name(path.name + suffix)
            made.savefig(file, format=suffix[1:], dpi=DPI, metadata={**metadata, "Title": title})
            found.append(file)
    return found


def _no_formulas(made: "Figure") -> None:
    """Show text as it is, what records say with dollars in it too: only the axes' own numbers are set as formulas."""
    from matplotlib.text import Text

    axes = [axis for each in made.axes for axis in (each.xaxis, each.yaxis)]
    numbers = {text for axis in axes for text in axis.findobj(Text) if text is not axis.label}
    for text in made.findobj(Text):
        if text not in numbers:
            text.set_parse_math(False)

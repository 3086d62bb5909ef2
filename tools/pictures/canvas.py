"""A sheet of inches with boxes, arrows, rows of units and words; an SVG of the same bytes each time."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

Point = tuple[float, float]
INPUT, CELL, CODE, OUTPUT, NOISE, PLAIN = "#e8e8e8", "#bfd8f0", "#f7d9a8", "#cfe8c4", "#f2c4c4", "#ffffff"
INK, FAINT = "#222222", "#777777"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "unroll",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
}


class Canvas:
    """A white sheet of width x height inches; places are centres, in inches from its lower left corner."""

    def __init__(self, width: float, height: float):
        self.figure = Figure(figsize=(width, height), facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(0, height))
        self.axes.axis("off")

    def box(self, at: Point, says: str, colour: str = CELL, width: float = 0.62, height: float = 0.34) -> None:
        """A rounded box with a word in it."""
        corner = (at[0] - width / 2, at[1] - height / 2)
        style = "round,pad=0,rounding_size=0.06"
        self.axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, fc=colour, ec=INK, lw=0.8, zorder=2))
        self.words(at, says)

    def bar(self, at: Point, height: float, says: str = "", colour: str = CELL, width: float = 0.24) -> None:
        """A layer as a tall bar, with a word below it."""
        corner = (at[0] - width / 2, at[1] - height / 2)
        self.axes.add_patch(Rectangle(corner, width, height, fc=colour, ec=INK, lw=0.8, zorder=2))
        self.words((at[0], at[1] - height / 2 - 0.14), says, size=8)

    def units(self, at: Point, filled: str, colour: str = CODE, gap: float = 0.17) -> None:
        """A column of units from above: `#` filled, `.` empty, `x` crossed out."""
        top = at[1] + gap * (len(filled) - 1) / 2
        for number, kind in enumerate(filled):
            place = (at[0], top - gap * number)
            shade = colour if kind == "#" else PLAIN
            self.axes.add_patch(Circle(place, 0.07, fc=shade, ec=INK, lw=0.8, zorder=3))
            if kind == "x":
                self.words(place, "×", size=9)

    def circle(self, at: Point, says: str, colour: str = PLAIN) -> None:
        """An operation of two values."""
        self.axes.add_patch(Circle(at, 0.12, fc=colour, ec=INK, lw=0.8, zorder=2))
        self.words(at, says, size=9)

    def arrow(self, start: Point, end: Point, *, bend: float = 0.0, dashed: bool = False, colour: str = INK) -> None:
        """An arrow; `bend` is its bow, dashed ones are no part of the forward pass."""
        self.axes.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle="-|>",
                mutation_scale=8,
                shrinkA=0,
                shrinkB=0,
                lw=0.9,
                color=colour,
                linestyle="--" if dashed else "-",
                connectionstyle=f"arc3,rad={bend}",
                zorder=1,
            )
        )

    def line(self, *points: Point, colour: str = INK, width: float = 0.9, dashed: bool = False) -> None:
        """A line through points."""
        style = "--" if dashed else "-"
        self.axes.plot(*zip(*points, strict=True), color=colour, lw=width, linestyle=style, zorder=1)

    def words(self, at: Point, says: str, size: float = 9, colour: str = INK, left: bool = False) -> None:
        """Text around a place, or from it on."""
        side = "left" if left else "center"
        self.axes.text(*at, says, ha=side, va="center", fontsize=size, color=colour, zorder=4)

    def image(self, at: Point, rows: tuple[str, ...], side: float = 0.09, shades: str = " .o#") -> None:
        """A grey image of letters, `#` the darkest."""
        left, top = at[0] - side * len(rows[0]) / 2, at[1] + side * len(rows) / 2
        for number, row in enumerate(rows):
            for column, letter in enumerate(row):
                grey = f"{1 - shades.index(letter) / (len(shades) - 1):.2f}"
                corner = (left + side * column, top - side * (number + 1))
                self.axes.add_patch(Rectangle(corner, side, side, fc=grey, ec="#bbbbbb", lw=0.3, zorder=2))

    def save(self, path: Path) -> None:
        """Write it as SVG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(STYLE):
            self.figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})

"""Figures of lines: one panel for a few networks, else a panel a family, all with the same axes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unroll.analysis.figures import style
from unroll.analysis.figures.lines import Line, spans
from unroll.analysis.tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOGETHER = 8  # networks that one panel shows
PANEL = 9  # networks of a family's panel; more go into another one
NARROW = 90  # characters of a line: panels stand below each other
BAND = "Line: mean over seeds; band: lowest to highest seed."


@dataclass(frozen=True)
class Panel:
    """What one axes shows."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Axis:
    """A label with unit and direction, and when the axis is logarithmic: by this factor, or never."""

    label: str
    log_from: float | None = None


def family(config: Mapping[str, Any]) -> str:
    """Return the family that a network belongs to, by its config: what it is made of, never what it reached."""
    architecture = config["architecture"]
    if architecture.get("reconstructs"):
        return "Regularised autoencoders" if config["bottleneck"].get("terms") else "Autoencoders"
    if "cell" in architecture:
        ways = "both directions" if architecture.get("bidirectional") else "one direction"
        return f"Recurrent networks, {ways}"
    return "Recursive, linear and feed-forward networks"


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Return a table's rows as panels, sorted by name in each, so that a network looks alike in all figures."""
    ordered = sorted(rows, key=lambda row: row.label)
    if len(ordered) <= TOGETHER:
        return [Panel("", tuple(ordered))] if ordered else []
    found = []
    families = {row.label: family(row.trials[0]["config"]) for row in ordered}
    for name in sorted(set(families.values())):
        members = [row for row in ordered if families[row.label] == name]
        parts = [members[start : start + PANEL] for start in range(0, len(members), PANEL)]
        for number, part in enumerate(parts, 1):
            found.append(Panel(f"{name} ({number} of {len(parts)})" if len(parts) > 1 else name, tuple(part)))
    return found


def lines_of(shown: Sequence[Panel], make: Callable[[Row], Line | None]) -> list[tuple[str, list[Line | None]]]:
    """Return each panel's title with the lines of its rows; None holds the place, and so the look, of one without."""
    found = [(panel.title, [make(row) for row in panel.rows]) for panel in shown]
    return [(title, lines) for title, lines in found if any(lines)]


def draw_panels(
    groups: Sequence[tuple[str, Sequence[Line | None]]],
    x: Axis,
    y: Axis,
    levels: Sequence[tuple[str, float]] = (),
    baselines: Sequence[Line] = (),
) -> "Figure":
    """Draw lines in a panel a group; in every panel `levels`, horizontal lines, and `baselines`, both grey."""
    single = len(groups) == 1
    columns = 1 if single or style.characters() < NARROW else 2
    share = 1.0 if columns == 1 else 0.48
    width = style.characters(share)
    rows = -(-len(groups) // columns)
    names = [[one.label for one in (*lines, *baselines) if one] + [name for name, _ in levels] for _, lines in groups]
    below = max(-(-len(group) // style.legend_columns(group, width)) for group in names)
    figure = style.figure(0.3 + rows * ((2.9 if single else 1.9) + 0.55 + 0.14 * below))
    every = [*(one for _, lines in groups for one in lines if one), *baselines]
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    cells: list[Axes] = list(grid.flat)
    for axes in cells[len(groups) :]:
        axes.remove()
    for number, (axes, (name, lines)) in enumerate(zip(cells, groups, strict=False)):
        axes.set_title(name, loc="left")
        for place, one in enumerate(lines):
            if one:
                draw_line(axes, one, style.look(place))
        for place, one in enumerate(baselines, 1):
            draw_line(axes, one, replace(style.look(place), colour=style.GREY))
        for place, (label, value) in enumerate(levels):
            axes.axhline(value, color=style.GREY, linestyle=style.DASHES[(place + 1) % 4], linewidth=1, label=label)
        axes.set_xlabel(style.wrapped(x.label, share))
        if number % columns == 0:
            axes.set_ylabel(y.label)
        axes.tick_params(labelbottom=True)
        style.legend(axes, names[number], width)
    first = cells[0]
    if x.log_from and spans((value for one in every for value in one.x), x.log_from):
        first.set_xscale("log")
    if y.log_from and spans([*(v for one in every for v in one.low + one.high), *(v for _, v in levels)], y.log_from):
        first.set_yscale("log")
    return figure


def draw_line(axes: "Axes", one: Line, look: style.Look) -> None:
    """Draw a line with its band, and some ten markers on it."""
    every = max(1, len(one.x) // 10)
    axes.plot(one.x, one.mean, label=one.label, markevery=every, **look.line)
    if one.n > 1:
        axes.fill_between(one.x, one.low, one.high, color=look.colour, alpha=0.15, linewidth=0)

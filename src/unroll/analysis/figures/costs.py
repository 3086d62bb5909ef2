"""The primary metric against what it costs, with the front of what nothing dominates."""

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from unroll.analysis.figures import style
from unroll.analysis.figures.fronts import pareto
from unroll.analysis.figures.lines import spans
from unroll.analysis.figures.panels import panels
from unroll.analysis.tables import Row, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 3.4  # inches of the axes, about
LOG_FROM = 10.0  # of costs
LOG_VALUES_FROM = 30.0

Cost = Callable[[Row], float | None]


def placed(rows: Sequence[Row], cost: Cost) -> list[tuple[Row, float, float]]:
    """Return the rows that have a cost and a value, with both."""
    found = [(row, cost(row), row.primary) for row in rows]
    return [(row, paid, primary.mean) for row, paid, primary in found if paid is not None and primary is not None]


def front_of(table: Table, cost: Cost) -> list[tuple[Row, float, float]]:
    """Return the ranked networks that no other one dominates, with cost and mean, from the cheapest on."""
    points = [point for point in placed(table.networks, cost) if not point[0].unranked]
    return [points[index] for index in pareto([point[1:] for point in points], table.direction)]


def draw_costs(table: Table, cost: Cost, x: str, y: str) -> "Figure":
    """Draw a point a network at (cost, mean of the primary metric), its seeds' range, the front, and baselines."""
    from matplotlib.ticker import LogLocator

    points = {row.label: (paid, value) for row, paid, value in placed(table.networks, cost)}
    groups = [(p.title, [row for row in p.rows if row.label in points]) for p in panels(table.networks)]
    baselines = [row for row in table.baselines if row.primary and not row.unranked]
    several = len(groups) > 1
    lines = max([len(group) for _, group in groups] + [len(baselines)]) + 4 if several else 2 + len(points) / 3
    figure = style.figure(HEIGHT + 0.5 + 0.14 * lines)
    columns = len(groups) + bool(baselines) if several else 1
    grid = figure.add_gridspec(2 if several else 1, columns, height_ratios=[HEIGHT, 0.14 * lines] if several else None)
    axes: Axes = figure.add_subplot(grid[0, :])
    drawn = [
        (
            name,
            [_point(axes, row, points[row.label], number if several else None, place) for place, row in enumerate(g)],
        )
        for number, (name, g) in enumerate(groups)
    ]
    values = [value for _, value in points.values()] + [row.primary.mean for row in baselines if row.primary]
    levels = [
        axes.axhline(value, color=style.GREY, linestyle=style.DASHES[(place + 1) % 4], label=row.label)
        for place, (row, value) in enumerate(zip(baselines, values[len(points) :], strict=True))
    ]
    if spans((paid for paid, _ in points.values()), LOG_FROM):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.xaxis.set_minor_formatter("{x:,.7g}")
    axes.xaxis.set_major_formatter("{x:,.7g}")
    if spans(values, LOG_VALUES_FROM):
        axes.set_yscale("log")
    axes.margins(x=0.1, y=0.1)
    _front(axes, front_of(table, cost), table.direction)
    axes.set_xlabel(style.wrapped(x))
    axes.set_ylabel(y)
    if several:
        drawn += [("Baselines", levels)] if levels else []
        for place, (name, handles) in enumerate(drawn):
            _legend(figure.add_subplot(grid[1, place]), name, handles)
    else:
        style.legend(axes, [*points, *(row.label for row in baselines)], style.characters())
    return figure


def said_of_costs(table: Table, cost: Cost) -> list[str]:
    """What is to be said below a figure of costs."""
    named = [f"{number} {row.label}" for number, (row, _, _) in enumerate(front_of(table, cost), 1)]
    return [
        f"Pareto front (line), from the cheapest on: {', '.join(named) or 'empty'}.",
        "Point: mean over seeds; bar: lowest to highest seed. Grey: baselines. Hollow: unranked, not on the front.",
    ]


def _point(axes: "Axes", row: Row, at: tuple[float, float], number: int | None, place: int) -> Any:
    """One network's point: where there are several families the colour is the family's, by its number."""
    colour = style.look(place if number is None else number).colour
    seeds = [trial["result"]["primary"]["value"] for trial in row.finished]
    reach = [[at[1] - min(seeds)], [max(seeds) - at[1]]]
    return axes.errorbar(
        *at,
        yerr=reach,
        linestyle="none",
        marker=style.look(place).marker,
        color=colour,
        markerfacecolor="white" if row.unranked else colour,
        markersize=5,
        elinewidth=0.8,
        label=row.label,
    )


def lifts(boxes: Sequence[tuple[float, float, float, float]]) -> list[float]:
    """Return by how much each box (right, bottom, width, height) is lifted, in order, so that no two overlap."""
    placed: list[tuple[float, float, float, float]] = []
    found = []
    for right, bottom, width, height in boxes:
        lift = 0.0
        while any(
            right > r - w and r > right - width and bottom + lift < b + h and b < bottom + lift + height
            for r, b, w, h in placed
        ):
            lift += height / 2
        placed.append((right, bottom + lift, width, height))
        found.append(lift)
    return found


def _front(axes: "Axes", front: Sequence[tuple[Row, float, float]], direction: str) -> None:
    """The front as a stair, what the best value is for each cost, with names on the side where no point is."""
    if not front:
        return
    axes.step([cost for _, cost, _ in front], [value for _, _, value in front], where="post", color="0.15", lw=0.9)
    sign = 1 if direction == "higher" else -1
    names = [f"{number} {row.name}" for number, (row, _, _) in enumerate(front, 1)]
    boxes, shifts, size = [], [], style.small()
    made: Any = axes.figure
    across, up = made.get_figwidth() - 0.8, HEIGHT * min(1.0, made.get_figheight() / (HEIGHT + 1))
    for name, (_, cost, value) in zip(names, front, strict=True):
        at = axes.transAxes.inverted().transform(axes.transData.transform((cost, value)))
        x, y, width = float(at[0]) * across, float(at[1]) * up, 0.072 * size / 7 * len(name)
        boxes.append((max(x, width), sign * y, width, 0.12 * size / 7))
        shifts.append(max(x, width) - x)
    for name, (_, cost, value), shift, lift in zip(names, front, shifts, lifts(boxes), strict=True):
        axes.annotate(
            name,
            (cost, value),
            xytext=(72 * shift - 3, sign * (5 + 72 * lift)),
            textcoords="offset points",
            ha="right",
            va="bottom" if sign > 0 else "top",
            fontsize=size,
            fontweight="bold",
        ).set_in_layout(False)


def _legend(axes: "Axes", title: str, handles: Sequence[Any]) -> None:
    """A family's legend, in an axes that shows nothing else."""
    axes.axis("off")
    names = [textwrap.fill(handle.get_label(), 24) for handle in handles]
    made = axes.legend(
        handles,
        names,
        loc="upper left",
        title=textwrap.fill(title, 20),
        alignment="left",
        borderaxespad=0,
        handlelength=1.6,
        handletextpad=0.4,
    )
    made.set_in_layout(False)

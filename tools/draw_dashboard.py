"""Draw the panels of a suite's view in W&B from records, as pictures for docs/wandb-dashboard.md.

    python tools/draw_dashboard.py suite=matrix
    python tools/draw_dashboard.py suite=matrix --runs results/records --out docs/pictures --problem sentiment

They are no screenshots. Panels, runs and numbers are those that `unroll track` sends; matplotlib draws them.
"""

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

from unroll.analysis.figures import style
from unroll.config.planned import Plan
from unroll.records.audit import pooled
from unroll.records.stale import planned
from unroll.sweeps.suite import plan
from unroll.tracking.replay import Ended, ended
from unroll.tracking.suite_view import GROUP, Bars, Filter, Lines, Panel, Scatter, suite_view

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = {Bars: 3.6, Lines: 2.6, Scatter: 2.4}  # inches
NAMED = 7  # lines with a colour of their own: as many as there are colours


class Spread(NamedTuple):
    """The mean over a group's runs, with the standard deviation; 0 of one run."""

    mean: float
    sd: float
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Return what a panel shows of a group's runs."""
    return Spread(fmean(values), stdev(values) if len(values) > 1 else 0.0, len(values))


def chosen(runs: Iterable[Ended], filters: Iterable[Filter]) -> list[Ended]:
    """Return the runs whose config has all these values."""
    wanted = {one.key: one.value for one in filters}
    return [run for run in runs if all(run.description.config[key] == value for key, value in wanted.items())]


def group_of(run: Ended, by: str) -> str:
    """Return the group of a run, as a panel makes it."""
    return run.description.group if by == GROUP else str(run.description.config[by])


def bars(runs: Iterable[Ended], panel: Bars) -> dict[str, Spread]:
    """Return a bar chart: group -> its bar, the largest first; runs without the number are left out, as W&B does."""
    found: dict[str, list[float]] = {}
    for run in runs:
        value = run.description.summary.get(panel.metric)
        if value is not None:
            found.setdefault(group_of(run, panel.group_by), []).append(value)
    return dict(sorted(((key, spread(each)) for key, each in found.items()), key=lambda item: -item[1].mean))


def lines(runs: Iterable[Ended], panel: Lines) -> dict[str, dict[float, Spread]]:
    """Return a line plot: group -> x -> the mean over the runs that have a value there."""
    found: dict[str, dict[float, list[float]]] = {}
    for run in runs:
        points = found.setdefault(group_of(run, panel.group_by), {})
        for line in run.history:
            if panel.x in line and panel.y in line:
                points.setdefault(round(line[panel.x], 9), []).append(line[panel.y])
    return {key: {x: spread(values) for x, values in sorted(points.items())} for key, points in found.items() if points}


def points(runs: Iterable[Ended], panel: Scatter) -> dict[str, list[tuple[float, float]]]:
    """Return a scatter plot: kind of run -> its points; what a logarithmic axis cannot show is left out."""
    found: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        x, y = (run.description.summary.get(key) for key in (panel.x, panel.y))
        if x is not None and y is not None and (x > 0 or not panel.log_x):
            found.setdefault(str(run.description.config["kind"]), []).append((x, y))
    return found


def draw(axes: "Axes", runs: Sequence[Ended], panel: Panel) -> None:
    """Draw a panel."""
    axes.set_title(panel.title, loc="left", wrap=True)
    if isinstance(panel, Bars):
        _draw_bars(axes, bars(runs, panel))
    elif isinstance(panel, Lines):
        _draw_lines(axes, lines(runs, panel))
        axes.set(xlabel=panel.x_title, ylabel=panel.y_title.partition(" (")[0])
    else:
        for number, (kind, found) in enumerate(sorted(points(runs, panel).items(), reverse=True)):
            axes.plot(*zip(*found, strict=True), style.MARKERS[number], color=style.COLOURS[number], ms=2.5, label=kind)
        axes.set(xlabel=panel.x, ylabel=panel.y, xscale="log" if panel.log_x else "linear")
        axes.legend(loc="best")


def _draw_bars(axes: "Axes", found: Mapping[str, Spread]) -> None:
    names = list(found)[::-1]
    ends = {"xerr": [found[name].sd for name in names], "error_kw": {"lw": 0.7, "ecolor": style.GREY}}
    axes.barh(names, [found[name].mean for name in names], color=style.COLOURS[0], height=0.7, **ends)
    axes.tick_params(axis="y", labelsize=5.5 if len(names) > 20 else 7)
    axes.margins(y=0.01)
    axes.grid(axis="y", visible=False)


def _draw_lines(axes: "Axes", found: Mapping[str, Mapping[float, Spread]]) -> None:
    """The lines that end lowest have colours, the others are grey."""
    order = sorted(found, key=lambda name: list(found[name].values())[-1].mean)
    finite = [one.mean for each in found.values() for one in each.values() if math.isfinite(one.mean)]
    for number, name in reversed(list(enumerate(order))):
        xs, ys = list(found[name]), list(found[name].values())
        look: dict[str, Any] = {"color": "0.85", "lw": 0.6, "zorder": 1}
        if number < NAMED:
            look = {"color": style.COLOURS[number], "label": name, "zorder": 3}
            low, high = [one.mean - one.sd for one in ys], [one.mean + one.sd for one in ys]
            axes.fill_between(xs, low, high, color=look["color"], alpha=0.15, lw=0, zorder=2)
        axes.plot(xs, [one.mean for one in ys], **look)
    if finite:
        axes.set_ylim(top=sorted(finite)[int(0.95 * (len(finite) - 1))])
    axes.legend(loc="upper right", fontsize=6)


def picture(path: Path, runs: Sequence[Ended], panels: Sequence[Panel], title: str) -> None:
    """Write a PNG of some panels, bars across and the others two in a row."""
    rows: list[list[Panel]] = []
    for panel in panels:
        room = rows and not isinstance(panel, Bars) and len(rows[-1]) == 1 and not isinstance(rows[-1][0], Bars)
        rows[-1].append(panel) if room else rows.append([panel])
    heights = [HEIGHT[type(row[0])] for row in rows]
    with style.settings():
        note = f"Drawn by matplotlib from {len(runs)} runs, as `unroll track` sends them: no screenshot of W&B."
        made = style.figure(title, [note], sum(heights))
        grid = made.add_gridspec(len(rows), 2, height_ratios=heights)
        for number, row in enumerate(rows):
            for column, panel in enumerate(row):
                draw(made.add_subplot(grid[number, column if len(row) == 2 else slice(None)]), runs, panel)
        path.parent.mkdir(parents=True, exist_ok=True)
        made.savefig(path, dpi=110, metadata={"Software": None})


def runs_of(chosen_plan: Plan, folders: list[str]) -> list[Ended]:
    """Return the runs of a suite that `unroll track` makes of the records under some folders."""
    records = pooled(folders, []).records
    by_id = {record["trial_id"]: record for record in records}
    found = planned([item.trial for item in chosen_plan.trials], by_id.get).values()
    return ended([(one, None) for one in found if one["status"] != "missing"], records, chosen_plan.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+", help="of a suite")
    parser.add_argument("--runs", action="append", help="a folder of records; default: results/records")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--problem", default="sentiment", help="the first whose name begins so")
    told = parser.parse_args()
    suite = plan(told.overrides)
    view, runs = suite_view(suite), runs_of(suite, told.runs or ["results/records"])
    part = next(part for part in view.problems if part.title.startswith(told.problem))
    for name, one in (("better", view.overall), ("problem", part)):
        path = told.out / f"wandb-{suite.name}-{name}.png"
        picture(path, chosen(runs, one.filters), one.panels, one.title)
        print(path)


if __name__ == "__main__":
    main()

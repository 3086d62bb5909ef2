"""Draw the panels of a suite's view in W&B from records, as pictures for docs/wandb.md.

    python tools/draw_dashboard.py suite=matrix
    python tools/draw_dashboard.py suite=matrix --runs results/records --out docs/pictures --problem sentiment

They are no screenshots. Panels, runs and numbers are those that `unroll track` sends; matplotlib draws them. Each
picture holds a hash of what it shows, so that a test sees when records, panels or skill have changed since.
"""

import argparse
import hashlib
import json
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

from unroll.analysis.figures import style
from unroll.config.planned import Plan
from unroll.records.audit import pooled
from unroll.records.stale import planned
from unroll.sweeps.suite import plan
from unroll.tracking.replay import ended
from unroll.tracking.suite_view import GROUP, Bars, Filter, Lines, Panel, Part, Scatter, suite_view
from unroll.tracking.wandb_runs import Ended

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROBLEM = "sentiment"
SOURCE = "Source"  # of a PNG's texts: the digest of what it shows
HEIGHT = {Bars: 3.6, Lines: 2.6, Scatter: 2.4}  # inches
NAMED = len(style.COLOURS)  # lines with a colour of their own
TITLE, HALF_TITLE = 95, 46  # characters of a line of a panel's title, over the page and over half of it
LEGEND = f"Curves: the {NAMED} that end best have colours; what lies above 19 of 20 values is cut off."


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


def shown(runs: Iterable[Ended], panel: Panel) -> dict[str, Any]:
    """Return what a panel shows, by group."""
    if isinstance(panel, Bars):
        return dict(bars(runs, panel))
    return dict(lines(runs, panel)) if isinstance(panel, Lines) else dict(points(runs, panel))


def digest(runs: Sequence[Ended], part: Part) -> str:
    """Return a hash of what a picture shows."""
    chosen_runs = chosen(runs, part.filters)
    found = [(panel.title, list(shown(chosen_runs, panel).items())) for panel in part.panels]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def draw(axes: "Axes", runs: Sequence[Ended], panel: Panel, width: int) -> None:
    """Draw a panel whose title has lines of so many characters."""
    axes.set_title(textwrap.fill(panel.title, width), loc="left")
    axes.set_axisbelow(True)
    if isinstance(panel, Bars):
        _draw_bars(axes, bars(runs, panel))
    elif isinstance(panel, Lines):
        _draw_lines(axes, lines(runs, panel), -1 if "higher is better" in panel.y_title else 1)
        axes.set(xlabel=panel.x_title, ylabel=panel.y_title.partition(" (")[0])
    else:
        found = sorted(points(runs, panel).items(), reverse=True)  # networks before baselines
        for number, (kind, of_kind) in enumerate(found):
            xs, ys = zip(*of_kind, strict=True)
            axes.scatter(xs, ys, 7, style.COLOURS[number], marker=style.MARKERS[number], label=kind)
        axes.set(xlabel=panel.x, ylabel=panel.y)
        if panel.log_x:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter("")
        if len(found) > 1:
            axes.legend(loc="best")


def _draw_bars(axes: "Axes", found: Mapping[str, Spread]) -> None:
    names = list(found)[::-1]
    means, sds = [found[name].mean for name in names], [found[name].sd for name in names]
    axes.barh(names, means, 0.7, color=style.COLOURS[6])
    axes.errorbar(means, names, xerr=sds, fmt="none", ecolor="black", elinewidth=0.7)
    axes.tick_params(axis="y", labelsize=5.5 if len(names) > 20 else 7)
    axes.margins(y=0.01)
    axes.grid(axis="y", visible=False)


def _draw_lines(axes: "Axes", found: Mapping[str, Mapping[float, Spread]], sign: int) -> None:
    """The lines that end best (lowest, of a sign of 1) have colours, the others are grey."""
    order = sorted(found, key=lambda name: sign * list(found[name].values())[-1].mean)
    finite = sorted(one.mean for each in found.values() for one in each.values() if math.isfinite(one.mean))
    for number, name in reversed(list(enumerate(order))):
        xs, ys = list(found[name]), list(found[name].values())
        means = [one.mean for one in ys]
        if number >= NAMED:
            axes.plot(xs, means, color="0.85", lw=0.6, zorder=1)
            continue
        colour, low, high = style.COLOURS[number], [y.mean - y.sd for y in ys], [y.mean + y.sd for y in ys]
        axes.fill_between(xs, low, high, color=colour, alpha=0.15, lw=0, zorder=2)
        axes.plot(xs, means, color=colour, label=name, zorder=3)
    if finite:
        axes.set_ylim(top=finite[int(0.95 * (len(finite) - 1))])
    axes.legend(loc="upper right", fontsize=6)


def picture(path: Path, every: Sequence[Ended], part: Part) -> None:
    """Write a PNG of a part's panels, bars across and the others two in a row."""
    runs = chosen(every, part.filters)
    rows: list[list[Panel]] = []
    for panel in part.panels:
        room = rows and not isinstance(panel, Bars) and len(rows[-1]) == 1 and not isinstance(rows[-1][0], Bars)
        rows[-1].append(panel) if room else rows.append([panel])
    heights = [HEIGHT[type(row[0])] for row in rows]
    with style.settings():
        note = f"Drawn by matplotlib from {len(runs)} runs, as `unroll track` sends them: no screenshot of W&B."
        curves = [LEGEND] * any(isinstance(panel, Lines) for panel in part.panels)
        made = style.figure(sum(heights))
        made.suptitle("\n".join([part.title, note, *curves]), ha="left", x=0.01)
        grid = made.add_gridspec(len(rows), 2, height_ratios=heights)
        for number, row in enumerate(rows):
            for column, panel in enumerate(row):
                place = made.add_subplot(grid[number, column if len(row) == 2 else slice(None)])
                draw(place, runs, panel, HALF_TITLE if len(row) == 2 else TITLE)
        path.parent.mkdir(parents=True, exist_ok=True)
        made.savefig(path, dpi=110, metadata={"Software": None, SOURCE: digest(every, part)})


def runs_of(chosen_plan: Plan, folders: list[str]) -> list[Ended]:
    """Return the runs of a suite that `unroll track` makes of the records under some folders."""
    records = pooled(folders, []).records
    by_id = {record["trial_id"]: record for record in records}
    found = planned([item.trial for item in chosen_plan.trials], by_id.get).values()
    return ended([(one, None) for one in found if one["status"] != "missing"], records, chosen_plan.name)


def pictures(suite: Plan, problem: str) -> dict[str, Part]:
    """Return what is drawn: file name -> the suite's panels, and those of the first problem whose name begins so."""
    view = suite_view(suite)
    one = next(part for part in view.problems if part.title.startswith(problem))
    return {f"wandb-{suite.name}-better.png": view.overall, f"wandb-{suite.name}-problem.png": one}


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+", help="of a suite")
    parser.add_argument("--runs", action="append", help="a folder of records; default: results/records")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--problem", default=PROBLEM, help="the first whose name begins so")
    told = parser.parse_args()
    suite = plan(told.overrides)
    runs = runs_of(suite, told.runs or ["results/records"])
    for name, part in pictures(suite, told.problem).items():
        picture(told.out / name, runs, part)
        print(told.out / name)


if __name__ == "__main__":
    main()

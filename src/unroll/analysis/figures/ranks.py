"""Figures across problems: each network's rank in each of them, and performance profiles. Others computed both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unroll.analysis.across import Group, Profile
from unroll.analysis.figures import style
from unroll.analysis.figures.lines import Line
from unroll.analysis.figures.panels import TOGETHER, Axis, draw_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROFILES = "Line: share of the trials whose skill is above x; band: 95 % bootstrap interval of each point."


def draw_ranks(group: Group) -> "Figure":
    """Draw a line of points for each network, the best mean rank on top: a mark a problem, a bar at the mean."""
    from matplotlib.ticker import MaxNLocator

    count, labels = len(group.networks), [*group.problems, "mean over problems"]
    below = -(-len(labels) // style.legend_columns(labels, style.characters()))
    figure = style.figure(0.9 + 0.16 * count + 0.14 * below)
    axes = figure.subplots()
    places = list(range(count))
    spread = 0.6 / len(group.problems)  # so that equal ranks do not hide each other
    for number, (problem, ranks) in enumerate(zip(group.problems, group.ranks, strict=True)):
        look = style.look(number)
        lower = [place - 0.3 + spread * (number + 0.5) for place in places]
        axes.scatter(ranks, lower, s=9, color=look.colour, marker=look.marker, label=problem, zorder=3)
    axes.scatter(group.mean_ranks, places, s=90, color="black", marker="|", label=labels[-1], zorder=4)
    axes.set_yticks(places, group.networks)
    axes.set_ylim(count - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("rank (← fewer is better)")
    style.legend(axes, labels, style.characters())
    return figure


def said_of_ranks(group: Group) -> list[str]:
    """What is to be said below a figure of ranks."""
    failed = [f"{name} {number}" for name, number in zip(group.networks, group.failed, strict=True) if number]
    return [
        "Rank in each problem: 1 is best, ties share, settings of a problem are averaged.",
        f"Failed trials, ranked last: {', '.join(failed)}." if failed else "No trial failed.",
    ]


def draw_profiles(profiles: Sequence[Profile]) -> "Figure":
    """Draw the share of each network's trials above each skill, eight networks a panel, the best mean rank first."""
    lines = [
        Line(
            one.network,
            one.skills,
            tuple(share.value for share in one.shares),
            tuple(share.low for share in one.shares),
            tuple(share.high for share in one.shares),
            one.seeds,
        )
        for one in profiles
    ]
    starts = range(0, len(lines), TOGETHER)
    groups = [
        (f"part {number} of {len(starts)}", lines[start : start + TOGETHER]) for number, start in enumerate(starts, 1)
    ]
    groups = groups if len(groups) > 1 else [("", lines)]
    x = Axis("skill (0: the weakest ranked baseline, 1: the strongest)")
    return draw_panels(groups, x, Axis("share of trials above (↑ higher is better)"))

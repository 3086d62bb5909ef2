"""Critical-difference diagrams (Demšar 2006, §3.2.4) of mean ranks and p-values that others computed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unroll.analysis.figures import style
from unroll.analysis.statistics.ranks import LEVEL

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class MeanRanks:
    """K networks ranked together."""

    name: str  # of the group
    networks: tuple[str, ...]
    mean_ranks: tuple[float, ...]  # [K], 1 is best
    pairs: tuple[tuple[float, ...], ...]  # p of each two being alike [K, K]
    notes: tuple[str, ...] = ()  # blocks, failed trials, the tests behind p, the critical difference


def draw_ranks(title: str, ranks: MeanRanks) -> "Figure":
    """Draw mean ranks on an axis; a bar joins networks whose p are all at least 5 %.

    Raises:
        ValueError: ranks or p-values are not one a network.
    """
    from pandas import DataFrame
    from scikit_posthocs import critical_difference_diagram

    count = len(ranks.networks)
    if len(ranks.mean_ranks) != count or [len(row) for row in ranks.pairs] != [count] * count:
        raise ValueError(f"{count} networks need {count} mean ranks and {count} x {count} p-values")
    said = ["Mean rank: 1 is best, ties share. A bar joins networks that cannot be told apart at 5 %.", *ranks.notes]
    figure = style.figure(title, said, 1.0 + 0.16 * count)
    axes = figure.subplots()
    axes.grid(False)
    axes.spines["top"].set_visible(True)
    # Numbers stand for names, since the bars come from sets, whose order of texts changes from process to process.
    drawn = critical_difference_diagram(
        dict(enumerate(ranks.mean_ranks)),
        DataFrame(ranks.pairs),
        alpha=LEVEL,
        ax=axes,
        label_fmt_left="{label}",
        label_fmt_right="{label}",
        color_palette={place: style.look(0).colour for place in range(count)},
        marker_props={"s": 14},
        elbow_props={"linewidth": 0.9},
        crossbar_props={"color": "black", "linewidth": 2.4},
        label_props={"fontsize": 7.5},
        text_h_margin=0.04 * max(1.0, max(ranks.mean_ranks) - min(ranks.mean_ranks)),
    )
    for text in drawn["labels"]:
        place = int(text.get_text())
        shown = f"{ranks.networks[place]} ({ranks.mean_ranks[place]:.2f})"
        text.set_text(f" {shown}" if text.get_ha() == "left" else f"{shown} ")
        text.set_color("black")
    return figure

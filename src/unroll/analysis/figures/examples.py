"""Figures of the test examples that trials keep: forecasts against the truth, what was taken for what, translations."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.analysis.figures import style
from unroll.analysis.figures.drawing import Drawing
from unroll.analysis.tables import Row, Table
from unroll.errors import UserError
from unroll.records.looked_at import LookedAt, read_looked_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORECAST = ("seen_steps", "steps", "seen", "truth", "forecast")  # columns
TRANSLATION = ("source", "reference", "hypothesis")
SHOWN = 4  # examples of a figure
TOGETHER = 6  # rows that one figure compares: the best ones
NUMBERED = 12  # classes of a matrix whose cells have numbers
LINE = 0.15  # inches


@dataclass(frozen=True)
class Looked:
    """A row with what its first seed that keeps examples says of them."""

    row: Row
    seed: int
    kept: LookedAt

    @property
    def label(self) -> str:
        name = f"{self.row.label} (baseline)" if self.row.baseline else self.row.label
        return name if self.seed == 0 else f"{name}, seed {self.seed}"


def of_examples(table: Table, directories: Mapping[str, Path]) -> Iterator[Drawing]:
    """Return a problem's figures of examples; none where its trials keep none."""
    refused: list[UserError] = []
    found = looked_at(table, directories, refused)
    for error in refused:
        yield Drawing("examples", "test examples", None, reason=f"of a trial: {error.what} {error.saw}")
    if rows := _alike(found, FORECAST):
        places = _places(rows[0].kept)
        notes = (
            _which(rows, places),
            "Grey: what was seen of a channel; black: the truth; each on a scale of its own.",
        )
        yield Drawing("forecasts", "forecasts against the truth", partial(draw_forecasts, rows, places), notes)
    if rows := _alike(found, TRANSLATION):
        places = _places(rows[0].kept)
        yield Drawing("translations", "translations", partial(draw_translations, rows, places), (_which(rows, places),))
    matrices = [one for one in found if one.kept.confusion is not None][:TOGETHER]
    if matrices:
        said = f"Of {matrices[0].kept.count} test examples: the share of each true class, in per cent."
        yield Drawing("confusion", "what was taken for what", partial(draw_confusions, matrices), (said,))


def looked_at(table: Table, directories: Mapping[str, Path], refused: list[UserError]) -> list[Looked]:
    """Return the rows whose trials keep examples, the best network first; `refused` takes what is wrong with files."""
    found = []
    for row in table.rows:
        for trial in row.finished:
            directory = directories.get(trial["trial_id"])
            try:
                kept = None if directory is None else read_looked_at(directory)
            except UserError as error:
                refused.append(error)
                continue
            if kept is not None:
                found.append(Looked(row, trial["config"]["seed"], kept))
                break
    return found


def _alike(found: Sequence[Looked], columns: Sequence[str]) -> list[Looked]:
    """Those that have columns, of the same examples as the first of them."""
    having = [one for one in found if {*columns} <= one.kept.columns.keys()]
    return [one for one in having if one.kept.count == having[0].kept.count][:TOGETHER]


def _places(kept: LookedAt) -> list[int]:
    """Places of a few examples among those that are kept, spread over them."""
    count = len(kept.examples)
    return sorted({round(place * (count - 1) / max(1, SHOWN - 1)) for place in range(min(SHOWN, count))})


def _which(rows: Sequence[Looked], places: Sequence[int]) -> str:
    examples = ", ".join(str(rows[0].kept.examples[place]) for place in places)
    return f"Test examples {examples} of {rows[0].kept.count}, spread over the split and chosen by no result."


def draw_forecasts(rows: Sequence[Looked], places: Sequence[int]) -> "Figure":
    """Draw a panel an example: what was seen, the truth, and each row's forecast, which begin where it ended."""
    columns = 2 if len(places) > 1 else 1
    height = -(-len(places) // columns)
    figure = style.figure(0.5 + 1.7 * height)
    grid: list[Axes] = list(figure.subplots(height, columns, squeeze=False).flat)
    for axes, place in zip(grid, places, strict=False):
        seen_steps, steps, seen, truth, _ = (rows[0].kept.columns[name][place] for name in FORECAST)
        axes.plot(seen_steps, seen, color=style.GREY, label="seen")
        axes.plot([*seen_steps[-1:], *steps], [*seen[-1:], *truth], color="black", label="truth")
        for number, one in enumerate(rows):
            ahead = [*one.kept.columns["seen"][place][-1:], *one.kept.columns["forecast"][place]]
            look = style.look(number)
            axes.plot([*seen_steps[-1:], *steps], ahead, color=look.colour, linestyle=look.dash, label=one.label)
        channels = rows[0].kept.columns.get("channel")
        axes.set_ylabel("" if channels is None else str(channels[place]))
        axes.set_xlabel("steps from now")
    for axes in grid[len(places) :]:
        axes.remove()
    handles, names = grid[0].get_legend_handles_labels()
    columns = style.legend_columns(names, style.characters())
    figure.legend(handles, names, loc="outside lower left", ncols=columns)
    return figure


def draw_confusions(rows: Sequence[Looked]) -> "Figure":
    """Draw a matrix a row: of each true class the share that was taken for each."""
    columns = min(len(rows), 3)
    height = -(-len(rows) // columns)
    figure = style.figure(0.3 + 2.3 * height)
    grid: list[Axes] = list(figure.subplots(height, columns, squeeze=False).flat)
    for axes, one in zip(grid, rows, strict=False):
        assert one.kept.confusion is not None
        names, counts = one.kept.confusion.names, one.kept.confusion.counts
        shares = [[100 * number / max(1, sum(row)) for number in row] for row in counts]
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        axes.grid(visible=False)
        axes.set_title(one.label, loc="left")
        axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > 4 else 0)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("truth")
        for truth, row in enumerate(shares if len(names) <= NUMBERED else ()):
            for predicted, share in enumerate(row):
                colour = "white" if share > 50 else "black"
                axes.text(predicted, truth, f"{share:.0f}", ha="center", va="center", color=colour, size=style.small())
    for axes in grid[len(rows) :]:
        axes.remove()
    return figure


def draw_translations(rows: Sequence[Looked], places: Sequence[int]) -> "Figure":
    """Write examples below each other: the source, the reference, and what each row says."""
    wide = style.characters() - 24
    blocks = []
    for place in places:
        said = [(name, str(rows[0].kept.columns[name][place])) for name in TRANSLATION[:2]]
        said += [(one.label, str(one.kept.columns["hypothesis"][place])) for one in rows]
        blocks.append([(name, textwrap.wrap(text, wide) or ["(nothing)"]) for name, text in said])
    height = sum(len(lines) for block in blocks for _, lines in block) + len(blocks)
    figure = style.figure(0.1 + LINE * height)
    axes = figure.subplots()
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.set_ylim(height, 0)
    row, size = 0.5, style.small()
    for block in blocks:
        for number, (name, lines) in enumerate(block):
            weight = "bold" if number < 2 else "normal"
            axes.text(0, row, name, va="center", size=size, weight=weight)
            for line in lines:
                axes.text(0.19, row, line, va="center", size=size)
                row += 1
        row += 1
    return figure

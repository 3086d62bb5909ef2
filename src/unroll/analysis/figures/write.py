"""Every figure of some tables, drawn and written; what cannot be drawn is said."""

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.analysis.across import across, profiles
from unroll.analysis.figures import lines, pictures, style
from unroll.analysis.figures.costs import draw_costs, placed
from unroll.analysis.figures.panels import BAND, Axis, draw_panels, lines_of, panels
from unroll.analysis.figures.ranks import draw_profiles, draw_ranks
from unroll.analysis.render.cells import ARROWS
from unroll.analysis.render.page import on_skill, resting_on
from unroll.analysis.tables import Row, Table, make_tables
from unroll.errors import UserError
from unroll.records.audit import pooled
from unroll.records.pool import Folders
from unroll.records.record import FILE_NAME
from unroll.verification.replications import with_replications

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unroll.config.planned import Plan

LOG_FROM = 30.0  # values that span more are shown on a logarithmic axis
PICTURES = {"reconstruction": "Reconstructions of test images", "samples": "Samples"}


@dataclass(frozen=True)
class Drawing:
    """A figure to make, or why it cannot be."""

    kind: str
    title: str
    make: "Callable[[], Figure] | None"
    reason: str = ""


@dataclass
class Drawn:
    """What was written, and what was not."""

    paths: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def draw(folders: Folders, out: str | Path, plan: "Plan | None" = None) -> Drawn:
    """Write the figures of the records under some folders, with `plan` of a suite alone, into the folder `out`.

    Images are read from the directories of the trials that count. Records that are damaged or not true to themselves
    are left out, as of reports. Raises UserError when a folder is not there.
    """
    trials = None if plan is None else [item.trial for item in plan.trials]
    found = pooled(folders, [])
    tables = make_tables(with_replications(found), trials)
    directories = {
        trial_id: path.parent
        for trial_id, runs in found.runs.items()
        for path in runs[0].paths
        if path.name == FILE_NAME
    }
    return draw_tables(tables, directories, Path(out))


def draw_tables(tables: Sequence[Table], directories: Mapping[str, Path], out: Path) -> Drawn:
    """Write the figures of tables, named out/PROBLEM-KIND.svg and .png, and of their networks across problems,
    out/ranks-GROUP and out/profiles-GROUP.

    Images are read from the directories of trials, by id.
    """
    out.mkdir(parents=True, exist_ok=True)
    drawn = Drawn()
    for table in tables:
        for drawing in drawings(table, directories):
            title = f"{table.title}: {drawing.title}"
            if drawing.make is None:
                drawn.skipped.append(f"{title}: not drawn, {drawing.reason}")
            else:
                drawn.paths += style.save(out / f"{slug(table.title)}-{drawing.kind}", title, drawing.make)
    for group in across(tables).groups:
        title, notes = f"{group.name}: ranks", resting_on(group)
        drawn.paths += style.save(out / f"ranks-{slug(group.name)}", title, partial(draw_ranks, title, group, notes))
        if shown := profiles(group):
            title = f"{group.name}: performance profiles"
            make = partial(draw_profiles, title, shown, on_skill(group))
            drawn.paths += style.save(out / f"profiles-{slug(group.name)}", title, make)
    return drawn


def slug(text: str) -> str:
    """Return a file's name for a title: lower case, what is no letter, digit, point or underscore as one dash."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower().replace(" on ", " ", 1)).strip("-")


def seeds(rows: Sequence[Row]) -> str:
    """Say how many seeds stand behind a figure's rows, and which trials failed or are missing."""
    counts = sorted({row.count("finished") for row in rows if row.seeded and row.finished})
    said = f"n = {' to '.join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))} seeds" if counts else "n = 0"
    if counts == [1]:
        said = "n = 1 seed"
    for status in ("failed", "missing"):
        which = [f"{row.label} {count}" for row in rows if (count := row.count(status))]
        total = sum(row.count(status) for row in rows)
        listed = f" ({', '.join(which)})" if which and len(which) <= 12 else ""
        said += f"; {total} trial{'' if total == 1 else 's'} {status}{listed}" if total else ""
    return said + ("" if "failed" in said else "; no trial failed") + "."


def drawings(table: Table, directories: Mapping[str, Path]) -> Iterator[Drawing]:
    """What a problem's figures are: those that its records say anything about, each with how to make it."""
    shown = panels(table.networks)
    metric = _axis(table, f"{table.metric} on test", table.metric, table.direction)
    yield _learning(table, shown)
    yield from _costs(table, metric)
    yield from _gradient(table, shown)
    yield from _rate_distortion(table, shown)
    yield from _data_fraction(table, metric)
    yield from _pictures(table, directories)


def _axis(table: Table, said: str, metric: str, direction: str) -> Axis:
    """A metric's axis: its name and unit, below them its direction."""
    named = textwrap.fill(table.with_unit(metric, said), 44)
    return Axis(f"{named}\n{ARROWS[direction]}", LOG_FROM)


def _head(table: Table, title: str, rows: Sequence[Row]) -> str:
    """A figure's title: the problem, what is shown, and the seeds and failed trials of its rows."""
    return f"{table.title}: {title}\n{seeds(rows)}"


def _learning(table: Table, shown: Sequence[Any]) -> Drawing:
    selection = table.rows[0].trials[0]["config"]["task"]["selection"]
    name, direction = selection["name"], selection["direction"]
    groups = lines_of(shown, lambda row: lines.learning(row, name))
    title = f"{name} on validation while training"
    if not groups:
        return Drawing("learning", title, None, "no record of a network has a curve of it")
    y = _axis(table, f"{name} on validation", name, direction)
    levels = []
    for row in table.baselines:
        values = [trial["result"]["metrics"]["validation"].get(name) for trial in row.finished]
        if not row.unranked and values and None not in values:
            levels.append((f"{row.label} (baseline)", sum(values) / len(values)))
    head, notes = _head(table, title, table.networks), [f"{BAND} Weights are taken where it is best."]
    x = Axis("optimizer steps")
    return Drawing("learning", title, lambda: draw_panels(head, notes, groups, x, y, levels))


def _costs(table: Table, metric: Axis) -> Iterator[Drawing]:
    costs: list[tuple[str, str, str, Callable[[Row], float | None]]] = [
        (
            "parameters",
            "parameters",
            "trained parameters, without embeddings and the projection to the vocabulary",
            lambda row: row.parameters,
        ),
        ("seconds", "training time", "mean training time of a trial, s (fewer is better)", lambda row: row.seconds),
    ]
    for kind, said, x, cost in costs:
        title = f"{table.metric} against {said}"
        if not placed(table.networks, cost):
            yield Drawing(kind, title, None, "no trial of a network has finished")
            continue
        head = _head(table, title, table.rows)
        yield Drawing(kind, title, partial(draw_costs, head, table, cost, x, metric.label))


def _gradient(table: Table, shown: Sequence[Any]) -> Iterator[Drawing]:
    groups = lines_of(shown, lines.gradient)
    if not groups:
        return
    title = "gradient by distance in time"
    notes = [
        "Norm of the loss's gradient to the embedded input that many steps before the example's last, mean over "
        "examples of train, of the evaluated weights. "
        "Line: geometric mean over seeds; band: lowest to highest seed. Zeros are left out.",
    ]
    x, y = Axis("steps before the last"), Axis("norm of dL/dx, nats by unit of x", 1.0)
    head = _head(table, title, table.networks)
    yield Drawing("gradient", title, lambda: draw_panels(head, notes, groups, x, y))


def _rate_distortion(table: Table, shown: Sequence[Any]) -> Iterator[Drawing]:
    groups = lines_of(shown, lines.rate_distortion)
    if not groups:
        return
    title = "distortion against rate"
    baselines = []
    for row in table.baselines:
        rate = row.metrics.get("bits_per_pixel")
        quality = row.metrics.get("psnr")
        curve = lines.rate_distortion(row)
        if curve:
            baselines.append(lines.renamed(curve, f"{row.label} (baseline)"))
        elif rate and quality and not row.unranked:
            label = f"{row.label} (baseline)"
            baselines.append(lines.Line(label, (rate.mean,), (quality.mean,), (quality.mean,), (quality.mean,), 1))
    rates = [trial["config"]["task"].get("rate") for row in table.rows for trial in row.trials]
    left_out = [row.label for row in table.baselines if row.unranked]
    notes = [
        "Real bytes of the quantised, entropy-coded codes of all test images; each network's quantiser steps around "
        f"the one that validation chose{f' for {rates[0]} bits per pixel' if rates and rates[0] else ''}. {BAND}",
        f"Left out, their rate being another: {', '.join(left_out)}." if left_out else "",
    ]
    x = Axis("rate on test, bits per pixel (← fewer is better)")
    y = Axis(f"PSNR on test, dB\n{ARROWS['higher']}")
    head = _head(table, title, table.networks)
    yield Drawing("rate_distortion", title, lambda: draw_panels(head, notes, groups, x, y, baselines=baselines))


def _data_fraction(table: Table, metric: Axis) -> Iterator[Drawing]:
    networks, baselines = lines.data_fraction(table)
    if not networks:
        return
    title = f"{table.metric} against the share of train"
    head, notes = _head(table, title, table.rows), [f"Shares are nested and the same for all. {BAND}"]
    grey = [lines.renamed(one, f"{one.label} (baseline)") for one in baselines]
    x = Axis("share of the training examples (data.fraction)", 3.0)
    yield Drawing("data_fraction", title, lambda: draw_panels(head, notes, [("", networks)], x, metric, baselines=grey))


def _pictures(table: Table, directories: Mapping[str, Path]) -> Iterator[Drawing]:
    if table.rows[0].trials[0]["config"]["task"].get("kind") != "images":
        return
    refused: list[UserError] = []
    kept = pictures.images_of(table, directories, refused)
    for error in refused:
        yield Drawing("images", "reconstructions and samples", None, f"of a trial: {error.what} {error.saw}")
    found = {kind: pictures.strips(kept, kind) for kind in PICTURES}
    if not refused and not any(found.values()):
        reason = f"no finished trial has its {pictures.IMAGES} beside its record (committed records have none)"
        yield Drawing("images", "reconstructions and samples", None, reason)
    shown = {(row.baseline, row.label) for row, _ in kept}
    without = [row.label for row in table.rows if (row.baseline, row.label) not in shown]
    for kind, said in PICTURES.items():
        if strips := found[kind]:
            title = said.lower()
            order = "Networks from the best on" if table.networks else "Baselines"
            notes = [
                f"The same test images for all, spread over the split. {order}; seed 0 unless said."
                if kind == "reconstruction"
                else f"Drawn from each network's code density, or its prior. {order}; seed 0 unless said.",
                f"No images kept: {', '.join(without)}." if without else "",
            ]
            head = f"{table.title}: {title}"
            yield Drawing(kind, title, partial(pictures.draw_strips, head, notes, strips))

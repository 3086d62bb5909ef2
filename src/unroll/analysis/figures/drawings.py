"""What a problem's figures are: those that its records and its trials' files say anything about."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from unroll.analysis.figures import lines, pictures
from unroll.analysis.figures.costs import draw_costs, placed, said_of_costs
from unroll.analysis.figures.drawing import Drawing
from unroll.analysis.figures.examples import of_examples
from unroll.analysis.figures.panels import BAND, Axis, draw_panels, lines_of, panels
from unroll.analysis.render.cells import ARROWS
from unroll.analysis.tables import Row, Table
from unroll.errors import UserError

LOG_FROM = 30.0  # values that span more are shown on a logarithmic axis
PICTURES = {"reconstruction": "Reconstructions of test images", "samples": "Samples"}


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
    metric = _axis(table, f"{table.called(table.metric)} on test", table.metric, table.direction)
    yield _learning(table, shown)
    yield from _costs(table, metric)
    yield from _gradient(table, shown)
    yield from _rate_distortion(table, shown)
    yield from _data_fraction(table, metric)
    yield from _pictures(table, directories)
    yield from of_examples(table, directories)


def _axis(table: Table, said: str, metric: str, direction: str) -> Axis:
    """A metric's axis: its name and unit, below them its direction."""
    named = textwrap.fill(table.with_unit(metric, said), 44, break_long_words=False)
    return Axis(f"{named}\n{ARROWS[direction]}", LOG_FROM)


def _learning(table: Table, shown: Sequence[Any]) -> Drawing:
    selection = table.rows[0].trials[0]["config"]["task"]["selection"]
    name, direction = selection["name"], selection["direction"]
    groups = lines_of(shown, lambda row: lines.learning(row, name))
    title = f"{table.called(name)} on validation while training"
    if not groups:
        return Drawing("learning", title, None, reason="no network has two validations that all its seeds share")
    y = _axis(table, f"{table.called(name)} on validation", name, direction)
    levels = []
    for row in table.baselines:
        values = [trial["result"]["metrics"]["validation"].get(name) for trial in row.finished]
        if not row.unranked and values and None not in values:
            levels.append((f"{row.label} (baseline)", sum(values) / len(values)))
    notes = (seeds(table.networks), f"{BAND} Weights are taken where it is best.")
    x = Axis("optimizer steps")
    return Drawing("learning", title, lambda: draw_panels(groups, x, y, levels), notes)


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
        title = f"{table.called(table.metric)} against {said}"
        if not placed(table.networks, cost):
            yield Drawing(kind, title, None, reason="no trial of a network has finished")
            continue
        notes = (seeds(table.rows), *said_of_costs(table, cost))
        yield Drawing(kind, title, partial(draw_costs, table, cost, x, metric.label), notes)


def _gradient(table: Table, shown: Sequence[Any]) -> Iterator[Drawing]:
    groups = lines_of(shown, lines.gradient)
    if not groups:
        return
    title = "gradient by distance in time"
    notes = (
        seeds(table.networks),
        "Norm of the loss's gradient to the embedded input that many steps before the example's last, mean over "
        "examples of train, of the evaluated weights. "
        "Line: geometric mean over seeds; band: lowest to highest seed. Zeros are left out.",
    )
    x, y = Axis("steps before the last"), Axis("norm of dL/dx, nats by unit of x", 1.0)
    yield Drawing("gradient", title, lambda: draw_panels(groups, x, y), notes)


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
    notes = (
        seeds(table.networks),
        "Real bytes of the quantised, entropy-coded codes of all test images; each network's quantiser steps around "
        f"the one that validation chose{f' for {rates[0]} bits per pixel' if rates and rates[0] else ''}. {BAND}",
        f"Left out, their rate being another: {', '.join(left_out)}." if left_out else "",
    )
    x = Axis("rate on test, bits per pixel (← fewer is better)")
    y = Axis(f"PSNR on test, dB\n{ARROWS['higher']}")
    yield Drawing("rate_distortion", title, lambda: draw_panels(groups, x, y, baselines=baselines), notes)


def _data_fraction(table: Table, metric: Axis) -> Iterator[Drawing]:
    networks, baselines = lines.data_fraction(table)
    if not networks:
        return
    title = f"{table.called(table.metric)} against the share of train"
    notes = (seeds(table.rows), f"Shares are nested and the same for all. {BAND}")
    grey = [lines.renamed(one, f"{one.label} (baseline)") for one in baselines]
    x = Axis("share of the training examples (data.fraction)", 3.0)
    yield Drawing("data_fraction", title, lambda: draw_panels([("", networks)], x, metric, baselines=grey), notes)


def _pictures(table: Table, directories: Mapping[str, Path]) -> Iterator[Drawing]:
    if table.rows[0].trials[0]["config"]["task"].get("kind") != "images":
        return
    refused: list[UserError] = []
    kept = pictures.images_of(table, directories, refused)
    for error in refused:
        reason = f"of a trial: {error.what} {error.saw}"
        yield Drawing("images", "reconstructions and samples", None, reason=reason)
    found = {kind: pictures.strips(kept, kind) for kind in PICTURES}
    if not refused and not any(found.values()):
        reason = f"no finished trial has its {pictures.IMAGES} beside its record (committed records have none)"
        yield Drawing("images", "reconstructions and samples", None, reason=reason)
    shown = {(row.baseline, row.label) for row, _ in kept}
    without = [row.label for row in table.rows if (row.baseline, row.label) not in shown]
    for kind, said in PICTURES.items():
        if strips := found[kind]:
            title = said.lower()
            order = "Networks from the best on" if table.networks else "Baselines"
            notes = (
                f"The same test images for all, spread over the split. {order}; seed 0 unless said."
                if kind == "reconstruction"
                else f"Drawn from each network's code density, or its prior. {order}; seed 0 unless said.",
                f"No images kept: {', '.join(without)}." if without else "",
            )
            yield Drawing(kind, title, partial(pictures.draw_strips, strips), notes)

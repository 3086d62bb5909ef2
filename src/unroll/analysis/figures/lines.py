"""The lines of figures: values of several seeds at the same places, as a mean with its lowest and highest seed.

Pure functions of a table's rows. The band is the range of the seeds, not an interval: with two or three seeds a
t-interval is several times as wide as what was seen, and the tables state it.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from unroll.analysis.tables import Row, Table

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """What n seeds say together at each x."""

    label: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]  # of the seeds
    high: tuple[float, ...]
    n: int


def line(label: str, seeds: Iterable[Points], geometric: bool = False) -> Line | None:
    """Return the line of several seeds' points (x, y), at the x that all of them have; None of fewer than two points.

    A seed without points does not count. `geometric` takes the geometric mean, for logarithmic axes: y above zero.
    """
    curves = [dict(points) for points in seeds if points]
    shared = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    if len(shared) < 2:  # a point is no curve
        return None
    columns = [[curve[x] for curve in curves] for x in shared]
    mean = statistics.geometric_mean if geometric else statistics.fmean
    return Line(
        label,
        tuple(shared),
        tuple(mean(column) for column in columns),
        tuple(min(column) for column in columns),
        tuple(max(column) for column in columns),
        len(curves),
    )


def learning(row: Row, metric: str) -> Line | None:
    """The selection metric on validation against optimizer steps."""

    def points(trial: dict[str, Any]) -> Points:
        measured = trial["result"].get("curves", {}).get("validation", [])
        return [(item["step"], item[metric]) for item in measured if {"step", metric} <= item.keys()]

    return line(row.label, map(points, row.finished))


def gradient(row: Row) -> Line | None:
    """The norm of the loss's gradient to the input that many steps before the last, where it is above zero."""

    def points(trial: dict[str, Any]) -> Points:
        found = ((trial.get("diagnostics") or {}).get("gradient") or {}).get("by_distance") or []
        return [(distance, norm) for distance, norm in enumerate(found) if norm is not None and norm > 0]

    return line(row.label, map(points, row.finished), geometric=True)


def rate_distortion(row: Row) -> Line | None:
    """PSNR against bits per pixel. Seeds meet at quantiser steps equally far from their own, so both are averaged."""
    curves = [trial["result"].get("curves", {}).get("rate_distortion", []) for trial in row.finished]

    def along(key: str, other: str) -> Line | None:
        both = [
            [(place, point[key]) for place, point in enumerate(curve) if {key, other} <= point.keys()]
            for curve in curves
        ]
        return line(row.label, both)

    rates, quality = along("bits_per_pixel", "psnr"), along("psnr", "bits_per_pixel")
    if rates is None or quality is None:
        return None
    return Line(row.label, rates.mean, quality.mean, quality.low, quality.high, quality.n)


def data_fraction(table: Table) -> tuple[list[Line], list[Line]]:
    """The primary metric against the share of train, of networks and of baselines; rows with one share alone are none.

    Rows that differ in nothing else become one line.
    """

    def label(row: Row) -> str:
        return " ".join((row.name, *(option for option in row.variant if not option.startswith("data.fraction="))))

    def grouped(rows: Sequence[Row]) -> list[Line]:
        seeds: dict[str, dict[int, dict[float, float]]] = {}
        for row in rows:
            for trial in row.finished:
                config = trial["config"]
                curve = seeds.setdefault(label(row), {}).setdefault(config["seed"], {})
                curve[config["data"].get("fraction", 1.0)] = trial["result"]["primary"]["value"]
        found = [line(name, [list(curve.items()) for curve in curves.values()]) for name, curves in seeds.items()]
        return [one for one in found if one is not None]

    return grouped(table.networks), grouped(table.baselines)


def renamed(one: Line, label: str) -> Line:
    """Return a line with another label."""
    return replace(one, label=label)


def spans(values: Iterable[float], factor: float) -> bool:
    """Whether values are all above zero and the largest is so many times the smallest: for a logarithmic axis."""
    known = [value for value in values if math.isfinite(value)]
    return bool(known) and min(known) > 0 and max(known) > factor * min(known)

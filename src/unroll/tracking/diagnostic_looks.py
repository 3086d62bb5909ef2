"""What can be looked at of a record alone: its diagnostics and its curves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unroll.tracking.look import Curve, Look, Table

_TOLD = "validation"  # a curve that is the trial's history


def looks_of_record(record: Mapping[str, Any]) -> Iterator[Look]:
    """Yield what a finished record has: gradient by distance, gates, gradients of layers, KL of codes, its curves."""
    diagnostics = record.get("diagnostics") or {}
    gradient, gates = diagnostics.get("gradient") or {}, diagnostics.get("gates") or {}
    yield from _line(
        "gradient_by_distance", "steps before the last", "gradient norm", enumerate(gradient.get("by_distance") or [])
    )
    if layers := gradient.get("layers"):
        yield Table("gradient_of_layers", ["layer", "gradient norm"], [list(pair) for pair in layers.items()])
    if gates:
        rows = [
            [layer, gate, shares.get("closed"), shares.get("open")]
            for layer, each in gates.items()
            for gate, shares in each.items()
        ]
        yield Table("gates", ["layer", "gate", "closed share", "open share"], rows)
    divergences = [
        value for value in (diagnostics.get("code") or {}).get("kl_per_dimension") or [] if value is not None
    ]
    yield from _line("kl_by_dimension", "dimension, by KL", "KL in nats", enumerate(sorted(divergences, reverse=True)))
    for name, points in ((record.get("result") or {}).get("curves") or {}).items():
        if name != _TOLD and points:
            yield from _curve(name, points)


def _curve(name: str, points: Sequence[Mapping[str, float]]) -> Iterator[Look]:
    """Rate and distortion as a line; of other curves all columns, since no key says which is which."""
    if name == "rate_distortion":
        yield from _line(
            name,
            "bits per pixel",
            "PSNR in dB",
            sorted(
                (point["bits_per_pixel"], point["psnr"]) for point in points if {"bits_per_pixel", "psnr"} <= {*point}
            ),
        )
        return
    columns = list(dict.fromkeys(key for point in points for key in point))
    yield Table(name, columns, [[point.get(key) for key in columns] for point in points])


def _line(name: str, x: str, y: str, points: Any) -> Iterator[Curve]:
    """A line of the points that are known; none of fewer than two."""
    known = [(place, value) for place, value in points if value is not None]
    if len(known) > 1:
        yield Curve(name, x, y, *map(list, zip(*known, strict=True)))

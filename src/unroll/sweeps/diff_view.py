"""What `unroll diff` prints: lines of text, with the differences of two trials side by side."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unroll.analysis.render.columns import columns
from unroll.sweeps.show_view import curve

NAMES = ("A", "B")
ONE_RUN = "One run of each: it says nothing of other seeds. unroll report compares rows."
_WIDE = 30  # characters of a value in a column; longer ones stand below each other


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Return the page of two trials that `unroll.sweeps.diff.difference` gave; what is not indented is a heading."""
    for name, trial, state in zip(NAMES, found["trials"], found["states"], strict=True):
        yield f"{name}  {trial}: {state}"
    for part, said in (("decides", "config that decides the result"), ("rest", "other config")):
        yield said
        yield from _pairs(found["config"][part])
    if found["result"]:
        yield "result"
        if found["comparable"]:
            yield f"  Not of one problem. {found['comparable']}"
        yield from _result(found["result"])
        yield f"  {ONE_RUN}"
    if found["curves"]:
        yield "curves"
        for name, pair in found["curves"].items():
            yield f"  {name}"
            for letter, points in zip(NAMES, pair, strict=True):
                yield f"    {letter}  {curve(points) if points else 'none'}"
    if found["cost"]:
        yield "cost"
        yield from _cost(found["cost"])
    yield "versions"
    yield from _pairs({**found["versions"], **{f"package {name}": of for name, of in found["packages"].items()}})


def _pairs(pairs: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """A line a key where both values are short; else a line a value."""
    if not pairs:
        yield "  no difference"
        return
    shown = {key: [_written(value) for value in pair] for key, pair in pairs.items()}
    short = {key: pair for key, pair in shown.items() if max(map(len, pair)) <= _WIDE and len(key) <= _WIDE}
    if short:
        yield from columns([["", *NAMES], *([key, *pair] for key, pair in short.items())], 2, left=range(3))
    for key, pair in shown.items():
        if key not in short:
            yield f"  {key}"
            yield from (f"    {letter}  {value}" for letter, value in zip(NAMES, pair, strict=True))


def _written(value: Any) -> str:
    if value is None:
        return "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _result(metrics: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [["", *NAMES, "B − A", "better"]]
    for one in metrics:
        unit = f", {one['unit']}" if one["unit"] else ""
        gap = "—" if one["difference"] is None else f"{one['difference']:+.3g}"
        better = {"first": "A", "second": "B"}.get(one["better"] or "", "")
        rows.append([f"{one['split']} {one['name']}{unit}", *map(_number, one["values"]), gap, better])
    yield from columns(rows, 2)


def _cost(costs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [["", *NAMES, "B / A"]]
    for one in costs:
        name = ", ".join(filter(None, (one["name"], one["unit"])))
        ratio = "—" if one["ratio"] is None else f"{one['ratio']:.3g}"
        rows.append([name, *map(_number, one["values"]), ratio])
    yield from columns(rows, 2)


def _number(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,}" if isinstance(value, int) and abs(value) < 1e12 else f"{value:.5g}"

"""What can be looked at of a trial, as the messages that wandb_process.py takes."""

import base64
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unroll.tracking.cleaned import cleaned
from unroll.tracking.look import Curve, Look, Picture
from unroll.tracking.looks import looks


def media(record: Mapping[str, Any], directory: Path | None) -> list[dict[str, Any]]:
    """Return the tables, pictures and curves of a trial as messages; none of a trial that did not finish.

    Args:
        record: of the trial.
        directory: where its files lie; None: only the record is there.
    """
    return as_messages(looks(record, directory))


def as_messages(found: Iterable[Look]) -> list[dict[str, Any]]:
    """Return a message for each look: {"kind": "table" | "picture" | "curve", "name": ..., its fields}.

    A table has `columns` and `rows`; a picture `png` in base64 and a `caption`; a curve `x_name`, `y_name`, `xs`, `ys`.
    Numbers that are not finite become None.
    """
    return [_message(look) for look in found]


def _message(look: Look) -> dict[str, Any]:
    if isinstance(look, Picture):
        png = base64.b64encode(look.png).decode()
        return {"kind": "picture", "name": look.name, "png": png, "caption": cleaned(look.caption)}
    if isinstance(look, Curve):
        named = {"kind": "curve", "name": look.name, "x_name": look.x_name, "y_name": look.y_name}
        points = [(x, y) for x, y in zip(look.xs, look.ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
        return {**named, "xs": [float(x) for x, _ in points], "ys": [float(y) for _, y in points]}
    rows = [[_cell(value) for value in row] for row in look.rows]
    return {"kind": "table", "name": look.name, "columns": list(look.columns), "rows": cleaned(rows)}


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_cell(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""What can be looked at of a trial, whatever shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Rows of values, one a column: texts, numbers, true or false, None, or lists of such."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Picture:
    """An image."""

    name: str
    png: bytes
    caption: str


@dataclass(frozen=True)
class Curve:
    """Points of a line, in their order."""

    name: str
    x_name: str
    y_name: str
    xs: Sequence[float]
    ys: Sequence[float]


Look = Table | Picture | Curve

"""The test examples that every run of a problem shows, and the file of a trial that says what they look like.

`examples.json` is to look at: no part of the result, not hashed, a few kilobytes. It holds

    {"version": 1, "count": N, "examples": [index, ...], "columns": {name: [value, ...]}, "confusion": {...} or null}

with one value an example in every column: a text, a number, true or false, null, or a list of such.
"""

import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unroll.errors import UserError

FILE = "examples.json"  # in a trial's directory
VERSION = 1
MOST = 20  # examples
LONGEST_TEXT = 500  # characters of a text that is kept
LONGEST_LIST = 64  # values of a list that is kept
MOST_COLUMNS = 24
MOST_CLASSES = 60  # of a confusion matrix
LARGEST = 2**20  # bytes of a file that is read
_DIGITS = 6  # that a number keeps


@dataclass(frozen=True)
class Confusion:
    """How often examples of a class (or tokens of a tag) were taken for which: counts [classes, classes], by truth."""

    names: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class LookedAt:
    """What a trial keeps of the examples that are looked at: `columns` of one value an example, by name."""

    count: int  # examples of test
    examples: Sequence[int]  # the indices of those that are looked at
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    confusion: Confusion | None = None


def looked_at(count: int) -> list[int]:
    """Return the examples of `count` that are looked at: at most `MOST`, evenly spread, the first and last among them.

    They hang on nothing else, so that they are the same for every run of a problem.
    """
    if count <= MOST:
        return list(range(count))
    return [round(place * (count - 1) / (MOST - 1)) for place in range(MOST)]


def as_text(kept: LookedAt) -> str:
    """Return the file's content. Long texts and lists are cut, numbers rounded, what is not finite is null.

    Raises:
        ValueError: a column has not one value an example, or one of another type.
    """
    for name, values in kept.columns.items():
        if len(values) != len(kept.examples):
            raise ValueError(f"column '{name}' has {len(values)} values for {len(kept.examples)} examples")
    confusion = kept.confusion
    if confusion is not None and len(confusion.names) > MOST_CLASSES:
        confusion = None
    content = {
        "version": VERSION,
        "count": kept.count,
        "examples": list(map(int, kept.examples)),
        "columns": {name: list(map(_kept, values)) for name, values in list(kept.columns.items())[:MOST_COLUMNS]},
        "confusion": None
        if confusion is None
        else {
            "names": list(map(_kept, confusion.names)),
            "counts": [[int(number) for number in row] for row in confusion.counts],
        },
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def _kept(value: Any) -> Any:
    """A value as it is kept. Numbers of NumPy and torch are asked for their Python ones."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, str):
        whole = value.encode("utf-8", "replace").decode("utf-8")  # no half of a surrogate pair
        return whole if len(whole) <= LONGEST_TEXT else whole[: LONGEST_TEXT - 1] + "…"
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_kept(item) for item in value[:LONGEST_LIST]]
    raise ValueError(f"a {type(value).__name__} is no text, number or list")


def read_looked_at(folder: str | Path) -> LookedAt | None:
    """Return what the file in a trial's directory says; None where there is no file.

    Raises:
        UserError: it is no such file, or one that is larger than ours are.
    """
    path = Path(folder) / FILE
    if not os.path.lexists(path):
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("it is no regular file")
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        return _checked(json.loads(content))
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be used.", saw=f"{type(error).__name__}: {error}") from error


def _checked(content: Any) -> LookedAt:
    if content["version"] != VERSION:
        raise ValueError(f"its version is {content['version']!r}, and {VERSION} is read")
    count, examples, columns = content["count"], content["examples"], content["columns"]
    if type(count) is not int or examples != looked_at(count) or not all(type(index) is int for index in examples):
        raise ValueError("its examples are not those that are looked at")
    if len(columns) > MOST_COLUMNS:
        raise ValueError(f"it has {len(columns)} columns")
    for name, values in columns.items():
        if not isinstance(values, list) or len(values) != len(examples) or not all(map(_is_cell, values)):
            raise ValueError(f"column {name!r} has not one value an example")
    found = content["confusion"]
    return LookedAt(count, examples, columns, None if found is None else _confusion(found["names"], found["counts"]))


def _confusion(names: Any, counts: Any) -> Confusion:
    size = len(names)
    whole = all(len(row) == size and all(type(number) is int and number >= 0 for number in row) for row in counts)
    if size > MOST_CLASSES or len(counts) != size or not whole or not all(isinstance(name, str) for name in names):
        raise ValueError("its confusion matrix is no square of whole numbers with a name a row")
    return Confusion(names, counts)


def _is_cell(value: Any) -> bool:
    """Whether a value is one that `as_text` writes: no NaN, which JSON as Python reads it has."""
    if isinstance(value, list):
        return len(value) <= LONGEST_LIST and all(_is_cell(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int)) or (isinstance(value, str) and len(value) <= LONGEST_TEXT)

"""What readers return, and the hash that tells whether two sources hold the same examples.

The columns of each kind of data stand in `conf/kind/NAME.yaml`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unroll.data import kinds
from unroll.errors import UserError

Columns = Mapping[str, Any]
"""Column name -> list of str, int, bool, bytes or sequences of numbers, or a NumPy array [N]; all of one length."""
Splits = Mapping[str, Columns]
"""Split name -> its columns, in the order train, validation, test; further test sets follow."""
Files = Mapping[str, bytes]
"""File name -> its bytes, uncompressed where the name ends in .gz, .bz2 or .xz."""

SPLITS = ("train", "validation", "test")
FURTHER = "test_"  # what the name of each further test set begins with


@dataclass
class Notes:
    """What a reader saw beside the examples that it returns; it changes none of them. `unroll.data.profile` reads it.

    rows: rows (lines, entries, images) that were read; None: not counted.
    classes: what the labels 0, 1, ... are called in the files.
    facts: more of this kind of data, JSON only, by the profile's own keys.
    """

    rows: int | None = None
    classes: Sequence[str] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    left_out: dict[tuple[str, str | None], list[Any]] = field(default_factory=dict)
    """(why, value) -> [rows, where the first one stands]."""
    asked: set[str] = field(default_factory=set)
    """The reasons that an option gives: nobody is to be warned of them."""

    def leave_out(
        self, why: str, value: str | None = None, where: str | None = None, rows: int = 1, asked: bool = False
    ) -> None:
        """Count rows that are not among the examples.

        why: e.g. "the label is not among data.options.labels"; value: what stood there (a label or a cell, never a
        text); where: file and line of the first one, e.g. `Table.where(row)`; asked: an option says so.
        """
        self.left_out.setdefault((why, value), [0, where])[0] += rows
        if asked:
            self.asked.add(why)


class Read(dict[str, Columns]):
    """The splits that a reader found, with its notes. A reader without anything to note returns a plain mapping."""

    def __init__(self, splits: Splits, notes: Notes):
        super().__init__(splits)
        self.notes = notes


_FURTHER = re.compile(rf"{FURTHER}[a-z0-9_]+")
_TYPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "str": (str, ""),
    "bytes": (bytes, ""),
    "bool": (bool, "b"),
    "int": (int, "iu"),
    "float": (float, "f"),
}
"""Type of a column -> that of its values in a list, and NumPy's letters of it."""


def require_columns(name: str, splits: Any, reader: str) -> None:
    """Raise UserError unless a reader returned what the kind of this name says, and for a kind that there is not.

    That is: train, validation and test, and test_NAME for each further test set, each with the kind's columns, all of
    one length and of the kind's types.
    """
    kind = kinds.get(name)
    if not isinstance(splits, Mapping) or tuple(splits) != (*SPLITS, *further(splits)):
        saw = list(splits) if isinstance(splits, Mapping) else type(splits).__name__
        allowed = f"{', '.join(SPLITS)}, then {FURTHER}NAME for each further test set, NAME of a-z, 0-9 and _"
        raise UserError(f"reader '{reader}' returned other splits", saw=saw, allowed=allowed)
    for split, columns in splits.items():
        seen = list(columns) if isinstance(columns, Mapping) else type(columns).__name__
        missing = [column for column in kind.columns if column not in seen]
        if missing or not isinstance(columns, Mapping):
            raise UserError(
                f"reader '{reader}' does not make data of kind '{name}': column {missing[0]} is missing in {split}",
                saw=seen,
                allowed=list(kind.columns),
            )
        lengths = {column: len(values) for column, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise UserError(
                f"reader '{reader}': the columns of {split} differ in length",
                saw=", ".join(f"{column} {length}" for column, length in lengths.items()),
                allowed="one value of each column an example",
            )
        for column, values in columns.items():
            wanted = kind.columns.get(column, kind.others)
            if wanted is None:
                raise UserError(
                    f"reader '{reader}' does not make data of kind '{name}': it has no column {column}",
                    saw=seen,
                    allowed=list(kind.columns),
                )
            what = f"reader '{reader}': column {column} of {split}"
            if wanted == "floats":
                _require_sequences(what, values)
            else:
                _require_type(what, values, wanted)


def further(splits: Iterable[str]) -> tuple[str, ...]:
    """Return the names of further test sets among those of splits, in their order."""
    return tuple(name for name in splits if isinstance(name, str) and _FURTHER.fullmatch(name))


def _require_type(what: str, values: Any, wanted: str) -> None:
    kind, letters = _TYPES[wanted]
    dtype = getattr(values, "dtype", None)
    if dtype is not None:
        if dtype.kind not in letters or getattr(values, "ndim", 1) != 1:
            raise UserError(f"{what} is not of {wanted}", saw=f"an array of {dtype}", allowed=f"{wanted}, one a row")
        return
    for row, value in enumerate(values):
        number = getattr(getattr(value, "dtype", None), "kind", None)  # of NumPy
        fits = isinstance(value, kind) if number is None else bool(number in letters)
        if not fits or (isinstance(value, bool) and wanted != "bool"):
            saw = f"{value!r:.60} ({type(value).__name__}) in row {row}"
            raise UserError(f"{what} is not of {wanted}", saw=saw, allowed=f"{wanted} in every row")


def _require_sequences(what: str, values: Any) -> None:
    import numpy

    width: tuple[int, ...] | None = None  # of the first row's steps
    for row, value in enumerate(values):
        try:
            array = numpy.asarray(value)
        except ValueError:  # rows of different lengths
            array = numpy.asarray(None)
        width = array.shape[1:] if width is None else width
        saw = None
        if array.dtype.kind not in "iuf":
            saw = f"{value!r:.60}"
        elif array.ndim not in (1, 2) or not array.size or array.shape[1:] != width:
            saw = f"numbers {list(array.shape)}"
        elif not numpy.isfinite(array).all():
            saw = "a number that is not finite"
        if saw is not None:
            allowed = "finite numbers [T], or [T, D] with one D, T of 1 or more, in every row"
            raise UserError(f"{what} is not of floats", saw=f"{saw} in row {row}", allowed=allowed)


def listed(values: Any) -> Any:
    """Return a column as a table keeps it: sequences of numbers as lists of floats, all else as it is."""
    import numpy

    return [numpy.asarray(value, dtype=numpy.float64).tolist() for value in values] if nested(values) else values


def nested(values: Any) -> bool:
    """Whether a column holds sequences of numbers."""
    return len(values) > 0 and not isinstance(values[0], str | bytes) and hasattr(values[0], "__len__")


def content_sha256(splits: Splits) -> str:
    """Hash the examples: split names, column names and types, and every value in order."""
    import numpy

    digest = hashlib.sha256()
    for split, columns in splits.items():
        for column, values in columns.items():
            if isinstance(values[0], str | bytes):
                encoded = [value.encode() if isinstance(value, str) else value for value in values]
                lengths = numpy.fromiter(map(len, encoded), dtype="<i8", count=len(encoded))
                kind, payload = type(values[0]).__name__, lengths.tobytes() + b"".join(encoded)
            elif nested(values):
                arrays = [numpy.asarray(value, dtype="<f8") for value in values]
                shapes = numpy.array([(len(array), array.size) for array in arrays], dtype="<i8")
                kind, payload = "floats", shapes.tobytes() + b"".join(array.tobytes() for array in arrays)
            else:
                array = numpy.asarray(values)
                floating = array.dtype.kind == "f"
                kind = "float" if floating else "int"
                payload = array.astype("<f8" if floating else "<i8").tobytes()
            digest.update(json.dumps([split, column, kind, len(values)]).encode())
            digest.update(payload)
    return digest.hexdigest()


def hash_share(key: str, salt: str) -> float:
    """Map a key to [0, 1) by SHA-256: the same in every process, on every machine."""
    return int.from_bytes(hashlib.sha256(f"{salt}\0{key}".encode()).digest()[:8], "big") / 2.0**64


def hash_order(keys: Iterable[str], salt: str) -> list[str]:
    """Return the keys in a fixed shuffled order that does not depend on the order they came in."""
    return sorted(keys, key=lambda key: (hash_share(key, salt), key))


def rows(columns: Columns, indices: Sequence[int]) -> dict[str, list[Any]]:
    """Pick rows of list columns."""
    return {name: [values[index] for index in indices] for name, values in columns.items()}

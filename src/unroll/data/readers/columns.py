"""What readers return, by kind of data, and the hash that tells whether two sources hold the same examples.

labelled_text: text str, label int, phrase bool (true: not a whole sentence; train only), tree str (PTB, "");
pairs:         source str, target str;
series:        timestamp str, then one float64 column per channel; the splits in order are the whole series;
images:        pixels bytes (height x width of uint8), label int;
adding:        numbers bytes (little-endian float32), first int, second int (their marked places);
copying:       symbols bytes (uint8, from 0), blanks int (steps between symbols and delimiter).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unroll.errors import UserError

Columns = Mapping[str, Any]
"""Column name -> list of str, int, bool or bytes, or a one-dimensional numpy array; all of one length."""
Splits = Mapping[str, Columns]
"""Split name -> its columns, in the order train, validation, test."""
Files = Mapping[str, bytes]
"""File name -> its bytes, uncompressed where the name ends in .gz, .bz2 or .xz."""

SPLITS = ("train", "validation", "test")
COLUMNS = {
    "labelled_text": ("text", "label", "phrase", "tree"),
    "pairs": ("source", "target"),
    "series": ("timestamp",),
    "images": ("pixels", "label"),
    "adding": ("numbers", "first", "second"),
    "copying": ("symbols", "blanks"),
}


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


def require_columns(kind: str, splits: Splits, reader: str) -> None:
    """Raise UserError unless the splits are train, validation, test, with the kind's columns."""
    if kind not in COLUMNS:
        raise UserError(f"unknown kind of data '{kind}' (data.kind)", allowed=COLUMNS)
    if tuple(splits) != SPLITS:
        raise UserError(f"reader '{reader}' returned other splits", saw=list(splits), allowed=SPLITS)
    for columns in splits.values():
        missing = [column for column in COLUMNS[kind] if column not in columns]
        if missing:
            raise UserError(
                f"reader '{reader}' does not make data of kind '{kind}': column {missing[0]} is missing",
                saw=list(columns),
                allowed=COLUMNS[kind],
            )


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

"""Labels as people write them, matched with the cells of a column: 0 is "0", " 0" and "0.0"; no is the word."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from unroll.errors import UserError

_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d{1,3})?", re.ASCII)
_BOOLEANS = {"no": "false", "off": "false", "false": "false", "yes": "true", "on": "true", "true": "true"}
SHOWN = 20


def normal(value: Any) -> str:
    """Return a label or a cell as the text to compare: white space and ways to write a number make no difference."""
    if isinstance(value, bool):
        return str(value).lower()
    text = " ".join(unicodedata.normalize("NFC", str(value)).split())
    if _NUMBER.fullmatch(text):
        number = Decimal(text)
        return format(number.normalize(), "f") if number else "0"
    return text


def classes(
    labels: Sequence[Any] | None, counts: Mapping[str | None, int], column: str
) -> tuple[list[str], dict[str | None, int]]:
    """Return the classes' names, and each cell's class, its label's place; cells that are none of them are absent.

    labels: as the YAML has them, where no and yes are false and true; null: all that the column holds but empty cells,
    numbers in their order, else by spelling. counts: the cells of the column, and how often each is there.

    Raises UserError for labels that are no list, of which two are the same, that name fewer than two classes, or that
    the column lacks; and for null where the column is not of labels.
    """
    if labels is None:
        labels = _all(counts, column)
    elif isinstance(labels, str) or not isinstance(labels, Sequence):
        raise UserError("data.options.labels is no list", saw=repr(labels), allowed=f"e.g. {_list(counts)}, or null")
    places: dict[str, int] = {}
    for place, label in enumerate(labels):
        if label is None or isinstance(label, list | dict):
            raise UserError("data.options.labels", saw=list(labels), allowed=f"texts or numbers, e.g. {_list(counts)}")
        if places.setdefault(normal(label), place) != place:
            raise UserError("data.options.labels has a label twice", saw=list(labels), allowed="each label once")
    booleans = any(isinstance(label, bool) for label in labels)
    found: dict[str | None, int] = {}
    for cell in counts:
        text = normal(cell) if cell is not None else ""
        text = _BOOLEANS.get(text.casefold(), text) if booleans else text
        if text in places:
            found[cell] = places[text]
    absent = [label for place, label in enumerate(labels) if place not in found.values()]
    if absent:
        raise UserError(
            f"column '{column}' holds no {' or '.join(repr(label) for label in absent[:SHOWN])} (data.options.labels)",
            saw=shown(counts),
            allowed=f"labels that the column holds: data.options.labels={_list(counts)}",
        )
    if len(places) < 2:
        raise UserError(
            f"column '{column}': fewer than two classes (data.options.labels)",
            saw=shown(counts),
            allowed="two classes or more",
        )
    return [normal(label) for label in labels], found


def shown(counts: Mapping[str | None, int]) -> str:
    """The cells of a column and how often each is there, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    parts = [f"{'an empty cell' if cell is None else repr(cell[:40])} {count:,}" for cell, count in ordered[:SHOWN]]
    return ", ".join(parts) + (f" and {len(ordered) - SHOWN:,} others" if len(ordered) > SHOWN else "")


def _all(counts: Mapping[str | None, int], column: str) -> list[str]:
    found = {normal(cell) for cell in counts if cell is not None}
    rows = sum(counts.values())
    if len(found) > max(2, rows // 2):
        raise UserError(
            f"column '{column}' does not look like labels: nearly every row has one of its own",
            saw=f"{len(found):,} values in {rows:,} rows: {shown(counts)}",
            allowed="the column of labels (data.options.label), or data.options.labels=[...]",
        )
    return ordered(found)


def ordered(labels: Iterable[str]) -> list[str]:
    """Numbers in their order where all are numbers, else by spelling."""
    found = list(labels)
    if all(_NUMBER.fullmatch(label) for label in found):
        return sorted(found, key=Decimal)
    return sorted(found)


def _list(counts: Mapping[str | None, int]) -> str:
    common = [cell for cell, _ in Counter(counts).most_common(SHOWN) if cell is not None]
    return "[" + ", ".join(map(_written, ordered({normal(cell) for cell in common}))) + "]"


def _written(label: str) -> str:
    """A label as YAML and Hydra read it as text or number."""
    plain = re.fullmatch(r"[A-Za-z][\w-]*", label) and label.lower() not in (*_BOOLEANS, "null", "y", "n", "nan", "inf")
    return label if plain or _NUMBER.fullmatch(label) else "'" + label.replace("'", "\\'") + "'"

"""What a person's files hold, told from their names and columns: a kind of data, a reader and its options."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from unroll.data.readers.columns import SPLITS, Files
from unroll.data.readers.table import SUFFIXES, likely_separator, read_table, uncompressed_name
from unroll.errors import UserError

KINDS = ("series", "labelled_text", "pairs", "images")
COLUMNS = {"time": "series", "text": "labelled_text", "label": "labelled_text", "source": "pairs", "target": "pairs"}
"""What the command line may say of columns, and the kind of data that it is said of."""

_ROWS = 2000  # of a table, that a guess looks at
_SPLIT = {
    "train": re.compile(r"(^|[^a-z])(train|training)([^a-z]|$)"),
    "validation": re.compile(r"(^|[^a-z])(validation|valid|val|dev)([^a-z]|$)"),
    "test": re.compile(r"(^|[^a-z])(test|testing)([^a-z]|$)"),
}
_TEXTS = ("text", "sentence", "review", "content", "comment", "body", "message", "tweet", "document")
_LABELS = ("label", "labels", "class", "category", "sentiment", "target", "topic", "intent", "polarity", "y")
_TIMES = ("date", "time", "datetime", "timestamp", "ds")
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_IDX, _PIXELS = re.compile(r"(images|labels)[-.]idx[13][-.]ubyte"), 784


@dataclass(frozen=True)
class Guess:
    """Options are those that differ from the reader's defaults; `aside` are columns that nothing reads."""

    kind: str
    reader: str
    options: dict[str, Any]
    languages: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)


def guess(files: Files, said: Mapping[str, str], options: Mapping[str, Any], kind: str | None = None) -> Guess:
    """Return what uncompressed files hold.

    Args:
        said: of COLUMNS, what the command line says.
        options: of the reader, that are known already.
        kind: one of KINDS where it is known.

    Raises:
        UserError: nothing fits, or more than one kind does; it says what to add to the command.
    """
    kinds = {kind} if kind else {COLUMNS[column] for column in said}
    if len(kinds) > 1:
        raise UserError(
            "These columns are of different kinds of data.", saw=", ".join(map(_option, said)), allowed=_WAYS
        )
    wanted = next(iter(kinds), None)
    found = _by_names(files, said, options) or _by_columns(files, said, options, wanted)
    if wanted is not None and found.kind != wanted:
        raise UserError(
            f"These files hold {found.kind}.", saw=", ".join(list(files)[:5]), allowed=f"--kind {found.kind}"
        )
    return found


def _by_names(files: Files, said: Mapping[str, str], options: Mapping[str, Any]) -> Guess | None:
    """What names alone tell: MNIST's own files, aligned files NAME.LANGUAGE, a folder of texts a class."""
    names = [uncompressed_name(name) for name in files]
    if all(_IDX.search(name) for name in names) or "mnist.npz" in names:
        return Guess("images", "mnist", {})
    if all("/" in name and name.endswith(".txt") for name in names):
        return Guess("labelled_text", "labelled_text", _splits({name.split("/", 1)[0] for name in files}))
    endings = {name.rsplit(".", 1)[-1] for name in names}
    stems = {name.rsplit(".", 1)[0] for name in names}
    if len(endings) == 2 and len(names) == 2 * len(stems) and not endings & {ending[1:] for ending in SUFFIXES}:
        source = said.get("source") or min(endings - {said.get("target")})
        target = said.get("target") or min(endings - {source})
        found = _splits(stems) if len(stems) > 1 else {"train": min(stems), "validation": 0.1, "test": 0.1}
        return Guess("pairs", "parallel_lines", {"source": source, "target": target, **found}, [source, target])
    head = next(iter(files.values()))[:20_000].decode("utf-8", "replace")
    line = head.split("\n", 1)[0]
    if line.count(options.get("separator") or likely_separator(head) or ",") == _PIXELS:
        return Guess("images", "images_csv", _splits(files) if len(files) > 1 else {})
    return None


def _by_columns(files: Files, said: Mapping[str, str], options: Mapping[str, Any], kind: str | None) -> Guess:
    of_text = {key: options[key] for key in ("separator", "encoding", "quote") if key in options}
    name = next((name for name in files if _SPLIT["train"].search(name.lower())), next(iter(files)))
    table = read_table(name, files[name], **of_text)
    columns = {column: _Column(column, cells) for column, cells in table.columns.items() if column not in table.nested}
    for column in said.values():
        table.column(column, "columns")
    more = _splits(files) if len(files) > 1 else {}
    texts = [column.name for column in columns.values() if column.is_text]
    fitting = {
        "series": _series(columns, said, texts, kind == "series"),
        "labelled_text": _labelled(columns, said, texts),
        "pairs": _pairs(columns, said, texts),
    }
    found = {each: guessed for each, guessed in fitting.items() if guessed and kind in (None, each)}
    if len(found) != 1:
        raise UserError(
            f"What {name} holds cannot be told from its columns."
            if not found
            else f"{name} may hold {' or '.join(found)}.",
            saw="; ".join(f"{column.name!r} {column.words}" for column in columns.values()),
            allowed=_WAYS,
        )
    ((kind, (reader, chosen, languages, used)),) = found.items()
    aside = [column for column in table.columns if column not in used]
    return Guess(kind, reader, {**chosen, **more}, languages, aside)


Fit = tuple[str, dict[str, Any], list[str], list[str]] | None
_WAYS = "--time COLUMN (a series), or --text COLUMN --label COLUMN, or --source COLUMN --target COLUMN (translations)"


def _option(column: str) -> str:
    return f"--{column}"


class _Column:
    """What a column's first cells are like."""

    def __init__(self, name: str, cells: Sequence[str | None]):
        there = [cell.strip() for cell in cells[:_ROWS] if cell is not None and cell.strip()]
        rows, self.name = max(1, len(there)), name
        self.numbers = sum(map(_is_number, there)) / rows
        self.distinct = len(set(there))
        self.length = sum(len(cell.split()) for cell in there) / rows
        self.is_time = bool(there) and self.numbers < 0.5 and all(map(_is_time, there[:50]))
        self.is_text = not self.is_time and self.numbers < 0.5 and self.length >= 2.5 and self.distinct > rows / 2
        self.is_label = not self.is_text and not self.is_time and 2 <= self.distinct <= max(2, min(200, rows // 4))

    @property
    def words(self) -> str:
        what = "times" if self.is_time else "texts" if self.is_text else "numbers" if self.numbers >= 0.5 else "words"
        return f"({what}, {self.distinct} different)"


def _series(columns: Mapping[str, _Column], said: Mapping[str, str], texts: Sequence[str], sure: bool) -> Fit:
    parts = [part for part in _PARTS if part in columns]
    times = [name for name in columns if name.lower() in _TIMES] or [
        name for name, each in columns.items() if each.is_time
    ]
    time: str | list[str] | None = said.get("time") or (times[0] if times else None)
    if time is None and parts[:1] == ["year"]:
        time = parts
    used = [time] if isinstance(time, str) else time or []
    channels = [name for name, each in columns.items() if name not in used and each.numbers >= 0.5 and not each.is_time]
    if not used or not channels or (texts and not sure and "time" not in said):
        return None
    options: dict[str, Any] = {"timestamp": time}
    if len(channels) + len(used) < len(columns):
        options["columns"] = channels
    return "series", options, [], [*used, *channels]


def _labelled(columns: Mapping[str, _Column], said: Mapping[str, str], texts: Sequence[str]) -> Fit:
    text = said.get("text") or _one(texts, _TEXTS)
    label = said.get("label") or _one(
        [name for name, each in columns.items() if each.is_label and name != text], _LABELS
    )
    if text is None or label is None:
        return None
    return "labelled_text", {"text": text, "label": label}, [], [text, label]


def _pairs(columns: Mapping[str, _Column], said: Mapping[str, str], texts: Sequence[str]) -> Fit:
    sides = [said.get(side) for side in ("source", "target")]
    left = [name for name in texts if name not in sides]
    if len(left) == sides.count(None) and (
        sides.count(None) < 2 or not any(each.is_label for each in columns.values())
    ):
        sides = [side or left.pop(0) for side in sides]
    source, target = sides
    if source is None or target is None:
        return None
    languages = [side for side in (source, target) if _LANGUAGE.fullmatch(side)]
    return "parallel_table", {"source": source, "target": target}, languages, [source, target]


def _one(names: Iterable[str], usual: Sequence[str]) -> str | None:
    """The only name, or the first that is usual for such a column."""
    found = list(names)
    if len(found) == 1:
        return found[0]
    return next((name for word in usual for name in found if name.lower() == word), None)


def _splits(names: Iterable[str]) -> dict[str, str]:
    """Which of some files, folders or stems is which split, by its name."""
    found: dict[str, str] = {}
    for split in SPLITS:
        fitting = [name for name in names if _SPLIT[split].search(name.lower())]
        if len(fitting) == 1:
            found[split] = fitting[0]
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_time(cell: str) -> bool:
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True

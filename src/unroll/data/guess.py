"""What a person's files hold, told from their names and columns: a kind of data, a reader and its options."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from unroll.data import readers
from unroll.data.languages import is_known
from unroll.data.readers.columns import SPLITS, Files
from unroll.data.readers.numbers import MISSING
from unroll.data.readers.series import numbers_rows
from unroll.data.readers.table import SEPARATORS, SUFFIXES, read_table, separator_of, uncompressed_name
from unroll.errors import UserError, suggest

KINDS = ("series", "labelled_text", "pairs", "images", "tagged_words", "running_text")
COLUMNS = {"time": "series", "text": "labelled_text", "label": "labelled_text", "source": "pairs", "target": "pairs"}
"""What the command line may say of columns, and the kind of data that it is said of."""

_PLAIN = (".txt", ".text", ".md")
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
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp][Mm])?", re.ASCII)
_IDX, _PIXELS = re.compile(r"(images|labels)[-.]idx[13][-.]ubyte"), 784


@dataclass(frozen=True)
class Guess:
    """What files hold.

    options: those that differ from the reader's defaults. files: which of them the data set is of; a folder's name
    stands for all that lies below it. aside: columns that nothing reads.
    """

    kind: str
    reader: str
    options: dict[str, Any]
    files: list[str]
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
    if kind is not None and kind not in KINDS:
        raise UserError(
            f"There is no kind of data '{kind}'.{suggest(kind, KINDS)}", saw=f"--kind {kind}", allowed=KINDS
        )
    kinds = {kind} if kind else {COLUMNS[column] for column in said}
    if len(kinds) > 1:
        raise UserError(
            "These columns are of different kinds of data.", saw=", ".join(map(_option, said)), allowed=_WAYS
        )
    wanted = next(iter(kinds), None)
    tables = [name for name in files if uncompressed_name(name).lower().endswith(SUFFIXES)]
    among = {name: files[name] for name in tables or files}
    found = (
        _mnist(files)
        or _treebank(list(files))
        or _running_text(files, said, wanted)
        or _texts(list(files), tables)
        or _aligned(list(files), said)
        or _images(among, options)
        or _by_columns(among, said, options, wanted)
    )
    if wanted is not None and found.kind != wanted:
        raise UserError(
            f"These files hold {found.kind}.", saw=", ".join(list(files)[:5]), allowed=f"--kind {found.kind}"
        )
    return found


def _mnist(files: Iterable[str]) -> Guess | None:
    """MNIST's own files, by their names."""
    found = [name for name in files if _IDX.search(name) or name == "mnist.npz"]
    return Guess("images", "mnist", {}, found) if found else None


def _treebank(files: Sequence[str]) -> Guess | None:
    """Files of CoNLL-U, by their names; files beside them do not matter."""
    found = [name for name in files if uncompressed_name(name).lower().endswith((".conllu", ".conll"))]
    return Guess("tagged_words", "conllu", _splits(found) if len(found) > 1 else {}, found) if found else None


def _running_text(files: Files, said: Mapping[str, str], kind: str | None) -> Guess | None:
    """Plain text files, in no folders and without columns, where nothing is said of columns."""
    found = [name for name in files if uncompressed_name(name).lower().endswith(_PLAIN)]
    sure = kind == "running_text"
    if not found or said or (kind and not sure) or (not sure and len(found) < len(files)):
        return None
    if not sure and any("/" in name or not _is_prose(files[name]) for name in found):
        return None
    return Guess("running_text", "text_files", _splits(found) if len(found) > 1 else {}, found)


def _is_prose(content: bytes) -> bool:
    """Whether the first lines hold letters above all, and not as many separators each, as a table's do."""
    lines = [line for line in content[:100_000].decode("utf-8", "replace").splitlines()[:50] if line.strip()]
    counts = [{line.count(separator) for line in lines} for separator in SEPARATORS]
    letters, digits = (sum(sum(map(kind, line)) for line in lines) for kind in (str.isalpha, str.isdigit))
    return letters > digits and not any(len(each) == 1 and 0 not in each for each in counts)


def _texts(files: Sequence[str], tables: Sequence[str]) -> Guess | None:
    """A folder of texts a class, or those in a folder a split; files beside them do not matter."""
    texts = [name for name in files if "/" in name and uncompressed_name(name).lower().endswith(".txt")]
    if not texts or (tables and 2 * len(texts) <= len(files)):
        return None
    classes, splits = ({name.split("/")[0] for name in texts if name.count("/") == depth} for depth in (1, 2))
    named = _splits(sorted(splits))
    if "train" in named or not classes:
        return Guess("labelled_text", "labelled_text", named, sorted(splits))
    return Guess("labelled_text", "labelled_text", {}, sorted(classes))


def _aligned(files: Sequence[str], said: Mapping[str, str]) -> Guess | None:
    """Files NAME.LANGUAGE, or of two other endings, whose lines are translations; files beside them do not matter."""
    stems: dict[str, list[str]] = {}
    for name in files:
        stem, _, ending = uncompressed_name(name).rpartition(".")
        stems.setdefault(ending, []).append(stem)
    stated = {said[side] for side in ("source", "target") if side in said}
    spoken = {ending for ending in stems if is_known(ending)}
    choices = [each for each in (stated, spoken | stated, set(stems)) if len(each) == 2 and each <= set(stems)]
    if not choices and len(spoken) > 2:
        raise UserError(
            "Translations are of two languages.",
            saw=f"files in {', '.join(sorted(spoken))}",
            allowed="two of them: --source CODE --target CODE",
        )
    endings = choices[0] if choices else set()
    aligned = {tuple(sorted(stems[ending])) for ending in endings}
    if len(aligned) != 1 or endings & {suffix[1:] for suffix in SUFFIXES}:
        return None
    names = aligned.pop()
    source = said.get("source") or min(endings - {said.get("target")})
    target = said.get("target") or min(endings - {source})
    found = _splits(names) if len(names) > 1 else {"train": names[0], "validation": 0.1, "test": 0.1}
    return Guess(
        "pairs",
        "parallel_lines",
        {"source": source, "target": target, **found},
        [name for name in files if uncompressed_name(name).rpartition(".")[2] in endings],
        [source, target] if is_known(source) and is_known(target) else [],
    )


def _images(files: Files, options: Mapping[str, Any]) -> Guess | None:
    """Tables with a row of pixels and a label an image."""
    name = _of_train(files)
    stated = options.get("separator")
    separators = [*SEPARATORS] if stated is None else [separator_of(name, stated)]
    line = io.BytesIO(files[name]).readline().decode("utf-8", "replace")
    if any(line.count(separator) == _PIXELS for separator in separators):
        return Guess("images", "images_csv", _splits(files) if len(files) > 1 else {}, list(files))
    return None


def _by_columns(files: Files, said: Mapping[str, str], options: Mapping[str, Any], kind: str | None) -> Guess:
    of_text = {key: options[key] for key in ("header", "separator", "encoding", "quote") if key in options}
    readers.check("labelled_text", of_text)
    name = _of_train(files)
    table = read_table(name, files[name], **of_text)
    nested = table.nested
    columns = {
        column: _Column(column, cells, options) for column, cells in table.columns.items() if column not in nested
    }
    for column, value in said.items():
        table.column(value, _key(column))
    named = {column: options[_key(column)] for column in COLUMNS if options.get(_key(column)) is not None}
    known = {
        column: value if isinstance(value, list) and column == "time" else str(value) for column, value in named.items()
    }
    known |= said
    more = _splits(files) if len(files) > 1 else {}
    texts = [column.name for column in columns.values() if column.is_text]
    fitting = {
        "series": _series(columns, known, texts, kind == "series"),
        "labelled_text": _labelled(columns, known, texts),
        "pairs": _pairs(columns, known, texts),
    }
    found = {each: guessed for each, guessed in fitting.items() if guessed and kind in (None, each)}
    if len(found) != 1:
        raise UserError(
            f"What {name} holds cannot be told from its columns."
            if not found
            else f"{name} may hold {' or '.join(found)}.",
            saw="; ".join(f"{column.name!r} {column.words}" for column in columns.values()),
            allowed=_PICTURES if kind == "images" else _WAYS,
        )
    ((kind, (reader, chosen, languages, used)),) = found.items()
    read = [columns[column] for column in used if column in columns and of_text.get("header", True)]
    if any(each.is_named_by_a_time for each in read) or (read and all(each.is_named_by_a_cell for each in read)):
        raise UserError(
            f"The first row of {name} looks like data, not like the names of columns.",
            saw=", ".join(table.columns)[:80],
            allowed="a header" if kind == "series" else "a header, or data.options.header=false where there is none",
        )
    aside = [column for column in table.columns if column not in used]
    return Guess(kind, reader, {**chosen, **more}, list(files), languages, aside)


Fit = tuple[str, dict[str, Any], list[str], list[str]] | None
_WAYS = (
    "--time COLUMN (a series), or --text COLUMN --label COLUMN, or --source COLUMN --target COLUMN (translations), "
    "or --kind running_text (plain text)"
)
_PICTURES = f"{_PIXELS} grey values and a label in each row, or MNIST's own files"


def _option(column: str) -> str:
    return f"--{column}"


def _key(column: str) -> str:
    """The reader's option that names a column."""
    return "timestamp" if column == "time" else column


def _of_train(files: Iterable[str]) -> str:
    """The file that train is in, by its name, else the first."""
    names = list(files)
    return next((name for name in names if _SPLIT["train"].search(name.lower())), names[0])


class _Column:
    """What a column's first cells are like, read as the reader's options say."""

    def __init__(self, name: str, cells: Sequence[str | None], options: Mapping[str, Any]):
        there = [cell.strip() for cell in cells[:_ROWS] if cell is not None and cell.strip()]
        missing = options.get("missing")
        absent = set(map(str, missing if isinstance(missing, list) else MISSING))
        known = [cell for cell in there if cell not in absent]
        rows, self.name = max(1, len(there)), name
        self.numbers = sum(_is_number(cell, options.get("decimal")) for cell in known) / max(1, len(known))
        self.distinct = len(set(there))
        self.length = sum(len(cell.split()) for cell in there) / rows
        time_format = options.get("time_format")
        self.is_time = bool(there) and self.numbers < 0.5 and all(_is_time(cell, time_format) for cell in there[:50])
        self.is_clock = bool(there) and all(map(_CLOCK.fullmatch, there[:50]))
        self.is_day = bool(there) and not any(":" in cell for cell in there[:50])
        self.is_text = not self.is_time and self.numbers < 0.5 and self.length >= 2.5 and self.distinct > rows / 2
        self.is_label = not self.is_text and not self.is_time and 2 <= self.distinct <= max(2, min(200, rows // 4))
        self.is_index = bool(there) and numbers_rows(name, there)
        self.is_named_by_a_time = self.is_time and _is_time(name, time_format)
        self.is_named_by_a_cell = (self.is_text and len(name.split()) > 3) or (self.is_label and name in there)

    @property
    def words(self) -> str:
        what = "times" if self.is_time else "texts" if self.is_text else "numbers" if self.numbers >= 0.5 else "words"
        return f"({what}, {self.distinct} different)"


def _series(columns: Mapping[str, _Column], known: Mapping[str, Any], texts: Sequence[str], sure: bool) -> Fit:
    time = known.get("time") or _time(columns)
    used = time if isinstance(time, list) else [time] if time else []
    kept = {name: each for name, each in columns.items() if name not in used and not each.is_index}
    channels = [name for name, each in kept.items() if each.numbers >= 0.5 and not each.is_time]
    if not used or not channels or (texts and not sure and "time" not in known):
        return None
    options: dict[str, Any] = {"timestamp": time}
    if len(channels) + len(used) < len(columns):
        options["columns"] = channels
    return "series", options, [], [*used, *channels]


def _time(columns: Mapping[str, _Column]) -> str | list[str] | None:
    """The column of the times, or those of their parts: a date and a time, or year, month and so on."""
    times = [name for name in columns if name.lower() in _TIMES] or [
        name for name, each in columns.items() if each.is_time
    ]
    clocks = [name for name, each in columns.items() if each.is_clock]  # whatever their language calls them
    days = [name for name in times if name not in clocks]
    if days and clocks and columns[days[0]].is_day:
        return [days[0], clocks[0]]
    if times:
        return (days or clocks)[0]
    parts = [part for part in _PARTS if part in columns]
    return parts if parts[:1] == ["year"] else None


def _labelled(columns: Mapping[str, _Column], known: Mapping[str, Any], texts: Sequence[str]) -> Fit:
    text = known.get("text") or _one(texts, _TEXTS)
    label = known.get("label") or _one(
        [name for name, each in columns.items() if each.is_label and name != text], _LABELS
    )
    if text is None or label is None:
        return None
    return "labelled_text", {"text": text, "label": label}, [], [text, label]


def _pairs(columns: Mapping[str, _Column], known: Mapping[str, Any], texts: Sequence[str]) -> Fit:
    sides = [known.get(side) for side in ("source", "target")]
    left = [name for name in texts if name not in sides]
    if len(left) == sides.count(None) and (
        sides.count(None) < 2 or not any(each.is_label for each in columns.values())
    ):
        sides = [side or left.pop(0) for side in sides]
    source, target = sides
    if source is None or target is None:
        return None
    languages = [source, target] if is_known(source) and is_known(target) else []
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


def _is_number(cell: str, decimal: object) -> bool:
    if decimal == ",":
        cell = "" if "." in cell else cell.replace(",", ".")
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_time(cell: str, time_format: object) -> bool:
    try:
        datetime.strptime(cell, str(time_format)) if time_format else datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True

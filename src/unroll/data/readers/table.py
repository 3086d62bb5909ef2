"""Tables with a header, from CSV, TSV, JSON lines or Parquet: columns of text, and where each row stands in its file.

The file's name says its format. Readers pass on the options `separator`, `encoding` and `quote` of separated text.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from unroll.data.readers.decoding import decoded
from unroll.errors import UserError, suggest

if TYPE_CHECKING:
    import pyarrow

csv.field_size_limit(2**31 - 1)  # a cell may hold a whole text

SEPARATORS = {",": ",", ";": ";", "\t": "tab", "|": "|"}
"""What cells are separated by in most files, and how data.options.separator says it."""
JSON_LINES = (".jsonl", ".ndjson", ".json")
SUFFIXES = (".csv", ".tsv", ".tab", *JSON_LINES, ".parquet")

Cells = list[str | None]


@dataclass(frozen=True)
class TextTable:
    """A table's columns of text, None where a cell is absent or empty.

    lines: the line in the file on which each row begins, from 1; the number of the row, or its file, as `unit` says.
    nested: columns whose cells are lists, mappings or bytes; nothing reads them.
    """

    file: str
    columns: dict[str, Cells]
    lines: Sequence[int | str]
    unit: str = "line"
    nested: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """Say where a row is, e.g. "river.csv, line 52"."""
        return f"{self.file}, {self.unit} {self.lines[row]}"

    def column(self, name: str, option: str) -> Cells:
        """Return a column; raises UserError, naming data.options.`option`, where there is none or it holds no text."""
        if name not in self.columns:
            raise UserError(
                f"data.options.{option}: {self.file} has no column '{name}'.{suggest(name, self.columns)}",
                saw=name,
                allowed=[column if column else repr(column) for column in self.columns],
            )
        if name in self.nested:
            raise UserError(
                f"data.options.{option}: column '{name}' of {self.file} holds lists, mappings or bytes",
                saw=name,
                allowed=[column for column in self.columns if column not in self.nested],
            )
        return self.columns[name]


def read_table(
    file: str,
    content: bytes,
    *,
    header: bool = True,
    separator: str | None = None,
    encoding: str = "utf-8",
    quote: str | None = '"',
) -> TextTable:
    """Read one uncompressed table, by its name's ending (.csv where there is no known one).

    header: whether the first row names the columns; else they are called 1, 2, ...
    separator: of cells; null: a tab in .tsv and .tab, else a comma. Also "tab".
    encoding: of the text. A UTF-8 byte-order mark is dropped.
    quote: what cells that hold separators or line ends are wrapped in; null: nothing is.
    Names of columns lose outer white space; cells keep theirs. Lines without any character are passed over. Numbers of
    JSON stay as they are written; true and false are those words. Dates in Parquet are written as in ISO 8601.

    Raises UserError for a file that is empty, has no rows, is in another format or encoding, for two columns of one
    name, and for a row with more or fewer cells than the header, with its line.
    """
    stem = uncompressed_name(file).lower()
    if stem.endswith(".parquet"):
        table = _parquet(file, content)
    elif stem.endswith(JSON_LINES):
        table = _json_lines(file, decoded(file, content, encoding))
    elif stem.endswith((".xlsx", ".xls", ".ods")):
        raise UserError(f"{file} is a spreadsheet", allowed=f"a table that ends in {', '.join(SUFFIXES)}")
    else:
        sep = separator_of(file, separator)
        table = _separated(file, decoded(file, content, encoding), header, sep, quote)
    if not len(table):
        raise UserError(
            f"{file} has no rows", saw=f"columns {', '.join(table.columns)}" if table.columns else "nothing"
        )
    return table


def uncompressed_name(file: str) -> str:
    """Return a file's name without the ending of its compression."""
    return re.sub(r"\.(gz|bz2|xz)$", "", file, flags=re.IGNORECASE)


def separator_of(file: str, separator: str | None) -> str:
    """Return what separates a file's cells. Raises UserError for an option that is not one character."""
    if separator is None:
        return "\t" if uncompressed_name(file).lower().endswith((".tsv", ".tab")) else ","
    found = "\t" if separator in ("tab", "\\t") else separator
    if not isinstance(found, str) or len(found) != 1 or found in '\r\n"':
        raise UserError("data.options.separator", saw=repr(separator), allowed="one character, e.g. ';', or tab")
    return found


def separated_rows(file: str, text: str, separator: str, quote: str | None = '"') -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of separated text as (line, cells), without those that are wholly empty.

    Raises UserError for a quote that is opened and not closed, or closed within a cell.
    """
    quoting: dict[str, Any] = {"quoting": csv.QUOTE_NONE} if not quote else {"quotechar": quote}
    if quote and (not isinstance(quote, str) or len(quote) != 1):
        raise UserError("data.options.quote", saw=repr(quote), allowed="one character, or null")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, **quoting)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{file}, line {line}: quotes do not pair up ({error})",
            saw=next(islice(io.StringIO(text, newline=""), line - 1, None), "").strip()[:80],
            allowed="a quote within a quoted cell is written twice; data.options.quote=null where quotes are text",
        ) from error


def likely_separator(text: str, quote: str | None = '"') -> str | None:
    """Return the separator that gives the first 20 rows an equal number of cells, the largest; None if none does."""
    widths = {}
    for separator in SEPARATORS:
        try:
            rows = separated_rows("", text, separator, quote)
            found = {len(cells) for _, cells in islice(rows, 20)}
        except UserError:
            continue
        if len(found) == 1 and max(found) > 1:
            widths[separator] = found.pop()
    return max(widths, key=lambda separator: widths[separator], default=None)


def _separated(file: str, text: str, header: bool, separator: str, quote: str | None) -> TextTable:
    rows = separated_rows(file, text, separator, quote)
    line, first = next(rows, (0, []))
    names = [name.strip() for name in first] if header else [str(place + 1) for place in range(len(first))]
    if not names:
        raise UserError(f"{file} is empty", saw=f"{len(text)} characters")
    if len(names) == 1:
        _require_separator(file, text, separator, quote)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            f"{file} has more than one column of the name '{twice[0]}'",
            saw=", ".join(names),
            allowed="a header on the first line, each name once; of texts, data.options.header=false without one",
        )
    kept: list[list[str]] = [] if header else [first]
    lines: list[int | str] = [] if header else [line]
    for line, cells in rows:
        if len(cells) != len(names):
            _require_separator(file, text, separator, quote)
            raise UserError(
                f"{file}, line {line}: {len(cells)} cells, and the first row has {len(names)}",
                saw=separator.join(cells)[:80],
                allowed=f"{len(names)} cells: {separator.join(names)[:80]}",
            )
        kept.append(cells)
        lines.append(line)
    columns: dict[str, Cells] = {name: [row[place] or None for row in kept] for place, name in enumerate(names)}
    return TextTable(file, columns, lines)


def _require_separator(file: str, text: str, separator: str, quote: str | None) -> None:
    """Raise UserError where another separator fits the file's first rows."""
    likely = likely_separator(text, quote)
    if likely not in (None, separator):
        options = f"data.options.separator={SEPARATORS[likely]!r}"
        if re.search(r"\d,\d", text[:2000]) and likely != ",":
            options += ", and for its numbers data.options.decimal=','"
        raise UserError(f"{file} seems to be separated by {SEPARATORS[likely]!r}", saw=text[:80], allowed=options)


def _json_lines(file: str, text: str) -> TextTable:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    if text.lstrip().startswith("["):
        values = _json(file, 1, text)
        rows, lines = list(values), list(range(1, len(values) + 1))
    else:
        for line, content in enumerate(text.split("\n"), 1):
            if content.strip():
                rows.append(_json(file, line, content))
                lines.append(line)
    for row, line in zip(rows, lines, strict=True):
        if not isinstance(row, dict):
            raise UserError(
                f"{file}, line {line} is no JSON object", saw=str(row)[:80], allowed='{"column": "value", ...}'
            )
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise UserError(f"{file} is empty", saw=f"{len(text)} characters")
    nested = frozenset(name for row in rows for name, value in row.items() if isinstance(value, list | dict))
    words = {True: "true", False: "false"}
    columns: dict[str, Cells] = {
        name: [words[value] if isinstance(value, bool) else value or None for row in rows for value in [row.get(name)]]
        for name in names
    }
    unit = "object" if text.lstrip().startswith("[") else "line"
    return TextTable(file, columns, lines, unit, nested)


def _json(file: str, line: int, text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name stands twice in one object")
        return found

    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{file}, line {line} is not JSON: {error}", saw=text.strip()[:80], allowed='{"column": "value"}'
        ) from error


def _parquet(file: str, content: bytes) -> TextTable:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{file} is not a Parquet table", saw=str(error).splitlines()[0]) from error
    names = table.column_names
    if len(set(names)) < len(names):
        twice = sorted(name for name in set(names) if names.count(name) > 1)
        raise UserError(f"{file} has more than one column of the name '{twice[0]}'", saw=", ".join(names))
    columns, nested = {}, set()
    for name, column in zip(names, table.columns, strict=True):
        found = _texts(column)
        columns[name] = found or []
        if found is None:
            nested.add(name)
    return TextTable(file, columns, range(1, table.num_rows + 1), "row", frozenset(nested))


def _texts(column: "pyarrow.ChunkedArray") -> Cells | None:
    """Return a Parquet column as text; None for lists, structures and bytes."""
    import pyarrow
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if (
        types.is_nested(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
    ):
        return None
    if types.is_timestamp(kind):
        to = pyarrow.timestamp("us", "UTC" if kind.tz else None)
        return [value and value.isoformat(" ") for value in column.cast(to, safe=False).to_pylist()]
    return [value or None for value in column.cast("string").to_pylist()]

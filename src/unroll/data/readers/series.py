"""Multivariate time series in a table with a header, one row per time step."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from unroll.data.readers import sentinels, steps, times
from unroll.data.readers.columns import SPLITS, Files, Notes, Read
from unroll.data.readers.numbers import MISSING, numbers
from unroll.data.readers.table import TextTable, read_table
from unroll.errors import UserError, suggest

if TYPE_CHECKING:
    import numpy

_NAMELESS = re.compile(r"(|unnamed: ?\d+|__index_level_\d+__)", re.IGNORECASE)
"""What pandas calls an index that has no name."""
_COUNTERS = re.compile(r"(index|level_\d+|row|no\.?|id|#)", re.IGNORECASE)
"""Names of columns that number the rows, where they grow by whole numbers."""


def series(
    files: Files,
    *,
    timestamp: str | list[str] = "date",
    columns: list[str] | None = None,
    channels: list[str] | None = None,
    rows: list[int] | None = None,
    validation: float = 0.1,
    test: float = 0.2,
    time_format: str | None = None,
    sort: bool = False,
    missing: list[Any] | None = None,
    decimal: str = ".",
    separator: str | None = None,
    encoding: str = "utf-8",
    quote: str | None = '"',
) -> Read:
    """Read a table, a row a time step (CSV, TSV, JSON lines or Parquet); splits are consecutive in time.

    timestamp: the column of the times; or a list of columns: date and time, or year, month, day and so on to seconds.
    Rows are in order of time, or sort=true puts them in order. time_format: as of strptime, where times are not ISO
    8601, years, or seconds since 1970.
    columns: the set's channels (null: every column but the timestamp's); channels: those wanted, in their
    order (null: all). Missing values (empty cells and `missing`, null: NA, NaN) are filled forward, never backward;
    rows before every one of `columns` has its first value are dropped, whichever channels are wanted, so that splits
    are the same.
    rows: the sizes of train, validation and test, what follows is not used; without it the last share `test`
    and the share `validation` before it (the rest is train, so rounding goes to validation).
    decimal, separator, encoding, quote: of the text.
    """
    if len(files) != 1:
        raise UserError("A series is one file.", saw=", ".join(files) or "no file", allowed="a source of one file")
    ((name, content),) = files.items()
    table = read_table(name, content, separator=separator, encoding=encoding, quote=quote)
    clock = _clock(table, timestamp, time_format, sort)
    names = list(columns) if columns else _channels(table, clock.names)
    wanted = list(channels) if channels else names
    _require(name, wanted, names)
    for option, chosen in (("columns", names), ("channels", wanted)):
        _refuse_times(option, chosen, clock.names)
    if missing is not None:
        missing = [str(word) for word in missing]

    values = {}
    for column in names:
        _refuse_words(table, column, names)
        found = numbers(table, column, "columns", decimal=decimal, missing=MISSING if missing is None else missing)
        if missing is None:
            sentinels.refuse(table, column, found)
        values[column] = found[clock.order]
    first = _first_known(name, values)
    total = len(table) - first
    sizes = _sizes(name, total, rows, validation, test)
    kept = slice(first, first + sum(sizes))

    notes = Notes(rows=len(table))
    for why, left, row in (
        ("before every column has had a value", first, 0),
        ("after the rows that data.options.rows takes", total - sum(sizes), kept.stop),
    ):
        if left:
            notes.leave_out(why, where=table.where(int(clock.order[row])), rows=left, asked=row > 0)
    notes.facts["series"] = steps.facts(clock.times.part(kept), clock.stamps[kept])
    notes.facts["series"]["moved"] = clock.moved
    notes.facts["columns"] = {column: _absent(values[column][kept]) for column in wanted}

    filled = {column: _filled(values[column]) for column in wanted}
    splits, start = {}, first
    for split, size in zip(SPLITS, sizes, strict=True):
        part = slice(start, start + size)
        splits[split] = {"timestamp": clock.stamps[part]} | {column: filled[column][part] for column in wanted}
        start += size
    return Read(splits, notes)


@dataclass(frozen=True)
class _Clock:
    """The times of a table's rows, in order.

    order: where each row stands in the file; moved: how many rows do not stand there; names: the columns of the times.
    """

    times: times.Times
    stamps: list[str]
    order: "numpy.ndarray"
    moved: int
    names: list[str]


def _clock(table: TextTable, timestamp: str | Sequence[str], time_format: str | None, sort: bool) -> _Clock:
    import numpy

    names = [timestamp] if isinstance(timestamp, str) else list(timestamp)
    if not 1 <= len(names) <= 6:
        raise UserError("data.options.timestamp", saw=names, allowed="one column, or year, month, day, hour, ...")
    parts = []
    for column in names:
        cells = table.column(column, "timestamp")
        empty = next((row for row, cell in enumerate(cells) if not (cell or "").strip()), None)
        if empty is not None:
            raise UserError(f"{table.where(empty)}, column {column}: no time", saw="an empty cell", allowed="a time")
        parts.append([str(cell) for cell in cells])
    stamps = parts[0] if len(parts) == 1 else times.joined(parts, table.where, names)
    said = ", ".join(names)
    found = times.parsed(stamps, table.where, said, time_format)
    order = numpy.arange(len(table))
    if sort:
        order = numpy.argsort(found.ticks, kind="stable")
        found = replace(found, ticks=found.ticks[order])
        stamps = [stamps[row] for row in order]
    else:
        times.require_order(found, stamps, table.where, said)
    return _Clock(found, stamps, order, int((order != numpy.arange(len(order))).sum()), names)


def _channels(table: TextTable, times: Sequence[str]) -> list[str]:
    """Every column but those of the times. Raises UserError where one of them only counts the rows, or none is left."""
    found = [column for column in table.columns if column not in times]
    for column in found:
        cells = table.columns[column]
        if column not in table.nested and numbers_rows(column, cells):
            change = _without(column, found)
            raise UserError(
                f"{table.file}: column {column!r} numbers the rows, as pandas writes them; it is no channel",
                saw=", ".join(str(cell) for cell in cells[:3]) + f", ... {cells[-1]}",
                allowed=", or ".join([*change, "a file without it: frame.to_csv(..., index=False)"])
                + "; where it was measured, data.options.columns names it too",
                change=change,
            )
    if not found:
        raise UserError(f"{table.file} has no column beside its times", saw=", ".join(table.columns))
    return found


def numbers_rows(name: str, cells: Sequence[str | None]) -> bool:
    """Whether a column of that name only says which row is which: an index, whole or with gaps, from any number on."""
    words = [(cell or "").strip() for cell in cells]
    if not all(re.fullmatch(r"\d{1,18}(\.0*)?", word, re.ASCII) for word in words):
        return False
    numbers = [int(word.partition(".")[0]) for word in words]
    grows = all(before < after for before, after in pairwise(numbers))
    return bool(_NAMELESS.fullmatch(name) or (grows and _COUNTERS.fullmatch(name)))


def _refuse_words(table: TextTable, column: str, names: Sequence[str]) -> None:
    """Raise UserError for a column of words: most of its cells have no digit."""
    cells = [(cell or "").strip() for cell in table.column(column, "columns")]
    words = [cell for cell in cells if cell and cell.upper() not in ("NA", "NAN") and not re.search(r"\d", cell)]
    if len(words) > len(cells) / 2:
        change = _without(column, names)
        raise UserError(
            f"{table.file}: column {column} holds words, not numbers",
            saw=", ".join(repr(word[:40]) for word in sorted(set(words))[:5]),
            allowed=change or "a column of numbers beside the times",
            change=change,
        )


def _without(column: str, names: Iterable[str]) -> list[str]:
    """The override that leaves a column out; none where no other is left."""
    others = [repr(name) for name in names if name != column]
    return [f"data.options.columns=[{', '.join(others)}]"] if others else []


def _refuse_times(option: str, chosen: Sequence[str], clock: Sequence[str]) -> None:
    """Raise UserError for a column that is chosen twice, or is a series' time, or would be taken for it."""
    twice = [name for name in dict.fromkeys(chosen) if chosen.count(name) > 1]
    if twice:
        raise UserError(f"data.options.{option} names '{twice[0]}' twice.", saw=list(chosen), allowed="each once")
    if "timestamp" in chosen or (len(clock) == 1 and clock[0] in chosen):
        name = "timestamp" if "timestamp" in chosen else clock[0]
        change = _without(name, chosen)
        raise UserError(
            f"Column '{name}' cannot be a channel: "
            + ("it is the time." if name in clock else "the time has that name."),
            saw=f"data.options.timestamp={clock[0]}; channels {', '.join(chosen)}",
            allowed=change or "another column beside the times",
            change=change,
        )


def _first_known(name: str, values: "Mapping[str, numpy.ndarray]") -> int:
    """The first row where every column has had a value."""
    import numpy

    first = {column: numpy.flatnonzero(~numpy.isnan(array)) for column, array in values.items()}
    never = [column for column, known in first.items() if not len(known)]
    if never:
        change = _without(never[0], values)
        raise UserError(
            f"{name}: no value in column {', '.join(never)}",
            saw="missing cells only",
            allowed=change or "a column of numbers beside the times",
            change=change if len(never) == 1 else [],
        )
    return max(int(known[0]) for known in first.values())


def _filled(values: "numpy.ndarray") -> "numpy.ndarray":
    """Values with each missing one replaced by the last before it."""
    import numpy

    known = numpy.where(numpy.isnan(values), -1, numpy.arange(len(values)))
    last = numpy.maximum.accumulate(known)
    return numpy.where(last < 0, numpy.nan, values[last])


def _absent(values: "numpy.ndarray") -> dict[str, int]:
    """How many values are missing, and how many of them in one run at most."""
    import numpy

    absent = numpy.isnan(values)
    ends = numpy.flatnonzero(numpy.diff(numpy.r_[0, absent.astype(int), 0]))
    return {"missing": int(absent.sum()), "longest_fill": int(numpy.diff(ends)[::2].max(initial=0))}


def _sizes(name: str, total: int, rows: list[int] | None, validation: float, test: float) -> tuple[int, int, int]:
    if rows is not None:
        if len(rows) != 3 or min(rows) < 1 or sum(rows) > total:
            raise UserError(
                f"data.options.rows does not fit {name}",
                saw=list(rows),
                allowed=f"three sizes, train, validation, test, of at most {total} rows together",
            )
        return rows[0], rows[1], rows[2]
    tests, trains = int(total * test), int(total * (1 - validation - test) + 1e-9)
    return trains, total - trains - tests, tests


def _require(file: str, wanted: list[str], there: list[str]) -> None:
    for column in wanted:
        if column not in there:
            raise UserError(
                f"data.options.channels: {file} has no channel '{column}'.{suggest(column, there)}",
                saw=column,
                allowed=there,
            )

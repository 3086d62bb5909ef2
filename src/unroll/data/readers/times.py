"""The times of a series: cells in, instants out that can be compared.

Times are dates or dates with a time, with a zone or without, as ISO 8601 writes them; whole numbers that are years, or
seconds, milliseconds, microseconds or nanoseconds since 1970; digits alone, as 202001 or 2020013123; other numbers, in
a unit of their own; or what `time_format` says.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from unroll.data.readers.numbers import NUMBER
from unroll.errors import UserError

if TYPE_CHECKING:
    import numpy

EPOCH = datetime(1970, 1, 1)
SECOND = 1_000_000  # ticks
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_DIGITS = re.compile(r"\d{6}|\d{8}|\d{10}|\d{12}|\d{14}", re.ASCII)
"""Dates of digits alone, to the month, day, hour, minute and second."""
_SINCE_1970 = {10**8: (SECOND, 1), 10**11: (1_000, 1), 10**14: (1, 1), 10**17: (1, 1_000)}
"""From this size on, a whole number is in s, ms, us or ns: what makes it ticks."""
_PART = re.compile(r"\s*\d{1,18}(\.0*)?\s*", re.ASCII)
FORMATS = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m",
    "%b %Y",
    "%Y %b",
    "%Y %B",
    "%d %b %Y",
    "%d-%b-%Y",
    "%H:%M:%S %d.%m.%Y",
)
"""What people write beside ISO 8601: named in a message where it fits every cell, never taken unasked."""


@dataclass(frozen=True)
class Times:
    """Instants [rows] in order of the file.

    unit: "time" (ticks are microseconds since 1970), "year" or "number". zone: the offsets that the cells state, e.g.
    "+01:00 +02:00"; None: they state none.
    """

    ticks: "numpy.ndarray"
    unit: str
    zone: str | None = None

    def part(self, rows: slice) -> "Times":
        """Those of some rows."""
        return replace(self, ticks=self.ticks[rows])


def parsed(cells: Sequence[str], where: Callable[[int], str], column: str, time_format: str | None = None) -> Times:
    """Return the times that a column's cells say; a cell is named by `where(row)` and `column`.

    Raises UserError for a cell that is no time, or one of another form than the first.
    """
    if time_format is None and NUMBER.fullmatch(cells[0].strip()) and not _are_dates(cells):
        return _of_numbers([_number(cells, row, where, column) for row in range(len(cells))])
    moments = [_moment(cells, row, where, column, time_format) for row in range(len(cells))]
    return _of_moments(moments, cells, where, column)


def require_order(times: Times, cells: Sequence[str], where: Callable[[int], str], column: str) -> None:
    """Raise UserError where a row is before the one above it."""
    import numpy

    ticks = times.ticks
    back = numpy.flatnonzero(ticks[1:] < ticks[:-1]) + 1
    if not len(back):
        return
    row = int(back[0])
    again = len(ticks) - len(numpy.unique(ticks))
    said = f"{cells[row]!r} after {cells[row - 1]!r}; {len(back)} such places, {again} times that stand twice"
    helps = "data.options.sort=true puts the rows in order and keeps those of one time"
    if len(back) == len(ticks) - 1:
        said, helps = f"the last time is first: {cells[0]!r} ... {cells[-1]!r}", "data.options.sort=true turns it round"
    elif (
        times.unit == "time"
        and times.zone is None
        and again
        and len(back) <= 1 + len(ticks) // 4000
        and ticks[row - 1] - ticks[row] <= 3 * 3600 * SECOND
    ):
        helps += ". Where clocks were put back in autumn, write the times in UTC, or with their zone (+01:00)"
    raise UserError(
        f"{where(row)}, column {column}: the series goes back in time, so test would be older than train",
        saw=said,
        allowed=f"rows in order of time; {helps}",
        change=["data.options.sort=true"],
    )


def joined(parts: Sequence[Sequence[str]], where: Callable[[int], str], names: Sequence[str]) -> list[str]:
    """Return the times whose parts stand in columns: a date and a time, or year, month, day, hour, minute, second.

    Without a day it is the first of the month. Raises UserError for a part that is no whole number, or a date that is
    none.
    """
    if len(parts) == 2 and not _are_months(parts[0], parts[1], names[1]):
        return [f"{day.strip()} {clock.strip()}" for day, clock in zip(*parts, strict=True)]
    stamps = []
    for row, cells in enumerate(zip(*parts, strict=True)):
        for cell, name in zip(cells, names, strict=True):
            if not _PART.fullmatch(cell):
                raise UserError(f"{where(row)}, column {name}: not a whole number", saw=repr(cell))
        numbers = [int(cell.partition(".")[0]) for cell in cells]
        try:
            moment = datetime(*numbers, *[1] * (len(numbers) == 2))  # type: ignore[arg-type]
        except (ValueError, OverflowError) as error:
            raise UserError(f"{where(row)}: {', '.join(names)} are no time", saw=f"{numbers}: {error}") from error
        stamps.append(moment.isoformat(" "))
    return stamps


def _are_months(years: Sequence[str], months: Sequence[str], name: str) -> bool:
    """Whether two columns are year and month, and not a date and a time."""
    return (
        all(_PART.fullmatch(cell) and len(cell.partition(".")[0].strip()) == 4 for cell in years)
        and all(_PART.fullmatch(cell) and len(cell.partition(".")[0].strip()) <= 2 for cell in months)
        and not re.search(r"quarter|qtr|week|hour|^[qwh]$", name, re.IGNORECASE)
    )


def _are_dates(cells: Sequence[str]) -> bool:
    """Whether most of the first cells are dates of digits alone: YYYYMM, YYYYMMDD, YYYYMMDDHH and so on to seconds.

    Of lengths that other whole numbers have as well, years from 1900 to 2100 count.
    """
    first = [cell.strip() for cell in cells[:1000]]
    return 2 * sum(map(_is_date, first)) > len(first)


def _is_date(cell: str) -> bool:
    try:
        return bool(_DIGITS.fullmatch(cell)) and (1900 <= _iso(cell).year <= 2100 or len(cell) == 8)
    except ValueError:
        return False


def _iso(cell: str) -> datetime:
    """A time as ISO 8601 writes it, or of digits alone. Raises ValueError where it is none."""
    if _DIGITS.fullmatch(cell):
        cell = f"{cell}01" if len(cell) == 6 else f"{cell[:8]}T{cell[8:] or '00'}"
    return datetime.fromisoformat(cell)


def _moment(
    cells: Sequence[str], row: int, where: Callable[[int], str], column: str, time_format: str | None
) -> datetime:
    cell = cells[row].strip()
    try:
        return _iso(cell) if time_format is None else datetime.strptime(cell, time_format)
    except ValueError as error:
        fitting = [form for form in FORMATS if _fits(cells, form)]
        allowed = "e.g. 2020-01-31 23:59:59, 2020-01-31T23:59:59+01:00, 2020013123, 2020 or seconds since 1970"
        allowed += ", or a format by data.options.time_format, e.g. '%d.%m.%Y %H:%M'"
        if time_format is not None:
            allowed = f"times as data.options.time_format={time_format!r} says"
        if fitting:
            allowed = " or ".join(f"data.options.time_format={form!r}" for form in fitting)
        raise UserError(
            f"{where(row)}, column {column}: not a time",
            saw=repr(cells[row]),
            allowed=allowed,
            change=[f"data.options.time_format={form!r}" for form in fitting] if len(fitting) == 1 else [],
        ) from error


def _fits(cells: Sequence[str], form: str) -> bool:
    try:
        for cell in cells:
            datetime.strptime(cell.strip(), form)
    except ValueError:
        return False
    return True


def _number(cells: Sequence[str], row: int, where: Callable[[int], str], column: str) -> int | float:
    cell = cells[row].strip()
    if _WHOLE.fullmatch(cell):
        return int(cell)
    if NUMBER.fullmatch(cell):
        number = float(cell)
        return int(number) if number.is_integer() else number
    raise UserError(
        f"{where(row)}, column {column}: not a time of the same form as the first",
        saw=f"{cells[row]!r}; the first is {cells[0]!r}",
        allowed="one form for all rows",
    )


def _of_numbers(values: Sequence[int | float]) -> Times:
    import numpy

    least, most = min(values), max(values)
    if all(isinstance(value, int) for value in values):
        if least >= 1000 and most < 3000:
            return Times(numpy.array(values, numpy.int64), "year")
        size = max((size for size in _SINCE_1970 if size <= least), default=None)
        if size is not None and most < size * 1000:
            times, by = _SINCE_1970[size]
            return Times(numpy.array([int(value) * times // by for value in values], numpy.int64), "time", "UTC")
    return Times(numpy.array(values, numpy.float64), "number")


def _of_moments(moments: Sequence[datetime], cells: Sequence[str], where: Callable[[int], str], column: str) -> Times:
    import numpy

    aware = moments[0].tzinfo is not None
    for row, moment in enumerate(moments):
        if (moment.tzinfo is not None) != aware:
            raise UserError(
                f"{where(row)}, column {column}: some times have a zone and some have none",
                saw=f"{cells[row]!r}; the first is {cells[0]!r}",
                allowed="a zone in every row, or in none",
            )
    zone = None
    if aware:
        offsets = sorted({moment.strftime("%z") for moment in moments})
        zone = " ".join("UTC" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}" for offset in offsets)
        moments = [moment.astimezone(UTC).replace(tzinfo=None) for moment in moments]
    tick = timedelta(microseconds=1)
    return Times(numpy.array([(moment - EPOCH) // tick for moment in moments], numpy.int64), "time", zone)

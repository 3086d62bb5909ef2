"""Multivariate time series in a CSV with a header, one row per time step."""

import io
from typing import Any

from unroll.data.readers.columns import Files
from unroll.errors import UserError, suggest


def series_csv(
    files: Files,
    *,
    timestamp: str | list[str] = "date",
    columns: list[str] | None = None,
    channels: list[str] | None = None,
    rows: list[int] | None = None,
    validation: float = 0.1,
    test: float = 0.2,
) -> dict[str, dict[str, Any]]:
    """Read one CSV; splits are consecutive in time, each holding its own rows only.

    timestamp: the column that names a row's time, or the columns year, month, day, hour that make it up.
    columns: the set's channels (null: every column but the timestamp's); channels: those wanted, in their
    order (null: all). Missing values ("", NA, NaN) are filled forward, never backward; rows before every one
    of `columns` has its first value are dropped, whichever channels are wanted, so that splits are the same.
    rows: the sizes of train, validation and test, what follows is not used; without it the last share `test`
    and the share `validation` before it (the rest is train, so rounding goes to validation).
    """
    import polars

    ((name, content),) = files.items()
    table = polars.read_csv(io.BytesIO(content), infer_schema=False)
    parts = [timestamp] if isinstance(timestamp, str) else list(timestamp)
    numeric = list(columns) if columns else [column for column in table.columns if column not in parts]
    _require(name, "timestamp", parts, table.columns)
    _require(name, "columns", numeric, table.columns)
    wanted = list(channels) if channels else numeric
    _require(name, "channels", wanted, numeric)

    stamps = (
        table[parts[0]].to_list()
        if len(parts) == 1
        else [
            f"{int(year):04}-{int(month):02}-{int(day):02} {int(hour):02}:00:00"
            for year, month, day, hour in table.select(parts).iter_rows()
        ]
    )
    values = table.select(
        polars.col(column).replace(["", "NA", "NaN", "nan"], None).cast(polars.Float64).forward_fill()
        for column in numeric
    )
    known = values.select(polars.all_horizontal(polars.all().is_not_null()))[:, 0].to_list()
    if True not in known:
        raise UserError(f"{name}: no row where all of {', '.join(numeric)} have had a value", saw="0 rows")
    first = known.index(True)
    stamps, values = stamps[first:], values[first:].select(wanted)

    sizes = _sizes(name, len(stamps), rows, validation, test)
    splits, start = {}, 0
    for split, size in zip(("train", "validation", "test"), sizes, strict=True):
        part = slice(start, start + size)
        splits[split] = {"timestamp": stamps[part]} | {channel: values[channel][part].to_numpy() for channel in wanted}
        start += size
    return splits


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


def _require(file: str, option: str, wanted: list[str], there: list[str]) -> None:
    for column in wanted:
        if column not in there:
            raise UserError(
                f"data.options.{option}: {file} has no channel '{column}'.{suggest(column, there)}",
                saw=column,
                allowed=there,
            )

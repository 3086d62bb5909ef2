"""The reader of series: rows, missing cells and splits, on tables small enough to count."""

import gzip
from typing import Any

import numpy as np
import polars
import pytest

from unroll.data.profile import profile
from unroll.data.readers.series import series
from unroll.errors import UserError

SERIES = b"year,month,day,hour,a,b,wind\n" + b"".join(
    f"2010,1,1,{hour},{'NA' if hour in (0, 5) else hour},{hour * 0.5},N\n".encode() for hour in range(12)
)
HOURS = {"timestamp": ["year", "month", "day", "hour"], "columns": ["a", "b"]}


def test_missing_values_are_filled_forward_only_and_the_unknown_beginning_is_dropped() -> None:
    splits = series({"x.csv": SERIES}, **HOURS, rows=[5, 3, 3])
    assert splits["train"]["timestamp"][0] == "2010-01-01 01:00:00"
    assert splits["train"]["a"].tolist() == [1.0, 2.0, 3.0, 4.0, 4.0]
    assert splits["test"]["b"].tolist() == [4.5, 5.0, 5.5]
    assert splits["test"]["b"].dtype == np.float64
    only = series({"x.csv": SERIES}, **HOURS, channels=["b"], rows=[5, 3, 3])
    assert list(only["train"]) == ["timestamp", "b"]
    assert only["train"]["timestamp"] == splits["train"]["timestamp"]


def test_what_was_missing_and_left_out_is_in_the_profile() -> None:
    found = profile("series", series({"x.csv": SERIES}, **HOURS, rows=[5, 2, 2]))
    assert found["rows"] == {"read": 12, "left_out": 3, "train": 5, "validation": 2, "test": 2}
    assert {(entry["why"][:5], entry["rows"], entry["first"]) for entry in found["left_out"]} == {
        ("befor", 1, "x.csv, line 2"),
        ("after", 2, "x.csv, line 12"),
    }
    assert (found["columns"]["a"]["missing"], found["columns"]["a"]["longest_fill"]) == (1, 1)
    assert found["series"] | {"start": "2010-01-01 01:00:00", "step": "1 h", "gaps": 0, "repeats": 0} == found["series"]
    assert "column a: 1 missing cells, filled forward, 1 in a row at most" in found["warnings"]


def test_splits_by_shares_lose_no_row() -> None:
    table = b"date,y\n" + b"".join(f"{row},{row}\n".encode() for row in range(101))
    splits = series({"x.csv": table})
    assert [len(columns["y"]) for columns in splits.values()] == [70, 11, 20]
    stamps = [stamp for columns in splits.values() for stamp in columns["timestamp"]]
    assert stamps == [str(row) for row in range(101)]


DAYS = [f"2020-01-{day:02}" for day in range(1, 32)]


def table(*columns: str, cells: dict[int, str] | None = None, header: str = "date,a", end: str = "\n") -> bytes:
    """31 days of a value that counts in halves, some cells of it replaced by row."""
    replaced = cells or {}
    rows = [f"{day},{replaced.get(row, row / 2 + 7)}" + "".join(columns) for row, day in enumerate(DAYS)]
    return (end.join([header, *rows]) + end).encode()


def refused(content: bytes, name: str = "x.csv", **options: Any) -> str:
    with pytest.raises(UserError) as raised:
        series({name: content}, **options)
    return str(raised.value)


@pytest.mark.parametrize(
    "cell", ["N/A", "null", "NULL", "None", "?", "-", "#N/A", "inf", "-Infinity", "1.2.3", "1e999"]
)
def test_a_cell_that_is_no_number_is_named_with_what_helps(cell: str) -> None:
    said = refused(table(cells={11: cell}))
    for part in ("x.csv, line 13", "column a", cell):
        assert part in said
    if cell != "1e999":
        assert "data.options.missing=" in said
        read = series({"x.csv": table(cells={11: cell})}, missing=[cell])
        assert profile("series", read)["columns"]["a"]["missing"] == 1


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "nan", " "])
def test_empty_cells_and_na_are_missing_without_asking(cell: str) -> None:
    read = series({"x.csv": table(cells={11: cell})})
    assert read["train"]["a"][11] == read["train"]["a"][10]


@pytest.mark.parametrize("sentinel", ["-9999", "-9999.0", "-999", "999.9", "1e20", "-32768"])
def test_a_number_that_stands_for_a_missing_one_is_named(sentinel: str) -> None:
    content = table(cells={5: sentinel, 6: sentinel, 20: sentinel})
    said = refused(content)
    for part in ("x.csv, line 7", "column a", f"3 cells of {sentinel}", "7 to 22", "data.options.missing="):
        assert part in said
    filled = series({"x.csv": content}, missing=["NA", sentinel])
    assert filled["train"]["a"][:8].tolist() == [7, 7.5, 8, 8.5, 9, 9, 9, 10.5]
    kept = series({"x.csv": content}, missing=["NA"])
    assert kept["train"]["a"][5] == float(sentinel)


@pytest.mark.parametrize(
    ("sentinel", "step", "others"),
    [("-99", 3.5, "0 to 105"), ("-9999", 400, "0 to 12000"), ("999", -400, "-12000 to 0")],
)
def test_a_number_of_another_sign_than_all_others_is_named(sentinel: str, step: float, others: str) -> None:
    """Humidity, a flow and a depth: the others are as far apart as from the one that is none of them."""
    steps = "".join(f"{day},{row * step}\n" for row, day in enumerate(DAYS))
    content = f"date,a\n{steps}2020-02-01,{sentinel}\n".encode()
    said = refused(content)
    assert f"x.csv, line 33, column a: {sentinel} seems to stand for a missing value" in said
    assert f"1 cells of {sentinel}; all others are from {others}" in said


def test_a_number_like_any_other_is_no_sentinel() -> None:
    """999 among 0 to 2,000, and -99 among temperatures of a freezer."""
    steps = "".join(f"{day},{997 + row}\n" for row, day in enumerate(DAYS))
    assert len(series({"x.csv": f"date,a\n{steps}".encode()})["test"]["a"])
    steps = "".join(f"{day},{-99 + row / 10}\n" for row, day in enumerate(DAYS))
    assert len(series({"x.csv": f"date,a\n{steps}".encode()})["test"]["a"])


COUNTS = {
    "from 0": lambda row: row,
    "from 500": lambda row: row + 500,
    "with a gap": lambda row: row + (row > 12),
    "every tenth": lambda row: row * 10,
    "as floats": lambda row: f"{row}.0",
}


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__", "index", "level_0", "No", "id"])
@pytest.mark.parametrize("how", COUNTS)
def test_a_column_that_numbers_the_rows_is_no_channel(name: str, how: str) -> None:
    """pandas writes its index, of all rows or of those that were kept."""
    rows = "".join(f"{COUNTS[how](row)},{day},{row % 7}\n" for row, day in enumerate(DAYS))
    content = f"{name},date,a\n{rows}".encode()
    said = refused(content)
    assert "numbers the rows" in said
    assert "data.options.columns=['a']" in said
    assert list(series({"x.csv": content}, columns=["a"])["train"]) == ["timestamp", "a"]
    assert list(series({"x.csv": content}, columns=[name, "a"])["train"]) == ["timestamp", name, "a"]


def test_an_index_without_a_name_is_no_channel_in_any_order() -> None:
    rows = "".join(f"{31 - row},{day},{row % 7}\n" for row, day in enumerate(DAYS))
    assert "column '' numbers the rows" in refused(f",date,a\n{rows}".encode())


@pytest.mark.parametrize(("name", "cell"), [("index", "{0}"), ("", "{1}.5")])
def test_a_column_of_that_name_which_does_not_number_the_rows_is_a_channel(name: str, cell: str) -> None:
    rows = "".join(f"{cell.format(row * 10 % 7, row)},{day}\n" for row, day in enumerate(DAYS))
    assert list(series({"x.csv": f"{name},date\n{rows}".encode()})["train"]) == ["timestamp", name]


@pytest.mark.parametrize("column", ["index,{n}", "a,calm", "a,"])
def test_a_table_of_one_column_is_not_told_to_leave_it_out(column: str) -> None:
    name, cell = column.split(",")
    said = refused(
        f"date,{name}\n{''.join(f'{day},{cell.format(n=n)}{chr(10)}' for n, day in enumerate(DAYS))}".encode()
    )
    assert "data.options.columns=[]" not in said


@pytest.mark.parametrize(
    ("content", "options", "parts"),
    [
        (table(",1", header="date,a,a"), {}, ["more than one column of the name 'a'"]),
        (table(",station A", header="date,a,name"), {}, ["column name holds words", "data.options.columns=['a']"]),
        (table(",", header="date,a,b"), {}, ["no value in column b"]),
        (table().replace(b",", b";"), {}, ["separated by ';'", "data.options.separator=';'"]),
        (
            table().replace(b",", b";").replace(b".", b","),
            {},
            ["data.options.separator=';'", "data.options.decimal=','"],
        ),
        (table(cells={3: '"8,5"'}), {}, ["line 5", "data.options.decimal=','"]),
        (table().decode().encode("utf-16"), {}, ["UTF-16", "data.options.encoding=utf-16"]),
        (b"date,a\n", {}, ["no rows"]),
        (b"", {}, ["empty"]),
        (table(), {"timestamp": "time"}, ["data.options.timestamp", "no column 'time'"]),
        (table(), {"channels": ["A"]}, ["data.options.channels", "no channel 'A'"]),
        (table(), {"columns": ["aa"]}, ["no column 'aa'", "Did you mean 'a'"]),
        (table(), {"rows": [10, 20, 30]}, ["of at most 31 rows"]),
        (table(), {"timestamp": [*"abcdefg"]}, ["data.options.timestamp"]),
        (table().replace(b"2020-01-05", b""), {}, ["line 6", "no time"]),
    ],
)
def test_files_that_are_not_as_the_options_say(content: bytes, options: dict[str, Any], parts: list[str]) -> None:
    said = refused(content, **options)
    assert [part for part in parts if part not in said] == []


def test_two_files_are_not_one_series() -> None:
    with pytest.raises(UserError, match="one file"):
        series({"a.csv": table(), "b.csv": table()})


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("x.csv", table(end="\r\n"), {}),
        ("x.csv", b"\xef\xbb\xbf" + table(), {}),
        ("x.csv", table().decode().encode("utf-16"), {"encoding": "utf-16"}),
        ("x.csv", table().replace(b",", b";").replace(b".", b","), {"separator": ";", "decimal": ","}),
        ("x.tsv", table().replace(b",", b"\t"), {}),
        ("x.csv", table(), {"timestamp": ["date"]}),
    ],
)
def test_the_same_numbers_in_another_dress(name: str, content: bytes, options: dict[str, Any]) -> None:
    plain, read = series({"x.csv": table()}), series({name: content}, **options)
    for split, columns in plain.items():
        assert read[split]["timestamp"] == columns["timestamp"]
        assert read[split]["a"].tolist() == columns["a"].tolist()


def test_parquet_keeps_every_bit(tmp_path: Any) -> None:
    values = np.random.default_rng(0).standard_normal(31) * 10.0 ** np.arange(31)
    frame = polars.DataFrame({"date": DAYS, "a": values}).with_columns(polars.col("date").str.to_date())
    frame.write_parquet(tmp_path / "x.parquet")
    read = series({"x.parquet": (tmp_path / "x.parquet").read_bytes()})
    assert np.array_equal(np.concatenate([columns["a"] for columns in read.values()]), values)
    assert read["train"]["timestamp"][0] == "2020-01-01"


def test_a_series_of_three_rows_has_an_empty_split() -> None:
    from unroll.data.profile import require_examples

    content = b"date,a\n2020-01-01,1\n2020-01-02,2\n2020-01-03,4\n"
    with pytest.raises(UserError, match="No example is left for test") as raised:
        require_examples(profile("series", series({"x.csv": content})), ["rows", "validation", "test"])
    assert "data.options.test" in str(raised.value)
    assert "of 3 rows" in str(raised.value)


def test_a_compressed_name_is_no_other_format() -> None:
    assert len(series({"x.csv.gz": gzip.decompress(gzip.compress(table()))})["train"]["a"]) == 21


@pytest.mark.parametrize(
    ("header", "options", "parts"),
    [
        ("date,timestamp", {}, ["'timestamp' cannot be a channel", "the time has that name"]),
        ("date,a", {"columns": ["date", "a"]}, ["'date' cannot be a channel", "it is the time", "columns=['a']"]),
        ("date,a", {"columns": ["a", "a"]}, ["data.options.columns names 'a' twice"]),
        ("date,a", {"channels": ["a", "a"]}, ["data.options.channels names 'a' twice"]),
    ],
)
def test_no_channel_is_the_time_or_another(header: str, options: dict[str, Any], parts: list[str]) -> None:
    """A channel called timestamp would take the place of the times, one that is named twice would vanish."""
    said = refused(table(header=header), **options)
    assert [part for part in parts if part not in said] == []


def test_rows_that_an_option_leaves_out_are_told_without_a_warning() -> None:
    found = profile("series", series({"x.csv": table()}, rows=[10, 5, 5]))
    assert (found["rows"]["left_out"], found["warnings"]) == (11, [])

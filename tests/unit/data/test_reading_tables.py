"""Tables from bytes: every format gives the same cells, and what cannot be read is told with its line."""

import bz2
import gzip
import io
import lzma
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import pytest

from unroll.data.readers.numbers import numbers
from unroll.data.readers.table import likely_separator, read_table
from unroll.data.sources import uncompressed
from unroll.errors import UserError

COLUMNS = {"text": ["so, good", "naïve", None], "label": ["1", "0", "1"]}
CSV = 'text,label\n"so, good",1\nnaïve,0\n,1\n'


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("file", "content", "options"),
    [
        ("a.csv", CSV.encode(), {}),
        ("a.CSV.gz", CSV.encode(), {}),
        ("a.csv", CSV.encode("utf-8-sig"), {}),
        ("a.csv", CSV.replace("\n", "\r\n").encode(), {}),
        ("a.csv", CSV.replace("\n", "\r").encode(), {}),
        ("a.csv", CSV.replace("\n", "\n\n").encode(), {}),
        ("a.csv", CSV.rstrip("\n").replace("text,", " text, ").encode(), {}),
        ("a.csv", CSV.encode("utf-16"), {"encoding": "utf-16"}),
        ("a.csv", CSV.encode("utf-16-be"), {"encoding": "utf-16-be"}),
        ("a.csv", CSV.encode("latin-1"), {"encoding": "latin-1"}),
        ("a.tsv", CSV.replace(",1", "\t1").replace(",0", "\t0").replace("t,l", "t\tl").encode(), {}),
        ("a.txt", b"text;label\nso, good;1\nna\xc3\xafve;0\n;1", {"separator": ";"}),
        ("a.csv", b"text\tlabel\nso, good\t1\nna\xc3\xafve\t0\n\t1", {"separator": "tab"}),
        ("a.jsonl", '{"text": "so, good", "label": 1}\n\n{"label": "0", "text": "naïve"}\n{"label": 1}'.encode(), {}),
        ("a.json", b'[{"text": "so, good", "label": 1}, {"text": "na\\u00efve", "label": 0}, {"label": 1}]', {}),
        ("a.parquet", parquet(text=["so, good", "naïve", None], label=[1, 0, 1]), {}),
        ("a.parquet", parquet(text=pyarrow.array(["so, good", "naïve", ""]).dictionary_encode(), label=[1, 0, 1]), {}),
    ],
)
def test_every_format_gives_the_same_cells(file: str, content: bytes, options: dict[str, Any]) -> None:
    table = read_table(file, content, **options)
    assert {name: table.column(name, "text") for name in COLUMNS} == COLUMNS


def test_rows_are_found_again_in_their_file() -> None:
    table = read_table("a.csv", b'a,b\n1,"two\nlines"\n\n3,4\n')
    assert [table.where(row) for row in range(len(table))] == ["a.csv, line 2", "a.csv, line 5"]
    assert read_table("a.jsonl", b'\n{"a": 1}\n').where(0) == "a.jsonl, line 2"
    assert read_table("a.parquet", parquet(a=[1])).where(0) == "a.parquet, row 1"


def test_json_and_parquet_keep_what_is_written() -> None:
    table = read_table("a.jsonl", b'{"x": 0.10, "y": true, "z": null, "w": 12345678901234567890, "v": NaN}')
    assert {name: cells[0] for name, cells in table.columns.items()} == {
        "x": "0.10", "y": "true", "z": None, "w": "12345678901234567890", "v": "NaN",
    }  # fmt: skip
    times = pyarrow.array([1577836800000000001, None], pyarrow.timestamp("ns"))
    zoned = pyarrow.array([1577836800, 0], pyarrow.timestamp("s", "Europe/Paris"))
    single = pyarrow.array([0.1, None], pyarrow.float32())
    table = read_table("a.parquet", parquet(t=times, z=zoned, x=single, y=[True, False], l=[[1], [2]]))
    assert {name: cells for name, cells in table.columns.items() if name != "l"} == {
        "t": ["2020-01-01 00:00:00", None],
        "z": ["2020-01-01 00:00:00+00:00", "1970-01-01 00:00:00+00:00"],
        "x": ["0.1", None],
        "y": ["true", "false"],
    }
    with pytest.raises(UserError, match=r"options.text: column 'l' of a.parquet holds lists"):
        table.column("l", "text")


@pytest.mark.parametrize(
    ("file", "content", "options", "says"),
    [
        ("a.csv", b"", {}, "a.csv is empty"),
        ("a.csv", b"\n\n", {}, "a.csv is empty"),
        ("a.csv", b"a,b\n", {}, "a.csv has no rows"),
        ("a.jsonl", b"", {}, "a.jsonl is empty"),
        ("a.parquet", parquet(a=pyarrow.array([], "string")), {}, "a.parquet has no rows"),
        ("a.csv", b"a,b\n1,2\n3\n", {}, "a.csv, line 3: 1 cells, and the first row has 2"),
        ("a.csv", b"a,b\n1,2,3\n", {}, "a.csv, line 2: 3 cells"),
        ("a.csv", b"a,b,a\n1,2,3\n", {}, "more than one column of the name 'a'"),
        ("a.csv", b"a;b\n1,5;2,5\n3,5;4,5\n", {}, "data.options.separator=';'.*data.options.decimal=','"),
        ("a.csv", b"a;b\n1;2\n3;4\n", {}, "data.options.separator=';'"),
        ("a.csv", b"a\tb\n1\t2\n", {}, "data.options.separator='tab'"),
        ("a.tsv", b"a,b\n1,2\n", {}, "data.options.separator=','"),
        ("a.csv", b'a,b\n"1,2\n3,4\n', {}, r"a.csv, line 2: quotes do not pair up.*\n.*seen: +\"1,2"),
        ("a.csv", b'a,b\nx,2\n"y" z,4\n', {}, "a.csv, line 3: quotes do not pair up"),
        ("a.csv", CSV.encode("utf-16"), {}, "data.options.encoding=utf-16"),
        ("a.csv", CSV.encode("utf-16-le"), {}, "data.options.encoding=utf-16-le"),
        ("a.csv", CSV.encode("latin-1"), {}, "a.csv, line 3: byte 26 is not utf-8"),
        ("a.csv", CSV.encode("utf-16"), {"encoding": "latin-1"}, "NUL character"),
        ("a.csv", CSV.encode(), {"encoding": "latin-17"}, "no text encoding"),
        ("a.csv", CSV.encode(), {"encoding": "base64"}, "no text encoding"),
        ("a.csv", CSV.encode(), {"separator": "::"}, "data.options.separator"),
        ("a.csv", parquet(a=[1]), {}, "its name must end in .parquet"),
        ("a.csv", lzma.compress(b"a,b\n1,2"), {}, "its name must end in .xz"),
        ("a.xlsx", b"PK\x03\x04", {}, "spreadsheet"),
        ("a.parquet", CSV.encode(), {}, "not a Parquet table"),
        ("a.jsonl", b'{"a": 1}\n{"a": 1', {}, "a.jsonl, line 2 is not JSON"),
        ("a.jsonl", b'{"a": 1, "a": 2}', {}, "stands twice"),
        ("a.jsonl", b'{"a": 1}\n3', {}, "line 2 is no JSON object"),
        ("a.jsonl", b'"a"', {}, "no JSON object"),
        ("a.json", b"[" * 100_000, {}, "a.json, line 1 is not JSON"),
        ("a.csv", CSV.encode(), {"quote": 5}, "data.options.quote"),
    ],
)
def test_what_is_no_table_is_refused(file: str, content: bytes, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_table(file, content, **options)
    assert caught.match(f"(?s){says}")


def test_quotes_may_be_text() -> None:
    content = b'a\tb\n"hi\t1\nshe said "no"\t2\n'
    assert read_table("a.tsv", content, quote=None).columns["a"] == ['"hi', 'she said "no"']


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UserError, match=r"options.label: a.csv has no column 'lable'. Did you mean 'label'"):
        read_table("a.csv", CSV.encode()).column("lable", "label")


def test_the_likely_separator_gives_equal_rows() -> None:
    assert likely_separator("a;b,c\n1;2,5\n2;3\n") == ";"
    assert likely_separator("a b\n1 2\n") is None


def test_the_case_of_an_ending_does_not_matter() -> None:
    assert uncompressed("X.CSV.GZ", gzip.compress(b"x")) == b"x"
    assert uncompressed("X.CSV.Bz2", bz2.compress(b"x")) == b"x"
    assert uncompressed("X.CSV.XZ", lzma.compress(b"x")) == b"x"


def test_xz_is_undone_by_name() -> None:
    assert uncompressed("a.csv.xz", lzma.compress(b"x")) == b"x"
    for broken in (b"no xz", lzma.compress(b"x" * 99)[:-9]):
        with pytest.raises(UserError, match=r"a\.csv\.xz cannot be uncompressed"):
            uncompressed("a.csv.xz", broken)


def number(cell: str, **options: Any) -> float:
    return float(numbers(read_table("a.csv", f'a,b\n"{cell}",x\n'.encode()), "a", "columns", **options)[0])


@pytest.mark.parametrize(
    ("cell", "options", "value"),
    [
        ("1", {}, 1), (" -1.5e3 ", {}, -1500), (".5", {}, 0.5), ("+2.", {}, 2), ("1,5", {"decimal": ","}, 1.5),
        ("1700000000.0844", {}, 1700000000.0844), ("", {}, None), ("NA", {}, None), (" NaN", {}, None),
        ("?", {"missing": ["?"]}, None), ("-9999.0", {"missing": [-9999]}, None), ("NA", {"missing": ["NA"]}, None),
    ],
)  # fmt: skip
def test_cells_that_are_numbers(cell: str, options: dict[str, Any], value: float | None) -> None:
    found = number(cell, **options)
    assert numpy.isnan(found) if value is None else found == value


@pytest.mark.parametrize(
    ("cell", "options", "says"),
    [
        ("N/A", {}, "a.csv, line 2, column a: not a number.*missing=.*'N/A'"),
        ("1_000", {}, "not a number"),
        ("1 000", {}, "not a number"),
        ("٣", {}, "not a number"),
        ("1,5", {}, "data.options.decimal=','"),
        ("1.5", {"decimal": ","}, "with a decimal comma"),
        ("1.234,5", {"decimal": ","}, "not a number"),
        ("inf", {}, "not a number"),
        ("1e999", {}, "not a finite number"),
        ("NA", {"missing": ["?"]}, "not a number"),
    ],
)
def test_cells_that_are_no_numbers_are_told_with_their_place(cell: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as caught:
        number(cell, **options)
    assert caught.match(f"(?s){says}")

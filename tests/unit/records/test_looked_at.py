"""The examples that are looked at, and the file that keeps what they look like."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unroll.errors import UserError
from unroll.records.looked_at import (
    FILE,
    LONGEST_LIST,
    LONGEST_TEXT,
    MOST_CLASSES,
    Confusion,
    LookedAt,
    as_text,
    looked_at,
    read_looked_at,
)

KEPT = LookedAt(
    3, [0, 1, 2], {"text": ["a", "é", "c"], "score": [0.5, 1.0, 2.0]}, Confusion(["0", "1"], [[1, 0], [0, 2]])
)


def test_few_examples_are_all_looked_at() -> None:
    assert looked_at(0) == []
    assert looked_at(3) == [0, 1, 2]
    assert looked_at(20) == list(range(20))


@pytest.mark.parametrize("count", [21, 22, 39, 1000, 8665, 10**6])
def test_of_many_twenty_are_evenly_spread(count: int) -> None:
    found = looked_at(count)
    assert (len(set(found)), found[0], found[-1]) == (20, 0, count - 1)
    steps = np.diff(found)
    assert steps.max() - steps.min() <= 1
    assert looked_at(count) == found


def test_the_file_comes_back(tmp_path: Path) -> None:
    assert read_looked_at(tmp_path) is None
    (tmp_path / FILE).write_text(as_text(KEPT), encoding="utf-8")
    assert read_looked_at(tmp_path) == KEPT


def test_long_ones_are_cut_and_odd_numbers_are_plain(tmp_path: Path) -> None:
    values: list[Any] = ["x" * 1000, np.arange(1000), math.nan, np.float32(1 / 3), np.True_, None, "\ud800"]
    kept = LookedAt(7, range(7), {"value": values})
    (tmp_path / FILE).write_text(as_text(kept), encoding="utf-8")
    found = read_looked_at(tmp_path)
    assert found is not None
    text, numbers, *rest = found.columns["value"]
    assert (len(text), text[-1]) == (LONGEST_TEXT, "…")
    assert numbers == list(range(LONGEST_LIST))
    assert rest == [None, 0.333333, True, None, "?"]


def test_columns_that_are_too_much_together_are_left_out(tmp_path: Path) -> None:
    row = ["中" * 500] * 40
    kept = LookedAt(2, [0, 1], {"first": [row, row], "text": ["a", "b"], "second": [row, row], "last": [1, 2]})
    (tmp_path / FILE).write_text(as_text(kept), encoding="utf-8")
    found = read_looked_at(tmp_path)
    assert found is not None
    assert list(found.columns) == ["first", "text"]


def test_a_matrix_of_many_classes_is_left_out() -> None:
    size = MOST_CLASSES + 1
    many = LookedAt(0, [], {}, Confusion(list(map(str, range(size))), [[0] * size] * size))
    assert json.loads(as_text(many))["confusion"] is None


@pytest.mark.parametrize("values", [["a"], ["a", "b", object()]])
def test_a_column_has_one_value_an_example(values: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"3 examples|is no text, number or list"):
        as_text(LookedAt(3, [0, 1, 2], {"text": values}))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"count": "3"},
        {"count": 10**9},
        {"examples": [0, 1, 5]},
        {"examples": [0.0, 1.0, 2.0]},
        {"columns": []},
        {"columns": {"text": ["a"]}},
        {"columns": {"text": ["a", "b", {}]}},
        {"columns": {"text": ["a", "b", math.nan]}},
        {"columns": {"text": ["a", "b", "x" * 501]}},
        {"columns": {str(number): [1, 2, 3] for number in range(100)}},
        {"confusion": {"names": ["0"], "counts": [[1, 2]]}},
        {"confusion": {"names": ["0"], "counts": [[-1]]}},
        {"confusion": {"names": [0], "counts": [[1]]}},
        {"confusion": 3},
    ],
    ids=str,
)
def test_what_is_no_such_file_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({**json.loads(as_text(KEPT)), **changes}))
    with pytest.raises(UserError, match="cannot be used"):
        read_looked_at(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b" " * (2**20 + 1)], ids=lambda b: str(b[:9])
)
def test_what_is_no_json_of_ours_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UserError, match="cannot be used"):
        read_looked_at(tmp_path)


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(UserError, match="cannot be used"):
        read_looked_at(tmp_path)

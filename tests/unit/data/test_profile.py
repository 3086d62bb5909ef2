"""The profile of what a reader returned, on examples small enough to count; and what it refuses."""

import json
from typing import Any

import numpy as np
import pytest

from unroll.data import readers
from unroll.data.examples import load_examples
from unroll.data.profile import in_short, profile, require_classes, require_examples
from unroll.data.readers.columns import Notes, Read
from unroll.errors import UserError


def texts(**splits: list[tuple[str, int]]) -> dict[str, dict[str, list[Any]]]:
    return {
        split: {
            "text": [text for text, _ in rows],
            "label": [label for _, label in rows],
            "phrase": [False] * len(rows),
            "tree": [""] * len(rows),
        }
        for split, rows in splits.items()
    }


SMALL = texts(
    train=[("a b c", 0), ("d", 1), ("d", 1), ("", 0)], validation=[("d", 1), ("e f", 0)], test=[("g", 1), ("h", 1)]
)


def test_labelled_text_is_counted() -> None:
    found = profile("labelled_text", SMALL)
    assert found["rows"] == {"read": None, "left_out": 0, "train": 4, "validation": 2, "test": 2}
    assert found["classes"] == {"train": {"0": 2, "1": 2}, "validation": {"0": 1, "1": 1}, "test": {"1": 2}}
    assert found["lengths"]["text"]["train"] == [0, 0, 1, 3, 3]
    assert found["empty"]["train"] == {"text": 1}
    assert found["repeated"] == {
        "within": {"train": 1, "validation": 0, "test": 0},
        "in_train": {"validation": 1, "test": 0},
    }
    assert found["warnings"] == ["1 of train have an empty text", "1 of 2 inputs of validation are in train, too"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_a_reader_left_out_is_told_by_value_and_place() -> None:
    notes = Notes(rows=12, classes=["neg", "pos"])
    for line, value in enumerate(["Pos", "Pos", "neutral"], 2):
        notes.leave_out("the label is none of data.options.labels", value, f"r.csv, line {line}")
    notes.leave_out("the text is empty", where="r.csv, line 9")
    found = profile("labelled_text", Read(SMALL, notes))
    why = "the label is none of data.options.labels"
    assert found["left_out"][0] == {"why": why, "value": "Pos", "rows": 2, "first": "r.csv, line 2"}
    assert {entry["value"]: entry["rows"] for entry in found["left_out"]} == {"Pos": 2, "neutral": 1, None: 1}
    assert found["rows"] | {"read": 12, "left_out": 4} == found["rows"]
    assert found["classes"]["train"] == {"neg": 2, "pos": 2}
    assert found["warnings"][0] == "4 of 12 rows were left out"


def test_a_record_keeps_a_bounded_part_and_no_text() -> None:
    """Though every row be left out for a value of its own, and every row have a class of its own."""
    notes = Notes(rows=10_000)
    for number in range(10_000):
        notes.leave_out("the label is none of data.options.labels", f"label {number} {'x' * 100}")
    many = {
        split: {"pixels": [bytes([i % 256, i // 256]) for i in range(5_000)], "label": range(5_000)} for split in SMALL
    }
    short = in_short(profile("images", Read(many, notes)))
    assert len(json.dumps(short)) < 10_000
    assert sum(entry["rows"] for entry in short["left_out"]) == 10_000
    assert sum(short["classes"]["test"].values()) == 5_000
    assert "a b c" not in json.dumps(in_short(profile("labelled_text", SMALL)))
    assert in_short({}) == {"left_out": [], "warnings": []}


def test_pairs_and_generated_data_are_counted() -> None:
    pairs = {split: {"source": ["a b", ""], "target": ["c", "d"]} for split in SMALL}
    found = profile("pairs", pairs)
    assert found["empty"]["test"] == {"source": 1, "target": 0}
    assert found["lengths"]["target"]["train"] == [1, 1, 1, 1, 1]
    assert "1 of test have an empty source" in found["warnings"]
    generated = {split: {"numbers": [b"1"] * 3, "first": [0] * 3, "second": [1] * 3} for split in SMALL}
    assert profile("adding", generated)["rows"]["test"] == 3
    assert profile("adding", generated)["warnings"] == []


def series(**changed: Any) -> dict[str, dict[str, Any]]:
    steps = np.arange(20.0)
    columns = {"wave": np.sin(steps), **changed}
    bounds = {"train": slice(0, 10), "validation": slice(10, 15), "test": slice(15, 20)}
    return {
        split: {"timestamp": [str(i) for i in steps[part]]} | {name: np.asarray(c)[part] for name, c in columns.items()}
        for split, part in bounds.items()
    }


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (np.sin(np.arange(20.0)) * 7 + 1e6, ""),
        (np.full(20, 14.62), "constant in train and everywhere"),
        (np.r_[np.full(15, 0.1), np.full(5, 0.2)], "constant in train, so"),
        (np.sin(np.arange(20.0)) + 1e14, "lost digits to its level"),
        ((np.sin(np.arange(20.0)) + 300_000.1).astype(np.float32), "lost digits to its level"),
        (np.arange(20.0) % 2, ""),
        (np.arange(20.0) + 1.7e9, ""),
    ],
)
def test_channels_whose_numbers_carry_nothing_are_told(column: np.ndarray, said: str) -> None:
    warnings = profile("series", series(x=column.astype(np.float64)))["warnings"]
    assert [said in warning for warning in warnings if "column x" in warning] == [True] * bool(said)


def test_a_record_keeps_the_channels_that_there_is_something_to_say_of() -> None:
    flat = {f"c{i}": np.full(20, 1.5) for i in range(50)}
    short = in_short(profile("series", series(**flat)))
    assert len(short["columns"]) == 20
    assert "wave" not in short["columns"]
    assert profile("series", series(**flat))["columns"]["wave"]["deviation"] > 0.5


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (texts(train=[("a", 0), ("b", 1)], validation=[], test=[("c", 1)]), "No example is left for validation"),
        (texts(train=[("a", 1), ("b", 1)], validation=[("c", 1)], test=[("d", 1)]), "Train has one class only"),
        (
            texts(train=[("a", 0), ("b", 1)], validation=[("c", 2)], test=[("d", 1)]),
            "Validation has a class that train has not",
        ),
    ],
)
def test_what_nobody_can_learn_is_refused(splits: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        require_examples(profile("labelled_text", splits), ["text", "validation", "test"])
    assert "data.options.validation" in str(raised.value) or "class" in message


def test_a_share_of_train_is_asked_for_its_classes() -> None:
    with pytest.raises(UserError, match=r"larger data\.fraction") as raised:
        require_classes({"train": {"1": 3}, "validation": {"0": 2}, "test": {}}, fraction=0.01)
    assert "data.fraction=0.01" in str(raised.value)


def test_a_further_test_set_is_profiled_and_asked_for_its_classes() -> None:
    splits = texts(train=[("a", 0), ("b", 1)], validation=[("c", 0)], test=[("d", 1)], test_far=[("a", 1), ("a", 0)])
    found = profile("labelled_text", splits)
    require_examples(found, [])
    assert found["rows"]["test_far"] == 2
    assert found["repeated"]["in_train"]["test_far"] == 2
    assert "2 of 2 inputs of test_far are in train, too" in found["warnings"]
    splits = texts(train=[("a", 0), ("b", 1)], validation=[("c", 0)], test=[("d", 1)], test_far=[("e", 2)])
    with pytest.raises(UserError, match="Test_far has a class that train has not"):
        require_examples(profile("labelled_text", splits), [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 0.6, "test": 0.5}, "nothing to train on"),
        ({"validation": -0.1}, "between 0 and 1"),
        ({"test": 0}, "between 0 and 1"),
        ({"test": True}, "between 0 and 1"),
        ({"validation": 0.95}, "nothing to train on"),
    ],
)
@pytest.mark.parametrize("reader", ["series", "language_pack"])
def test_shares_of_the_splits_leave_something(reader: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        readers.check(reader, options)


def test_a_profile_lies_beside_the_prepared_data(tmp_path: Any) -> None:
    node = {
        "name": "sums",
        "kind": "adding",
        "reader": "adding",
        "options": {"length": 5, "sizes": [4, 3, 2]},
        "origin": {"sources": [{"generated": {"train": 1, "validation": 2, "test": 3}}]},
    }
    for _ in range(2):  # made, then read
        examples = load_examples(node, {"cache": tmp_path, "data": None})
        assert examples.profile["rows"] | {"train": 4, "validation": 3, "test": 2} == examples.profile["rows"]

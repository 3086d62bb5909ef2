"""Texts in a file a class: which lines make which split, on literals, and what the real files hold."""

from pathlib import Path

import pytest

from unroll.data.readers.class_lines import class_lines
from unroll.data.readers.columns import require_columns
from unroll.errors import UserError

BAD = b"dull  and long\n\nfine or not\nso so\n"
GOOD = b"a joy\r\nfine or not\na joy\nwarm\n"
FILES = {"x.neg": BAD, "x.pos": GOOD}


def test_a_label_is_the_place_of_its_file() -> None:
    splits = class_lines(FILES, classes=["x.neg", "x.pos"], validation=0.0, test=0.0)
    require_columns("labelled_text", splits, "class_lines")
    assert splits["train"]["text"] == ["dull and long", "fine or not", "so so", "a joy", "warm"]
    assert splits["train"]["label"] == [0, 0, 0, 1, 1]
    other = class_lines(FILES, classes=["x.pos", "x.neg"], validation=0.0, test=0.0)["train"]
    assert dict(zip(other["text"], other["label"], strict=True))["so so"] == 1


def test_what_was_there_before_is_counted_and_left_out() -> None:
    notes = class_lines(FILES, classes=["x.neg", "x.pos"]).notes
    assert (notes.rows, list(notes.classes)) == (7, ["x.neg", "x.pos"])
    assert notes.left_out == {
        ("the text was there before, with another label", None): [1, "x.pos, line 2"],
        ("the text was there before", None): [1, "x.pos, line 3"],
    }


def test_splits_are_shares_and_have_no_text_in_common() -> None:
    lines = {name: "".join(f"{name} {number}\n" for number in range(50)).encode() for name in ("a", "b")}
    splits = class_lines(lines, classes=["a", "b"], validation=0.2, test=0.1)
    texts = {split: columns["text"] for split, columns in splits.items()}
    assert {split: len(found) for split, found in texts.items()} == {"train": 70, "validation": 20, "test": 10}
    assert len(set().union(*texts.values())) == 100
    reversed_lines = {name: b"\n".join(reversed(content.split(b"\n"))) for name, content in lines.items()}
    again = class_lines(reversed_lines, classes=["a", "b"], validation=0.2, test=0.1)
    assert {split: set(columns["text"]) for split, columns in again.items()} == {k: set(v) for k, v in texts.items()}


@pytest.mark.parametrize("classes", [[], ["x.neg"], ["x.neg", "x.txt"]])
def test_classes_without_a_file_each_are_refused(classes: list[str]) -> None:
    with pytest.raises(UserError, match=r"data\.options\.classes") as error:
        class_lines(FILES, classes=classes)
    assert error.value.allowed == ["x.neg", "x.pos"]


def test_the_published_files(benchmark_data: Path) -> None:
    contents = {path.name: path.read_bytes() for path in (benchmark_data / "rotten_tomatoes").iterdir()}
    splits = class_lines(contents, classes=["rt-polarity.neg", "rt-polarity.pos"])
    assert splits.notes.rows == 10_662
    assert sum(len(columns["text"]) for columns in splits.values()) == 10_662
    assert sum(sum(columns["label"]) for columns in splits.values()) == 5_331

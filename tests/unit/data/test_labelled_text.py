"""Labelled text as people have it: labels mean what a person means, and no row vanishes without a word."""

import json
from typing import Any

import pytest

from unroll.data.profile import profile
from unroll.data.readers.columns import content_sha256
from unroll.data.readers.labelled_text import labelled_text
from unroll.data.readers.labels import normal
from unroll.errors import UserError

Rows = list[tuple[str, str]]


def rows_of(labels: list[str], each: int = 10) -> Rows:
    return [(f"text {number}", labels[number % len(labels)]) for number in range(each * len(labels))]


def csv_of(rows: Rows, header: str = "text,label") -> bytes:
    return "\n".join([header, *(f'"{text}","{label}"' for text, label in rows)]).encode()


def labels_of(cells: list[str], labels: Any, **options: Any) -> dict[str, int]:
    """Cell -> its class, as the reader gives it."""
    rows = rows_of(cells)
    splits = labelled_text({"a.csv": csv_of(rows)}, labels=labels, **options)
    assert sum(len(columns["text"]) for columns in splits.values()) == len(rows)
    found = {text: label for s in splits.values() for text, label in zip(s["text"], s["label"], strict=True)}
    return {label: found[text] for text, label in rows}


@pytest.mark.parametrize(
    ("cells", "labels", "classes"),
    [
        (["neg", "pos"], ["neg", "pos"], [0, 1]),
        (["0", "1"], [0, 1], [0, 1]),
        (["0", "1"], ["1", "0"], [1, 0]),
        (["0.0", "1.0"], [0, 1], [0, 1]),
        ([" 0", "1 "], ["0", "1"], [0, 1]),
        (["0", " 0", "0.0", "1"], [0, 1], [0, 0, 0, 1]),
        (["-1", "1", "+1"], [-1, 1.0], [0, 1, 1]),
        (["no", "yes"], [False, True], [0, 1]),
        (["No", "YES"], [False, True], [0, 1]),
        (["true", "False"], [True, False], [0, 1]),
        (["01", "1"], ["01", "1"], [0, 1]),
        (["very  good", "bad"], ["bad", "very good"], [1, 0]),
        (["caf\u00e9", "tea"], ["cafe\u0301", "tea"], [0, 1]),
        (["b", "a"], None, [1, 0]),
        (["10", "9", "2.0"], None, [2, 1, 0]),
        (["yes", "no"], None, [1, 0]),
    ],
)
def test_labels_match_what_a_person_means(cells: list[str], labels: Any, classes: list[int]) -> None:
    assert list(labels_of(cells, labels).values()) == classes


@pytest.mark.parametrize(
    ("cells", "labels", "says"),
    [
        (["neg", "Neg", "pos"], ["neg", "pos"], r"10 of 30 rows have a label .*'Neg' 10; first at a.csv, line 3"),
        (["neg", "", "pos"], ["neg", "pos"], "an empty cell 10"),
        (["neg", "", "pos"], None, "an empty cell 10"),
        (["0", "1"], ["negative", "positive"], r"holds no 'negative' or 'positive'.*'0' 10, '1' 10.*labels=\[0, 1\]"),
        (["no", "yes"], ["No", "Yes"], r"'no' 10, 'yes' 10.*labels=\['no', 'yes'\]"),
        (["a", "b"], ["a", "b", "c"], "holds no 'c'"),
        (["a", "b"], ["a"], "fewer than two classes"),
        (["a"], None, "fewer than two classes"),
        (["0", "1"], ["0", "0", "1"], "a label twice"),
        (["0", "1"], [0, 1, "1.0"], "a label twice"),
        (["no", "yes"], [False, True, False], "a label twice"),
        (["a", "b"], "a", "is no list"),
        (["a", "b"], [None, "a"], "texts or numbers"),
        ([f"id{number}" for number in range(9)], None, None),
    ],
)
def test_labels_that_match_in_part_or_not_at_all_are_refused(cells: list[str], labels: Any, says: str | None) -> None:
    if says is None:  # every row has a label of its own
        with pytest.raises(UserError, match="does not look like labels"):
            labelled_text({"a.csv": csv_of(rows_of(cells, each=1))}, labels=labels)
        return
    with pytest.raises(UserError) as caught:
        labelled_text({"a.csv": csv_of(rows_of(cells))}, labels=labels)
    assert caught.match(f"(?s){says}")


def test_other_labels_are_left_out_where_the_options_say_so() -> None:
    rows = rows_of(["neg", "Neg", "pos"])
    splits = labelled_text({"a.csv": csv_of(rows)}, labels=["neg", "pos"], others="left_out")
    assert sum(len(columns["text"]) for columns in splits.values()) == 20
    assert splits.notes.left_out == {("the label is not in data.options.labels", "Neg"): [10, "a.csv, line 3"]}
    assert (splits.notes.rows, splits.notes.classes) == (30, ["neg", "pos"])
    with pytest.raises(UserError, match="fewer than two classes"):
        labelled_text({"a.csv": csv_of(rows)}, labels=["neg"], others="left_out")


def test_empty_and_repeated_texts_are_counted() -> None:
    rows = [*rows_of(["a", "b"]), (" ", "a"), ("text  0", "a"), ("text 0", "b"), ("text 0", "b")]
    splits = labelled_text({"a.csv": csv_of(rows)})
    assert splits.notes.left_out == {
        ("the text is empty", None): [1, "a.csv, line 22"],
        ("the text was there before", None): [1, "a.csv, line 23"],
        ("the text was there before, with another label", None): [2, "a.csv, line 24"],
    }
    assert profile("labelled_text", splits)["rows"] == {
        "read": 24, "left_out": 4, "train": 16, "validation": 2, "test": 2,
    }  # fmt: skip


def test_the_same_examples_from_every_format() -> None:
    rows = rows_of(["0", "1"])
    files = {
        "a.csv": csv_of(rows),
        "a.tsv": b"\n".join([b"text\tlabel", *(f"{text}\t{label}".encode() for text, label in rows)]),
        "a.jsonl": "\n".join(json.dumps({"text": text, "label": int(label)}) for text, label in rows).encode(),
    }
    hashes = {content_sha256(labelled_text({name: content}, labels=[0, 1])) for name, content in files.items()}
    assert len(hashes) == 1


def folders(split: str) -> dict[str, bytes]:
    return {
        f"aclImdb/{split}/{label}/{number}_7.{'txt' if number else 'TXT'}": f"{split} {label}\n<br /> {number}".encode()
        for label in ("pos", "neg")
        for number in range(20)
    }


def test_a_folder_a_class() -> None:
    files = {**folders("train"), **folders("test"), "aclImdb/train/urls_pos.txt": b"http", "aclImdb/imdb.vocab": b"the"}
    options: dict[str, Any] = {"train": "aclImdb/train", "test": "aclImdb/test", "validation": 0.25}
    splits = labelled_text(files, labels=["neg", "pos"], **options)
    assert [len(columns["text"]) for columns in splits.values()] == [30, 10, 40]
    assert set(zip(splits["test"]["text"], splits["test"]["label"], strict=True)) == {
        (f"test {label} <br /> {number}", place) for place, label in enumerate(("neg", "pos")) for number in range(20)
    }
    with pytest.raises(UserError, match=r"'unsup' 1; first at aclImdb/train, file unsup/0_0.txt"):
        labelled_text({**files, "aclImdb/train/unsup/0_0.txt": b"x"}, labels=["neg", "pos"], **options)
    one = {name.removeprefix("aclImdb/train/"): content for name, content in folders("train").items()}
    assert [len(columns["text"]) for columns in labelled_text(one, validation=0.25, test=0.25).values()] == [20, 10, 10]


def test_files_a_split_are_kept_whole() -> None:
    rows = [("same", "a"), ("same", "b"), ("", "a"), ("more", "b")]
    files = {"tr.csv": csv_of(rows), "dev.csv": csv_of(rows[:2]), "te.tsv": b"text\tlabel\nsame\ta\nnew\tb"}
    splits = labelled_text(files, train="tr.csv", validation="dev.csv", test="te.tsv")
    assert {split: list(zip(c["text"], c["label"], strict=True)) for split, c in splits.items()} == {
        "train": [("same", 0), ("same", 1), ("more", 1)],
        "validation": [("same", 0), ("same", 1)],
        "test": [("same", 0), ("new", 1)],
    }
    assert splits == labelled_text(files, validation="dev.csv", test="te.tsv")  # train is the file that is left
    compressed = {f"{name}.xz": content for name, content in files.items()}
    assert splits == labelled_text(compressed, train="tr.csv", validation="dev.csv", test="te.tsv.xz")


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".JSON", ".json.gz"])
def test_tables_may_lie_in_a_folder(ending: str) -> None:
    rows = rows_of(["a", "b"])
    lines = "\n".join(json.dumps({"text": text, "label": label}) for text, label in rows).encode()
    content = {".csv": csv_of(rows), ".tsv": csv_of(rows).replace(b",", b"\t")}.get(ending, lines)
    files = {f"sub/{split}{ending}": content for split in ("train", "test")}
    splits = labelled_text(files, train=f"sub/train{ending}", validation=0.25, test=f"sub/test{ending}")
    assert {split: len(columns["text"]) for split, columns in splits.items()} == {
        "train": 15,
        "validation": 5,
        "test": 20,
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"test": "tets.csv"}, r"options.test: no file or folder of that name. Did you mean 'test.csv'"),
        ({}, "data.options.train does not say which file train is"),
        ({"train": "train.csv", "text": "txt"}, "Did you mean 'text'"),
        ({"train": "train.csv", "label": "lable"}, "Did you mean 'label'"),
        ({"train": "train.csv", "group": "film"}, "options.group"),
    ],
)
def test_parts_that_are_not_there_are_refused(options: dict[str, Any], says: str) -> None:
    files = {"train.csv": csv_of(rows_of(["a", "b"])), "test.csv": csv_of(rows_of(["a", "b"]))}
    with pytest.raises(UserError, match=says):
        labelled_text(files, **options)


def test_numbers_are_compared_as_numbers_and_codes_as_text() -> None:
    assert [normal(value) for value in (1, 1.0, "1.", "+1", " 1e0 ", -0.0, 1e3, 0.5)] == [
        "1", "1", "1", "1", "1", "0", "1000", "0.5",
    ]  # fmt: skip
    assert [normal(value) for value in ("01", "1_0", "NaN", "٣", True)] == ["01", "1_0", "NaN", "٣", "true"]

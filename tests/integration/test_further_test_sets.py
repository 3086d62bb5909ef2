"""A data set with a further test set: what a trial's record, its files and a loaded model say of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

import unroll
from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records import schema
from unroll.records.audit import trusted_record
from unroll.records.record import read_record
from unroll.training.train import train

READER = """
def lines(files):
    "Four files with a text and a class a line."
    def columns(name):
        rows = [line.rsplit(" ", 1) for line in files[name].decode().splitlines()]
        count = len(rows)
        return {"text": [text for text, _ in rows], "label": [int(label) for _, label in rows],
                "phrase": [False] * count, "tree": [""] * count}
    return {split: columns(split) for split in ("train", "validation", "test", "test_far")}

def pictures(files):
    "Images of noise."
    import numpy
    def columns(count):
        pixels = numpy.random.default_rng(count).integers(0, 255, (count, 784), numpy.uint8)
        return {"pixels": [image.tobytes() for image in pixels], "label": [number % 10 for number in range(count)]}
    return {split: columns(20) for split in ("train", "validation", "test", "test_far")}
"""
SMALL = ["task.embedding=6", "architecture.width=6", "budget.epochs=1", "seed=0"]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two data sets of four splits, and the reader of both."""
    folder, files = tmp_path / "mine", tmp_path / "files"
    (folder / "data").mkdir(parents=True)
    files.mkdir()
    for split, texts in {
        "train": ["good film 1", "bad film 0", "a good plot 1", "a bad plot 0"],
        "validation": ["good plot 1", "bad plot 0"],
        "test": ["good 1", "bad 0", "bad actor 0"],
        "test_far": ["a bad bad bad plot 0", "the very good very good film 1", "bad 0", "good 1", "a film 0"],
    }.items():
        (files / split).write_text("\n".join(texts))
    (tmp_path / "fourfold.py").write_text(READER)
    monkeypatch.syspath_prepend(str(tmp_path))
    source = {"local": str(files), "files": ["train", "validation", "test", "test_far"]}
    tokenizer = {"kind": "word", "words": "whitespace", "lowercase": True, "vocabulary_size": 50, "min_count": 1}
    for name, kind, reader in (("reviews", "labelled_text", "lines"), ("noise", "images", "pictures")):
        node = {"name": name, "kind": kind, "reader": {"_target_": f"fourfold.{reader}"}, "options": {}}
        node |= {"fraction": 1.0, "batch_size": 2, "epochs": 1, "origin": {"sources": [source]}}
        if kind == "labelled_text":
            node |= {"tokenizer": tokenizer, "languages": ["en"]}
        (folder / "data" / f"{name}.yaml").write_text(yaml.safe_dump(node))
    return folder


def trial(mine: Path, *overrides: str) -> Trial:
    paths = [f"paths.runs={mine.parent / 'runs'}", f"paths.cache={mine.parent / 'cache'}"]
    return compose([*paths, *overrides], str(mine))


def test_a_network_is_measured_on_it_once_beside_test(mine: Path) -> None:
    chosen = trial(mine, "task=sentiment", "data=reviews", "architecture=gru", *SMALL)
    record = train(chosen)
    metrics = record["result"]["metrics"]
    assert list(metrics) == ["validation", "test", "test_far"]
    assert metrics["test_far"].keys() == metrics["test"].keys()
    assert record["result"]["examples"] == {"train": 4, "validation": 2, "test": 3, "test_far": 5}
    assert record["result"]["primary"]["value"] == metrics["test"]["accuracy"]
    assert read_record(chosen.directory)["result"] == record["result"]
    assert trusted_record(chosen.record_path, refused := []) is not None, refused
    with np.load(chosen.directory / "predictions.npz") as arrays:
        right = arrays["test_far/correct"]
    assert len(right) == 5
    assert metrics["test_far"]["accuracy"] == pytest.approx(100 * right.mean())
    model = unroll.load(chosen.directory, trust=True)
    assert model.evaluate("test_far") == pytest.approx(metrics["test_far"])
    with pytest.raises(UserError, match="no such split"):
        model.evaluate("test_near")


def test_a_baseline_is_measured_on_it_too(mine: Path) -> None:
    record = train(trial(mine, "task=sentiment", "data=reviews", "baseline=majority"))
    assert record["result"]["metrics"]["test_far"]["accuracy"] in (40.0, 60.0)


def test_a_task_that_reads_three_splits_refuses_it_before_training(mine: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)reads no further test sets.*noise has test_far"):
        train(trial(mine, "task=compression", "data=noise", "architecture=ae", "seed=0"))
    assert (
        "test_far"
        in train(trial(mine, "task=classification", "data=noise", "architecture=gru", "budget.epochs=1", "seed=0"))[
            "result"
        ]["metrics"]
    )


def test_a_record_of_another_split_is_refused(mine: Path) -> None:
    chosen = trial(mine, "task=sentiment", "data=reviews", "baseline=majority")
    record = train(chosen)
    for part in ("metrics", "examples"):
        spoilt = json.loads(json.dumps(record))
        spoilt["result"][part]["far"] = spoilt["result"][part]["test_far"]
        with pytest.raises(UserError, match="far is no split"):
            schema.validate(spoilt)

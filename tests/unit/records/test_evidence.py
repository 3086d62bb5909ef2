"""Records beside their files: arrays of any size, and tasks that keep other arrays than their metric suggests."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unroll.records import arrays, evidence
from unroll.records.scores import copy_scores, published, scores_sha256, scores_under
from unroll.training.predictions import save

Record = dict[str, Any]


def record(name: str, value: float, test: int, **result: Any) -> Record:
    return {
        "trial_id": "copying-copying-gru-s0-0123456789",
        "config": {"task": {}},
        "result": {"primary": {"name": name, "value": value}, "examples": {"test": test}, **result},
    }


def place(folder: Path, found: Record, **kept: np.ndarray) -> Path:
    """A trial's directory with its predictions of test; returns where its record would be."""
    directory = folder / found["trial_id"]
    directory.mkdir()
    found["result"]["predictions_sha256"] = save(directory, {"test": kept})
    return directory / "record.json"


def seen(found: Record, path: Path) -> list[str]:
    return [str(each.seen) for check in (evidence.scores, evidence.predictions) for each in check(found, path)]


def test_an_accuracy_need_not_be_of_what_is_right(tmp_path: Path) -> None:
    """Copying keeps the share of right symbols of each sequence, as `accuracy`."""
    found = record("accuracy", 75.0, 2)
    path = place(tmp_path, found, accuracy=np.array([0.5, 1.0]))
    assert evidence.score_path(found, path) is None
    assert seen(found, path) == []
    assert scores_under(tmp_path)(found) is None
    assert copy_scores(found, path.parent, tmp_path) is None


def test_scores_that_a_record_names_have_to_be_there(tmp_path: Path) -> None:
    found = record("accuracy", 75.0, 2, scores_sha256="0" * 64)
    path = place(tmp_path, found, accuracy=np.array([0.5, 1.0]))
    assert evidence.score_path(found, path) == path.with_name("predictions.npz")
    (said,) = seen(found, path)
    assert said.endswith("cannot be used. it holds no 'test/correct'")


def test_shares_that_are_right_are_no_bytes(tmp_path: Path) -> None:
    values = np.array([0.5, 1.0, 0.0])
    assert published("correct", values).tolist() == [0.5, 1.0, 0.0]
    assert published("correct", np.array([1.0, 0.0])).dtype == np.uint8
    found = record("accuracy", 50.0, 3, scores_sha256=scores_sha256("correct", values))
    path = place(tmp_path, found, correct=values)
    committed = copy_scores(found, path.parent, tmp_path)
    assert committed is not None
    assert [seen(found, path), seen(found, committed.with_name(f"{found['trial_id']}.json"))] == [[], []]


def test_a_file_that_cannot_be_read_is_said_of_a_record_of_before_the_hash(tmp_path: Path) -> None:
    found = record("accuracy", 50.0, 2)
    path = place(tmp_path, found, correct=np.array([1.0, 0.0]))
    path.with_name("predictions.npz").write_bytes(b"PK no archive")
    assert [said.partition(" cannot")[0] for said in seen(found, path)] == [str(path.with_name("predictions.npz"))] * 2


@pytest.mark.parametrize("order", ["C", "F"])
def test_predictions_may_be_larger_than_what_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Any
) -> None:
    """A forecast of many channels has gigabytes; however the task laid it out, the file holds it by examples."""
    forecast = np.asarray(np.random.default_rng(0).random((60, 50)), order=order)
    found = record("mse", 0.0, 60)
    path = place(tmp_path, found, forecast=forecast, words=np.array(["ein", "Satz"]), none=np.zeros((3, 0)))
    monkeypatch.setattr(arrays, "LARGEST", 1000)
    monkeypatch.setattr(arrays, "_AT_ONCE", 1000)
    assert seen(found, path) == []
    save(path.parent, {"test": {"forecast": forecast[::-1]}})
    assert len(seen(found, path)) == 1

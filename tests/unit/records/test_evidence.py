"""Records beside their files: arrays of any size, and tasks that keep other arrays than their metric suggests."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unroll.errors import UserError
from unroll.records import arrays, evidence
from unroll.records.corpus import corpus_value
from unroll.records.scores import copy_scores, primary_score, published, scores_sha256, scores_under
from unroll.registry.metric import CORRECT
from unroll.training.predictions import save

Record = dict[str, Any]


def record(name: str, value: float, test: int, **result: Any) -> Record:
    return {
        "trial_id": "copying-copying-gru-s0-0123456789",
        "config": {"task": {"_target_": "unroll.tasks.sentiment.Sentiment"}},
        "result": {
            "primary": {"name": name, "value": value},
            "metrics": {"test": {name: value}},
            "examples": {"test": test},
            **result,
        },
    }


def place(folder: Path, found: Record, **kept: np.ndarray) -> Path:
    """A trial's directory with its predictions of test; returns where its record would be."""
    directory = folder / found["trial_id"]
    directory.mkdir()
    found["result"]["predictions_sha256"] = save(directory, {"test": kept})
    return directory / "record.json"


def seen(found: Record, path: Path) -> list[str]:
    return [str(each.seen) for check in (evidence.scores, evidence.predictions) for each in check(found, path)]


def test_an_accuracy_may_be_the_mean_of_shares(tmp_path: Path) -> None:
    """Copying keeps the share of right symbols of each sequence, as `accuracy`."""
    found = record("accuracy", 75.0, 2)
    found["config"]["task"]["_target_"] = "unroll.tasks.copying.Copying"
    path = place(tmp_path, found, accuracy=np.array([0.5, 1.0]))
    assert seen(found, path) == []
    assert scores_under(tmp_path)(found).tolist() == [50.0, 100.0]  # type: ignore[union-attr]
    found["result"]["primary"]["value"] = 80.0
    assert seen(found, path) == ["accuracy 80"]


def test_a_task_of_an_older_record_may_keep_other_arrays(tmp_path: Path) -> None:
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
    assert published(CORRECT, values).tolist() == [0.5, 1.0, 0.0]
    assert published(CORRECT, np.array([1.0, 0.0])).dtype == np.uint8
    found = record("accuracy", 50.0, 3, scores_sha256=scores_sha256(CORRECT, values))
    path = place(tmp_path, found, correct=values)
    committed = copy_scores(found, path.parent, tmp_path)
    assert committed is not None
    assert [seen(found, path), seen(found, committed.with_name(f"{found['trial_id']}.json"))] == [[], []]


def test_a_file_that_cannot_be_read_is_said_of_a_record_of_before_the_hash(tmp_path: Path) -> None:
    found = record("accuracy", 50.0, 2)
    path = place(tmp_path, found, correct=np.array([1.0, 0.0]))
    path.with_name("predictions.npz").write_bytes(b"PK no archive")
    assert [said.partition(" cannot")[0] for said in seen(found, path)] == [str(path.with_name("predictions.npz"))] * 2


COUNTS = np.array([[6, 6, 5, 4, 3, 2, 6, 5, 4, 3], [4, 5, 3, 1, 0, 0, 4, 3, 2, 1]])


def translated(protocol: int, value: float, **result: Any) -> Record:
    found = record("sacrebleu", value, 2, **result)
    task = {"_target_": "unroll.tasks.translation.Translation", "protocol_version": protocol}
    return {**found, "config": {"task": task}}


def test_counts_of_a_corpus_metric_are_kept_whole_and_checked_against_it(tmp_path: Path) -> None:
    value = corpus_value("bleu", COUNTS)
    score = primary_score(translated(2, value))
    assert score is not None
    assert (published(score, COUNTS).dtype, published(score, COUNTS).shape) == (np.uint32, (2, 10))
    found = translated(2, value, scores_sha256=scores_sha256(score, COUNTS))
    path = place(tmp_path, found, bleu_counts=COUNTS)
    committed = copy_scores(found, path.parent, tmp_path)
    assert committed is not None
    for where in (path, committed.with_name(f"{found['trial_id']}.json")):
        assert seen(found, where) == []
    values = scores_under(tmp_path)(found)
    assert values is not None
    assert (values.shape, values.mean()) == ((2,), pytest.approx(value))
    found["result"]["primary"]["value"] = value + 1
    assert seen(found, path) == [f"sacrebleu {value + 1:g}"]


@pytest.mark.parametrize("wrong", [COUNTS[:, :9], COUNTS / 2, COUNTS[0], COUNTS[:0]])
def test_what_is_no_table_of_counts_is_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    found = translated(2, 10.0, scores_sha256="0" * 64)
    path = place(tmp_path, found, bleu_counts=wrong)
    (said,) = seen(found, path)
    assert "cannot be used" in said
    with pytest.raises(UserError, match=r"whole numbers \[N, 10\]"):
        scores_under(tmp_path)(found)


def test_sentence_scores_of_an_earlier_protocol_are_checked_and_not_compared_by(tmp_path: Path) -> None:
    values = np.array([40.0, 2.5])
    score = primary_score(translated(1, 10.0))
    assert score is not None
    found = translated(1, 10.0, scores_sha256=scores_sha256(score, values))
    path = place(tmp_path, found, sentence_bleu=values)
    assert seen(found, path) == []
    assert scores_under(tmp_path)(found) is None
    found["result"]["scores_sha256"] = "0" * 64
    assert len(seen(found, path)) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("perplexity", 4.0), ("bits_per_character", 1.5), ("nll_per_token", np.log(4))]
)
def test_scores_of_tokens_are_in_the_unit_of_the_metric_and_their_mean_is_it(
    tmp_path: Path, name: str, value: float
) -> None:
    found = record(name, value, 2)
    found["config"]["task"]["_target_"] = "unroll.tasks.language_modelling.LanguageModelling"
    path = place(tmp_path, found, nll_tokens=np.log([2.0, 8.0]))
    assert seen(found, path) == []
    values = scores_under(tmp_path)(found)
    assert values is not None
    assert values.mean() == pytest.approx(value)
    expected = {"perplexity": [1, 7], "bits_per_character": [0.75, 2.25], "nll_per_token": np.log([2, 8])}
    np.testing.assert_allclose(values, expected[name])


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

"""A trial that goes wrong leaves a record with its traceback, and can be started again."""

from pathlib import Path
from typing import Any

import pytest
from tiny_data import Tiny

from unroll.errors import TrialFailed, UserError
from unroll.records.record import read_record
from unroll.tasks.forecasting import Forecasting
from unroll.training.train import train

FORECAST = ["architecture=gru", "budget.epochs=1", "trainer.log_every=1"]


def failed(trial: Any) -> tuple[TrialFailed, dict[str, Any]]:
    with pytest.raises(TrialFailed) as error:
        train(trial)
    record = read_record(trial.directory)
    assert record["status"] == "failed"
    assert not record["reportable"]
    assert record["trial_id"] == trial.trial_id
    assert str(trial.record_path) in str(error.value)
    return error.value, record


def test_a_loss_that_is_not_finite(tiny: Tiny, tmp_path: Path) -> None:
    wild = ["optimizer=sgd", "optimizer.learning_rate=1e30", "optimizer.clip_norm=null"]
    error, record = failed(tiny.trial("forecasting", tmp_path, *FORECAST, *wild))
    assert isinstance(error.__cause__, FloatingPointError)
    assert record["error"]["type"] == "FloatingPointError"
    assert "is not finite at step" in record["error"]["message"]
    assert record["why_not_reportable"] == ["failed: FloatingPointError"]


@pytest.mark.parametrize(
    ("task", "wrong", "said"),
    [
        ("generation", "task.density_components=65", "more components than there are images"),
        ("compression", "paths.cache={}/file/cache", "data cache .*/file/cache cannot be written"),
    ],
)
def test_what_the_user_can_mend_leaves_no_record(task: str, wrong: str, said: str, tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trial = tiny.trial(task, tmp_path / "runs", "architecture=ae", wrong.format(tmp_path))
    with pytest.raises(UserError, match=said):
        train(trial)
    assert not trial.record_path.exists()


@pytest.mark.parametrize("method", ["prepare", "network", "losses", "validate", "evaluate", "metrics"])
def test_an_error_anywhere_is_recorded(
    method: str, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traceback leads to it; when it is mended the same trial finishes."""

    def broken_part(*arguments: Any) -> Any:
        raise ValueError(f"{method} is broken")

    trial = tiny.trial("forecasting", tmp_path, *FORECAST, f"task.dropout=0.{len(method)}")
    with monkeypatch.context() as patch:
        patch.setattr(Forecasting, method, broken_part)
        error, record = failed(trial)
    assert isinstance(error.__cause__, ValueError)
    assert record["error"]["message"] == f"{method} is broken"
    assert "in broken_part" in record["error"]["traceback"]
    assert record["run"]["code"]["version"]
    assert train(trial)["status"] == "finished"
    assert read_record(trial.directory)["error"] is None


def test_what_cannot_start_writes_nothing(tiny: Tiny, tmp_path: Path) -> None:
    trial = tiny.trial("translation", tmp_path, "architecture=mlp", "trainer.precision=16-mixed")
    with pytest.raises(UserError, match=r"trainer\.precision=16-mixed"):
        train(trial)
    assert not trial.directory.exists()


def test_a_failure_takes_no_result_away(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = train(tiny.trial("forecasting", tmp_path, *FORECAST))
    again = tiny.trial("forecasting", tmp_path, *FORECAST, "trainer.again=true")
    monkeypatch.setattr(Forecasting, "losses", None)
    with pytest.raises(TrialFailed, match="not callable"):
        train(again)
    assert read_record(again.directory) == before


def test_changed_data_fails_no_trial(tiny: Tiny, tmp_path: Path) -> None:
    trial = tiny.trial("forecasting", tmp_path, *FORECAST)
    source = trial.plain["data"]["origin"]["sources"][0]
    source["files"] = {name: "0" * 64 for name in source["files"]}
    with pytest.raises(UserError, match="is not the file that was published"):
        train(trial)
    assert not trial.record_path.exists()

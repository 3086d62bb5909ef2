"""What a trial leaves for tools to read: JSON lines, CSV, TensorBoard, W&B offline; each read back."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.errors import TrialFailed
from unroll.records.record import read_record
from unroll.tracking.wandb_pipe import Pipe
from unroll.training.train import train

ALL = ["logger.csv=true", "logger.tensorboard=true", "logger.wandb.mode=offline"]
SHORT = ["architecture=gru", "budget.epochs=2", "trainer.log_every=2"]


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")


@pytest.fixture(scope="module")
def tracked(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    trial = tiny.trial("forecasting", tmp_path_factory.mktemp("runs"), *SHORT, *ALL)
    train(trial)
    return trial


def lines(trial: Trial) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (trial.directory / "metrics.jsonl").read_text().splitlines()]


def values(trial: Trial, name: str) -> list[tuple[int, float]]:
    return [(line["step"], line[name]) for line in lines(trial) if name in line]


def inspected(trial: Trial) -> dict[str, Any]:
    """The trial's one W&B run, read back by wandb's own command."""
    (folder,) = trial.directory.parent.glob(f"wandb/offline-run-*-{trial.trial_id}")
    command = [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json", "--summary", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_json_lines_hold_every_step_asked_for(tracked: Trial) -> None:
    assert [step for step, _ in values(tracked, "train/task")] == [2, 4, 6, 8]
    assert [step for step, _ in values(tracked, "validation/mse")] == [4, 8, 8]
    result = read_record(tracked.directory)["result"]
    assert values(tracked, "test/mse") == [(8, result["metrics"]["test"]["mse"])]
    assert values(tracked, "validation/mse")[0][1] == result["curves"]["validation"][0]["mse"]


def test_csv_holds_the_same(tracked: Trial) -> None:
    (path,) = tracked.directory.rglob("metrics.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    found = [(int(row["step"]), float(row["train/task"])) for row in rows if row["train/task"]]
    assert found == values(tracked, "train/task")
    assert float(rows[-1]["test/mse"]) == values(tracked, "test/mse")[0][1]


def test_all_have_the_same_names(tracked: Trial) -> None:
    """Axes and selection on each line; the summary's numbers once, and none that would be one more point of a curve."""
    (table,) = tracked.directory.rglob("metrics.csv")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    (folder,) = {path.parent for path in tracked.directory.rglob("events.out.tfevents.*")}
    events = EventAccumulator(str(folder)).Reload()
    summary = inspected(tracked)["summary"]
    lines = [json.loads(line) for line in (tracked.directory / "history.jsonl").read_text().splitlines()]
    for name in ("progress/epoch", "progress/examples", "progress/tflop", "progress/seconds", "selection"):
        found = [(int(line["progress/step"]), line[name]) for line in lines if name in line]
        in_events = [(event.step, event.value) for event in events.Scalars(name)]
        assert in_events == [(step, pytest.approx(value, rel=1e-6)) for step, value in found]
        by_table = {(int(row["step"]), float(row[name])) for row in rows if row[name]}
        assert by_table == set(found)
    assert [step for step, _ in values(tracked, "validation/mse")] == [4, 8, 8]
    assert [event.step for event in events.Scalars("validation/mse")] == [4, 8], "the last is the final evaluation's"
    for name in ("primary", "cost/tflop", "cost/parameters", "selection/best", "diagnostics/grad_norm"):
        assert [event.value for event in events.Scalars(name)] == [pytest.approx(summary[name], rel=1e-6)]
        assert float(rows[-1][name]) == pytest.approx(summary[name])


def test_tensorboard_holds_the_same(tracked: Trial) -> None:
    (folder,) = {path.parent for path in tracked.directory.rglob("events.out.tfevents.*")}
    events = EventAccumulator(str(folder)).Reload()
    found = [(event.step, event.value) for event in events.Scalars("train/task")]
    assert found == [(step, pytest.approx(value, rel=1e-6)) for step, value in values(tracked, "train/task")]
    assert events.Scalars("test/mse")[0].value == pytest.approx(values(tracked, "test/mse")[0][1], rel=1e-6)


def test_wandb_holds_the_same_under_the_trials_id(tracked: Trial) -> None:
    run = inspected(tracked)
    assert (run["run_id"], run["state"], run["exit_code"]) == (tracked.trial_id, "finished", 0)
    assert run["summary"]["test/mse"] == values(tracked, "test/mse")[0][1]
    assert "train/task" not in run["summary"]
    assert run["summary"]["selection/step"] == 8
    assert run["config"]["architecture"] == "gru"
    assert run["config"]["config"]["architecture"]["name"] == "gru"


def test_offline_wandb_is_imported_while_the_trial_evaluates(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process, from before the final evaluation to the run's last line; a trial that fails there ends it, too."""
    made: list[Pipe] = []
    original, started = Pipe.__init__, []

    def noted(self: Pipe, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        made.append(self)

    def evaluating(*arguments: Any) -> None:
        started.append([pipe.process.poll() for pipe in made])

    monkeypatch.setattr(Pipe, "__init__", noted)
    monkeypatch.setattr("unroll.training.story.take_best", evaluating)
    assert train(tiny.trial("forecasting", tmp_path, *SHORT, ALL[2]))["run"]["tracking"] == {"wandb": "complete"}
    assert started == [[None]]
    assert [pipe.process.poll() is not None for pipe in made] == [True], "and none is left"
    monkeypatch.setattr("unroll.tasks.forecasting.Forecasting.evaluate", None)
    with pytest.raises(TrialFailed):
        train(tiny.trial("forecasting", tmp_path, *SHORT, "seed=1", ALL[2]))
    assert [pipe.process.poll() is not None for pipe in made] == [True, True]


def test_trials_of_one_process_are_runs_of_their_own(tiny: Tiny, tmp_path: Path) -> None:
    trials = [tiny.trial("forecasting", tmp_path, *SHORT, f"seed={seed}", ALL[2]) for seed in (0, 1)]
    for trial in trials:
        train(trial)
    for seed, trial in enumerate(trials):
        run = inspected(trial)
        assert (run["run_id"], run["state"]) == (trial.trial_id, "finished")
        assert run["config"]["seed"] == seed
        assert run["summary"]["test/mse"] == values(trial, "test/mse")[0][1]


def test_a_failed_trial_is_a_failed_run(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next trial of the process is none."""
    trial, after = (tiny.trial("forecasting", tmp_path, *SHORT, f"seed={seed}", ALL[2]) for seed in (0, 1))
    with monkeypatch.context() as patch:
        patch.setattr("unroll.tasks.forecasting.Forecasting.evaluate", None)
        with pytest.raises(TrialFailed):
            train(trial)
    train(after)
    assert read_record(trial.directory)["status"] == "failed"
    assert (inspected(trial)["state"], inspected(trial)["exit_code"]) == ("failed", 1)
    assert inspected(after)["state"] == "finished"

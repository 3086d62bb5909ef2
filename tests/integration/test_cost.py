"""`unroll cost` on tiny data: pilots, what they leave behind, what has ended, and bad input."""

import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_data import Tiny
from typer.testing import CliRunner, Result

from unroll.analysis.cost import PILOT, RECORDS
from unroll.cli import app
from unroll.errors import UserError
from unroll.sweeps.cost import forecast, plan_costs
from unroll.sweeps.sweep import run_sweep
from unroll.training import pilot as pilots
from unroll.training.pilot import pilot
from unroll.training.train import train

Cost = Callable[..., Result]


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second each time that it is looked at."""

    def made(trial: Any) -> Callable[[], float]:
        counter = itertools.count()
        return lambda: float(next(counter))

    monkeypatch.setattr(pilots, "clock_of", made)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.usefixtures("ticks")
def test_a_pilot_counts_the_budgets_steps_and_validations(tiny: Tiny, tmp_path: Path) -> None:
    """A step and what follows it take a tick each, so does a validation; start-up takes 3, the evaluation 1."""
    budget = ["budget.epochs=null", "budget.steps=1000", "budget.validate_every=25"]
    trial = tiny.trial("forecasting", tmp_path, "architecture=gru", *budget)
    per_epoch = -(-64 // trial.plain["data"]["batch_size"])
    found = pilot(trial)
    every = 25 * per_epoch
    assert found.steps == 14
    assert found.seconds == 1000 * 2 + -(-1000 // every) + 3 + 1


@pytest.mark.usefixtures("ticks")
@pytest.mark.parametrize("steps", [1, 2, 3, 14])
def test_a_short_budget_is_its_own_pilot(tiny: Tiny, tmp_path: Path, steps: int) -> None:
    """After all of few steps but the last there is nothing that could be timed."""
    budget = ["budget.epochs=null", "budget.validate_every=null", f"budget.steps={steps}"]
    trial = tiny.trial("forecasting", tmp_path, "architecture=mlp", *budget)
    found = pilot(trial)
    assert found.steps == steps
    between = steps if steps in (2, 14) else 0
    assert found.seconds == steps + between + 1 + 3 + 1


@pytest.mark.usefixtures("ticks")
def test_a_pilot_times_both_phases(tiny: Tiny, tmp_path: Path) -> None:
    budget = ["budget.epochs=null", "budget.steps=300", "budget.validate_every=null"]
    own = ["architecture=ae", "task.protocol=pretrain", "task.pretrain_steps=250"]
    found = pilot(tiny.trial("classification", tmp_path, *own, *budget))
    assert found.steps == 28
    assert found.seconds == 300 * 2 + 1 + 1 + 3 + 1  # what pretraining left, and one validation


@pytest.mark.parametrize(
    ("task", "chosen"),
    [
        ("translation", "architecture=gru"),
        ("generation", "architecture=ae_variational"),
        ("language_modelling", "architecture=lstm"),
        ("sentiment", "baseline=tfidf_lr"),
    ],
)
def test_a_pilot_leaves_nothing_and_says_what_the_trial_will_leave(
    tiny: Tiny, tmp_path: Path, temporary: Path, task: str, chosen: str
) -> None:
    trial = tiny.trial(task, tmp_path / "runs", chosen)
    before = files(Path(tiny.folder) / "data"), files(Path(tiny.config_dir))
    found = pilot(trial)
    assert not (tmp_path / "runs").exists()
    assert files(temporary) == set()
    assert (files(Path(tiny.folder) / "data"), files(Path(tiny.config_dir))) == before
    assert found.seconds > 0
    assert found.memory_bytes > 2**20
    record = train(trial)
    assert found.disk_bytes == pytest.approx(record["run"]["disk_bytes"], rel=0.25)
    kept = sum(path.stat().st_size for path in trial.directory.rglob("*") if path.is_file())
    assert record["run"]["disk_bytes"] == pytest.approx(kept - trial.record_path.stat().st_size, abs=300)


def test_a_pilot_does_not_open_test(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in for test is validation, example by example."""
    seen: dict[str, Any] = {}
    original = pilots._save

    def look(run: Any) -> None:
        seen.update({name: run.task.truth(name) for name in ("validation", "test")})
        original(run)

    monkeypatch.setattr(pilots, "_save", look)
    trial = tiny.trial("sentiment", tmp_path, "architecture=vecavg")
    pilot(trial)
    assert seen["test"].tolist() == seen["validation"].tolist()


@pytest.fixture
def cost(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cost:
    """Runs `unroll cost` on tiny series."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["cost", "--config-dir", tiny.config_dir, *words])

    return run


@pytest.fixture
def two_seeds(tiny: Tiny, tmp_path: Path) -> list[str]:
    short = ["budget.epochs=null", "budget.steps=3", "task.window=12", "task.horizon=4", "architecture.width=8"]
    return [*tiny.overrides("forecasting", tmp_path / "runs"), "architecture=gru", "seed=0,1", *short]


def test_a_record_replaces_the_pilot_and_its_trial_costs_nothing(
    cost: Cost, two_seeds: list[str], tiny: Tiny, tmp_path: Path
) -> None:
    done = cost(*two_seeds, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    (one,) = found["cells"]
    assert (one["trials"], one["to_train"], one["forecast"]["source"]) == (2, 2, PILOT)
    assert found["total"]["known"] == 2
    assert found["total"]["core_hours"] == pytest.approx(2 * one["forecast"]["seconds"] / 3600)
    assert "Timing steps of forecasting-tiny_series-gru-s0" in done.stderr
    assert not (tmp_path / "runs").exists()
    _, planned = plan_costs(two_seeds, tiny.config_dir, [])
    record = train(planned[0].trial)
    done = cost(*two_seeds, "--json")
    (one,) = json.loads(done.stdout)["cells"]
    assert (one["trials"], one["ended"], one["forecast"]["source"]) == (2, 1, RECORDS)
    assert one["forecast"]["seconds"] == record["run"]["seconds"]
    assert one["forecast"]["memory_bytes"] == record["run"]["peak_memory_bytes"]
    assert done.stderr == ""


def test_a_dry_run_times_nothing_and_says_what_does(
    two_seeds: list[str],
    tiny: Tiny,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "conf" / "suite"
    folder.mkdir(parents=True)
    (tmp_path / "conf" / "data").symlink_to(Path(tiny.config_dir) / "data")
    (folder / "mine.yaml").write_text("name: mine\ngrid: {seed: [0]}\nbaselines: false\n")
    monkeypatch.setattr(pilots, "pilot", None)
    conf = str(tmp_path / "conf")
    assert run_sweep(["suite=mine", *two_seeds], conf, dry_run=True, filters=["seed=0,1"])
    said = capsys.readouterr().out
    assert "Not in the total: 2 trials of unknown cost" in said
    assert "To time their steps: unroll cost suite=mine " in said
    assert said.rstrip().endswith(f"--filter=seed=0,1 --config-dir {conf}")
    assert not (tmp_path / "runs").exists()


def test_a_trial_that_fails_in_its_pilot_is_not_known_and_others_are(
    two_seeds: list[str], tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def refuse(trial: Any) -> Any:
        if trial.row == "gru":
            raise RuntimeError("it is too large")
        return pilot(trial)

    monkeypatch.setattr(pilots, "pilot", refuse)
    todo, planned = plan_costs([*two_seeds[:-6], "architecture=gru,rnn", *two_seeds[-5:]], tiny.config_dir, [])
    found = {one.row: one for one in forecast(todo, planned, pilots=True, say=lambda line: None).cells}
    assert (found["gru"].forecast, found["gru"].why) == (None, "its pilot failed: RuntimeError: it is too large")
    assert found["rnn"].forecast is not None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Nothing says whose cost is asked for."),
        (["suite=quickstrat"], "quickstart"),
        (["quickstrat"], "quickstart"),
        (["task=sentiment", "architecture=lstn"], "lstm"),
        (["task=sentiment", "architecture=lstm", "--filter", "seed=77"], "The filters keep no trial."),
        (["task=sentiment", "architecture=lstm", "--runs", "nowhere"], "There is no folder nowhere"),
        (["task=sentiment", "architecture=lstm", "data=sst2", "paths.data=null", "paths.cache=none"], "sst2"),
        (["task=sentiment", "architecture=lstm", "trainer.devices=2"], "trainer.devices"),
    ],
)
def test_bad_input_is_one_message_before_any_timing(
    cost: Cost, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(pilots, "pilot", None)
    done = cost(*words)
    assert isinstance(done.exception, UserError), done.output
    assert message in str(done.exception)

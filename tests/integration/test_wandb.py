"""W&B's own client against a stand-in server that answers, breaks or hangs: it never touches a trial."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_data import Tiny, small_overrides
from wandb_server import KEY, WandbServer, wandb_server

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.tasks.forecasting import Forecasting
from unroll.tracking.wandb_run import WandbRun
from unroll.training.callbacks import Training
from unroll.training.preemption import Preempted
from unroll.training.train import train

SHORT = ["architecture=gru", "budget.epochs=2", "trainer.log_every=2"]
LONG = [f"{section}.name={'x' * 50}" for section in ("task", "data", "architecture")]
PATIENT = ["logger=wandb", "logger.wandb.timeout_seconds=60"]
IMPATIENT = ["logger=wandb", "logger.wandb.timeout_seconds=3"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    with wandb_server() as running:
        monkeypatch.setenv("WANDB_BASE_URL", running.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield running


@pytest.fixture(scope="module")
def alone(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of the trial that has no tracker."""
    result: dict[str, Any] = train(tiny.trial("forecasting", tmp_path_factory.mktemp("alone"), *SHORT))["result"]
    return result


def lines(trial: Trial) -> list[dict[str, Any]]:
    """What metrics.jsonl has of training; the final evaluation is no point on a curve."""
    found = [json.loads(line) for line in (trial.directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in found if not any(name.startswith("test/") for name in line)]


def sent(server: WandbServer, trial: Trial) -> list[dict[str, Any]]:
    """What the server has of a run, as metrics.jsonl would say it."""
    history = server.runs[trial.trial_id].history
    assert [line["_step"] for line in history] == list(range(len(history)))
    own = [{key: value for key, value in line.items() if key.startswith(("train/", "validation/"))} for line in history]
    return [{"step": line["progress/step"], **each} for line, each in zip(history, own, strict=True) if each]


def at_first_validation(do: Callable[[], object], patch: pytest.MonkeyPatch) -> None:
    original = Training._select

    def selecting(self: Training, trainer: Any, module: Any, step: int) -> None:
        original(self, trainer, module, step)
        if len(self.progress.validations) == 1:
            do()

    patch.setattr(Training, "_select", selecting)


def finished_without(trial: Trial, alone: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Train: the record is that of a trial without trackers, and W&B costs one warning."""
    record = train(trial)
    assert record == read_record(trial.directory)
    assert (record["status"], record["reportable"], record["error"]) == ("finished", record["reportable"], None)
    assert record["result"] == alone
    said = capsys.readouterr().err
    assert said.count("Warning") == 1, said
    assert "wandb is left out from here on" in said
    assert record["run"]["tracking"]["wandb"].startswith("incomplete: ")
    assert why in record["run"]["tracking"]["wandb"]


def test_a_run_holds_what_the_trial_measured(
    server: WandbServer,
    tiny: Tiny,
    tmp_path: Path,
    alone: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Under the names of the environment; before it, an offline trial of this process, which stays where it is."""
    offline = tiny.trial("forecasting", tmp_path / "offline", *SHORT, "seed=1", "logger=wandb_offline")
    assert train(offline)["run"]["tracking"] == {"wandb": "complete"}
    named = {"WANDB_PROJECT": "theirs", "WANDB_RUN_GROUP": "first", "WANDB_NAME": "a name", "WANDB_TAGS": "a,b"}
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    trial = tiny.trial("forecasting", tmp_path / "online", *SHORT, *PATIENT)
    record = train(trial)
    assert record["result"] == alone
    assert read_record(trial.directory)["run"]["tracking"] == {"wandb": "complete"}
    assert list(server.runs) == [trial.trial_id]
    run = server.runs[trial.trial_id]
    about = {key: run.about[key] for key in ("project", "groupName", "displayName")}
    assert about == {"project": "theirs", "groupName": "first", "displayName": "a name"}
    assert set(run.about["tags"]) >= {"forecasting", "a", "b"}
    assert (run.exit_code, run.preempting) == (0, False)
    assert sent(server, trial) == lines(trial)
    assert [path.parent for path in tmp_path.rglob("run-*.wandb")].count(offline.directory) == 0
    assert len(list((tmp_path / "wandb").glob("run-*"))) == 1
    assert len(list(offline.directory.parent.glob("wandb/offline-run-*"))) == 1
    assert "Warning" not in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["500", "hang"])
def test_a_server_that_serves_nobody(
    mode: str,
    server: WandbServer,
    tiny: Tiny,
    tmp_path: Path,
    alone: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.mode = mode
    finished_without(tiny.trial("forecasting", tmp_path, *SHORT, *IMPATIENT), alone, "", capsys)


def test_a_server_that_dies_in_mid_training(
    server: WandbServer,
    tiny: Tiny,
    tmp_path: Path,
    alone: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def die() -> None:
        assert server.begun.wait(60)
        server.die()

    at_first_validation(die, monkeypatch)
    finished_without(tiny.trial("forecasting", tmp_path, *SHORT, *IMPATIENT), alone, "", capsys)


def test_a_process_of_wandbs_that_dies_in_mid_training(
    server: WandbServer,
    tiny: Tiny,
    tmp_path: Path,
    alone: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made: list[WandbRun] = []
    original = WandbRun.log

    def noted(self: WandbRun, *arguments: Any) -> None:
        made.append(self)
        original(self, *arguments)

    monkeypatch.setattr(WandbRun, "log", noted)
    at_first_validation(lambda: (made[-1]._process.kill(), made[-1]._process.wait()), monkeypatch)
    why = f"ended with exit code {-signal.SIGKILL}"
    finished_without(tiny.trial("forecasting", tmp_path, *SHORT, *PATIENT), alone, why, capsys)


def test_a_server_that_hangs_at_the_end(
    server: WandbServer,
    tiny: Tiny,
    tmp_path: Path,
    alone: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The record is there before W&B is waited for, and says that it is. What W&B heard is kept for `wandb sync`."""
    trial = tiny.trial("forecasting", tmp_path, *SHORT, "logger=wandb", "logger.wandb.timeout_seconds=20")
    written: list[dict[str, Any]] = []
    original = WandbRun.finish

    def hanging(self: WandbRun, ended: str) -> None:
        written.append(read_record(trial.directory))
        assert server.begun.wait(60)
        server.mode = "hang"
        original(self, ended)
        raise AssertionError("it did not hang")

    monkeypatch.setattr(WandbRun, "finish", hanging)
    finished_without(trial, alone, "Timed out finishing run", capsys)
    (before,) = written
    assert before["run"]["tracking"] == {"wandb": "pending"}
    after = read_record(trial.directory)
    assert {**after, "run": {**after["run"], "tracking": before["run"]["tracking"]}} == before
    (folder,) = trial.directory.parent.glob("wandb/run-*")
    inspect = [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json", "--summary", str(folder)]
    kept = json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)
    assert kept["summary"]["test/mse"] == alone["metrics"]["test"]["mse"]


def test_a_trial_that_is_asked_to_leave_is_preempted_and_goes_on(
    server: WandbServer, tiny: Tiny, tmp_path: Path, alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = tiny.trial("forecasting", tmp_path, *SHORT, *PATIENT)

    def leave() -> None:
        assert server.begun.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        at_first_validation(leave, patch)
        with pytest.raises(Preempted):
            train(trial)
    run = server.runs[trial.trial_id]
    assert (run.preempting, run.exit_code) == (True, 1)
    assert sent(server, trial) == lines(trial)
    assert train(trial)["result"] == alone
    assert run.exit_code == 0
    assert sent(server, trial) == lines(trial)


def test_a_failed_trial_has_its_own_error(
    server: WandbServer, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none of W&B's, which fails as well."""
    server.mode = "500"
    trial = tiny.trial("forecasting", tmp_path, *SHORT, *IMPATIENT)
    monkeypatch.setattr(Forecasting, "evaluate", None)
    with pytest.raises(Exception, match="not callable"):
        train(trial)
    record = read_record(trial.directory)
    assert record["error"]["type"] == "TypeError"
    assert record["run"]["tracking"]["wandb"].startswith("incomplete: ")


def test_tensorboard_that_raises(
    tiny: Tiny,
    tmp_path: Path,
    alone: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no events today")

    monkeypatch.setattr("pytorch_lightning.loggers.TensorBoardLogger.log_metrics", broken)
    record = train(tiny.trial("forecasting", tmp_path, *SHORT, "logger.tensorboard=true", "logger.csv=true"))
    assert record["result"] == alone
    expected = {"csv": "complete", "tensorboard": "incomplete: RuntimeError: no events today"}
    assert record["run"]["tracking"] == expected
    assert capsys.readouterr().err.count("Warning") == 1


def command(tiny: Tiny, runs: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a home without a login."""
    home = runs.parent / "home"
    home.mkdir(exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB_", "NETRC"))}
    overrides = [*tiny.overrides("forecasting", runs), *small_overrides("forecasting", SHORT[0]), *SHORT, *more]
    return subprocess.run(
        [sys.executable, "-m", "unroll", "train", "--config-dir", tiny.config_dir, *overrides],
        env={**kept, "HOME": str(home), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_without_a_login_nothing_begins(tiny: Tiny, tmp_path: Path) -> None:
    """Said once, for all trials of a command."""
    done = command(tiny, tmp_path / "runs", "-m", "seed=0,1", "logger=wandb")
    assert done.returncode == 2
    assert done.stderr.count("W&B has no login") == 1
    assert "run:     wandb login" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_command_ends_well_where_nobody_listens(tiny: Tiny, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and deaf: every connection is refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = command(tiny, tmp_path / "runs", *IMPATIENT, WANDB_API_KEY=KEY, WANDB_BASE_URL=url)
    assert done.returncode == 0
    assert done.stderr.count("Warning") == 1
    (record,) = (tmp_path / "runs").glob("*/record.json")
    assert read_record(record)["status"] == "finished"


def test_an_id_that_wandb_would_cut(server: WandbServer, tiny: Tiny, tmp_path: Path) -> None:
    trial = tiny.trial("forecasting", tmp_path, *SHORT, *LONG, *PATIENT)
    with pytest.raises(UserError, match="too long for W&B"):
        train(trial)
    assert not trial.directory.exists()

"""However a trial or its server ended, what W&B holds in the end is metrics.jsonl, line by line."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mortal import KILLED, attempt
from tiny_data import Tiny
from tracked import ONLINE, SHORT, curves, measured, track
from wandb_server import KEY, Run, WandbServer

from unroll.training.callbacks import Training
from unroll.training.preemption import Preempted
from unroll.training.train import train

EVERY_STEP = ["trainer.log_every=1", "trainer.checkpoint_minutes=1e-9"]


def wandb_environment(server: WandbServer) -> dict[str, str]:
    return {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url}


def test_a_trial_killed_by_kill_9_is_one_run_without_a_hole(
    servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path
) -> None:
    """In training, and between the last step and the record; each time in a process of its own."""
    server = servers()
    trial = tiny.trial("forecasting", tmp_path, *SHORT, *ONLINE, *EVERY_STEP)
    for death in ("after_step_5", "recording"):
        assert attempt(trial, death, wandb_environment(server)) == KILLED
    unfinished = server.runs.get(trial.trial_id) or Run()
    assert unfinished.exit_code != 0
    assert attempt(trial, None, wandb_environment(server)) == 0
    run = server.runs[trial.trial_id]
    assert curves(run) == measured(trial)
    assert len(curves(run)) > 5
    assert run.exit_code == 0
    assert "1 there, 0 missing, 0 different" in track("--runs", str(tmp_path), "--to", "online", "--dry-run")


def test_offline_a_trial_killed_by_kill_9_is_one_folder(
    servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path
) -> None:
    servers()
    trial = tiny.trial("forecasting", tmp_path, *SHORT, "logger=wandb_offline", *EVERY_STEP)
    assert attempt(trial, "after_step_3") == KILLED
    assert not list(tmp_path.glob("wandb/offline-run-*")), "what goes on later is no run yet"
    assert attempt(trial) == 0
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 1
    again = servers()
    assert "1 there, 0 missing, 0 different" in track("--runs", str(tmp_path), "--dry-run")
    track("--runs", str(tmp_path), "--to", "online")
    assert curves(again.runs[trial.trial_id]) == measured(trial)


def test_what_a_dead_server_did_not_hear_is_told_when_it_is_back(
    servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the first lines, and nothing from the first validation on; then the record is sent once more."""
    server = servers()
    trial = tiny.trial("forecasting", tmp_path, *SHORT, "logger=wandb", "logger.wandb.timeout_seconds=5", *EVERY_STEP)
    original = Training._select

    def dying(self: Training, trainer: Any, module: Any, step: int) -> None:
        original(self, trainer, module, step)
        if server.mode == "answer":
            assert server.begun.wait(60)
            server.mode = "drop"

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_select", dying)
        record = train(trial)
    assert record["run"]["tracking"]["wandb"].startswith("incomplete: ")
    server.mode = "answer"
    heard = len(server.runs[trial.trial_id].steps)
    assert heard < len(measured(trial))
    assert "1 missing" in (said := track("--runs", str(tmp_path), "--to", "online")) or "1 different" in said
    assert curves(server.runs[trial.trial_id]) == measured(trial)
    assert "1 there, 0 missing, 0 different" in track("--runs", str(tmp_path), "--to", "online", "--dry-run")


def test_a_trial_that_is_killed_and_asked_to_leave_is_one_run_without_a_hole(
    servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with lines that the server never got; SIGTERM; to the end; and all of it again by trainer.again."""
    server = servers()
    options = [*SHORT, *ONLINE, "budget.epochs=3", "trainer.log_every=1", "trainer.checkpoint_minutes=1e-9"]
    trial = tiny.trial("forecasting", tmp_path, *options)
    original = Training._save

    def leaving_at(step: int, do: Callable[[], object]) -> None:
        def save(self: Training, trainer: Any, module: Any, at: int) -> None:
            original(self, trainer, module, at)
            if at == step:
                do()

        monkeypatch.setattr(Training, "_save", save)

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    monkeypatch.setattr("unroll.tracking.tracking.Tracking.finish", lambda self, *_: self.abandon())
    leaving_at(5, die)
    with pytest.raises(Killed):
        train(trial)
    monkeypatch.undo()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    assert len(curves(server.runs.get(trial.trial_id) or Run())) < len(measured(trial))
    leaving_at(9, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Preempted):
        train(trial)
    assert server.runs[trial.trial_id].state == "preempted"
    monkeypatch.setattr(Training, "_save", original)
    train(trial)
    run = server.runs[trial.trial_id]
    assert curves(run) == measured(trial)
    assert run.exit_code == 0
    again = tiny.trial("forecasting", tmp_path, *options, "trainer.again=true")
    train(again)
    assert curves(run) == measured(again)


def test_offline_a_trial_is_one_folder_however_often_it_is_trained(
    servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers()
    options = [*SHORT, "logger=wandb_offline", "trainer.checkpoint_minutes=1e-9"]
    trial = tiny.trial("forecasting", tmp_path, *options)
    original = Training._save

    def leaving(self: Training, trainer: Any, module: Any, step: int) -> None:
        original(self, trainer, module, step)
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_save", leaving)
        with pytest.raises(Preempted):
            train(trial)
    assert not list(tmp_path.glob("wandb/offline-run-*")), "what goes on later is no run yet"
    train(trial)
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 1
    train(tiny.trial("forecasting", tmp_path, *options, "trainer.again=true"))
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 1
    assert "1 there, 0 missing, 0 different" in track("--runs", str(tmp_path), "--dry-run")

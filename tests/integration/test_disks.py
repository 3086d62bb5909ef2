"""Disks that are full or read-only, and files that were cut: one message, nothing lost, the same bits afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from disks import fill, set_writable, small_disk
from mortal import KILLED, attempt
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.lease import Lease, LeaseLost, holder
from unroll.records.record import read_record
from unroll.records.state import state
from unroll.training import checkpoint
from unroll.training.callbacks import Training
from unroll.training.train import train

OPTIONS = [
    "architecture=gru",
    "budget.epochs=3",
    "trainer.log_every=1",
    "trainer.keep_after=all",
    "trainer.checkpoint_minutes=0.000001",
]


@pytest.fixture(scope="module")
def calm(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the trial ends with that nothing disturbs."""
    return ending(trained(tiny.trial("forecasting", tmp_path_factory.mktemp("calm"), *OPTIONS)))


def trained(trial: Trial) -> Trial:
    assert attempt(trial) == 0
    return trial


def ending(trial: Trial) -> dict[str, Any]:
    lines = (trial.directory / "metrics.jsonl").read_text().splitlines()
    return {"result": read_record(trial.directory)["result"], "log": [json.loads(line) for line in lines]}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "2m") as mounted:
        yield mounted


@pytest.fixture
def trial(tiny: Tiny, disk: Path) -> Trial:
    return tiny.trial("forecasting", disk, *OPTIONS)


def kept(trial: Trial) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in trial.directory.iterdir() if path.suffix in (".ckpt", ".jsonl")}


def refused(trial: Trial, what: str) -> None:
    with pytest.raises(UserError, match=what) as caught:
        train(trial)
    assert str(trial.directory.parent) in str(caught.value)
    assert not trial.record_path.exists(), "no fault of the trial's: it has not failed"


@pytest.mark.parametrize("trouble", ["full", "read-only"])
@pytest.mark.parametrize("begun", [False, True])
def test_a_trial_waits_for_a_disk(trouble: str, begun: bool, trial: Trial, disk: Path, calm: dict[str, Any]) -> None:
    if begun:
        assert attempt(trial, "after_step_6") == KILLED
    before = kept(trial) if begun else {}
    if trouble == "full":
        filling = fill(disk)
        refused(trial, "no space left")
        filling.unlink()
    else:
        set_writable(disk, False)
        refused(trial, "[Rr]ead-only")
        set_writable(disk, True)
    assert (kept(trial) if begun else {}) == before
    assert holder(trial.directory) is None
    record = train(trial)
    assert ending(trial) == calm
    assert record["run"]["attempts"] == 1 + begun


def at_step(step: int, do: Callable[[], object], patch: pytest.MonkeyPatch) -> None:
    """Do something right after a step, before its checkpoint is saved."""
    original = Training._save

    def saving(self: Training, trainer: Any, module: Any, at: int) -> None:
        if at == step:
            do()
        original(self, trainer, module, at)

    patch.setattr(Training, "_save", saving)


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_disk_that_ends_in_mid_training(
    trouble: str, trial: Trial, disk: Path, calm: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    end = (lambda: fill(disk)) if trouble == "full" else (lambda: set_writable(disk, False))
    with monkeypatch.context() as patch:
        at_step(6, end, patch)
        refused(trial, "no space left" if trouble == "full" else "[Rr]ead-only")
    set_writable(disk, True)
    (disk / "filling").unlink(missing_ok=True)
    assert checkpoint.load(trial.directory / checkpoint.LAST, trial.trial_id)["progress"]["step"] == 5
    if trouble == "full":
        assert not list(trial.directory.glob(".*.ckpt*")), "half a checkpoint keeps the disk full"
    os.utime(max(trial.directory.glob("lease-*.json")), (1, 1))  # read-only, it could not be given back
    train(trial)
    assert ending(trial) == calm


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_command_says_it_once(command: str, trouble: str, tiny: Tiny, trial: Trial, disk: Path) -> None:
    overrides = [*tiny.overrides("forecasting", disk), "task.window=12", "task.horizon=4", *OPTIONS]
    if command == "sweep":
        (disk / "conf" / "suite").mkdir(parents=True)
        suite = {"name": "two", "overrides": overrides, "grid": {"seed": [0, 1]}, "baselines": False}
        (disk / "conf" / "suite" / "two.yaml").write_text(json.dumps(suite))
        (disk / "conf" / "data").symlink_to(Path(tiny.config_dir) / "data")
        overrides = ["suite=two", "workers=1", "--config-dir", str(disk / "conf")]
    else:
        overrides += ["--config-dir", tiny.config_dir]
    if trouble == "full":
        fill(disk)
    else:
        set_writable(disk, False)
    done = subprocess.run(
        [sys.executable, "-m", "unroll", command, *overrides], capture_output=True, text=True, check=False, timeout=120
    )
    set_writable(disk, True)
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "Traceback" not in said
    assert said.lower().count("no space left on the disk" if trouble == "full" else "read-only file system") == 1, said


@pytest.fixture
def begun(tiny: Tiny, tmp_path: Path) -> Trial:
    """A trial whose process died after step 6, when best.ckpt was of step 4."""
    trial = tiny.trial("forecasting", tmp_path, *OPTIONS)
    assert attempt(trial, "after_step_6") == KILLED
    return trial


def test_a_cut_best_checkpoint_is_told_before_training(
    begun: Trial, calm: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    best, last = begun.directory / checkpoint.BEST, begun.directory / checkpoint.LAST
    best.write_bytes(best.read_bytes()[:-100])
    with monkeypatch.context() as patch:
        patch.setattr("unroll.training.module.TrialModule.training_step", None)  # a step would fail otherwise
        with pytest.raises(UserError) as caught:
            train(begun)
    assert not begun.record_path.exists()
    assert f"rm {best} {last}" in str(caught.value)
    best.unlink()
    last.unlink()
    train(begun)
    assert ending(begun) == calm


def test_a_best_checkpoint_of_another_step_is_not_evaluated(
    tiny: Tiny, tmp_path: Path, begun: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process that was suspended for long could once leave behind."""
    early = (begun.directory / checkpoint.BEST).read_bytes()
    assert attempt(begun, "evaluating") == KILLED
    best = begun.directory / checkpoint.BEST
    assert best.read_bytes() != early
    best.write_bytes(early)
    with pytest.raises(UserError, match="of another step than the best") as caught:
        train(begun)
    assert "step 4" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b'{"schema_version": 1, "trial', b"\0" * 100])
def test_a_cut_record_is_written_again(content: bytes, tiny: Tiny, tmp_path: Path, calm: dict[str, Any]) -> None:
    trial = trained(tiny.trial("forecasting", tmp_path, *OPTIONS))
    trial.record_path.write_bytes(content)
    assert state(trial) == "damaged"
    train(trial)
    assert ending(trial) == calm


def test_who_loses_a_trial_in_mid_training_leaves_it_alone(
    tiny: Tiny, tmp_path: Path, calm: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = tiny.trial("forecasting", tmp_path, *OPTIONS)
    left: dict[str, bytes] = {}
    successors: list[Lease] = []

    def take_over() -> None:
        (path,) = trial.directory.glob("lease-*.json")
        os.utime(path, (1, 1))
        successors.append(Lease(trial.directory, 1000))
        left.update(kept(trial))

    with monkeypatch.context() as patch:
        at_step(8, take_over, patch)  # a validation: best.ckpt is there, last.ckpt is to come
        with pytest.raises(LeaseLost):
            train(trial)
    assert kept(trial) == left
    assert not trial.record_path.exists()
    successors[0].confirm()
    successors[0].release()
    train(trial)
    assert ending(trial) == calm

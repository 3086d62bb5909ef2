"""`unroll train -m hydra/sweeper=resumable` under each launcher that runs on one machine."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sweeping import LONG, owners
from test_survival import until
from tiny_data import Tiny, small_overrides

from unroll.config.trial import Trial
from unroll.records.record import read_record
from unroll.records.state import state
from unroll.training.checkpoint import LAST
from unroll.training.train import train


def multirun(tiny: Tiny, runs: Path, launcher: str, *overrides: str) -> "subprocess.Popen[str]":
    small = small_overrides("compression", "architecture=mlp")
    command = ["train", "-m", "hydra/sweeper=resumable", f"hydra/launcher={launcher}", "architecture=mlp"]
    command += ["hydra.sweeper.poll_seconds=0.1", *tiny.overrides("compression", runs), *small, *overrides]
    return subprocess.Popen(
        [sys.executable, "-m", "unroll", *command, "--config-dir", tiny.config_dir],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("launcher", ["local", "joblib", "basic"])
def test_the_missing_are_trained_and_one_that_cannot_start_ends_nothing(
    launcher: str, tiny: Tiny, tmp_path: Path
) -> None:
    trials: list[Trial] = [tiny.trial("compression", tmp_path, "architecture=mlp", f"seed={seed}") for seed in range(3)]
    train(trials[0])
    before = trials[0].record_path.stat().st_mtime_ns
    trials[1].directory.mkdir()
    (trials[1].directory / LAST).write_bytes(b"no checkpoint")
    more = [] if launcher == "basic" else [f"hydra.launcher.{'workers' if launcher == 'local' else 'n_jobs'}=1"]
    process = multirun(tiny, tmp_path, launcher, "seed=0,1,2", *more)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert [state(trial) for trial in trials] == ["finished", "missing", "finished"]
    assert f"{trials[1].trial_id} cannot start: The checkpoint" in said
    assert trials[0].record_path.stat().st_mtime_ns == before
    assert "1 of 3 trials did not finish" in said
    assert "Traceback" not in said


def test_joblib_goes_on_after_a_worker_was_killed(tiny: Tiny, tmp_path: Path) -> None:
    """The pool breaks; what it had not finished is launched again."""
    process = multirun(tiny, tmp_path, "joblib", "seed=0,1,2", "hydra.launcher.n_jobs=2", *LONG)
    try:
        pids = until(lambda: list(owners(tmp_path)) or process.poll() is not None, seconds=120)
        assert process.poll() is None, process.communicate()[0]
        os.kill(pids[0], signal.SIGKILL)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "the launcher ended with TerminatedWorkerError" in said
    assert [read_record(path)["status"] for path in tmp_path.glob("*/record.json")] == ["finished"] * 3

"""`unroll train -m hydra/sweeper=resumable` under each launcher that runs on one machine."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from recipes import recipe
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


@pytest.fixture
def mine(tiny: Tiny, tmp_path: Path) -> Path:
    """A folder with the launcher of docs/extending.md, which starts two ranks a trial."""
    shutil.copytree(tiny.config_dir, tmp_path / "mine")
    recipe("A launcher").write(tmp_path)
    (tmp_path / "mine" / "suite").mkdir(exist_ok=True)
    (tmp_path / "mine" / "suite" / "one.yaml").write_text("name: one\nbaselines: false\ngrid: {seed: [0, 1]}\n")
    return tmp_path / "mine"


def done_with(mine: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "unroll", *words, "--config-dir", str(mine)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=mine.parent, timeout=300)


def test_a_launcher_in_a_folder_trains_on_several_devices(mine: Path, tiny: Tiny, tmp_path: Path) -> None:
    small = [*tiny.overrides("copying", tmp_path / "runs"), *small_overrides("copying"), "architecture=gru"]
    ranks = [
        "hydra/launcher=ranks",
        "trainer.devices=2",
        "trainer.accelerator=cpu",
        "budget.steps=2",
        "budget.epochs=null",
    ]
    done = done_with(mine, "sweep", "suite=one", *small, *ranks)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [read_record(path) for path in (tmp_path / "runs").glob("*/record.json")]
    assert [(record["status"], record["config"]["trainer"]["devices"]) for record in records] == [("finished", 2)] * 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hydra/launcher=ranks", "hydra.launcher.tasks_per_node=1"], "starts another number of processes"),
        (["hydra/launcher=ranks", "trainer.num_nodes=2"], "hydra.launcher.tasks_per_node=2 hydra.launcher.nodes=2"),
        (["hydra/launcher=joblib"], "A multirun starts no ranks of its own"),
    ],
)
def test_a_launcher_starts_as_many_processes_as_a_trial_has_devices(words: list[str], said: str, mine: Path) -> None:
    done = done_with(mine, "train", "-m", "seed=0,1", "trainer.devices=2", "trainer.accelerator=cpu", *words)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr

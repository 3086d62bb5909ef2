"""Sweeps in processes of their own, which can be killed, and jobs for their workers. Imports no torch.

`python sweeping.py CONFIG_DIR fork|spawn JOB OVERRIDE...` runs `unroll sweep`; the exit code is the command's.
"""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiny_data import Tiny, small_overrides

from unroll.records.lease import holder
from unroll.sweeps.job import train_job

LONG = ["budget.epochs=25", "trainer.checkpoint_minutes=0.000001", "trainer.log_every=1"]  # 100 steps, each saved


def counted(planned: Any, flags: Any = ()) -> None:
    """Train, and note in the trial's directory that training began."""
    from unroll.training import train as story

    original = story._run

    def noted(trial: Any, *rest: Any) -> Any:
        with (trial.directory / "starts").open("a") as file:
            file.write(f"{os.getpid()}\n")
        return original(trial, *rest)

    story._run = noted
    try:
        train_job(planned)
    finally:
        story._run = original


def seen(planned: Any, flags: Any = ()) -> None:
    """Note which GPU this process sees, and whether torch was there already."""
    folder = Path(planned.trial.plain["paths"]["runs"])
    folder.mkdir(parents=True, exist_ok=True)
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    (folder / f"gpu-{gpu}").write_text("torch" if "torch" in sys.modules else "no torch")
    counted(planned)


def trained(trial: Any) -> Any:
    """A worker's job: the result of a trial."""
    from unroll.training.train import train

    return train(trial)["result"]


def write_suite(tiny: Tiny, runs: Path, *more: str) -> Path:
    """A user's folder with the suite `six`: three architectures, two seeds, on tiny series."""
    folder = runs.parent / f"{runs.name}-conf"
    (folder / "suite").mkdir(parents=True)
    (folder / "data").symlink_to(Path(tiny.config_dir) / "data")
    overrides = [*tiny.overrides("forecasting", runs), *small_overrides("forecasting", "architecture=gru"), *more]
    grid = {"architecture": ["gru", "mlp", "deep_lstm"], "seed": [0, 1]}
    suite = {"name": "six", "overrides": overrides, "grid": grid, "baselines": False}
    (folder / "suite" / "six.yaml").write_text(json.dumps(suite))
    return folder


def sweep(conf: Path, *overrides: str, forked: bool = True, job: str = "train_job") -> "subprocess.Popen[str]":
    """Start a sweep. Not forked: its workers start as those of GPUs do."""
    arguments = [str(conf), "fork" if forked else "spawn", job, "suite=six", "sweep.poll_seconds=0.1", *overrides]
    return subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def owners(runs: Path) -> Iterator[int]:
    """The processes that train now."""
    for directory in sorted(runs.glob("*-*")):
        found = holder(directory) if directory.is_dir() else None
        if found is not None and found.owner is not None:
            yield found.owner.pid


def workers(sweep_pid: int) -> list[int]:
    """A sweep's worker processes, from the moment that they exist."""
    found = []
    for pid in _children(sweep_pid):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if b"spawn_main" in command:
            found.append(pid)
        elif b"forkserver" in command:
            found += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def main() -> None:
    from unroll.errors import UserError
    from unroll.sweeps import workers as all_workers
    from unroll.sweeps.sweep import run_sweep

    conf, method, job, *overrides = sys.argv[1:]
    if method == "spawn":
        all_workers._context = lambda forked: multiprocessing.get_context("spawn")
    import sweeping

    try:
        sys.exit(0 if run_sweep(overrides, conf, job=getattr(sweeping, job)) else 1)
    except UserError as error:
        print(error)
        sys.exit(2)


if __name__ == "__main__":
    main()

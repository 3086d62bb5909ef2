"""What W&B's logging costs a trial: the same trial with no tracker and with W&B's offline files, in turn.

    python -m benchmarks.tracking [--pairs 5] [--steps 300] [--logger wandb_offline]

Each trial is `unroll train` in a process of its own, on one thread; its data is prepared before the first pair, and the
first of a pair is each side in turn. Both sides must end with the same weights. Timed are the whole process with all
that it starts, wandb's own among them, in wall and in CPU seconds, and of the wall's those after the predictions were
written: then come the record and, with W&B, its run. A ratio is the seconds with W&B by those without. Offline nothing
is done while a trial trains, so that the seconds more are the same for a longer one; what writing one run takes by
itself, in a process that has to import wandb first, is printed before the pairs (`--pairs 0`: it alone).

On a machine with other work wall seconds say little: CPU seconds are disturbed less. Linux only.
"""

import argparse
import ctypes
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from unroll.records.record import FILE_NAME, read_record
from unroll.tracking import replay
from unroll.tracking.wandb_runs import Place, writing

TRIAL = ("task=forecasting", "data=beijing_pm25", "architecture=gru", "budget.epochs=null", "trainer.threads=1")
PLAIN = "local"  # metrics.jsonl alone
PREDICTIONS = "predictions.npz"
WRITES = 3  # of one run, alone
KEYS = ("training", "wall", "cpu", "ending")  # of Timed, as they are printed
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): what a child leaves behind becomes ours, and is waited for


class Timed(NamedTuple):
    """Seconds of a whole process and of all that it started."""

    wall: float
    cpu: float
    ending: float  # of the wall's, after the predictions
    training: float  # of the wall's, by the record
    weights: str


def timed(logger: str, steps: int, runs: Path) -> Timed:
    """Train the trial once."""
    command = [sys.executable, "-m", "unroll", "train", *TRIAL, f"budget.steps={steps}", f"logger={logger}"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    before, began = _cpu(), time.time()
    subprocess.run(
        [*command, f"paths.runs={runs}"],
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    ended = time.time()
    _wait_for_all()
    (path,) = runs.glob(f"*/{FILE_NAME}")
    record = read_record(path)
    if logger != PLAIN and record["run"]["tracking"] != {"wandb": "complete"}:
        raise SystemExit(f"W&B has not all of it: {record['run']['tracking']}")
    return Timed(
        ended - began,
        _cpu() - before,
        ended - (path.parent / PREDICTIONS).stat().st_mtime,
        record["run"]["training_seconds"],
        record["result"]["weights_sha256"],
    )


def written(runs: Path) -> float:
    """Write the offline run of a trial once, in a process of its own; return the CPU seconds of all that takes part."""
    (path,) = runs.glob(f"*/{FILE_NAME}")
    record, before, own = read_record(path), _cpu(), time.process_time()
    (ended,) = replay.ended([(record, path.parent)], [record], None)
    with writing(Place(runs, online=False, project="unroll")) as writer:
        writer.write(ended)
    _wait_for_all()
    return _cpu() - before + time.process_time() - own


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wait_for_all() -> None:
    """Wait for what the trial has left behind, so that its CPU seconds count."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def told(name: str, ratios: Sequence[float]) -> str:
    """Return a line of a ratio: the median of the pairs [least, most]."""
    return f"{name} {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]"


def main() -> None:
    """Alternate the two and print each pair, then the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--logger", default="wandb_offline", choices=["wandb_offline", "wandb", "tensorboard"])
    options = parser.parse_args()
    if ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemExit("this system does not say what a process leaves behind")
    wall, cpu, more, ending = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="unroll-tracking-") as folder:
        timed(PLAIN, 2, Path(folder) / "first")
        print(
            told("one run written, cpu seconds", [written(Path(folder) / "first") for _ in range(WRITES)]), flush=True
        )
        for pair in range(options.pairs):
            sides = [PLAIN, options.logger][:: 1 if pair % 2 == 0 else -1]
            found = {side: timed(side, options.steps, Path(folder) / f"{pair}-{side}") for side in sides}
            plain, logged = found[PLAIN], found[options.logger]
            if plain.weights != logged.weights:
                raise SystemExit("the two sides ended with other weights")
            wall.append(logged.wall / plain.wall)
            cpu.append(logged.cpu / plain.cpu)
            more.append(logged.cpu - plain.cpu)
            ending.append(logged.ending - plain.ending)
            seconds = [f"{key} {getattr(plain, key):.1f} and {getattr(logged, key):.1f} s" for key in KEYS]
            print(f"pair {pair + 1}: {'; '.join(seconds)}; load {os.getloadavg()[0]:.1f}", flush=True)
    lines = {"wall": wall, "cpu": cpu, "cpu, seconds more": more, "ending, seconds more": ending}
    for name, found_of_pairs in lines.items():
        if found_of_pairs:
            print(told(name, found_of_pairs))


if __name__ == "__main__":
    main()

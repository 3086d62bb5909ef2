"""CPU seconds until a trial's first training step: of `unroll train` in a fresh process, and of a second trial in it.

    UNROLL_DATA=<folder with sst/, ett/ and mnist/> python -m benchmarks.start [--repeats 5]

A fresh process counts from its own start: the interpreter, every import, composing, checking, reading prepared data,
building the network and Lightning's trainer. A warm one counts from the call that trains another seed, as a sweep's
worker does. Data are prepared before anything is timed. One thread; the median of the repeats [least-most].
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.needed_data import require_data

CELLS = {
    "sentiment": ["task=sentiment", "data=sst2", "architecture=lstm"],
    "forecasting": ["task=forecasting", "architecture=gru"],
    "compression": ["task=compression", "architecture=ae"],
}
SHORT = ["budget.epochs=null", "budget.steps=2", "budget.validate_every=null", "trainer=cpu", "trainer.threads=1"]


def child(cell: str, folder: str) -> None:
    """Train a cell and then another seed of it; print the CPU seconds before the first step of each."""
    overrides = [*CELLS[cell], *SHORT, f"paths.runs={folder}"]
    from unroll.cli import main

    sys.argv = ["unroll", "train", *overrides, "seed=0"]
    first = _first_step(main)
    from unroll import api

    trial = api.compose([*overrides, "seed=1"])
    began = time.process_time()
    second = _first_step(lambda: api.train(trial))
    print(first, second - began)


def _first_step(trains: Any) -> float:
    """The process' CPU seconds at the first training step of what trains."""
    from pytorch_lightning.loops import training_epoch_loop

    seen: list[float] = []
    advance = training_epoch_loop._TrainingEpochLoop.advance

    def noted(self: Any, *arguments: Any) -> None:
        seen.append(time.process_time())
        advance(self, *arguments)

    training_epoch_loop._TrainingEpochLoop.advance = noted  # type: ignore[method-assign, assignment]
    with contextlib.suppress(SystemExit):
        trains()
    training_epoch_loop._TrainingEpochLoop.advance = advance  # type: ignore[method-assign]
    return seen[0]


def main() -> None:
    """Start each cell again and again, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("CELL", "FOLDER"), help="what the script asks itself")
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    require_data("start", "sst", "ett", "mnist")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    print("| cell | fresh process, CPU s | second trial, CPU s |")
    print("| --- | ---: | ---: |")
    for cell in CELLS:
        pairs: list[list[float]] = []
        for _ in range(options.repeats + 1):  # the first prepares data
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "benchmarks.start", "--child", cell, str(Path(folder) / "runs")]
                done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            pairs.append([float(seconds) for seconds in done.stdout.splitlines()[-1].split()])
        shown = [f"{statistics.median(s):.2f} [{min(s):.2f}-{max(s):.2f}]" for s in zip(*pairs[1:], strict=True)]
        print(f"| {cell} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()

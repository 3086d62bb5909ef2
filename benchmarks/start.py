"""CPU seconds until a trial's first line and its first training step: of `unroll train` in a fresh process, and of the
first step of a second trial in it.

    UNROLL_DATA=<folder with sst/, ett/ and mnist/> python -m benchmarks.start [--repeats 5]

A fresh process counts from its own start: the interpreter, every import, composing, checking, reading prepared data,
building the network and Lightning's trainer. A warm one counts from the call that trains another seed, as a sweep's
worker does. Data are prepared before anything is timed. One thread; the median of the repeats [least-most]. Beside
them, in the same run: what a process needs to import the given packages and nothing of Unroll; no trial undercuts it.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.needed_data import require_data

CELLS = {
    "sentiment": ["task=sentiment", "data=sst2", "architecture=lstm"],
    "forecasting": ["task=forecasting", "architecture=gru"],
    "compression": ["task=compression", "architecture=ae"],
}
GIVEN = "import torch, pytorch_lightning, torchmetrics, datasets, hydra, time; print(time.process_time())"
SHORT = ["budget.epochs=null", "budget.steps=2", "budget.validate_every=null", "trainer=cpu", "trainer.threads=1"]


def child(cell: str, folder: str) -> None:
    """Train a cell and then another seed of it; print CPU seconds: at the first line, and before each first step."""
    overrides = [*CELLS[cell], *SHORT, f"paths.runs={folder}"]
    steps: list[float] = []
    threading.Thread(target=_note_steps, args=(steps,), daemon=True).start()
    lines = _noted_lines()
    from unroll.cli import main

    sys.argv = ["unroll", "train", *overrides, "seed=0"]
    _trained(main)
    first = steps[0]
    from unroll import api

    trial = api.compose([*overrides, "seed=1"])
    steps.clear()
    began = time.process_time()
    _trained(lambda: api.train(trial))
    print(lines[0], first, steps[0] - began)


def _trained(trains: Callable[[], Any]) -> None:
    with contextlib.suppress(SystemExit):
        trains()


def _note_steps(seen: list[float]) -> None:
    """Append the process' CPU seconds at each training step, from when Lightning is imported: not before, since that
    is a part of what is timed."""
    name = "pytorch_lightning.loops.training_epoch_loop"
    while not hasattr(sys.modules.get(name), "_TrainingEpochLoop"):
        time.sleep(0.01)
    loop: Any = sys.modules[name]._TrainingEpochLoop
    advance = loop.advance

    def noted(self: Any, *arguments: Any) -> None:
        seen.append(time.process_time())
        advance(self, *arguments)

    loop.advance = noted


def _noted_lines() -> list[float]:
    """The process' CPU seconds at each write to standard error from now on."""
    seen: list[float] = []
    write = sys.stderr.write

    def noted(text: str) -> int:
        seen.append(time.process_time())
        return write(text)

    sys.stderr.write = noted  # type: ignore[method-assign]
    return seen


def _printed(command: list[str], environment: Mapping[str, str]) -> list[str]:
    """The words of a command's last line."""
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[-1].split()


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
    print("| cell | first line, CPU s | first step, CPU s | of a second trial, CPU s | given packages alone, CPU s |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for cell in CELLS:
        times: list[list[float]] = []
        for _ in range(options.repeats + 1):  # the first prepares data
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "benchmarks.start", "--child", cell, str(Path(folder) / "runs")]
                words = [*_printed(command, environment), *_printed([sys.executable, "-c", GIVEN], environment)]
            times.append([float(seconds) for seconds in words])
        shown = [f"{statistics.median(s):.2f} [{min(s):.2f}-{max(s):.2f}]" for s in zip(*times[1:], strict=True)]
        print(f"| {cell} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()

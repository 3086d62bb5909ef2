"""What a sweep costs beside training and evaluation, and what a second rank gives.

1. Overhead a trial: sweeps of tiny trials (compression of 160 made-up images, `ae` and `lstm` of 24 units, 10 steps,
   one seed a trial) under `hydra/launcher=local` with one worker, `basic` and `joblib` with two jobs. A trial's wall
   time in a worker runs from the end of the trial before it in the same process to its own end: composing its config,
   checks, lease, data, network, Lightning's trainer, checkpoints, record. Its overhead is that without
   `run.training_seconds` and `run.evaluation_seconds` of its record. The last validation is in neither, and so counts
   as overhead. The first trial of a process is left out: it imports torch, which is in part 2.
2. Share: the same 100 trials by `unroll sweep` with two workers, as a command of its own. The share of its wall time,
   twice, that is not training or evaluation: start-up, planning, checking, imports and the report are in it.
3. DDP efficiency: examples per second of training with two gloo ranks of one thread each, by twice those with one
   rank, at the same global batch: `lstm` on SST's binary sentences (batch 64) and `ae` on MNIST (batch 128). One and
   two ranks alternate; the figure is the median over the pairs. Each step waits for the slower rank, so whatever else
   runs on the two cores counts against two ranks. They are started with torchrun's variables but without torchrun,
   which gives each rank a session of its own: Linux schedules sessions as groups, and a priority that this benchmark
   was given would hold for one rank and not for two.

    UNROLL_DATA=<folder with sst/ and mnist/> python benchmarks/sweep.py [--parts overhead share ddp] [--folder /tmp]

Prints `overhead per trial <median> s [p10-p90]`, the same for each other launcher, `not training <share> %`,
`ddp efficiency lstm <x>` and `ddp efficiency ae <x>`.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from unroll.config.planned import Planned
from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.sweeps.job import train_job
from unroll.sweeps.sweep import run_sweep

PARTS = ("overhead", "share", "ddp")
ARCHITECTURES = ("ae", "lstm")
LAUNCHERS = {
    "local": ["workers=1"],
    "basic": ["hydra/launcher=basic"],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
}
PATIENCE = 1800  # seconds for one command
ENDS = "ends.jsonl"  # beside the runs folder: a line a trial


def write_tiny(folder: Path, trials: int) -> Path:
    """Write 96 / 32 / 32 images of bars, their YAML, and a suite of so many trials; returns the config folder."""
    random, pixels = np.random.default_rng(0), np.zeros((160, 28, 28), np.uint8)
    for image in pixels:
        left, width = random.integers(1, 20), random.integers(2, 8)
        image[:, left : left + width] = random.integers(100, 256)
    labels, buffer = np.arange(160) % 10, io.BytesIO()
    np.savez(buffer, x_train=pixels[:128], y_train=labels[:128], x_test=pixels[128:], y_test=labels[128:])
    place, conf = folder / "data" / "bars", folder / "conf"
    for made in (place, conf / "data", conf / "suite"):
        made.mkdir(parents=True)
    (place / "mnist.npz").write_bytes(buffer.getvalue())
    files = {"mnist.npz": hashlib.sha256(buffer.getvalue()).hexdigest()}
    data: dict[str, Any] = {
        "name": "bars",
        "kind": "images",
        "reader": "mnist",
        "options": {"validation": 32},
        "fraction": 1.0,
        "batch_size": 16,
        "epochs": 1,
        "origin": {
            "licence": "none",
            "citation": "made up",
            "homepage": "none",
            "content_sha256": None,
            "sources": [{"local": "bars", "files": files}],
        },
    }
    budget = ["budget.epochs=null", "budget.steps=10", "budget.validate_every=null"]
    paths = [f"paths.data={folder / 'data'}", f"paths.cache={folder / 'cache'}"]
    suite = {
        "name": "tiny",
        "description": "Trials that cost next to nothing.",
        "overrides": ["task=compression", "data=bars", "trainer=cpu", "architecture.width=24", *budget, *paths],
        "grid": {"architecture": list(ARCHITECTURES), "seed": list(range(trials // len(ARCHITECTURES)))},
        "baselines": False,
    }
    (conf / "data" / "bars.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    (conf / "suite" / "tiny.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    return conf


def timed(planned: Planned, flags: Sequence[str] = ()) -> float:
    """Train one composed trial, then note when this process was done with it."""
    value, config = train_job(planned, flags), planned.trial.config
    with (Path(config.paths.runs).parent / ENDS).open("a") as file:
        file.write(json.dumps([os.getpid(), config.seed, config.row, time.monotonic()]) + "\n")
    return value


def measured(record: dict[str, Any]) -> float:
    """Seconds of a trial's training and evaluation."""
    return float(record["run"]["training_seconds"] + record["run"]["evaluation_seconds"])


def overheads(launcher: str, trials: int, parent: Path) -> list[float]:
    """Sweep under a launcher; the overhead of each trial that was not its process's first."""
    folder = parent / launcher
    conf, runs = write_tiny(folder, trials), folder / "runs"
    if not run_sweep(["suite=tiny", f"paths.runs={runs}", *LAUNCHERS[launcher]], str(conf), job=timed):
        raise RuntimeError(f"{launcher}: not every trial finished")
    paths = runs.glob("*/record.json")
    spent = {(r["config"]["seed"], r["config"]["architecture"]["name"]): measured(r) for r in map(read_record, paths)}
    found, before = [], dict[int, float]()
    for line in (folder / ENDS).read_text().splitlines():
        process, seed, architecture, end = json.loads(line)
        if process in before:
            found.append(end - before[process] - spent[seed, architecture])
        before[process] = end
    return found


def share_not_training(trials: int, folder: Path) -> float:
    """Run the sweep as a command with two workers; the percentage of wall time outside training and evaluation."""
    conf, runs = write_tiny(folder, trials), folder / "runs"
    began = time.time()  # the clock of the files' times
    run_command(["-m", "unroll", "sweep", "suite=tiny", "workers=2", f"paths.runs={runs}", "--config-dir", str(conf)])
    ended = time.time()
    wall = ended - began
    first = min(path.stat().st_mtime for path in runs.glob("*/config.yaml")) - began
    last = ended - max(path.stat().st_mtime for path in runs.glob("*/record.json"))
    records = [read_record(path) for path in runs.glob("*/record.json")]
    assert len(records) == trials
    useful = sum(map(measured, records))
    print(
        f"{trials} trials, 2 workers: {wall:.1f} s, of 2 x that {useful:.1f} s training and evaluation; "
        f"{first:.1f} s before the first trial, {last:.1f} s after the last",
        flush=True,
    )
    return 100 * (1 - useful / (2 * wall))


def ddp_efficiency(name: str, overrides: Sequence[str], pairs: int, folder: Path) -> float:
    """Median over pairs of examples per second with two ranks by twice those with one."""
    found = []
    for pair in range(pairs):
        speeds = {}
        for ranks in (1, 2) if pair % 2 else (2, 1):
            runs = folder / f"{name}-{pair}-{ranks}"
            devices = [f"trainer.devices={ranks}", "trainer.threads=1", f"paths.runs={runs}"]
            run_command(["-m", "unroll", "train", *overrides, "trainer=cpu", *devices], ranks)
            (path,) = runs.glob("*/record.json")
            run = read_record(path)["run"]
            assert run["world_size"] == ranks
            speeds[ranks] = run["examples_per_second"]
        found.append(speeds[2] / (2 * speeds[1]))
        print(
            f"{name} pair {pair + 1}: {speeds[1]:.0f} examples per second with one rank, {speeds[2]:.0f} with two, "
            f"efficiency {found[-1]:.2f}",
            flush=True,
        )
    return statistics.median(found)


def run_command(arguments: Sequence[str], ranks: int = 1) -> None:
    """Run Python with one thread a process, one or several ranks; RuntimeError with what a failed one wrote."""
    common, running = {**os.environ, "OMP_NUM_THREADS": "1"}, []
    if ranks > 1:
        common |= {"WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks)}
        common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    with contextlib.ExitStack() as open_files:
        try:
            for rank in range(ranks):
                own = {"RANK": str(rank), "LOCAL_RANK": str(rank)} if ranks > 1 else {}
                log = open_files.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
                command = [sys.executable, *arguments]
                process = subprocess.Popen(command, env={**common, **own}, stdout=log, stderr=subprocess.STDOUT)
                running.append((process, log))
            for process, log in running:
                if process.wait(timeout=PATIENCE):
                    log.seek(0)
                    raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}:\n{log.read()}")
        finally:
            for process, _ in running:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure the parts asked for, then print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--trials", type=int, default=100, help="of the local launcher's sweeps, even, at least 10")
    parser.add_argument("--few", type=int, default=30, help="trials under the other launchers, even, at least 10")
    parser.add_argument("--pairs", type=int, default=5, help="of trainings with one rank and with two")
    parser.add_argument("--steps-lstm", type=int, default=216)
    parser.add_argument("--steps-ae", type=int, default=936)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args()
    for name in ("trials", "few"):
        if getattr(options, name) < 10 or getattr(options, name) % len(ARCHITECTURES):
            raise UserError(f"--{name} is no number of trials.", saw=getattr(options, name), allowed="10, 12, 14, ...")
    data = os.environ.get("UNROLL_DATA")
    if "ddp" in options.parts and not (data and Path(data).is_dir()):
        raise UserError(
            "The efficiency of DDP is measured on SST and MNIST.",
            saw=f"UNROLL_DATA={data}",
            allowed="a folder that holds sst/ and mnist/",
            run="UNROLL_DATA=<folder> python benchmarks/sweep.py, or --parts overhead share",
        )
    lines = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if "overhead" in options.parts:
            for launcher in LAUNCHERS:
                own = launcher == "local"
                found = overheads(launcher, options.trials if own else options.few, folder)
                low, *_, high = statistics.quantiles(found, n=10)
                label = "overhead per trial" if own else f"overhead per trial, launcher {launcher},"
                lines.append(f"{label} {statistics.median(found):.3f} s [{low:.3f}-{high:.3f}]")
        if "share" in options.parts:
            lines.append(f"not training {share_not_training(options.trials, folder / 'share'):.0f} %")
        if "ddp" in options.parts:
            text = ["task=sentiment", "data=sst2", "data.options.phrases=false", "architecture=lstm"]
            images = ["task=compression", "data=mnist", "architecture=ae"]
            cases = {"lstm": (text, options.steps_lstm), "ae": (images, options.steps_ae)}
            for case, (overrides, steps) in cases.items():
                budget = ["budget.epochs=null", f"budget.steps={steps}", "budget.validate_every=null"]
                efficiency = ddp_efficiency(case, [*overrides, *budget], options.pairs, folder)
                lines.append(f"ddp efficiency {case} {efficiency:.2f}")
    print("\n".join(lines))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))

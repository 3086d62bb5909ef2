"""Seconds that `unroll status` takes to look at folders of 1,000, 10,000 and 100,000 trials, and how linear that is.

Each folder is made up in a temporary folder: of 100 trials 88 have a finished record, 5 a failed one with a traceback,
5 were interrupted, 2 are running (living leases of this process, with progress). The records are as long as real ones
(7 to 8 kB): a real config, metrics, a curve, packages. All are of one task, with four architectures.

Timed are: planning so many trials as a suite; looking at the folder without a suite; looking at a suite's trials; and
looking at those again, as --watch does. But for planning it is the best of three. The files lie in the system's cache,
since they were just written. The last line is `status ratio <seconds a trial in the largest folder by those in the
smallest>`: 1 is linear.

    python benchmarks/status.py [--sizes 1000 10000 100000] [--folder /tmp]

100,000 trials need about 1.5 GB and minutes to write; a folder in memory (/dev/shm) is quicker.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unroll.config.compose import compose
from unroll.config.planned import Planned
from unroll.config.trial import Trial, make_trial
from unroll.records.lease import PROGRESS, leased
from unroll.records.record import read_record, write_record
from unroll.records.seal import sealed
from unroll.sweeps.status import Watched, counts
from unroll.sweeps.suite import plan

ARCHITECTURES = ("lstm", "gru", "mlp", "ae")
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="trials a folder")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args()
    if min(options.sizes) < 100:
        sys.exit(f"--sizes: {min(options.sizes)} is too few, at least 100")
    templates = [compose([f"architecture={name}", "task=compression"]) for name in ARCHITECTURES]
    per_trial = {}
    print(f"{'trials':>8} {'plan':>8} {'folder':>8} {'suite':>8} {'again':>8}  seconds")
    for size in sorted(options.sizes):
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder, runs = Path(name), Path(name) / "runs"
            trials = [_trial(templates, number, runs) for number in range(size)]
            with leased(_made(folder / "owner"), heartbeat=86_400.0):
                _fill(trials, folder)
                per_trial[size] = _measure(trials, runs) / size
    sizes = sorted(per_trial)
    print(f"status ratio {per_trial[sizes[-1]] / per_trial[sizes[0]]:.2f}")


def _measure(trials: Sequence[Trial], runs: Path) -> float:
    folder = Watched(runs=runs)
    wanted = {"finished": 88, "running": 2, "failed": 5, "interrupted": 5}
    assert counts(folder.look()).keys() == wanted.keys(), "another state of the made-up trials than they were made for"
    suite = Watched(runs=runs)
    suite.suite, suite._planned = "made up", list(trials)
    count = len(trials) // len(ARCHITECTURES)
    (_made(runs.parent / "conf" / "suite") / "made_up.yaml").write_text(
        "name: made_up\nbaselines: false\noverrides: [task=compression]\n"
        f"grid: {{architecture: [{', '.join(ARCHITECTURES)}], seed: {list(range(count))}}}\n"
    )
    began = time.perf_counter()
    planned: tuple[Planned, ...] = plan(["suite=made_up"], str(runs.parent / "conf")).trials
    planning = time.perf_counter() - began
    assert len(planned) == count * len(ARCHITECTURES)
    cold = _best(lambda: _forgetful(folder))
    print(
        f"{len(trials):>8,} {planning:>8.2f} {cold:>8.2f} {_best(lambda: _forgetful(suite)):>8.2f} "
        f"{_best(suite.look):>8.2f}",
        flush=True,
    )
    return cold


def _forgetful(watched: Watched) -> None:
    watched._seen = {}
    watched.look()


def _best(work: Callable[[], Any]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _trial(templates: Sequence[Trial], number: int, runs: Path) -> Trial:
    config = templates[number % len(templates)].plain
    return make_trial({**config, "seed": number, "paths": {**config["paths"], "runs": str(runs)}})


def _fill(trials: Sequence[Trial], folder: Path) -> None:
    """Write each trial's files; a record is a template's with another id."""
    (lease,) = (folder / "owner").glob("lease-*.json")
    kinds = {"finished": _finished(trials[0]), "failed": _failed(trials[0])}
    found = {kind: read_record(write_record(_made(folder / kind), record)) for kind, record in kinds.items()}
    progress = json.dumps({"step": 300, "steps": 1000, "seconds": 12.5})
    (folder / "runs").mkdir()
    for number, trial in enumerate(trials):
        trial.directory.mkdir()
        part = number % 100
        if part >= 95:
            (trial.directory / "config.yaml").write_text("seed: 0\n")
        elif part >= 93:
            os.link(lease, trial.directory / "lease-1.json")
            (trial.directory / PROGRESS).write_text(progress)
        else:
            record = found["failed" if part >= 88 else "finished"]
            trial.record_path.write_bytes(sealed({**record, "trial_id": trial.trial_id}))


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


def _shared(trial: Trial) -> dict[str, Any]:
    task = trial.plain["task"]
    return {
        "schema_version": 1,
        "trial_id": trial.trial_id,
        "config": trial.plain,
        "protocol_version": task["protocol_version"],
        "data": {"name": "made_up", "content_sha256": "0" * 64, "source": "made up", "verified": False},
        "run": {
            "started": "2026-01-01T00:00:00+00:00",
            "seconds": 100.25,
            "hardware": {"cpu": "made up", "cores": 2},
            "packages": {f"package-{number}": f"1.{number}.0" for number in range(60)},
            "code": {"version": "1.0", "commit": "0" * 40, "dirty": False},
        },
        "error": None,
        "reportable": False,
        "why_not_reportable": ["made up"],
    }


def _finished(trial: Trial) -> dict[str, Any]:
    primary = trial.plain["task"]["primary"]
    metrics = {primary["name"]: 20.5, **{f"metric_{number}": number / 7 for number in range(8)}}
    result = {
        "metrics": {"validation": metrics, "test": metrics},
        "primary": {**primary, "value": 20.5},
        "selection": None,
        "examples": {"train": 4000, "validation": 500, "test": 500},
        "steps": 1000,
        "epochs": 30.0,
        "weights_sha256": "0" * 64,
        "predictions_sha256": "0" * 64,
        "data_sha256": "0" * 64,
        "curves": {"validation": [{"step": step, "mse": 1 / (step + 1)} for step in range(0, 1000, 50)]},
    }
    flops = {"forward_per_example": 10**6, "training": 10**12}
    parameters = {"total": 10**5, "counted": 10**5, "embeddings": 0}
    return {**_shared(trial), "status": "finished", "parameters": parameters, "flops": flops, "result": result}


def _failed(trial: Trial) -> dict[str, Any]:
    frames = [f'  File "made_up_{number}.py", line {number}, in step\n    loss = step(batch)\n' for number in range(25)]
    error = {"type": "RuntimeError", "message": "made up:\nout of memory", "traceback": "".join(frames)}
    return {**_shared(trial), "status": "failed", "error": error}


if __name__ == "__main__":
    main()

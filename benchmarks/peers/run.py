"""Whole trainings beside those of other libraries: Unroll and a peer in turn, each in a fresh process on one thread.

A pair trains the same network on the same data for the same number of steps with the same batch size, validates once
and writes a checkpoint: each by its own trainer, with its own defaults but for these. What differs in spite of it is
said with each case. Seconds of fit are CPU seconds from before the trainer starts to the end of its last checkpoint;
those of a whole process are imports and the reading of data as well. The peers get Unroll's prepared data as files, so
theirs is the shorter reading. Unroll's final evaluation has no part in either. Which side is first alternates.

The peers go into a virtual environment of their own, with the build of torch that Unroll runs with:

    UNROLL_DATA=<folder> python -m benchmarks.peers.run [--cases ae lstm] [--pairs 3] [--environment FOLDER]

Where that build is on no index that pip asks: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu. The last lines
are the table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.needed_data import require_data
from benchmarks.peers.cases import CASES
from benchmarks.peers.environment import environment, requirements
from benchmarks.peers.handed import hand
from benchmarks.peers.table import HEAD, Found, Pair, row
from unroll.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
LEAST = 3
THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def train(python: str, module: str, case: str, folder: Path) -> Found:
    """Train one side in a process of its own; `folder` has the data.

    Raises:
        RuntimeError: it failed, or took other steps than it should.
    """
    command = [python, "-m", f"benchmarks.peers.{module}", case, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | THREADS, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} {case} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"fit"')]
    found: Found = json.loads(lines[-1])
    if found["steps"] != CASES[case].steps:
        raise RuntimeError(f"{module} {case} took {found['steps']} steps, not {CASES[case].steps}")
    return found


def measure(case: str, peers_python: str, pairs: int) -> list[Pair]:
    """Alternate the two sides of a case."""
    sides = {"unroll_side": sys.executable, f"{CASES[case].peer}_side": peers_python}
    measured: list[Pair] = []
    with tempfile.TemporaryDirectory() as kept:
        data = Path(kept) / "data"
        data.mkdir()
        hand(case, data)
        for pair in range(pairs):
            found = {}
            for side in list(sides) if pair % 2 else list(reversed(sides)):
                with tempfile.TemporaryDirectory(dir=kept) as own:
                    for path in data.iterdir():
                        (Path(own) / path.name).symlink_to(path)
                    found[side] = train(sides[side], side, case, Path(own))
            ours, theirs = (found[side] for side in sides)
            measured.append((ours, theirs))
            print(
                f"{case} pair {pair + 1}: Unroll {ours['fit']:.2f} s CPU ({ours['process']:.2f} with imports and data; "
                f"fit {ours['wall']:.2f} s wall), {CASES[case].peer} {theirs['fit']:.2f} ({theirs['process']:.2f}; "
                f"{theirs['wall']:.2f}), ratio {ours['fit'] / theirs['fit']:.3f}",
                flush=True,
            )
    return measured


def main() -> None:
    """Measure the cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=LEAST, help=f"alternations, at least {LEAST}")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--environment", type=Path, default=Path.home() / ".cache" / "unroll-peers", help="a folder")
    options = parser.parse_args()
    if options.pairs < LEAST:
        raise UserError("Fewer pairs say nothing of the noise.", saw=options.pairs, allowed=f"{LEAST} or more")
    require_data("peers.run", "mnist", "sst", "ett", "multi30k")
    python = environment(options.environment.absolute(), sorted({CASES[case].peer for case in options.cases}))
    print("load", *os.getloadavg(), flush=True)
    found = {case: measure(case, python, options.pairs) for case in options.cases}
    print("load", *os.getloadavg())
    for case in found:
        print(
            f"{case}: {CASES[case].work}; {CASES[case].steps} steps of {CASES[case].batch_size}. {CASES[case].differs}"
        )
    print(HEAD)
    for case, pairs in found.items():
        print(row(case, requirements(CASES[case].peer)[0].replace("==", " "), pairs))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))

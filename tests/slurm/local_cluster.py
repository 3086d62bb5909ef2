"""Jobs on the cluster of slurm/local-cluster: submit, disturb, and look at files and squeue until something is so."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "slurm"
DEADLINE = 600  # seconds: other work may keep the machine busy


def environment_file() -> Path:
    """What slurm/local-cluster/start.sh prints to source."""
    state = os.environ.get("UNROLL_SLURM_DIR") or Path(os.environ.get("TMPDIR") or "/tmp") / "unroll-slurm"
    return Path(state) / "env.sh"


def environment() -> dict[str, str] | None:
    """The environment with the local cluster in it; None where none answers."""
    command = ["bash", "-c", '. "$1" && scontrol ping >/dev/null && env -0', "-", str(environment_file())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        return None
    return dict(pair.split("=", 1) for pair in done.stdout.split("\0") if "=" in pair)


def until(true: Callable[[], object], otherwise: Callable[[], str]) -> None:
    """Look again and again until something is so; TimeoutError with `otherwise` when it is not in time."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise())
        time.sleep(0.2)


Overrides = Callable[[str, Path], list[str]]


@dataclass
class LocalCluster:
    """Runs Slurm's commands in a folder of its own, where its jobs' logs go too."""

    environment: dict[str, str]
    folder: Path

    def run(self, *command: str) -> str:
        """The output of a command that must succeed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        return done.stdout.strip()

    def submit(self, script: str, *overrides: str, options: tuple[str, ...] = ()) -> str:
        """Submit a script of slurm/; the job's id."""
        return self.run("sbatch", "--parsable", "--time=10", *options, str(SCRIPTS / script), *overrides)

    def shown(self, job: str, field: str) -> str:
        """A field of `scontrol show job`."""
        match = re.search(rf"(?:^|\s){field}=(\S+)", self.run("scontrol", "--oneliner", "show", "job", job))
        assert match, field
        return match[1]

    def ended(self, *jobs: str) -> None:
        """Wait until jobs, all tasks of arrays included, are out of the queue."""
        until(lambda: not self.queued(*jobs), lambda: f"jobs {jobs} did not end\n{self.log()}")

    def queued(self, *jobs: str) -> str:
        """What squeue shows of jobs: empty once they have ended."""
        return self.run("squeue", "--noheader", f"--jobs={','.join(jobs)}")

    def trains(self, job: str, runs: Path) -> None:
        """Wait until a job is in mid-training, by the lines that its trials have logged."""

        def logged() -> bool:
            lines = sum(len(path.read_text().splitlines()) for path in runs.glob("*/metrics.jsonl"))
            assert lines >= 3 or self.queued(job), f"job {job} ended without training\n{self.log()}"
            return lines >= 3

        until(logged, lambda: f"job {job} does not train\n{self.log()}")
        assert not list(runs.glob("*/record.json")), "too late to disturb it"

    def restarts(self, job: str) -> None:
        """Wait until a job has been requeued."""
        until(lambda: self.shown(job, "Restarts") != "0", lambda: f"job {job} does not restart\n{self.log()}")

    def log(self) -> str:
        """What the jobs printed, for the message of a failed test."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.out")))


def make_cluster(slurm_environment: dict[str, str], folder: Path) -> LocalCluster:
    """Jobs there run this checkout with this Python, and log into `folder`."""
    command = folder / "unroll"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m unroll "$@"\n')
    command.chmod(0o755)
    paths = [str(ROOT / "src"), *filter(None, [slurm_environment.get("PYTHONPATH")])]
    variables = {"UNROLL": str(command), "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return LocalCluster({**slurm_environment, **variables}, folder)

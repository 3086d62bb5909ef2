"""slurm/train.sbatch with stand-ins for srun and unroll: what it would start, where, and that it passes failure on."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "slurm" / "train.sbatch"


def submit(folder: Path, *overrides: str, **slurm: str) -> subprocess.CompletedProcess[str]:
    for name, body in (
        ("srun", 'exec "$@"'),
        ("unroll", 'echo "$PWD" "$OMP_NUM_THREADS" "$@"; exit "${CODE:-0}"'),
    ):
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "UNROLL": "unroll", "SLURM_SUBMIT_DIR": str(folder)}
    return subprocess.run(
        ["bash", str(SCRIPT), *overrides], env=environment | slurm, capture_output=True, text=True, check=False
    )


def test_ranks_nodes_and_threads_come_from_slurm(tmp_path: Path) -> None:
    done = submit(
        tmp_path,
        "task=sentiment",
        "trainer=ddp",
        SLURM_NTASKS_PER_NODE="2",
        SLURM_JOB_NUM_NODES="3",
        SLURM_CPUS_PER_TASK="4",
    )
    assert done.stdout.split() == [
        str(tmp_path),
        "4",
        "train",
        "trainer.devices=2",
        "trainer.num_nodes=3",
        "trainer.threads=4",
        "task=sentiment",
        "trainer=ddp",
    ]


@pytest.mark.parametrize("code", ["0", "2"])
def test_the_jobs_exit_code_is_unrolls(tmp_path: Path, code: str) -> None:
    assert submit(tmp_path, CODE=code).returncode == int(code)


def test_it_is_requeued_and_keeps_its_log() -> None:
    options = [line.split(maxsplit=1)[1] for line in SCRIPT.read_text().splitlines() if line.startswith("#SBATCH")]
    assert {"--requeue", "--open-mode=append"} <= set(options)

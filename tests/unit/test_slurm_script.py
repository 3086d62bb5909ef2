"""The scripts of slurm/ with stand-ins for srun, scontrol and unroll: what they start, where, and how."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

SLURM = Path(__file__).resolve().parents[2] / "slurm"
SCRIPTS = sorted(path.name for path in SLURM.glob("*.sbatch"))
STAND_INS = {
    "srun": 'said=srun; while [[ $1 == -* ]]; do said+=" $1"; shift; done; echo "$said"; exec "$@"',
    "unroll": 'echo "$PWD" "$OMP_NUM_THREADS" "$HF_HUB_OFFLINE" "$@"; exit "${CODE:-0}"',
    "scontrol": 'echo scontrol "$@"; echo requeued >"$REQUEUED"',
}


def write(folder: Path, stand_ins: dict[str, str]) -> dict[str, str]:
    """Put stand-ins into a folder; the environment that finds them."""
    for name, body in stand_ins.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "UNROLL": "unroll", "SLURM_SUBMIT_DIR": str(folder)}


def submit(folder: Path, script: str, *overrides: str, **slurm: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(SLURM / script), *overrides]
    given = {"SLURM_JOB_ID": "7", "SLURM_NTASKS_PER_NODE": "1", "SLURM_JOB_NUM_NODES": "1"}
    environment = write(folder, STAND_INS) | given | slurm
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("script", ["train.sbatch", "ddp.sbatch"])
def test_ranks_nodes_and_threads_come_from_slurm(script: str, tmp_path: Path) -> None:
    slurm = {"SLURM_NTASKS_PER_NODE": "2", "SLURM_JOB_NUM_NODES": "3", "SLURM_CPUS_PER_TASK": "4"}
    done = submit(tmp_path, script, "task=sentiment", "seed=1", **slurm)
    started, command = done.stdout.splitlines()
    assert started == "srun --kill-on-bad-exit=1 --cpus-per-task=4"
    ranks = ["trainer.devices=2", "trainer.num_nodes=3", "trainer.threads=4"]
    assert command.split() == [str(tmp_path), "4", "1", "train", *ranks, "task=sentiment", "seed=1"]


def test_a_sweeps_task_is_one_worker(tmp_path: Path) -> None:
    done = submit(tmp_path, "sweep.sbatch", "suite=quickstart", SLURM_CPUS_PER_TASK="4")
    started, command = done.stdout.splitlines()
    assert started == "srun --cpus-per-task=4"
    assert command.split() == [str(tmp_path), "4", "1", "sweep", "workers=1", "suite=quickstart"]


def test_a_sweeps_task_has_as_many_workers_as_it_is_told(tmp_path: Path) -> None:
    done = submit(tmp_path, "sweep.sbatch", "suite=quickstart", "workers=auto", SLURM_CPUS_PER_TASK="8")
    assert done.stdout.splitlines()[1].split()[3:] == ["sweep", "suite=quickstart", "workers=auto"]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("code", ["0", "2"])
def test_the_jobs_exit_code_is_unrolls(script: str, tmp_path: Path, code: str) -> None:
    assert submit(tmp_path, script, CODE=code).returncode == int(code)


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_is_warned_requeued_and_keeps_its_log(script: str) -> None:
    text = (SLURM / script).read_text()
    options = [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith("#SBATCH")]
    whom = "B:" if script == "sweep.sbatch" else ""
    assert {"--requeue", "--open-mode=append", f"--signal={whom}USR1@120"} <= set(options)


@pytest.mark.parametrize("array", [True, False])
def test_a_warned_sweep_requeues_its_own_task_and_waits_for_the_worker(array: bool, tmp_path: Path) -> None:
    environment = write(tmp_path, STAND_INS)
    requeued = tmp_path / "requeued"
    os.mkfifo(requeued)
    # The worker tells that it runs, and ends only after the warning has led to a requeue.
    write(tmp_path, {"unroll": 'echo up; read -r word <"$REQUEUED"; echo "worker: $word"; exit 3'})
    environment |= {"SLURM_JOB_ID": "9", "REQUEUED": str(requeued)}
    if array:
        environment |= {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}
    job = subprocess.Popen(
        ["bash", str(SLURM / "sweep.sbatch"), "suite=quickstart"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert job.stdout is not None
    assert [job.stdout.readline().strip() for _ in range(2)] == ["srun --cpus-per-task=1", "up"]
    job.send_signal(signal.SIGUSR1)
    said, _ = job.communicate(timeout=60)
    assert sorted(said.splitlines()) == [f"scontrol requeue {'7_2' if array else '9'}", "worker: requeued"]
    assert job.returncode == 3

"""Cluster settings: what stops before training, in which words, and what must not be stopped."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.training import cluster
from unroll.training.cluster import check_cluster

Environment = dict[str, str]

JOB = {"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "unroll", "SLURM_NNODES": "1"}
TASK = {"SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_NODEID": "0"}
SRUN = JOB | TASK | {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}
TORCHRUN = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4"}
BATCH_SCRIPT = JOB | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NTASKS": "4"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No trace of a launcher, whatever started these tests."""
    for name in list(os.environ):
        if name.startswith("SLURM_") or name in TORCHRUN:
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["unroll", "train"])
    return monkeypatch


def trial(
    runs: Path, devices: int = 1, num_nodes: int = 1, accelerator: str = "cpu", row: str = "architecture=lstm"
) -> Trial:
    trainer = [f"trainer.devices={devices}", f"trainer.num_nodes={num_nodes}", f"trainer.accelerator={accelerator}"]
    return compose([row, *trainer, f"paths.runs={runs}"])


def put(environment: pytest.MonkeyPatch, variables: Environment) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "devices", "nodes"),
    [
        ({}, 1, 1),
        (TORCHRUN, 4, 1),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "2"}, 2, 2),
        (SRUN, 2, 1),
        (SRUN | {"SLURM_NTASKS": "4", "SLURM_NNODES": "2"}, 2, 2),
        (SRUN | {"SLURM_NTASKS": "2"} | TORCHRUN, 4, 1),
        (JOB | TASK | {"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1"}, 1, 1),
        (JOB | TASK | {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, 1, 1),
        (SRUN | {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, 1, 1),
        (JOB | TASK | {"SLURM_JOB_NAME": "bash", "SLURM_NTASKS": "1"}, 1, 1),
        (JOB | {"SLURM_JOB_NAME": "interactive", "SLURM_NTASKS": "4"}, 1, 1),
        (JOB | TASK | {"SLURM_STEP_ID": str(0xFFFFFFFA), "SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, 1, 1),
        (BATCH_SCRIPT, 1, 1),
        (BATCH_SCRIPT | {"SLURM_NTASKS_PER_NODE": "4"}, 1, 1),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "0", "NODE_RANK": "0"}, 1, 1),
    ],
    ids=[
        "plain shell",
        "torchrun, one node",
        "torchrun, two nodes",
        "srun, one node",
        "srun, two nodes",
        "torchrun inside srun",
        "submitit's one task",
        "srun without options",
        "one task of a job that may have more",
        "srun --pty bash",
        "a shell inside salloc",
        "a shell inside salloc, as a step of its own",
        "batch script without srun",
        "batch script with tasks per node, without srun",
        "what Lightning's launcher leaves behind",
    ],
)
def test_what_fits_is_not_refused(
    environment: pytest.MonkeyPatch, tmp_path: Path, variables: Environment, devices: int, nodes: int
) -> None:
    put(environment, variables)
    check_cluster(trial(tmp_path, devices, nodes))


@pytest.mark.parametrize(
    ("variables", "devices", "nodes", "words"),
    [
        (TORCHRUN, 2, 1, ["WORLD_SIZE=4", "trainer.devices=4 trainer.num_nodes=1", "--nproc-per-node 2"]),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "2"}, 4, 1, ["trainer.devices=2 trainer.num_nodes=2", "--nnodes 1"]),
        (SRUN, 1, 1, ["SLURM_NTASKS=2", "trainer.devices=2 trainer.num_nodes=1", "srun --nodes=1 --ntasks-per-node=1"]),
        (SRUN, 4, 1, ["trainer.devices=4", "srun --nodes=1 --ntasks-per-node=4"]),
        (SRUN, 1, 2, ["SLURM_NNODES=1", "srun --nodes=2 --ntasks-per-node=1"]),
        (SRUN | {"SLURM_NTASKS_PER_NODE": "4"}, 2, 1, ["SLURM_NTASKS_PER_NODE=4", "allowed: --ntasks-per-node=2"]),
        (JOB | TASK | {"SLURM_NTASKS": "2"}, 2, 1, ["--ntasks-per-node=2 in place of -n", "(not set)"]),
        (SRUN | {"SLURM_JOB_NAME": "interactive"}, 2, 1, ["for a shell", "srun --job-name=unroll --nodes=1"]),
        (
            JOB | TASK | {"SLURM_JOB_NAME": "interactive", "SLURM_NTASKS": "2"},
            2,
            1,
            ["place of -n", "srun --job-name=unroll --nodes=1 --ntasks-per-node=2"],
        ),
        (BATCH_SCRIPT, 4, 1, ["SLURM_NTASKS=4", "no srun step", "--ntasks-per-node=4 unroll train seed=1"]),
        ({}, 2, 1, ["nothing has started the others", "torchrun --nnodes 1 --nproc-per-node 2 -m unroll train seed=1"]),
        (JOB | {"SLURM_JOB_NAME": "interactive", "SLURM_NTASKS": "4"}, 4, 1, ["--nproc-per-node 4"]),
        (JOB | TASK | {"SLURM_JOB_NAME": "bash", "SLURM_NTASKS": "1"}, 2, 1, ["srun --job-name=unroll --nodes=1"]),
    ],
    ids=[
        "torchrun, more processes",
        "torchrun, other nodes",
        "srun, more tasks",
        "srun, fewer tasks",
        "srun, fewer nodes",
        "srun, tasks per node left over from the job",
        "srun -n",
        "srun in an interactive job",
        "srun -n in an interactive job",
        "batch script that waits for ranks nobody starts",
        "a plain shell, and nobody else",
        "a shell inside salloc, and nobody else",
        "srun --pty bash, and nobody else",
    ],
)
def test_what_does_not_fit_says_what_to_write(
    environment: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: Environment,
    devices: int,
    nodes: int,
    words: list[str],
) -> None:
    put(environment, variables)
    with pytest.raises(UserError) as raised:
        check_cluster(trial(tmp_path, devices, nodes))
    raised.value.mend(["train", "seed=1"])
    said = str(raised.value)
    assert raised.value.run
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize(
    ("accelerator", "gpus", "devices", "refused"),
    [
        ("gpu", 0, 1, "No GPU is visible"),
        ("gpu", 1, 2, "Fewer GPUs are visible"),
        ("auto", 1, 2, "trainer.devices=1, a node with 2"),
        ("gpu", 2, 2, None),
        ("gpu", 2, 1, None),
        ("auto", 0, 2, None),
        ("cpu", 0, 2, None),
        ("cpu", 1, 2, None),
    ],
)
def test_gpus(
    environment: pytest.MonkeyPatch, tmp_path: Path, accelerator: str, gpus: int, devices: int, refused: str | None
) -> None:
    environment.setattr(cluster, "visible_gpus", lambda: gpus)
    put(environment, TORCHRUN | {"WORLD_SIZE": str(devices), "LOCAL_WORLD_SIZE": str(devices)})
    if refused is None:
        check_cluster(trial(tmp_path, devices, accelerator=accelerator))
        return
    with pytest.raises(UserError, match=refused):
        check_cluster(trial(tmp_path, devices, accelerator=accelerator))


def test_gpus_in_a_job_name_slurms_options(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setattr(cluster, "visible_gpus", lambda: 1)
    put(environment, SRUN | {"CUDA_VISIBLE_DEVICES": "3"})
    with pytest.raises(UserError) as raised:
        check_cluster(trial(tmp_path, 2, accelerator="gpu"))
    assert "--gpus-per-node=2 of sbatch or srun, without --gpus-per-task" in str(raised.value)
    assert "CUDA_VISIBLE_DEVICES=3" in str(raised.value)


def test_a_baseline_needs_no_gpu(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setattr(cluster, "visible_gpus", lambda: 0)
    check_cluster(trial(tmp_path, accelerator="gpu", row="baseline=majority"))


def test_a_multiruns_gpus_are_asked_where_it_trains(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setattr(cluster, "visible_gpus", lambda: 0)
    environment.setattr(sys, "argv", ["unroll", "train", "-m", "seed=0,1"])
    check_cluster(trial(tmp_path, accelerator="gpu"))
    put(environment, SRUN)
    with pytest.raises(UserError, match="No GPU"):
        check_cluster(trial(tmp_path, 2, accelerator="gpu"))


def test_a_launcher_elsewhere_leaves_ranks_and_gpus_to_its_jobs(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From a login node, or from a batch script: two GPUs a trial, none of them here."""
    environment.setattr(cluster, "visible_gpus", lambda: 0)
    put(environment, BATCH_SCRIPT)
    for launcher in ("slurm", "local"):
        environment.setattr(sys, "argv", ["unroll", "sweep", "suite=matrix", f"hydra/launcher={launcher}"])
        if launcher == "slurm":
            check_cluster(trial(tmp_path, 2, accelerator="gpu"))
            with pytest.raises(UserError, match="runs directory"):
                check_cluster(trial(Path(__file__) / "runs", 2, accelerator="gpu"))
        else:
            with pytest.raises(UserError, match="srun did not start them"):
                check_cluster(trial(tmp_path, 2, accelerator="gpu"))
            with pytest.raises(UserError, match="No GPU"):
                check_cluster(trial(tmp_path, 1, accelerator="gpu"))


def test_the_runs_directory_can_be_written(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check_cluster(trial(tmp_path / "not" / "yet" / "there"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as raised:
        check_cluster(trial(tmp_path / "file" / "runs"))
    assert f"{tmp_path / 'file'} is not a folder" in str(raised.value)
    assert "a folder that every rank may write to" in str(raised.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc takes no files, not even root's")
def test_a_folder_that_takes_no_files(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        check_cluster(trial(Path("/proc/runs")))


def test_lightning_trains_alone_in_a_batch_script(environment: pytest.MonkeyPatch) -> None:
    """Left to itself it takes the script for one of four tasks, and refuses."""
    from pytorch_lightning import Trainer

    put(environment, BATCH_SCRIPT)
    options: dict[str, Any] = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
    options |= {"enable_progress_bar": False, "enable_model_summary": False}
    with pytest.raises(RuntimeError, match="ntasks"):
        Trainer(**options)
    assert Trainer(**options, plugins=cluster.lightning_plugins()).world_size == 1


@pytest.mark.parametrize("variables", [{}, SRUN, TORCHRUN, JOB | {"SLURM_JOB_NAME": "bash"}])
def test_lightning_chooses_for_itself_otherwise(environment: pytest.MonkeyPatch, variables: Environment) -> None:
    put(environment, variables)
    assert cluster.lightning_plugins() == []


def test_a_trial_asks_before_it_writes(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from unroll.api import compose, train

    put(environment, SRUN)
    with pytest.raises(UserError, match="srun started another number of tasks"):
        train(compose(["architecture=lstm", f"paths.runs={tmp_path}/runs", "trainer=cpu"]))
    assert not (tmp_path / "runs").exists()

"""Cluster settings that would hang, crash or train the wrong number of processes: found before training.

In: a trial, and the environment as torchrun, srun, sbatch or salloc left it. Out: nothing, or one UserError.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from unroll.config.trial import Trial
from unroll.errors import COMMAND, UserError

LAST_STEP = 0xFFFFFFF0  # Slurm numbers the steps of srun up to this; above it are batch scripts and salloc's shells
HERE = ("basic", "joblib", "local")  # Hydra launchers that stay on this machine
SHELLS = ("bash", "interactive")  # names of jobs that Lightning takes for a shell, whose tasks are no ranks


def check_cluster(trial: Trial) -> None:
    """Check that ranks, visible GPUs and the runs directory are what the trial's config says.

    Raises:
        UserError: with what to write instead.
    """
    trainer = trial.config.trainer
    devices, nodes = trainer.devices, trainer.num_nodes
    if not _launched_elsewhere():
        _ranks(devices, nodes)
        if trains_here():
            _gpus(trainer.accelerator, devices)
    trouble = trouble_writing(trial.config.paths.runs)
    if trouble:
        raise UserError(
            "The runs directory cannot be written.",
            saw=f"paths.runs={trial.config.paths.runs}: {trouble}",
            allowed="a folder that every rank may write to, on a file system that all nodes share",
        )


def trains_here() -> bool:
    """Whether this process will train, on the devices that it sees; else it only plans."""
    return not _launched_elsewhere() and not _multirun()


def under_torchrun() -> bool:
    """Whether this process is a rank that torchrun, or a launcher like it, started."""
    return _number("RANK") is not None and _number("WORLD_SIZE") is not None


def in_slurm_step() -> bool:
    """Whether srun started this process, shells of `srun --pty` included.

    Not so in a batch script, in salloc's shell, nor in the step that Slurm makes of either: their numbers are
    beyond those of srun's steps.
    """
    step = _number("SLURM_STEP_ID")
    return step is not None and step < LAST_STEP and _number("SLURM_PROCID") is not None


def rank() -> int:
    """The global rank; 0 in a single process."""
    slurm = in_slurm_step() and os.environ.get("SLURM_JOB_NAME") not in SHELLS  # a shell's processes inherit its number
    for name in ("RANK", *(["SLURM_PROCID"] if slurm else []), "LOCAL_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


def lightning_plugins() -> list[Any]:
    """Return Lightning's single-process environment where it would wait for ranks that srun has not started."""
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    return [LightningEnvironment()] if _slurm_without_srun() else []


def visible_gpus() -> int:
    """Return how many GPUs torch can use in this process: CUDA's, or Apple's one."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.device_count()
    return int(torch.backends.mps.is_available())


def trouble_writing(folder: str | Path) -> str | None:
    """Return why no file can be made in a folder, or in the nearest one above that exists; None where one can.

    A nameless file is made and gone: permissions alone do not tell of read-only and of squashed file systems.
    """
    there = nearest(folder)
    if not there.is_dir():
        return f"{there} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        return f"{there}: {error.strerror or error}"


def nearest(folder: str | Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    wanted = Path(folder).expanduser().absolute()
    return next(place for place in (wanted, *wanted.parents) if place.exists())


def _ranks(devices: int, nodes: int) -> None:
    if under_torchrun():
        _torchrun(devices, nodes)
    elif in_slurm_step():
        _srun(devices, nodes)
    elif _slurm_without_srun() and devices * nodes > 1:
        raise UserError(
            "Slurm gave this job several tasks, but srun did not start them: training would wait for the others.",
            saw=f"SLURM_NTASKS={os.environ['SLURM_NTASKS']}, trainer.devices={devices} trainer.num_nodes={nodes}, "
            "and no srun step",
            allowed="one device a trial, or ranks from srun",
            run=_srun_command(devices, nodes),
            change=_ranks_of(devices, nodes),
        )
    elif devices * nodes > 1 and trains_here():
        raise UserError(
            "A trial on several devices is a process on each, and nothing has started the others.",
            saw=f"trainer.devices={devices} trainer.num_nodes={nodes} in a single process",
            allowed="processes from torchrun or srun, or trainer.devices=1 trainer.num_nodes=1",
            run=_torchrun_command(devices, nodes),
            change=_ranks_of(devices, nodes),
        )


def _torchrun(devices: int, nodes: int) -> None:
    world, local = _number("WORLD_SIZE"), _number("LOCAL_WORLD_SIZE")
    if world == devices * nodes and local in (None, devices):
        return
    assert world is not None
    local = local or world
    raise UserError(
        "torchrun started another number of processes than the trial has devices.",
        saw=f"WORLD_SIZE={world}, {local} on this node; trainer.devices={devices} trainer.num_nodes={nodes}",
        allowed=f"trainer.devices={local} trainer.num_nodes={world // local}, or other options of torchrun",
        run=_torchrun_command(devices, nodes),
        change=_ranks_of(devices, nodes),
    )


def _srun(devices: int, nodes: int) -> None:
    tasks = _number("SLURM_NTASKS") or _number("SLURM_STEP_NUM_TASKS") or 1
    slurm_nodes = _number("SLURM_NNODES") or _number("SLURM_STEP_NUM_NODES") or nodes
    per_node = _number("SLURM_NTASKS_PER_NODE")
    name = os.environ.get("SLURM_JOB_NAME")
    if tasks == 1 and devices * nodes == 1:
        return
    seen = f"SLURM_NTASKS={tasks} SLURM_NNODES={slurm_nodes}"
    seen += f" SLURM_NTASKS_PER_NODE={'(not set)' if per_node is None else per_node}"
    seen += f"; trainer.devices={devices} trainer.num_nodes={nodes}"
    command = _srun_command(devices, nodes)
    if tasks != devices * nodes or slurm_nodes != nodes or per_node not in (None, devices):
        ranks = f"trainer.devices={max(1, tasks // slurm_nodes)} trainer.num_nodes={slurm_nodes}"
        fits = tasks == devices * nodes and slurm_nodes == nodes
        raise UserError(
            "srun started another number of tasks than the trial has devices.",
            saw=seen,
            allowed=f"--ntasks-per-node={devices}" if fits else f"{ranks}, or other options of srun",
            run=command,
            change=_ranks_of(devices, nodes),
        )
    if tasks > 1 and per_node is None:
        raise UserError(
            "The number of tasks was given without the number on each node, which Lightning does not accept.",
            saw=seen,
            allowed=f"--ntasks-per-node={devices} in place of -n or --ntasks",
            run=command,
            change=_ranks_of(devices, nodes),
        )
    if tasks > 1 and name in SHELLS:
        raise UserError(
            "Lightning takes a job of this name for a shell, and would train one trial in each task.",
            saw=f"SLURM_JOB_NAME={name}, SLURM_NTASKS={tasks}",
            allowed="any other name",
            run=command,
            change=_ranks_of(devices, nodes),
        )


def _gpus(accelerator: str, devices: int) -> None:
    if accelerator == "cpu":
        return
    gpus = visible_gpus()
    if gpus >= devices or (accelerator == "auto" and gpus == 0):
        return
    in_job = "SLURM_JOB_ID" in os.environ
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    raise UserError(
        "No GPU is visible here." if gpus == 0 else "Fewer GPUs are visible here than the trial has devices on a node.",
        saw=f"{gpus} visible, CUDA_VISIBLE_DEVICES={'(not set)' if visible is None else visible}; "
        f"trainer.accelerator={accelerator} trainer.devices={devices}",
        allowed=f"--gpus-per-node={devices} of sbatch or srun, without --gpus-per-task; or trainer.accelerator=cpu"
        if in_job
        else f"{f'trainer.devices={gpus}, ' if gpus else ''}a node with {devices} or more, or trainer.accelerator=cpu",
        run="unroll doctor   # what torch sees, and why",
    )


def _slurm_without_srun() -> bool:
    """Whether Lightning would take this process for one of Slurm's tasks though srun did not start it."""
    named = os.environ.get("SLURM_JOB_NAME") not in SHELLS
    return "SLURM_NTASKS" in os.environ and named and not under_torchrun() and not in_slurm_step()


def _launched_elsewhere() -> bool:
    """Whether a launcher sends the trials to jobs of their own, which check what they are given there."""
    chosen = [text.partition("=")[2] for text in sys.argv if text.startswith("hydra/launcher=")]
    return bool(chosen) and chosen[-1] not in HERE


def _multirun() -> bool:
    """Whether this process may only plan: a YAML file can name the launcher of a multirun. Ranks train themselves."""
    multirun = {"-m", "--multirun"}.intersection(sys.argv)
    return bool(multirun) and not under_torchrun() and not in_slurm_step()


def _torchrun_command(devices: int, nodes: int) -> str:
    return f"torchrun --nnodes {nodes} --nproc-per-node {devices} -m {COMMAND}"


def _srun_command(devices: int, nodes: int) -> str:
    name = "--job-name=unroll " if os.environ.get("SLURM_JOB_NAME") in SHELLS else ""
    return f"srun {name}--nodes={nodes} --ntasks-per-node={devices} {COMMAND}"


def _ranks_of(devices: int, nodes: int) -> list[str]:
    return [f"trainer.devices={devices}", f"trainer.num_nodes={nodes}"]


def _number(name: str) -> int | None:
    value = os.environ.get(name, "")
    return int(value) if value.isdigit() else None

"""Devices, communication between ranks, Slurm and W&B: what this machine offers a trial."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from unroll.doctor.line import OK, PROBLEM, WARNING, Finding, Settings

COMMANDS = ("sbatch", "srun", "scontrol", "squeue")
PING_SECONDS = 15


def devices(settings: Settings) -> list[Finding]:
    """The GPUs that torch can use here, and the cores."""
    import torch

    cuda = torch.cuda.is_available()
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())] if cuda else []
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    trainer = settings.config["trainer"]
    return [
        judge_devices(
            gpus,
            mps=torch.backends.mps.is_available(),
            cores=cores,
            build=torch.version.cuda,
            driver=driver,
            visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
            wanted=trainer["devices"] if trainer["accelerator"] == "gpu" else 0,
        )
    ]


def judge_devices(
    gpus: Sequence[str], *, mps: bool, cores: int, build: str | None, driver: bool, visible: str | None, wanted: int
) -> Finding:
    """Say what trials can run on.

    Args:
        gpus: names of the CUDA devices that torch sees.
        build: the CUDA release that torch was built for, None for a CPU build.
        driver: whether NVIDIA's driver is on this machine.
        visible: the value of CUDA_VISIBLE_DEVICES.
        wanted: how many GPUs the config asks for on a node.
    """
    names = list(gpus) or (["Apple GPU (MPS)"] if mps else [])
    seen = f"{', '.join(names) or 'no GPU'}; {cores} CPU cores"
    if visible is not None:
        seen += f"; CUDA_VISIBLE_DEVICES={visible}"
    if not gpus and driver and build is None:
        seen, todo = f"{seen}; an NVIDIA driver, but a torch without CUDA", "install a CUDA build of torch"
    elif not gpus and driver:
        todo = "see nvidia-smi and CUDA_VISIBLE_DEVICES; in a Slurm job ask for GPUs (--gpus-per-node)"
        seen += f"; an NVIDIA driver and a torch for CUDA {build}, but no GPU is visible"
    else:
        todo = ""
    if wanted > len(names):
        return Finding("devices", PROBLEM, f"{seen}; the config asks for {wanted} GPUs", todo or "trainer=cpu")
    return Finding("devices", WARNING if todo else OK, seen, todo)


def communication(settings: Settings) -> list[Finding]:
    """What ranks would talk through: NCCL between GPUs, Gloo between CPU processes."""
    import torch
    from torch import distributed

    there = distributed.is_available()
    backends = {
        "gloo": there and distributed.is_gloo_available(),
        "nccl": there and distributed.is_nccl_available(),
    }
    trainer = settings.config["trainer"]
    return [judge_communication(backends, torch.cuda.device_count(), trainer["devices"] * trainer["num_nodes"])]


def judge_communication(backends: Mapping[str, bool], gpus: int, ranks: int) -> Finding:
    """Say whether several ranks could train one trial; lacking it is a problem where the config asks for several."""
    seen = ", ".join(f"{name}: {'yes' if there else 'no'}" for name, there in backends.items())
    needed = "nccl" if gpus else "gloo"
    if backends[needed]:
        return Finding("communication", OK, seen)
    todo = f"install a build of torch with {needed}; until then one device a trial"
    return Finding("communication", PROBLEM if ranks > 1 else WARNING, seen, todo)


def slurm(settings: Settings) -> list[Finding]:
    """Slurm's commands, its controller, and where in a job this process is."""
    from unroll.training.cluster import in_slurm_step

    found = [command for command in COMMANDS if shutil.which(command)]
    ping = _ping() if "scontrol" in found else None
    return [judge_slurm(found, ping, os.environ, in_slurm_step())]


def _ping() -> str:
    """What `scontrol ping` says, or why it says nothing."""
    try:
        done = subprocess.run(["scontrol", "ping"], capture_output=True, text=True, timeout=PING_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {PING_SECONDS} s"
    return " ".join((done.stdout + done.stderr).split())


def judge_slurm(commands: Sequence[str], ping: str | None, environment: Mapping[str, str], in_step: bool) -> Finding:
    """Say whether jobs can be submitted from here, and what this process is to Slurm."""
    job = environment.get("SLURM_JOB_ID")
    tasks = environment.get("SLURM_NTASKS", "1")
    inside = "outside a job"
    if job:
        inside = f"inside job {job}, " + (f"a task of srun ({tasks} tasks)" if in_step else "not started by srun")
    if not commands:
        if job:
            todo = "mount Slurm's commands into the container: without them nothing is requeued or submitted"
            return Finding("slurm", WARNING, f"{inside}, without Slurm's commands", todo)
        return Finding("slurm", OK, "no Slurm here: trials run on this machine")
    missing = [command for command in COMMANDS if command not in commands]
    if ping is not None and "configuration source" in ping:
        seen = f"Slurm's commands, but no cluster that they know of; {inside}"
        return Finding("slurm", WARNING, seen, "SLURM_CONF=FILE, on a machine of a cluster; else nothing")
    if ping is not None and " is UP" not in ping:
        seen = f"the controller does not answer: {ping or 'scontrol ping says nothing'}; {inside}"
        return Finding("slurm", PROBLEM, seen, "tell the cluster's administrator; jobs cannot be submitted")
    if missing:
        todo = f"put {', '.join(missing)} on PATH (module load slurm)"
        return Finding("slurm", WARNING, f"{', '.join(commands)}, but not {', '.join(missing)}; {inside}", todo)
    return Finding("slurm", OK, f"the controller answers; {inside}")


def wandb(settings: Settings) -> list[Finding]:
    """Whether wandb itself would find a login; its server is not asked."""
    from unroll.tracking.wandb_run import ask_wandb

    found = ask_wandb()
    mode = settings.config["logger"]["wandb"]["mode"]
    return [judge_wandb(found["mode"] if mode == "online" else mode, **found)]


def judge_wandb(wanted: str, *, server: str, logged_in: bool, why: str, mode: str) -> Finding:
    """Say whether runs would reach W&B.

    Args:
        wanted: the mode that trials would have.
        server: of wandb's settings.
        logged_in: whether it has a key for that server.
        why: it has none.
        mode: of wandb's settings, where the config does not say another.
    """
    if logged_in:
        return Finding("wandb", OK, f"logged in to {server}; mode {wanted}")
    if wanted in ("offline", "dryrun"):
        return Finding("wandb", OK, f"{server}: {why}; mode {wanted} needs none", "wandb login, before wandb sync")
    todo = "wandb login, or WANDB_API_KEY=..., or logger.wandb.mode=offline"
    return Finding("wandb", WARNING if wanted == "disabled" else PROBLEM, f"{server}: {why}; mode {wanted}", todo)

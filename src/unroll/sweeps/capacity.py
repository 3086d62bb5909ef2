"""How many workers this machine carries, by its cores, its memory and its GPUs; asked without torch."""

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.limits import GB, cores, memory_bytes

GB_A_WORKER = 1.5  # of memory: torch and Lightning take 0.6, a small data set and its batches the rest
GPU_GB_A_WORKER = 2.0  # of a GPU: a CUDA context takes 0.5
WORKERS_A_GPU = 8  # at most
_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,memory.free,compute_mode", "--format=csv,noheader,nounits")
_NO_DEVICE = ("", "-1", "NoDevFiles")


class Gpu(NamedTuple):
    """A visible GPU. What nvidia-smi does not tell, of a part of one (MIG) for example, is None."""

    name: str  # as CUDA_VISIBLE_DEVICES writes it
    uuid: str | None = None
    free_gb: float | None = None
    exclusive: bool = False  # takes one process at a time, unless MPS stands between


def workers_here(gpus: Sequence[Gpu]) -> int:
    """Return what `workers=auto` is on this machine, for trials that use these GPUs."""
    memory = memory_bytes()
    return how_many(cores(), None if memory is None else memory / GB, gpus)


def how_many(cores: int, memory_gb: float | None, gpus: Sequence[Gpu]) -> int:
    """Return how many workers of one thread fit, at least one. The GPU with the least free memory decides for all.

    Args:
        cores: that may be used.
        memory_gb: that is free, in GB; None: not known.
        gpus: those that the trials use; none: they use the CPU.
    """
    most = [cores]
    if memory_gb is not None:
        most.append(int(memory_gb / GB_A_WORKER))
    if gpus:
        most.append(len(gpus) * min(_fit(gpu.free_gb) for gpu in gpus))
    return max(1, min(most))


def _fit(free_gb: float | None) -> int:
    return 1 if free_gb is None else max(1, min(WORKERS_A_GPU, int(free_gb / GPU_GB_A_WORKER)))


def gpus_for(trials: Iterable[Trial]) -> list[Gpu]:
    """Return the visible GPUs; none where all of the trials are to use the CPU."""
    if all(trial.plain["trainer"]["accelerator"] == "cpu" for trial in trials):
        return []
    stated = os.environ.get("CUDA_VISIBLE_DEVICES")
    known = listed(_asked())
    if stated is None:
        return known
    names = _named(stated)
    return [next((gpu._replace(name=name) for gpu in known if _is(gpu, name)), Gpu(name)) for name in names]


def visible_gpus() -> list[str]:
    """The GPUs that a process started now would see, as CUDA_VISIBLE_DEVICES writes them."""
    stated = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [gpu.name for gpu in listed(_asked())] if stated is None else _named(stated)


def listed(said: str) -> list[Gpu]:
    """Return the GPUs of a machine, from what nvidia-smi says: a line each of index, UUID, free MiB, compute mode."""
    found = []
    for line in said.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[0].isdigit():
            index, uuid, free, mode = fields
            free_gb = int(free) * 2**20 / GB if free.isdigit() else None
            found.append(Gpu(index, uuid, free_gb, mode == "Exclusive_Process"))
    return found


def refuse_one_gpu_for_all(trials: Sequence[Trial], launcher: Callable[[], Mapping[str, Any]]) -> None:
    """Raise UserError where a launcher of others' runs several jobs at once, as joblib does, all on the first GPU.

    Args:
        trials: that are to be launched.
        launcher: gives its options; asked for where there are GPUs to share.
    """
    gpus = gpus_for(trials) if len(trials) > 1 else []
    jobs = launcher().get("n_jobs", 1) if gpus else 1
    if jobs not in (1, None):
        raise UserError(
            "The launcher's jobs would run side by side, all of them on the first GPU.",
            saw=f"hydra.launcher.n_jobs={jobs}; GPUs: {', '.join(gpu.name for gpu in gpus)}",
            allowed="hydra/launcher=local, whose workers have a GPU each or share them evenly; n_jobs=1; trainer=cpu",
            change=["hydra.launcher.n_jobs=1"],
        )


def _is(gpu: Gpu, name: str) -> bool:
    return name == gpu.name or (name.startswith("GPU-") and (gpu.uuid or "").startswith(name))


def _named(stated: str) -> list[str]:
    return [part.strip() for part in stated.split(",") if part.strip() not in _NO_DEVICE]


def _asked() -> str:
    try:
        return subprocess.run(_QUERY, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""

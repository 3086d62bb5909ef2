"""The device that a trial runs on: its kind, the precision that it really computes in, and what a record says of it."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.training.cluster import trains_here

DRIVER = Path("/proc/driver/nvidia/version")
TF32_SINCE = (8, 0)  # compute capability of the first GPUs that have it


def kind_of(accelerator: str) -> str:
    """What `trainer.accelerator` means in this process, as Lightning reads it: cpu, cuda or mps."""
    if accelerator == "cpu":
        return "cpu"
    if torch.backends.mps.is_available():
        return "mps"
    return "cuda" if accelerator == "gpu" or torch.cuda.is_available() else "cpu"


def no_cuda() -> str | None:
    """Why torch uses no NVIDIA GPU in this process; None where it does."""
    if torch.cuda.is_available():
        return None
    built, found = torch.version.cuda or "none", "no" if driver() is None else "yes"
    return f"no CUDA device: torch {torch.__version__}, built for CUDA {built}, driver {found}"


def check_precision(trial: Trial) -> None:
    """Refuse a precision that the device does not have: Lightning and torch would take another without a word.

    Raises:
        UserError: 16-mixed on a CPU, an LSTM in bfloat16 on a CPU without it, TF32 on anything but a GPU that has it.
    """
    trainer = trial.config.trainer
    if trainer.accelerator != "cpu" and not trains_here():
        return
    kind = kind_of(trainer.accelerator)
    seen = f"trainer.accelerator={trainer.accelerator}, which is {'a CPU' if kind == 'cpu' else kind} here"
    short = kind == "cpu" and trainer.precision != "32-true"
    bf16 = short and (bf16_lstms() or not _has_lstm(trial.plain))
    if short and trainer.precision == "16-mixed":
        possible = ["bf16-mixed", "32-true"] if bf16 else ["32-true"]
        raise UserError(
            "A CPU has no 16-bit mixed precision: Lightning would train in bfloat16 under this trial's name.",
            saw=f"trainer.precision=16-mixed, {seen}",
            allowed=f"trainer.precision={' or '.join(possible)}, or a GPU",
            change=[f"trainer.precision={possible[0]}"],
        )
    if short and not bf16:
        raise UserError(
            "This CPU computes no LSTM in bfloat16: oneDNN has no kernel for it.",
            saw=f"trainer.precision={trainer.precision}, {seen}",
            allowed="trainer.precision=32-true, another cell, or a GPU",
            change=["trainer.precision=32-true"],
        )
    if trainer.tf32 and (kind != "cuda" or torch.cuda.get_device_capability() < TF32_SINCE):
        raise UserError(
            "This device has no TF32: torch would compute in single precision under this trial's name.",
            saw=f"trainer.tf32=true, {seen}",
            allowed="trainer.tf32=false, or an NVIDIA GPU from Ampere on",
            change=["trainer.tf32=false"],
        )


def _has_lstm(config: Mapping[str, Any]) -> bool:
    parts = (config.get("architecture", {}).get(part, {}) for part in ("encoder", "decoder"))
    return any(part.get("cell") == "lstm" for part in parts)


def bf16_lstms() -> bool:
    """Whether this CPU computes LSTMs in bfloat16; asking draws nothing from torch's generator."""
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            torch.nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
    except RuntimeError:
        return False
    return True


def set_tf32(allowed: bool) -> None:
    """Let matrix products, convolutions and recurrent layers all round to TF32 on a GPU, or none of them.

    By default torch lets cuDNN's do so and the products not, so that layers of one network differ in precision.
    On a CPU nothing is rounded either way. Holds for the process, whatever was set before.
    """
    backends: Any = torch.backends
    if hasattr(backends, "fp32_precision"):  # torch 2.9 and later: a general value, and one for each kind of operation
        backends.fp32_precision = "none"
    torch.set_float32_matmul_precision("highest")
    # The older names too: torch refuses to read them where they disagree, and Lightning reads them.
    backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = allowed
    if hasattr(backends, "fp32_precision"):
        for part in (backends.cuda.matmul, backends.cudnn, backends.cudnn.conv, backends.cudnn.rnn):
            part.fp32_precision = "tf32" if allowed else "ieee"
        for part in (backends.mkldnn, backends.mkldnn.matmul, backends.mkldnn.conv, backends.mkldnn.rnn):
            part.fp32_precision = "ieee"


def device_fields(device: torch.device, precision: str, cuda_graphs: bool) -> dict[str, Any]:
    """The record's `run.device`: what was used, by all ranks, and what its numbers depend on. Collective."""
    found = _own(device)
    ranks = [found]
    if distributed.is_available() and distributed.is_initialized():
        ranks = [{} for _ in range(distributed.get_world_size())]
        distributed.all_gather_object(ranks, found)
    peaks = [rank["peak_memory_bytes"] for rank in ranks if rank["peak_memory_bytes"] is not None]
    return {
        **found,
        "count": len(ranks),
        "name": ", ".join(sorted({rank["name"] for rank in ranks})),
        "precision": precision,
        "cuda_graphs": cuda_graphs,
        "peak_memory_bytes": max(peaks, default=None),
    }


def reset_peak() -> None:
    """Start measuring the GPU's peak memory anew."""
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def _own(device: torch.device) -> dict[str, Any]:
    """This process's device; of a CPU, `hardware` says more."""
    found: dict[str, Any] = {"kind": device.type, "name": device.type, "tf32": False, "peak_memory_bytes": None}
    if device.type == "cuda":
        found |= {
            "name": torch.cuda.get_device_name(device),
            "tf32": torch.backends.cudnn.allow_tf32,
            "peak_memory_bytes": torch.cuda.max_memory_allocated(device),
            "cuda": torch.version.cuda,
            "cudnn": str(torch.backends.cudnn.version()),
            "driver": driver(),
        }
    return found


def driver() -> str | None:
    """NVIDIA's driver, where its kernel module says so."""
    with suppress(OSError):
        said = re.search(r"Kernel Module.*?(\d+\.[\d.]+)", DRIVER.read_text(encoding="utf-8"))
        return said and said[1]
    return None


def seed_noise(seed: int, device: torch.device) -> None:
    """Seed what a step on a device draws from, as `torch.manual_seed` does.

    It leaves out the other kinds of device: each that is not in use yet would format a traceback of this call, to be
    shown should its own, later seeding fail. That took 0.17 ms on its own.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    elif device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
    else:
        torch.manual_seed(seed)

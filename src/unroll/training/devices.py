"""The device that a trial runs on: its kind, the precision that it really computes in, and what a record says of it."""

import re
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


def check_precision(trial: Trial) -> None:
    """Refuse a precision that the device does not have: Lightning and torch would take another without a word.

    Raises:
        UserError: 16-mixed on a CPU, TF32 on anything but a GPU that has it.
    """
    trainer = trial.config.trainer
    if trainer.accelerator != "cpu" and not trains_here():
        return
    kind = kind_of(trainer.accelerator)
    seen = f"trainer.accelerator={trainer.accelerator}, which is {'a CPU' if kind == 'cpu' else kind} here"
    if trainer.precision == "16-mixed" and kind == "cpu":
        raise UserError(
            "A CPU has no 16-bit mixed precision: Lightning would train in bfloat16 under this trial's name.",
            saw=f"trainer.precision=16-mixed, {seen}",
            allowed="trainer.precision=bf16-mixed or 32-true, or a GPU",
            change=["trainer.precision=bf16-mixed"],
        )
    if trainer.tf32 and (kind != "cuda" or torch.cuda.get_device_capability() < TF32_SINCE):
        raise UserError(
            "This device has no TF32: torch would compute in single precision under this trial's name.",
            saw=f"trainer.tf32=true, {seen}",
            allowed="trainer.tf32=false, or an NVIDIA GPU from Ampere on",
            change=["trainer.tf32=false"],
        )


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


def device_fields(device: torch.device, precision: str) -> dict[str, Any]:
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

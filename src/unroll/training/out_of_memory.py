"""A trial that ran out of memory: what its record says of it, and how the process is free again for the next one."""

import errno
import gc
import re

import torch

from unroll.limits import GB, memory_bytes

_OF_GPU = re.compile(r"CUDA error: out of memory|CU(DNN|BLAS)_STATUS_ALLOC_FAILED")
_OF_HOST = re.compile(r"DefaultCPUAllocator: (can't allocate|not enough) memory")
_ASKED = (
    re.compile(r"[Tt]ried to allocate (?P<size>[\d.]+ ?[KMGT]?i?B|\d+ bytes)"),  # torch
    re.compile(r"Unable to allocate (?P<size>[\d.]+ [KMGT]?i?B)"),  # NumPy
)
_FREE = re.compile(r"total capacity of (?P<total>[\d.]+ \w+) of which (?P<free>[\d.]+ \w+) is free")


def message(error: BaseException, batch_size: int) -> str:
    """Return an error's message; of one for want of memory with what was asked for, what was free, and what to do.

    Args:
        error: that ended the trial.
        batch_size: of its training.
    """
    of_gpu = _of_gpu(error)
    if not of_gpu and not _of_host(error):
        return str(error)
    text = str(error)
    asked = next((found["size"] for pattern in _ASKED if (found := pattern.search(text))), None)
    needed = f"it asked for {asked}" if asked else "its need is not known"
    whose, free = ("The GPU's", _free_of_gpu(text)) if of_gpu else ("The machine's", _free_of_host())
    fewer = "more GPUs or fewer workers on this one" if of_gpu else "fewer workers"
    said = f"{whose} memory ran out: {needed}, {free}."
    todo = f"Try data.batch_size={max(1, batch_size // 2)} (it was {batch_size}), or {fewer} (workers=N)."
    return "\n".join(filter(None, (said, todo, text)))


def release(error: BaseException) -> None:
    """Where memory ran out, let go of what the calls of a traceback hold, and give the GPU's cache back."""
    if not (_of_gpu(error) or _of_host(error)):
        return
    one: BaseException | None = error
    while one is not None:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _of_gpu(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or _OF_GPU.search(str(error)) is not None


def _of_host(error: BaseException) -> bool:
    none_left = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return none_left or isinstance(error, MemoryError) or _OF_HOST.search(str(error)) is not None


def _free_of_gpu(text: str) -> str:
    found = _FREE.search(text)
    if found:
        return f"{found['free']} of {found['total']} were free"
    if torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info()
        return f"{free / GB:.3g} of {total / GB:.3g} GB are free"
    return "what was free is not known"


def _free_of_host() -> str:
    free = memory_bytes()
    return "what was free is not known" if free is None else f"{free / GB:.3g} GB are free"

"""What glibc does with memory that is freed: kept, a training step does not take it from the kernel anew.

By default it gives large blocks back at once. Each step of a long sequence then touches new pages, and the kernel
clears every one of them. Values do not change.
"""

import ctypes
import os
import platform
from typing import Literal

VARIABLES = (
    "GLIBC_TUNABLES",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_MMAP_MAX_",
)
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # of mallopt(3)
FreedMemory = Literal["kept", "environment", "default"]


def keep_freed_memory() -> FreedMemory:
    """Keep what this process frees from now on; give back first what it has not used.

    Returns what holds now: "kept"; "environment" where a variable of glibc's says what to do, and nothing is changed;
    "default" where the C library is another one.
    """
    if platform.libc_ver()[0] != "glibc":
        return "default"
    if any(os.environ.get(name) for name in VARIABLES):
        return "environment"
    libc = ctypes.CDLL(None)
    libc.malloc_trim(0)
    limits = {M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 64 * 2**20, M_MMAP_THRESHOLD: 2**30}
    return "kept" if all([libc.mallopt(option, size) for option, size in limits.items()]) else "default"

"""What of this machine this process may use: cores and memory, as its container and its Slurm job limit them."""

import contextlib
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

GB = 10**9
_MEBIBYTE = 2**20
_UNLIMITED = 2**60  # cgroup v1 writes a number near 2**63 for no limit


def cores() -> int:
    """Return the cores that this process may use: its affinity, its container's quota, its Slurm task's share."""
    found = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    found += [*_quotas(_cgroups("cpu")), *slurm_cores(os.environ)]
    return max(1, min(found))


def memory_bytes() -> int | None:
    """Return the memory that programs started now may take: what is free, within container and Slurm job.

    None where the platform does not say.
    """
    found = [*_available(), *_limits(_cgroups("memory")), *slurm_memory(os.environ)]
    return min(found, default=None)


def slurm_cores(environment: Mapping[str, str]) -> list[int]:
    """Return the cores of a Slurm task, else of its job on this node; nothing outside of jobs."""
    names = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")
    return [int(environment[name]) for name in names if environment.get(name, "").isdigit()][:1]


def slurm_memory(environment: Mapping[str, str]) -> list[int]:
    """Return the bytes of a Slurm job on this node; nothing where it has all memory, and outside of jobs."""
    node, core = environment.get("SLURM_MEM_PER_NODE", ""), environment.get("SLURM_MEM_PER_CPU", "")
    if node.isdigit():
        return [int(node) * _MEBIBYTE] if int(node) else []
    each = environment.get("SLURM_CPUS_ON_NODE", "")
    return [int(core) * int(each) * _MEBIBYTE] if core.isdigit() and each.isdigit() and int(core) else []


def _available() -> Iterator[int]:
    with contextlib.suppress(OSError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text("ascii"), re.MULTILINE)
        if found:
            yield int(found[1]) * 1024


def _cgroups(
    controller: str, mount: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> list[Path]:
    """The folders of this process's cgroup and of those above it, in which a controller of either version may write."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        root = mount if number == "0" else mount / controllers
        if number == "0" or controller in controllers.split(","):
            place = root / path.lstrip("/")
            found += [place, *(above for above in place.parents if above == root or root in above.parents)]
    return found


def _limits(folders: Iterable[Path]) -> Iterator[int]:
    for folder in folders:
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):  # "max" is no limit
                limit = int((folder / name).read_text("ascii"))
                if limit < _UNLIMITED:
                    yield limit


def _quotas(folders: Iterable[Path]) -> Iterator[int]:
    """Cores that a quota of CPU time amounts to, rounded up."""
    for folder in folders:
        with contextlib.suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text("ascii").split()
            yield math.ceil(int(quota) / int(period))
        with contextlib.suppress(OSError, ValueError):
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
            if int(quota) > 0:
                yield math.ceil(int(quota) / int(period))

"""Where a number came from: code, packages, hardware, memory. Fills the `run` part of a record."""

import contextlib
import functools
import importlib.metadata
import os
import platform
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import unroll


def provenance() -> dict[str, Any]:
    """Return {"code", "packages", "hardware"} of this process, in the form that a record's `run` takes."""
    return {"code": code(), "packages": packages(), "hardware": hardware()}


@functools.cache
def code() -> dict[str, Any]:
    """Return {"version", "commit", "dirty"}; commit and dirty are None outside a checkout of Unroll itself.

    An installed copy inside somebody else's repository has no commit: git must know this very file.
    """
    here = Path(__file__).resolve()
    found: dict[str, Any] = {"version": unroll.__version__, "commit": None, "dirty": None}
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return found
    found["commit"] = _git(here.parent, "rev-parse", "HEAD")
    changes = _git(here.parent, "status", "--porcelain", "--untracked-files=no")
    found["dirty"] = None if changes is None else bool(changes)
    return found


@functools.cache
def packages() -> dict[str, str]:
    """Return the versions of Python and of every direct dependency of Unroll that is installed, by name."""
    try:
        required = importlib.metadata.requires(unroll.DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        required = []
    names = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in required if "extra ==" not in line}
    versions = {"python": platform.python_version()}
    for name in sorted(names | {"torch", "pytorch-lightning", "numpy"}):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def hardware() -> dict[str, Any]:
    """Return the machine: host, platform, cpu model, cores this process may use, memory in bytes, GPU names.

    GPUs and the CPU's instruction set are asked of torch only if the process has already imported it.
    """
    found: dict[str, Any] = {
        "host": platform.node(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": _cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": [],
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        found["cpu_capability"] = torch.backends.cpu.get_cpu_capability()
        if torch.cuda.is_available():
            found["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return found


def reset_peak_memory() -> None:
    """Start measuring peak memory anew, so that a worker's second trial does not report its first one's peak.

    Linux only (/proc/self/clear_refs); elsewhere the peak stays that of the whole process.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_memory_bytes() -> int:
    """Return the largest resident memory of this process since the last reset, in bytes."""
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return int(found.group(1)) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@functools.cache
def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found.group(1).strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""Which process made a lease, and whether that process may still run."""

import json
import os
import socket
import time
import uuid
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """Who made a lease."""

    token: str
    host: str
    pid: int
    machine: str  # boot and process namespace: where the pid means something
    born: str  # the process's start, since pids come back
    job: str | None  # Slurm's job, and how often it was started
    start: str | None
    expires_after: float  # seconds without a heartbeat


LONGEST = 86_400.0  # seconds that any lease may live without a heartbeat
_TEXTS, _MAYBE = ("token", "host", "machine", "born"), ("job", "start")


def read_owner(content: bytes) -> Owner:
    """Return the owner that a lease's file names; one that asks for more than a day without a heartbeat gets a day.

    Raises:
        ValueError, TypeError: it names none.
    """
    owner = Owner(**json.loads(content))
    texts = all(isinstance(getattr(owner, name), str) for name in _TEXTS)
    maybe = all(isinstance(getattr(owner, name), str | None) for name in _MAYBE)
    if not (texts and maybe and isinstance(owner.pid, int) and isinstance(owner.expires_after, int | float)):
        raise TypeError(f"no owner: {content[:200]!r}")
    return replace(owner, expires_after=min(owner.expires_after, LONGEST))


def this_process(expires_after: float) -> Owner:
    """Return an owner for this process, with a token of its own."""
    pid = os.getpid()
    return Owner(uuid.uuid4().hex, socket.gethostname(), pid, _machine(), _born(pid), *_job(), expires_after)


def has_ended(owner: Owner) -> bool:
    """Whether it is certain that the owner's process is no more: gone from this machine, or a job started again."""
    if owner.machine == _machine() and not _runs(owner.pid, owner.born):
        return True
    job, start = _job()
    return job is not None and owner.job == job and int(owner.start or 0) < int(start or 0)


def uptime() -> float:
    """Seconds that go on while the machine sleeps, where it has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode()}"


def _born(pid: int) -> str:
    """When a process began, in ticks since boot; empty where none runs, or no /proc could tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if fields[0] in "ZX" else fields[19]


def _runs(pid: int, born: str) -> bool:
    """Whether a process of this machine may still run: /proc can hide other users' processes, signals cannot."""
    found = _born(pid)
    if found:
        return found == born
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _job() -> tuple[str | None, str | None]:
    job = os.environ.get("SLURM_JOB_ID")
    if not job:
        return None, None
    return f"{job} {os.environ.get('SLURM_CLUSTER_NAME', '')}".strip(), os.environ.get("SLURM_RESTART_COUNT") or "0"

"""Who trains a trial now: a claim that its owner keeps alive, and that passes on when the owner is dead.

A claim is a file `claim-N.json` in the trial's directory. It comes into being by a hard link, which is atomic on NFS
too, and lives while its owner touches it. Whoever finds only dead claims makes the next number; whoever sees a higher
number than its own has lost. No clocks of two machines are compared: the file system's own clock tells a claim's age.
"""

import json
import os
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unroll.errors import UserError

BEATS_TO_DEATH = 6  # heartbeats that a claim may miss
PROGRESS = "progress.json"
_NAME = re.compile(r"claim-(\d+)\.json")


class Claimed(UserError):
    """Another process trains this trial."""


class ClaimLost(UserError):
    """This process was silent for so long that another one took its trial over."""


@dataclass(frozen=True)
class Owner:
    """Who made a claim."""

    token: str
    host: str
    pid: int
    machine: str  # boot and process namespace: where the pid means something
    born: str  # the process's start, since pids come back
    job: str | None  # Slurm's job, and how often it was started
    start: str | None
    expires_after: float  # seconds without a heartbeat


@dataclass(frozen=True)
class Holding:
    """A claim as it lies on disk."""

    number: int
    owner: Owner
    age: float  # seconds since the last heartbeat


class Claim:
    """This process's claim on a directory. Use `claimed`."""

    def __init__(self, directory: Path, heartbeat: float):
        self.directory, self.heartbeat = directory, heartbeat
        expires = BEATS_TO_DEATH * heartbeat
        self.owner = Owner(uuid.uuid4().hex, socket.gethostname(), os.getpid(), *_process(), *_job(), expires)
        self.lost = False
        self.progress: Callable[[], dict[str, Any]] | None = None
        self._ended = threading.Event()
        self.number = self._acquire()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise ClaimLost when another process has taken over, as far as the last heartbeat knows."""
        if self.lost:
            raise ClaimLost(
                "Another process has taken this trial over, since this one gave no sign of life.",
                saw=f"{self.directory}: no heartbeat for {self.owner.expires_after:.0f} s",
                run="unroll status",
            )

    def confirm(self) -> None:
        """Do what `check` does, after looking at the directory now."""
        self.lost = self.lost or not self._mine()
        self.check()

    def release(self) -> None:
        """Stop the heartbeat and remove the claim, if it is still this process's."""
        self._ended.set()
        self._thread.join()
        if not self.lost and self._mine():
            (self.directory / PROGRESS).unlink(missing_ok=True)
            self._path(self.number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.directory / f"claim-{number}.json"

    def _acquire(self) -> int:
        while True:
            before = holdings(self.directory)
            _refuse_living(self.directory, before, self.owner)
            number = max((one.number for one in before), default=0) + 1
            if not self._make(number):
                continue
            dead = {one.number for one in before}
            others = [one for one in holdings(self.directory) if one.number not in {*dead, number}]
            try:
                _refuse_living(self.directory, others, self.owner)
            except Claimed:
                self._path(number).unlink(missing_ok=True)
                raise
            for old in dead:
                self._path(old).unlink(missing_ok=True)
            return number

    def _make(self, number: int) -> bool:
        draft = self.directory / f".claim-{self.owner.token}"
        draft.write_text(json.dumps(asdict(self.owner)))
        try:
            os.link(draft, self._path(number))
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        return True

    def _mine(self) -> bool:
        try:
            numbers = dict(_files(self.directory))
            return max(numbers, default=0) == self.number and _read(numbers[self.number])[0] == self.owner
        except (FileNotFoundError, KeyError, ValueError):
            return False
        except OSError:
            return True  # the file system does not answer; the next beat asks again

    def _beat(self) -> None:
        while not self._ended.wait(self.heartbeat):
            if not self._mine():
                self.lost = True
                return
            try:
                os.utime(self._path(self.number))
                if self.progress is not None:
                    draft = self.directory / f".progress-{self.owner.token}"
                    draft.write_text(json.dumps(self.progress()))
                    draft.replace(self.directory / PROGRESS)
            except OSError:
                continue  # a full or absent disk now may be there at the next beat


@contextmanager
def claimed(directory: Path, heartbeat: float) -> Iterator[Claim]:
    """Hold the claim on an existing directory while the block runs.

    Args:
        directory: of the trial.
        heartbeat: seconds between signs of life; without `BEATS_TO_DEATH` of them the claim is dead.

    Raises:
        Claimed: a living process holds it.
    """
    claim = Claim(directory, heartbeat)
    try:
        yield claim
    finally:
        claim.release()


def holder(directory: Path) -> Holding | None:
    """Return the living claim on a directory, or None."""
    if not any(_files(directory)):
        return None
    living = [one for one in holdings(directory) if _alive(one)]
    return max(living, key=lambda one: one.number, default=None)


def holdings(directory: Path) -> list[Holding]:
    """Return every claim in a directory, dead ones too, with ages by the file system's clock."""
    files = list(_files(directory))
    if not files:
        return []
    now = _now(directory)
    found = []
    for number, path in files:
        try:
            owner, touched = _read(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError):  # half-written by a crash of the machine
            owner, touched = Owner("", "", 0, "", "", None, None, 0.0), 0.0
        found.append(Holding(number, owner, now - touched))
    return found


def _files(directory: Path) -> Iterator[tuple[int, Path]]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    for name in names:
        match = _NAME.fullmatch(name)
        if match:
            yield int(match[1]), directory / name


def _read(path: Path) -> tuple[Owner, float]:
    """The owner and the time of the last heartbeat; opening the file makes NFS ask its server."""
    with open(path) as file:
        return Owner(**json.load(file)), os.fstat(file.fileno()).st_mtime


def _now(directory: Path) -> float:
    """The file system's clock; this machine's where the directory cannot be written to."""
    probe = directory / f".now-{uuid.uuid4().hex}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        import time

        return time.time()
    finally:
        probe.unlink(missing_ok=True)


def _alive(one: Holding) -> bool:
    owner = one.owner
    if owner.machine == _process()[0] and _born(owner.pid) != owner.born:
        return False
    job, start = _job()
    if job is not None and owner.job == job and owner.start != start:
        return False
    return one.age <= owner.expires_after


def _refuse_living(directory: Path, found: list[Holding], me: Owner) -> None:
    for one in found:
        if one.owner.token != me.token and _alive(one):
            raise Claimed(
                "Another process trains this trial now.",
                saw=f"{directory}: process {one.owner.pid} on {one.owner.host}, last sign of life {one.age:.0f} s ago",
                allowed=f"one process a trial; a dead one's claim ends after {one.owner.expires_after:.0f} s",
                run="unroll status",
            )


def _process() -> tuple[str, str]:
    return _machine(), _born(os.getpid())


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode()}"


def _born(pid: int) -> str:
    """When a process began, in ticks since boot; empty where none runs, or no /proc could tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _job() -> tuple[str | None, str | None]:
    job = os.environ.get("SLURM_JOB_ID")
    return (job, os.environ.get("SLURM_RESTART_COUNT", "0")) if job else (None, None)

"""Who trains a trial now: a lease that its owner keeps alive, and that passes on when the owner is dead.

A lease is a file `lease-N.json` in the trial's directory. It comes into being by a hard link, which is atomic on NFS
too, and lives while its owner touches it. Only the highest number counts: whoever finds it dead or empty (released)
makes the next one, whoever sees a higher number than its own has lost. The highest is never removed, so that numbers
only rise and no schedule gives one of them to two processes. No clocks of two machines are compared: the file system's
own clock tells a lease's age.

An owner replaces a file by writing a draft named by its lease, confirming the lease, and only then renaming the draft;
who takes over first makes its lease, then removes its predecessors' drafts. So what an owner that was silent too long
still writes either lies there before its successor looks, or never comes into place.
"""

import json
import os
import re
import shlex
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unroll.errors import UserError
from unroll.records.owners import LONGEST, Owner, has_ended, read_owner, this_process, uptime

BEATS_TO_DEATH = 6  # heartbeats that a lease may miss
UNREADABLE_EXPIRES_AFTER = 60.0  # seconds: a lease of another user or another version
PROGRESS = "progress.json"
_NAME = re.compile(r"lease-(\d+)\.json")
_DRAFT = re.compile(r"\..+\.of-lease-(\d+)-\w+")


class LeaseHeld(UserError):
    """Another process trains this trial."""


class LeaseLost(UserError):
    """This process was silent for so long that another one took its trial over."""


@dataclass(frozen=True)
class Holding:
    """The highest lease, as it lies on disk."""

    number: int
    owner: Owner | None  # None: released, or never written whole before the machine crashed
    touched: float


class Lease:
    """This process's lease on a directory. Use `leased`."""

    def __init__(self, directory: Path, heartbeat: float):
        self.directory, self.heartbeat = directory, heartbeat
        self.owner = this_process(min(BEATS_TO_DEATH * heartbeat, LONGEST))
        self.lost = False
        self.progress: Callable[[], dict[str, Any]] | None = None
        self._ended = threading.Event()
        self.number = self._acquire()
        self._looked = uptime()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise LeaseLost when another process has taken over, as far as is known from the last heartbeats."""
        if uptime() - self._looked > 2 * self.heartbeat:  # this process or its machine was suspended
            self.confirm()
        elif self.lost:
            self._raise_lost()

    def confirm(self) -> None:
        """Raise LeaseLost when another process has taken over, after looking at the directory now.

        Before a draft is renamed, the draft lies in the directory already: having made it, an NFS client no longer
        trusts what it remembers of the directory.
        """
        self._look()
        if self.lost:
            self._raise_lost()

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """Do what `unroll.atomic.replacing` does, if the lease is still this process's at the end of the block.

        Raises:
            LeaseLost: it is not; the file is as it was.
        """
        draft = path.with_name(f".{path.name}.of-lease-{self.number}-{self.owner.token}")
        try:
            yield draft
            self.confirm()
            os.replace(draft, path)
        except BaseException as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            if isinstance(error, FileNotFoundError):  # a successor removed it
                self.confirm()
            raise

    def release(self) -> None:
        """Stop the heartbeat and empty the lease, if it is still this process's."""
        self._ended.set()
        self._thread.join()
        self._look()
        if not self.lost:
            with suppress(OSError):  # a file system that can no longer be written to: the lease ends by its age
                (self.directory / PROGRESS).unlink(missing_ok=True)
                os.truncate(self._path(self.number), 0)

    def _raise_lost(self) -> None:
        if not self.directory.is_dir():
            raise LeaseLost(
                "The directory of this trial was moved or removed while it was trained.",
                saw=f"there is no {self.directory}",
                allowed="a folder of trials that stays where it is: its checkpoints go on where paths.runs names it",
            )
        raise LeaseLost(
            "Another process has taken this trial over, since this one gave no sign of life.",
            saw=f"{self.directory}: no heartbeat for {self.owner.expires_after:.0f} s",
            run=f"unroll status --runs {shlex.quote(str(self.directory.parent))}",
        )

    def _path(self, number: int) -> Path:
        return self.directory / f"lease-{number}.json"

    def _acquire(self) -> int:
        while True:
            last = _last(self.directory)
            if last is not None and _alive(self.directory, last):
                raise _leased(self.directory, last)
            number = last.number + 1 if last is not None else 1
            if not self._make(number):
                continue
            numbers = dict(_files(self.directory))
            if max(numbers, default=number) > number:  # `last` was the last no longer
                self._path(number).unlink(missing_ok=True)
                continue
            self._succeed(number, [path for other, path in sorted(numbers.items()) if other < number])
            return number

    def _make(self, number: int) -> bool:
        draft = self.directory / f".lease-{self.owner.token}"
        try:
            draft.write_text(json.dumps(asdict(self.owner)), encoding="utf-8")
            os.link(draft, self._path(number))
        except FileExistsError:
            return False
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        return True

    def _succeed(self, number: int, older: list[Path]) -> None:
        """Empty the predecessor's lease, so that it notices, and remove what earlier owners left half done.

        The predecessor's file stays, for whoever is listing the directory now and may miss the newest.
        """
        for path in older[:-1]:
            path.unlink(missing_ok=True)
        for path in older[-1:]:
            try:
                os.truncate(path, 0)
            except FileNotFoundError:
                pass
            except PermissionError:  # of another user
                path.unlink(missing_ok=True)
        for name in os.listdir(self.directory):
            match = _DRAFT.fullmatch(name)
            if match and int(match[1]) < number:
                (self.directory / name).unlink(missing_ok=True)

    def _look(self) -> None:
        try:
            if not self.lost:
                numbers = dict(_files(self.directory))
                mine = max(numbers, default=0) == self.number
                self.lost = not (mine and _owner(numbers[self.number].read_bytes()) == self.owner)
        except FileNotFoundError:
            self.lost = True
        except OSError:
            return  # the file system does not answer; the next look asks again
        self._looked = uptime()

    def _beat(self) -> None:
        while not self._ended.wait(self.heartbeat):
            self._look()
            if self.lost:
                return
            try:
                os.utime(self._path(self.number))
                if self.progress is not None:
                    with self.replacing(self.directory / PROGRESS) as draft:
                        draft.write_text(json.dumps(self.progress()), encoding="utf-8")
            except LeaseLost:
                return
            except OSError:
                continue  # a full or absent disk now may be there at the next beat


@contextmanager
def leased(directory: Path, heartbeat: float) -> Iterator[Lease]:
    """Hold the lease on an existing directory while the block runs.

    Args:
        directory: of the trial.
        heartbeat: seconds between signs of life; without `BEATS_TO_DEATH` of them the lease is dead.

    Raises:
        LeaseHeld: a living process holds it.
    """
    lease = Lease(directory, heartbeat)
    try:
        yield lease
    finally:
        lease.release()


def holder(directory: Path) -> Holding | None:
    """Return the living lease on a directory, or None."""
    last = _last(directory)
    return last if last is not None and _alive(directory, last) else None


def leases_made(directory: Path) -> int:
    """Return how many leases there have been on a directory: it rises when a trial is started again."""
    return max((number for number, _ in _files(directory)), default=0)


def _last(directory: Path) -> Holding | None:
    while True:
        number, path = max(_files(directory), default=(0, None))
        if path is None:
            return None
        try:
            # Opening the file makes NFS ask its server.
            with open(path, "rb") as file:
                owner, touched = _owner(file.read()), os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            continue  # removed since there is a higher one now
        except PermissionError:
            owner, touched = _UNREADABLE, path.stat().st_mtime
        return Holding(number, owner, touched)


def _files(directory: Path) -> Iterator[tuple[int, Path]]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    for name in names:
        match = _NAME.fullmatch(name)
        if match:
            yield int(match[1]), directory / name


_UNREADABLE = Owner("", "an unknown machine", 0, "", "", None, None, UNREADABLE_EXPIRES_AFTER)


def _owner(content: bytes) -> Owner | None:
    """Whose lease a file's content is; None for an empty one, and one of zeros, as a crash of the machine leaves it."""
    if not content.strip(b"\0"):
        return None
    try:
        return read_owner(content)
    except (ValueError, TypeError, RecursionError):
        return _UNREADABLE


def _age(directory: Path, touched: float) -> float:
    """Seconds since a time of the file system's clock; by this machine's where the directory cannot be written to."""
    probe = directory / f".now-{uuid.uuid4().hex}"
    try:
        probe.touch()
        return probe.stat().st_mtime - touched
    except OSError:
        return time.time() - touched
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _alive(directory: Path, one: Holding) -> bool:
    owner = one.owner
    if owner is None or has_ended(owner):
        return False
    # A lease from the future was made before the clock was set right.
    return abs(_age(directory, one.touched)) <= owner.expires_after


def described(directory: Path, one: Holding) -> str:
    """Say who holds a living lease, and since when it is silent."""
    assert one.owner is not None
    age = max(0.0, _age(directory, one.touched))
    return f"process {one.owner.pid} on {one.owner.host}, last sign of life {age:.0f} s ago"


def _leased(directory: Path, one: Holding) -> LeaseHeld:
    assert one.owner is not None
    return LeaseHeld(
        "Another process trains this trial now.",
        saw=f"{directory}: {described(directory, one)}",
        allowed=f"one process a trial; a dead one's lease ends after {one.owner.expires_after:.0f} s",
        run=f"unroll status --runs {shlex.quote(str(directory.parent))}",
    )

"""Locks of what a cache holds, and the right to write to it: a group can share one."""

import os
import re
import shutil
import socket
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.errors import UserError
from unroll.storage import storage_trouble
from unroll.visible import say

if TYPE_CHECKING:
    from filelock import BaseFileLock

FIRST_WORD, LONGEST_SILENCE = 5.0, 600.0  # seconds that a wait is silent: at first, and after it has gone on for long
ABANDONED_AFTER = 86_400.0  # seconds
_LONGEST_NOTE = 200  # bytes of what a lock's holder says of itself
_DRAFT = re.compile(r"\.(.+-[0-9a-f]{16}|.+==.+)-[a-z0-9_]{8}")  # of a prepared set, of a wheel


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of something in the cache, whether it is there yet or not; what it lies in is made.

    A wait says on stderr what it waits for and who holds it, after a few seconds and then rarely.

    Raises:
        UserError: the cache cannot be written.
    """
    with writing(path.parent):
        make_folder(path.parent)
        lock, holder = _lock_of(path), path.with_name(f".{path.name}.holder")
        _acquire(lock, path, holder)
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        with suppress(OSError):  # only what a wait says
            holder.unlink(missing_ok=True)  # of a killed process, perhaps of another user's
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {since}", encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make the errors of a block that writes into a folder of the cache the user's.

    Raises:
        StorageTrouble: the disk is full, read-only or gone.
        UserError: the folder cannot be written.
    """
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the latter from a file system without locks
        raise storage_trouble(error, folder) or UserError(
            f"the data cache {folder} cannot be written",
            saw=error,
            allowed="a folder that you may write to: paths.cache=FOLDER or UNROLL_CACHE=FOLDER",
        ) from error


@contextmanager
def draft_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, for its lock's holder alone; it goes where the block has not moved it."""
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        with writing(path.parent):
            draft.mkdir()
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder of the cache, and those above it, where there is none; who may write above may write in it.

    What lies in a folder of everybody's, such as /tmp, is one's own.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        if not folder.parent.stat().st_mode & stat.S_ISVTX:
            share(folder, folder.parent)


def share(path: Path, folder: Path) -> None:
    """Let who may read or write a folder read or write what was made in it, a folder with its files.

    A file system without such rights leaves it as it is.
    """
    mode = folder.stat().st_mode & 0o2775
    for item in (path, *path.rglob("*")):
        with suppress(OSError):
            item.chmod(mode if item.is_dir() else mode & 0o664)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half made in a folder of the cache: a day old, and its lock held by nobody."""
    with suppress(OSError):
        for draft in folder.iterdir():
            match = _DRAFT.fullmatch(draft.name)
            if (
                match
                and _lock_file(folder / match[1]).is_file()
                and time.time() - draft.stat().st_mtime > ABANDONED_AFTER
            ):
                _remove_unowned(draft, folder / match[1])


def _remove_unowned(draft: Path, path: Path) -> None:
    from filelock import Timeout

    with suppress(OSError, Timeout), _lock_of(path).acquire(timeout=0):
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _lock_of(path: Path) -> "BaseFileLock":
    from filelock import FileLock

    mode = path.parent.stat().st_mode & 0o664
    return FileLock(_lock_file(path), mode=mode | 0o600)


def _lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _acquire(lock: "BaseFileLock", path: Path, holder: Path) -> None:
    from filelock import Timeout

    silence = FIRST_WORD
    while True:
        try:
            lock.acquire(timeout=silence)
            return
        except Timeout:
            say(f"Waiting for {path}: it is being made by {_told(holder)}.", err=True)
            silence = min(4 * silence, LONGEST_SILENCE)


def _told(holder: Path) -> str:
    """What the holder of a lock has written of itself: one line, since anybody may write there who shares the cache."""
    try:
        with open(holder, "rb", buffering=0, opener=_at_once) as file:
            lines = (file.read(_LONGEST_NOTE) or b"").decode("utf-8", "replace").splitlines()
    except OSError:
        return "another process"
    return next(iter(lines), "") or "another process"


def _at_once(path: str, flags: int) -> int:
    """Open a file; a pipe of that name is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)

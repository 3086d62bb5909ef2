"""A disk that is full, read-only or gone: no fault of the trial, so it leaves no failed record."""

import errno
import os
from collections.abc import Iterator

from unroll.errors import COMMAND, UserError

_WHAT = {
    errno.ENOSPC: "There is no space left on the disk.",
    errno.EDQUOT: "The disk quota is used up.",
    errno.EROFS: "The disk is mounted read-only.",
    errno.EIO: "The disk does not answer.",
    errno.ESTALE: "The network file system has lost its server.",
    errno.ENOTCONN: "The network file system has lost its server.",
}
_SHARED_MEMORY = "/dev/shm"


class StorageTrouble(UserError):
    """Nothing can be written now; once it can, the same command goes on from what is there."""


def storage_trouble(error: BaseException, place: object = None) -> StorageTrouble | None:
    """Return what to tell the user where an error comes from the disk, else None; `place` is where it was writing."""
    for one in _chain(error):
        if isinstance(one, StorageTrouble):
            return one
        if isinstance(one, OSError) and (one.errno in _WHAT or _of_shared_memory(one)):
            where = (
                f"{_SHARED_MEMORY}, through which processes meet" if _of_shared_memory(one) else one.filename or place
            )
            return StorageTrouble(
                _WHAT.get(one.errno or 0, "The machine's shared memory cannot be used."),
                saw=f"{where}: {one.strerror}" if where else one.strerror,
                allowed="room and the right to write; checkpoints and records that are whole stay as they are",
                run=f"{COMMAND}   # once there is: it goes on from the last checkpoints",
            )
    return None


def _of_shared_memory(error: OSError) -> bool:
    """Whether a semaphore could not be made, which names no file."""
    trace = error.__traceback__
    modules = set()
    while trace is not None:
        modules.add(trace.tb_frame.f_globals.get("__name__"))
        trace = trace.tb_next
    return error.filename is None and "multiprocessing.synchronize" in modules


def file_trouble(error: OSError) -> UserError | None:
    """Return what to tell the user of a path that cannot be read or written; None where the error names no path."""
    if error.filename is None:
        return None
    return UserError(
        "A file cannot be read or written.",
        saw=f"{os.fsdecode(error.filename)}: {error.strerror}",
        allowed="a path in a folder that is there, with the right to use it",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from: torch hides what its writing met."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__

"""What is told of a disk names the place, of shared memory too, which names no file itself."""

import errno
import multiprocessing
import os
from multiprocessing import synchronize
from pathlib import Path

import pytest

from unroll.storage import StorageTrouble, storage_trouble


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.ENOSYS])
def test_shared_memory_is_named(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(synchronize._multiprocessing, "SemLock", fail)
    with pytest.raises(OSError, match=r".") as caught:
        multiprocessing.get_context("spawn").Lock()
    trouble = storage_trouble(caught.value, Path("/somewhere/else"))
    assert isinstance(trouble, StorageTrouble)
    assert str(trouble.saw).startswith("/dev/shm")
    assert os.strerror(number) in str(trouble.saw)


def test_a_file_is_named_and_else_the_place() -> None:
    named = OSError(errno.ENOSPC, "full", "/a/file")
    assert str(getattr(storage_trouble(named, "/b"), "saw", None)) == "/a/file: full"
    assert str(getattr(storage_trouble(OSError(errno.ENOSPC, "full"), "/b"), "saw", None)) == "/b: full"
    assert storage_trouble(OSError(errno.EACCES, "no", "/a"), "/b") is None
    assert storage_trouble(ValueError("no")) is None

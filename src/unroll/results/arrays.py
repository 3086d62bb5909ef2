"""Arrays from .npz files that anybody may have made: read with a limit on their size, and never unpickled."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np

from unroll.errors import UserError

LARGEST = 2**31  # bytes of one array, where nothing is known of it
_HEADER = 2**14  # bytes that an array's description takes at most
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_WRONG = (
    *(OSError, ValueError, EOFError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
_VERSIONS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def names(path: str | Path) -> list[str]:
    """Return the arrays' names, in the file's order. Raises UserError where the file is no .npz."""
    with _archive(Path(path)) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_array(path: str | Path, name: str, largest: int = LARGEST) -> np.ndarray:
    """Return one array of a .npz file.

    Args:
        path: a regular file.
        name: of the array.
        largest: bytes that its values may have.

    Raises:
        UserError: there is no such array, it is larger, holds objects, or cannot be read, with the reason.
    """
    with _archive(Path(path)) as archive:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"it holds no '{name}'")
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type not in _METHODS:
            raise ValueError(f"'{name}' is compressed as no file of ours is")
        with archive.open(info) as member:
            data = member.read(largest + _HEADER + 1)
        if len(data) > largest + _HEADER:
            raise ValueError(f"'{name}' has {info.file_size:,} bytes, and {largest:,} are possible")
        return _array(data, name)


def _array(data: bytes, name: str) -> np.ndarray:
    """NumPy's own reader makes room for as many values as the header says, whatever follows it."""
    stream = BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in _VERSIONS:
        raise ValueError(f"'{name}' has the format {version}")
    shape, by_columns, kind = _VERSIONS[version](stream)
    values = memoryview(data)[stream.tell() :]
    if kind.hasobject:
        raise ValueError(f"'{name}' holds objects")
    if min(shape, default=0) < 0 or prod(shape) * kind.itemsize != len(values):
        raise ValueError(f"'{name}' says {shape} of {kind}, and has {len(values):,} bytes")
    return np.ndarray(shape, kind, buffer=values, order="F" if by_columns else "C")


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("it is no regular file")
            with zipfile.ZipFile(file) as archive:
                yield archive
    except _WRONG as error:
        raise UserError(f"{path} cannot be used.", saw=error) from error

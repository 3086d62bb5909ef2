"""Arrays from .npz files that anybody may have made: read with a limit on their size, and never unpickled."""

import os
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from unroll.errors import UserError

LARGEST = 2**31  # bytes of one array, or of one example of it, where nothing is known of it
_AT_ONCE = 2**24  # bytes of an array that is read in parts
_HEADER = 2**14  # bytes that an array's description takes at most
_GROWTH = 1032  # times its size, that a deflated file grows at most: 258 bytes of two bits each
_KINDS = "biufcSUmM"  # of NumPy's types: numbers, texts, times
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_WRONG = (
    *(OSError, ValueError, EOFError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(TypeError, OverflowError, SyntaxError, tokenize.TokenError),  # of a header that is no description
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
        info = _info(archive, name)
        with archive.open(info) as member:
            data = member.read(largest + _HEADER + 1)
        if len(data) > largest + _HEADER:
            raise ValueError(f"'{name}' has {info.file_size:,} bytes, and {largest:,} are possible")
        found = _description(data, name, len(data))
        order: Literal["F", "C"] = "F" if found.by_columns else "C"
        return np.ndarray(found.shape, found.dtype, data, found.start, order=order)


class Description(NamedTuple):
    """What an array says of itself, which its bytes bear out."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool
    start: int  # of its values, in bytes

    @property
    def at_once(self) -> int:
        """How many examples are read together."""
        return max(1, _AT_ONCE // max(1, prod(self.shape[1:]) * self.dtype.itemsize))


def describe(path: str | Path, name: str) -> Description:
    """Return what an array says of itself. Raises UserError as `read_array` does."""
    with _archive(Path(path)) as archive:
        return _described(archive, name)


def in_parts(path: str | Path, name: str, count: int | None = None) -> Iterator[np.ndarray]:
    """Yield an array of any size, `count` examples at a time; a single value is one example, and no value is none.

    Raises UserError as `read_array` does. Only an array that is stored by columns has to be read whole.
    """
    with _archive(Path(path)) as archive:
        found = _described(archive, name)
        total, *each = found.shape or (1,)
        count = count or found.at_once
        starts = range(0, total if prod(each) * found.dtype.itemsize else 0, count)
        if found.by_columns:
            whole = np.atleast_1d(read_array(path, name))
            yield from (whole[start : start + count] for start in starts)
            return
        with archive.open(_info(archive, name)) as member:
            member.read(found.start)
            for start in starts:
                shape = (min(count, total - start), *each)
                data = member.read(size := prod(shape) * found.dtype.itemsize)
                if len(data) < size:
                    raise ValueError(f"'{name}' ends too early")
                yield np.ndarray(shape, found.dtype, data)


def _info(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it holds no '{name}'")
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in _METHODS:
        raise ValueError(f"'{name}' is compressed as no file of ours is")
    return info


def _described(archive: zipfile.ZipFile, name: str) -> Description:
    info = _info(archive, name)
    with archive.open(info) as member:
        return _description(member.read(_HEADER), name, info.file_size)


def _description(data: bytes, name: str, size: int) -> Description:
    """NumPy's own reader makes room for as many values as the header says, whatever follows it."""
    stream = BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in _VERSIONS:
        raise ValueError(f"'{name}' has the format {version}")
    shape, by_columns, dtype = _VERSIONS[version](stream)
    size -= stream.tell()
    if dtype.kind not in _KINDS:
        raise ValueError(f"'{name}' holds {dtype}, and no numbers or texts")
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != size:
        raise ValueError(f"'{name}' says {shape} of {dtype}, and has {size:,} bytes")
    if (each := prod(shape[1:]) * dtype.itemsize) > LARGEST:
        raise ValueError(f"an example of '{name}' has {each:,} bytes, and {LARGEST:,} are possible")
    return Description(shape, dtype, by_columns, stream.tell())


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("it is no regular file")
            with zipfile.ZipFile(file) as archive:
                _possible(archive, os.fstat(descriptor).st_size)
                yield archive
    except _WRONG as error:
        raise UserError(f"{path} cannot be used.", saw=error) from error


def _possible(archive: zipfile.ZipFile, size: int) -> None:
    """A file that lists the same bytes many times grows beyond all bounds; one that lists each once cannot."""
    if len(set(archive.namelist())) < len(archive.namelist()):
        raise ValueError("it holds an array twice")
    if (grown := sum(info.file_size for info in archive.infolist())) > _GROWTH * size:
        raise ValueError(f"it says that its {size:,} bytes grow to {grown:,}, which is impossible")

"""Arrays of files that anybody may have made: what cannot be read is one message, whatever the file says of itself."""

import io
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unroll.errors import UserError
from unroll.results.arrays import names, read_array

NAME = "test/mse"


def npz(path: Path, values: np.ndarray) -> Path:
    np.savez_compressed(path, **{NAME: values})
    return path


@pytest.mark.parametrize(
    "values",
    [
        np.arange(4, dtype=np.float32),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(["ein", "Satz"]),
        np.zeros((0, 3), np.uint8),
        np.array(2.5),
    ],
    ids=["vector", "by columns", "texts", "empty", "scalar"],
)
def test_what_was_written_is_read(tmp_path: Path, values: np.ndarray) -> None:
    path = npz(tmp_path / "x.npz", values)
    found = read_array(path, NAME)
    assert names(path) == [NAME]
    assert (found.dtype, found.shape, found.tolist()) == (values.dtype, values.shape, values.tolist())


def test_a_bomb_is_refused_before_it_grows(tmp_path: Path) -> None:
    path = npz(tmp_path / "x.npz", np.zeros(2**27))
    assert path.stat().st_size < 2**21
    tracemalloc.start()
    with pytest.raises(UserError, match="bytes, and 8,000 are possible"):
        read_array(path, NAME, 8_000)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def lying(path: Path) -> None:
    """A header that says a million million values, and eight bytes."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NAME}.npy", stream.getvalue() + bytes(8))


def objects(path: Path) -> None:
    np.savez(path, **{NAME: np.array([{}, None], object)})


def changed(path: Path) -> None:
    whole = bytearray(npz(path, np.arange(1000.0)).read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


def cut(path: Path) -> None:
    path.write_bytes(npz(path, np.arange(1000.0)).read_bytes()[:-30])


def other(path: Path) -> None:
    np.savez(path, **{"test/psnr": np.arange(3.0)})


def by_another_method(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(f"{NAME}.npy", bytes(100))


@pytest.mark.parametrize("make", [lying, objects, changed, cut, other, by_another_method, Path.mkdir, os.mkfifo])
def test_what_is_no_such_array_is_one_message(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x.npz")
    with pytest.raises(UserError, match=r"x\.npz cannot be used"):
        read_array(tmp_path / "x.npz", NAME)

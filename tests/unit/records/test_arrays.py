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
from unroll.records import arrays
from unroll.records.arrays import describe, in_parts, names, read_array

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


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (np.arange(10, dtype=np.int16).reshape(5, 2), [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9]]]),
        (np.asfortranarray(np.arange(6.0).reshape(3, 2)), [[[0, 1], [2, 3]], [[4, 5]]]),
        (np.array(["ein", "Satz", "mehr"]), [["ein", "Satz"], ["mehr"]]),
        (np.array(2.5), [[2.5]]),
        (np.zeros((0, 3), np.uint8), []),
        (np.zeros((3, 0)), []),
    ],
    ids=["numbers", "by columns", "texts", "scalar", "no examples", "no values"],
)
def test_an_array_is_read_in_parts(tmp_path: Path, values: np.ndarray, parts: list[object]) -> None:
    path = npz(tmp_path / "x.npz", values)
    assert describe(path, NAME)[:2] == (values.shape, values.dtype)
    assert [part.tolist() for part in in_parts(path, NAME, 2)] == parts


def test_an_array_of_any_size_is_read_in_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a whole it is larger than what is read at once."""
    monkeypatch.setattr(arrays, "LARGEST", 2**20)
    path = npz(tmp_path / "x.npz", np.zeros((2**12, 2**12), np.float32))
    tracemalloc.start()
    assert sum(len(part) for part in in_parts(path, NAME)) == 2**12
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()
    monkeypatch.setattr(arrays, "LARGEST", 2**13)
    with pytest.raises(UserError, match="an example of 'test/mse' has 16,384 bytes, and 8,192 are possible"):
        list(in_parts(path, NAME))


def twice(path: Path) -> str:
    """Two entries of a name, of which each is read as the last."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NAME}.npy", bytes(100))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(f"{NAME}.npy", bytes(100))
    return "an array twice"


def overlapping(path: Path) -> str:
    """A directory of many names for the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.npy", bytes(2**20))
        for number in range(1, 30):
            info = zipfile.ZipInfo(f"{number}.npy")
            entry = archive.getinfo("0.npy")
            for key in ("compress_type", "compress_size", "file_size", "CRC", "header_offset", "flag_bits"):
                setattr(info, key, getattr(entry, key))
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive._didModify = True  # type: ignore[attr-defined]
    return "which is impossible"


@pytest.mark.parametrize("make", [twice, overlapping])
def test_a_file_grows_no_more_than_its_bytes_can(tmp_path: Path, make: Callable[[Path], str]) -> None:
    why = make(tmp_path / "x.npz")
    with pytest.raises(UserError, match=why):
        names(tmp_path / "x.npz")


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


def no_header(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NAME}.npy", b"\x93NUMPY\x01\x00\x08\x00({[:)}\n ")


@pytest.mark.parametrize(
    "make", [lying, objects, changed, cut, other, by_another_method, no_header, Path.mkdir, os.mkfifo]
)
def test_what_is_no_such_array_is_one_message(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x.npz")
    for read in (read_array, lambda path, name: list(in_parts(path, name))):
        with pytest.raises(UserError, match=r"x\.npz cannot be used"):
            read(tmp_path / "x.npz", NAME)

"""Small disks of their own, mounted by root: what is full or read-only without harm to others."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needed import lacking


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount an empty file system of so many bytes (`1m`). Where that cannot be, the test skips; in CI it fails."""
    folder.mkdir()
    done = _run("mount", "-t", "tmpfs", "-o", f"size={size}", "unroll-test", str(folder))
    if done.returncode:
        lacking(f"needs root, to mount a small disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


def fill(disk: Path) -> Path:
    """Leave not one byte free on a small disk; remove the file that is returned to have it back."""
    path = disk / "filling"
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return path


def set_writable(disk: Path, writable: bool) -> None:
    """Mount a small disk again, read-only or not."""
    done = _run("mount", "-o", f"remount,{'rw' if writable else 'ro'}", str(disk))
    assert done.returncode == 0, done.stderr


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))

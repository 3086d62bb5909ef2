"""Bits that rot: one flipped bit in a file, at places drawn by a seed."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def places(size: int, count: int, seed: int = 0) -> list[int]:
    """Bits of a file of so many bytes: the first, the last, and others at random."""
    return [0, 8 * size - 1, *random.Random(seed).sample(range(1, 8 * size - 1), count - 2)]


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """Flip a bit of a file while the block runs."""
    whole = path.read_bytes()
    content = bytearray(whole)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(whole)

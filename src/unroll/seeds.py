"""All randomness is a pure function of (seed, purpose, where): this is that function."""

import hashlib

import numpy as np


def derive(seed: int, purpose: str, *where: int) -> int:
    """A 63-bit seed for one purpose at one place (epoch, step, ...); the same in every process and on every machine."""
    text = "/".join([str(seed), purpose, *map(str, where)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(seed: int, purpose: str, *where: int) -> np.random.Generator:
    """A NumPy generator for one purpose at one place."""
    return np.random.Generator(np.random.PCG64(derive(seed, purpose, *where)))

"""Tasks that measure memory, made up from seeds: adding and copying (Hochreiter & Schmidhuber 1997).

A reader's "files" are the seeds of the splits in decimal digits. Numbers come from PCG64's raw stream, which NumPy
keeps the same across versions.
"""

from typing import Any

import numpy

from unroll.data.readers.columns import SPLITS, Files
from unroll.errors import UserError


def adding(files: Files, *, length: int = 200, sizes: list[int]) -> dict[str, dict[str, Any]]:
    """Make sequences of `length` numbers from U[0, 1) of which two, at different places, are marked.

    The places are uniform over all pairs, as in Bai, Kolter, Koltun 2018; `sizes` are those of train, validation, test.
    Raises UserError for fewer than two steps.
    """
    if length < 2:
        raise UserError("data.options.length", saw=length, allowed="2 or more, since two numbers are added")
    splits = {}
    for split, count in zip(SPLITS, _sizes(sizes), strict=True):
        drawn = _uniform(files, split, count * (length + 2)).reshape(count, length + 2)
        first = (drawn[:, 0] * length).astype(numpy.int64)
        second = (drawn[:, 1] * (length - 1)).astype(numpy.int64)
        second += second >= first
        numbers = drawn[:, 2:].astype("<f4")
        splits[split] = {"numbers": [row.tobytes() for row in numbers], "first": first, "second": second}
    return splits


def copying(
    files: Files, *, length: int = 100, recalled: int = 10, alphabet: int = 8, sizes: list[int]
) -> dict[str, dict[str, Any]]:
    """Make sequences of `recalled` symbols, uniform over `alphabet`, to be given back `length` steps later.

    `length` is the T of Arjovsky, Shah, Bengio 2016, section 4.1: T - 1 blanks and a delimiter. `sizes` are those of
    train, validation, test. Raises UserError for an option below 1, or an alphabet above 250.
    """
    for key, value in (("length", length), ("recalled", recalled), ("alphabet", alphabet)):
        if value < 1 or (key == "alphabet" and value > 250):
            raise UserError(f"data.options.{key}", saw=value, allowed="1 to 250" if key == "alphabet" else "1 or more")
    splits = {}
    for split, count in zip(SPLITS, _sizes(sizes), strict=True):
        drawn = _uniform(files, split, count * recalled).reshape(count, recalled)
        symbols = (drawn * alphabet).astype(numpy.uint8)
        blanks = numpy.full(count, length - 1, numpy.int64)
        splits[split] = {"symbols": [row.tobytes() for row in symbols], "blanks": blanks}
    return splits


def _sizes(sizes: list[int]) -> list[int]:
    if len(sizes) != 3 or min(sizes) < 1:
        raise UserError("data.options.sizes", saw=list(sizes), allowed="three sizes of at least 1")
    return sizes


def _uniform(files: Files, split: str, count: int) -> "numpy.ndarray":
    """`count` numbers of 53 bits from U[0, 1)."""
    if split not in files or not files[split].isdigit():
        raise UserError(f"synthetic data needs a seed for '{split}'", saw=files.get(split), allowed="a whole number")
    raw: numpy.ndarray = numpy.random.PCG64(int(files[split])).random_raw(count)
    return (raw >> numpy.uint64(11)) * 2.0**-53

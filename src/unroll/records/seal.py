"""A record's bytes: JSON that ends in a digest of itself, so that one changed place is noticed by every reader."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "sha256"  # the last key of the file: of the UTF-8 bytes before it. Not a key of the record in memory
LARGEST = 64 * 2**20  # bytes; real ones have tens of thousands
_LONGEST_INTEGER = 30  # digits
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n?\Z')
_SEAL_BYTES = 100  # that hold all of it


def sealed(record: Mapping[str, Any]) -> bytes:
    """Return a record as the bytes of its file, in UTF-8.

    A path that the locale could not decode is written as the bytes that it is; where those are no UTF-8, escaped.
    Raises ValueError for NaN and infinity, TypeError for what JSON does not have.
    """
    try:
        text = _text(record, ascii_only=False).encode("utf-8", "surrogateescape")
        text.decode("utf-8")
    except UnicodeError:
        text = _text(record, ascii_only=True).encode()
    before = text.removesuffix(b"\n}")
    return before + f',\n "{KEY}": "{hashlib.sha256(before).hexdigest()}"\n}}\n'.encode()


def _text(record: Mapping[str, Any], ascii_only: bool) -> str:
    return json.dumps(record, indent=1, ensure_ascii=ascii_only, allow_nan=False)


def contents(path: str | Path) -> bytes:
    """Return a regular file's bytes; of a pipe, a device or a folder it is said at once that it is none.

    Raises OSError where it cannot be read, ValueError where it is no regular file or too large for a record.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no regular file")
        if found.st_size > LARGEST:
            raise ValueError(f"{found.st_size:,} bytes, and no record has more than {LARGEST:,}")
        file = open(descriptor, "rb", closefd=False)  # noqa: SIM115 - the descriptor is closed below
        return file.read()
    finally:
        os.close(descriptor)


def is_whole(data: bytes) -> bool | None:
    """Whether a file's bytes are those that were written; None where they hold no digest at their end."""
    seal = _SEAL.search(data, max(0, len(data) - _SEAL_BYTES))
    if seal is None:
        return None
    return hashlib.sha256(memoryview(data)[: seal.start()]).hexdigest().encode() == seal[1]


def parsed(data: bytes) -> Any:
    """Return the record that a file's bytes hold, without its digest.

    Raises ValueError saying what is wrong: no JSON, a key twice, a number that no record has, another digest.
    """
    whole = is_whole(data)
    if whole is False:
        raise ValueError("its content is not that of its sha256: it was changed after it was written")
    try:
        record = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_int=_integer)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if isinstance(record, dict) and record.pop(KEY, None) is not None and whole is None:
        raise ValueError(f"its {KEY} is not where it was written: it was changed after it")
    return record


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"a key twice: {next(key for key in keys if keys.count(key) > 1)}")
    return found


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)

"""Prepared Arrow tables on disk: written once under a lock, moved into place whole, then memory-mapped.

Beside the tables lie `about.json` and `SHA256SUMS`, the digests of all other files as `sha256sum -c` reads them. They
are compared each time that the tables are opened: a bit that rots on the disk is noticed.
"""

import functools
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.data.locks import draft_folder, locked, share, sweep, writing
from unroll.data.readers.columns import Splits, listed
from unroll.errors import UserError
from unroll.visible import say

if TYPE_CHECKING:
    import datasets

ABOUT, SUMS = "about.json", "SHA256SUMS"


@dataclass(frozen=True)
class Prepared:
    """Splits as memory-mapped data sets, and what was written beside them."""

    splits: "dict[str, datasets.Dataset]"
    about: dict[str, Any]


def prepare(folder: Path, make: Callable[[], Splits], describe: Callable[[Splits], dict[str, Any]]) -> Prepared:
    """Return what lies in `folder`, making it first if nothing does, and again if it is damaged.

    However many processes call this at once, one calls `make`, the others wait for it. `folder` appears by a
    rename, so that it is either complete or absent; a process that dies leaves only a temporary folder, which is
    removed later. `describe` gives the JSON (`about.json`) kept beside the tables.

    Raises:
        UserError: the cache cannot be read or written; whatever `make` raises.
    """
    if damage(folder) is not None:
        sweep(folder.parent)
        with locked(folder):
            found = damage(folder)
            if found:
                say(f"{folder / found} is damaged: the data are prepared again.", err=True)
            if found is not None:
                _write(folder, make(), describe)
    return _read(folder)


def damage(folder: Path) -> str | None:
    """Name a file of prepared data that is not as it was written; "" where there are none yet, None where all is well.

    Tables without digests, as they once were written, count as not there.
    """
    name = ABOUT
    try:
        if not (folder / SUMS).is_file():
            return ""
        written = (folder / SUMS).read_bytes().splitlines(keepends=True)
        names = [ABOUT, *(f"{split}.arrow" for split in json.loads((folder / ABOUT).read_bytes())["splits"])]
        if len(written) != len(names):
            return SUMS
        for name, line in zip(names, written, strict=True):
            if _line(folder, name).encode() != line:
                return name
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return name
    except OSError as error:
        raise _unreadable(folder, error) from error
    return None


def about(folder: Path) -> dict[str, Any]:
    """Return what is kept beside prepared data; nothing where they are not there or damaged, tables left unread."""
    try:
        found = json.loads((folder / ABOUT).read_bytes()) if (folder / SUMS).is_file() else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _line(folder: Path, name: str) -> str:
    path = folder / name
    seen = path.stat()
    return f"{_sha256(path, seen.st_ino, seen.st_size, seen.st_mtime_ns)}  {name}\n"


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, inode: int, size: int, changed: int) -> str:
    """Of a file's bytes, once a process as long as the file is the same one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: Path, splits: Splits, describe: Callable[[Splits], dict[str, Any]]) -> None:
    import pyarrow

    found = describe(splits) | {"splits": list(splits)}
    with draft_folder(folder) as draft, writing(folder.parent):
        for split, columns in splits.items():
            table = pyarrow.table({name: listed(values) for name, values in columns.items()})
            with pyarrow.ipc.new_stream(str(draft / f"{split}.arrow"), table.schema) as writer:
                writer.write_table(table)
        (draft / ABOUT).write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        names = [ABOUT, *(f"{split}.arrow" for split in splits)]
        (draft / SUMS).write_text("".join(_line(draft, name) for name in names), encoding="utf-8")
        share(draft, folder.parent)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(draft, folder)


def _read(folder: Path) -> Prepared:
    import datasets

    try:
        found = json.loads((folder / ABOUT).read_bytes())
        splits = {split: datasets.Dataset.from_file(str(folder / f"{split}.arrow")) for split in found["splits"]}
    except Exception as error:  # libraries raise what they like; the bytes are those that were written
        raise _unreadable(folder, error) from error
    return Prepared(splits, found)


def _unreadable(folder: Path, error: Exception) -> UserError:
    what, saw = f"the prepared data in {folder} cannot be read", f"{type(error).__name__}: {error}"
    if isinstance(error, PermissionError):
        return UserError(what, saw=saw, allowed="a folder that you may read: paths.cache=FOLDER or UNROLL_CACHE=FOLDER")
    return UserError(what, saw=saw, run=f"rm -r {shlex.quote(str(folder))}")

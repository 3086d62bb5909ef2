"""Prepared Arrow tables on disk: written once under a lock, moved into place whole, then memory-mapped."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.data.readers.columns import Splits
from unroll.errors import UserError

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Prepared:
    """Splits as memory-mapped data sets, and what was written beside them."""

    splits: "dict[str, datasets.Dataset]"
    about: dict[str, Any]


def prepare(folder: Path, make: Callable[[], Splits], describe: Callable[[Splits], dict[str, Any]]) -> Prepared:
    """Return what lies in `folder`, making it first if nothing does.

    However many processes call this at once, one calls `make`, the others wait for it. `folder` appears by a
    rename, so that it is either complete or absent; a process that dies leaves only a temporary folder.
    `describe` gives the JSON (`about.json`) kept beside the tables. Raises UserError where the cache cannot
    be written, and whatever `make` raises.
    """
    if not (folder / "about.json").is_file():
        with locked(folder):
            if not (folder / "about.json").is_file():
                _write(folder, make(), describe)
    return _read(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of something in the cache, whether it is there yet or not; what it lies in is made.

    Raises UserError where the cache cannot be written.
    """
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"))
        lock.acquire()
    except OSError as error:
        raise UserError(
            f"the data cache {path.parent} cannot be written",
            saw=str(error),
            allowed="a folder that you may write to: paths.cache=FOLDER or UNROLL_CACHE=FOLDER",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _write(folder: Path, splits: Splits, describe: Callable[[Splits], dict[str, Any]]) -> None:
    import pyarrow

    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for split, columns in splits.items():
            table = pyarrow.table(dict(columns))
            with pyarrow.ipc.new_stream(str(temporary / f"{split}.arrow"), table.schema) as writer:
                writer.write_table(table)
        about = describe(splits) | {"splits": list(splits)}
        (temporary / "about.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read(folder: Path) -> Prepared:
    import datasets

    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    try:
        splits = {split: datasets.Dataset.from_file(str(folder / f"{split}.arrow")) for split in about["splits"]}
    except (OSError, ValueError) as error:
        raise UserError(
            f"the prepared data in {folder} cannot be read", saw=str(error), run=f"rm -r {folder}"
        ) from error
    return Prepared(splits, about)

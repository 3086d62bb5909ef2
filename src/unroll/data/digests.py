"""SHA-256 of the files that data sets are read from, kept in the cache as long as a file is the same one."""

import functools
import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from unroll.atomic import replacing
from unroll.data.locks import make_folder, share

_SETTLED = 2_000_000_000  # nanoseconds after which a file system's clock shows that a file was written again


def file_sha256(path: Path, cache: Path) -> str:
    """Return the SHA-256 of a file's bytes, or of what lies below a folder; raises OSError where it cannot be read.

    What has the inode, size and times of what was hashed before is not read: its hash lies in `cache`/digests.
    """
    path = path.resolve()
    stats = [(name, file.stat()) for name, file in (files_below(path) if path.is_dir() else {"": path}).items()]
    seen = [(name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in stats]
    latest = max((max(stat.st_mtime_ns, stat.st_ctime_ns) for _, stat in stats), default=0)
    if path.is_dir():
        listing = hashlib.sha256(json.dumps(seen).encode("utf-8", "surrogateescape")).digest()
        return _sha256(path, cache, (int.from_bytes(listing[:16], "big"),), time.time_ns() - latest > _SETTLED)
    return _sha256(path, cache, seen[0][1:], time.time_ns() - latest > _SETTLED)


def files_below(folder: Path) -> dict[str, Path]:
    """The files below a folder by their names from there, in order; hidden ones are passed over."""
    found = {file.relative_to(folder): file for file in folder.rglob("*") if file.is_file()}
    return {
        name.as_posix(): found[name] for name in sorted(found) if not any(part.startswith(".") for part in name.parts)
    }


def sha256_of_many(files: Mapping[str, str]) -> str:
    """One hash of many files, from their names and hashes."""
    lines = "".join(f"{sha256} {name}\n" for name, sha256 in sorted(files.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


@functools.lru_cache(maxsize=1024)
def _sha256(path: Path, cache: Path, seen: tuple[int, ...], settled: bool) -> str:
    note = cache / "digests" / hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    known = _known(note, seen)
    if known is None:
        known = _read(path) if path.is_file() else sha256_of_many({n: _read(f) for n, f in files_below(path).items()})
        if settled:
            with suppress(OSError):  # a cache that cannot be written costs time, and nothing else
                make_folder(note.parent)
                with replacing(note) as draft:
                    draft.write_text(_line(seen, known), encoding="utf-8")
                    share(draft, note.parent)
    return known


def _read(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _known(note: Path, file: tuple[int, ...]) -> str | None:
    with suppress(OSError, ValueError, IndexError):
        line = note.read_text(encoding="utf-8")
        digest = line.split()[0]
        return digest if line == _line(file, digest) else None
    return None


def _line(file: tuple[int, ...], digest: str) -> str:
    """The digest, what it is the digest of, and a digest of both, since a wrong bit would pass for changed data."""
    text = f"{digest} {' '.join(map(str, file))}"
    return f"{text} {hashlib.sha256(text.encode()).hexdigest()[:16]}\n"

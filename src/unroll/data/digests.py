"""SHA-256 of the files that data sets are read from, kept in the cache as long as a file is the same one."""

import functools
import hashlib
import time
from contextlib import suppress
from pathlib import Path

from unroll.drafts import replacing

_SETTLED = 2_000_000_000  # nanoseconds after which a file system's clock shows that a file was written again


def file_sha256(path: Path, cache: Path) -> str:
    """Return the SHA-256 of a file's bytes; raises OSError where it cannot be read.

    A file whose inode, size and times are those of a file that was hashed before is not read: its hash lies in
    `cache`/digests.
    """
    path = path.resolve()
    seen = path.stat()
    times = (seen.st_mtime_ns, seen.st_ctime_ns)
    return _sha256(path, cache, (seen.st_ino, seen.st_size, *times), time.time_ns() - max(times) > _SETTLED)


@functools.lru_cache(maxsize=1024)
def _sha256(path: Path, cache: Path, file: tuple[int, ...], settled: bool) -> str:
    note = cache / "digests" / hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    known = _known(note, file)
    if known is None:
        with path.open("rb") as stream:
            known = hashlib.file_digest(stream, "sha256").hexdigest()
        if settled:
            with suppress(OSError):  # a cache that cannot be written costs time, and nothing else
                note.parent.mkdir(parents=True, exist_ok=True)
                with replacing(note) as draft:
                    draft.write_text(_line(file, known), encoding="utf-8")
    return known


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

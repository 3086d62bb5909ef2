"""Whether a record still answers for a data set: what its files hold on this machine beside what the record saw."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.data import cache, readers, sources
from unroll.errors import UserError


def changed(data: Mapping[str, Any], paths: Mapping[str, Any], recorded: Mapping[str, Any] | None) -> bool:
    """Whether the files of a `data` node are others than those that a record's `data` part saw.

    Examples count where their hash is known, since other files may hold the same ones (compressed, renamed); else the
    files' own hashes. Files that are not on this machine, and records of before the hash of their files, tell nothing.
    Only local folders and seeds are looked at: what wheels and repositories hold is named by hash or revision. A reader
    of one's own is not run, nor is its code looked at: its files' own hashes count.
    """
    origin = data.get("origin") or {}
    if not recorded or not origin.get("sources") or not paths.get("cache"):
        return False
    try:
        found = sources.here(data["name"], origin["sources"], paths)
    except UserError:  # a file is not the one that the YAML states
        return True
    if found is None:
        return False
    ours = isinstance(data["reader"], str)
    examples = cache.about(folder(data, paths, found.sha256)).get("content_sha256") if ours else None
    if examples is not None:
        return bool(examples != recorded["content_sha256"])
    return recorded.get("files_sha256") not in (None, files_sha256(found.sha256))


def folder(
    data: Mapping[str, Any], paths: Mapping[str, Any], file_hashes: Mapping[str, str], code: str | None = None
) -> Path:
    """Return where the examples of a `data` node lie once they are prepared from files with these hashes.

    code: the hash of the reader's own file, where it is not one that ships with Unroll.
    """
    recipe = {
        "reader": data["reader"] if code is None else f"{readers.name_of(data['reader'])} {code}",
        "version": readers.VERSION,
        "options": dict(data.get("options") or {}),
        "files": dict(file_hashes),
    }
    fingerprint = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    return Path(str(paths["cache"])).expanduser() / f"{data['name']}-{fingerprint}"


def files_sha256(file_hashes: Mapping[str, str]) -> str:
    """Return one hash over a source's files: their names and hashes, as `sha256sum` prints them."""
    listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(file_hashes.items()))
    return hashlib.sha256(listing.encode()).hexdigest()

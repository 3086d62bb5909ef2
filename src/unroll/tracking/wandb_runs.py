"""Runs of trials that have ended, written into W&B by one process: offline into a folder, or online."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from unroll.tracking.artifacts import artifacts
from unroll.tracking.description import DIGEST, LINES, Description
from unroll.tracking.history import AXES
from unroll.tracking.media import media
from unroll.tracking.wandb_pipe import Pipe

_KNOWN_AGAIN = "unroll.json"  # in an offline run's folder: its sign


class Sign(NamedTuple):
    """What tells whether a run holds the same as another one."""

    digest: str | None  # of its description; None: its trial goes on
    lines: int  # of its history
    suite: str | None


@dataclass(frozen=True)
class Place:
    """Where runs go.

    Attributes:
        folder: of which `wandb/` holds W&B's files.
        online: whether they go to the server, too.
        project: in W&B.
        entity: None: the login's own.
        timeout_seconds: that one run may take.
    """

    folder: Path
    online: bool
    project: str
    entity: str | None = None
    timeout_seconds: float = 60.0

    @property
    def mode(self) -> str:
        return "online" if self.online else "offline"


@dataclass(frozen=True)
class Ended:
    """A trial that has ended, and what its run is."""

    record: Mapping[str, Any]
    directory: Path | None  # None: only the record is there
    description: Description
    history: Sequence[Mapping[str, float]]


def init_of(found: Description, place: Place, resume: str | None = None) -> dict[str, Any]:
    """What wandb.init takes."""
    return {
        "project": place.project,
        "entity": place.entity,
        "id": found.id,
        "name": found.name,
        "group": found.group,
        "job_type": found.job_type,
        "tags": list(found.tags),
        "notes": found.notes,
        "config": found.config,
        "dir": str(place.folder.absolute()),
        "mode": place.mode,
        "resume": resume,
    }


def ending(
    found: Description, record: Mapping[str, Any], directory: Path | None, kinds: Sequence[str]
) -> dict[str, Any]:
    """What a run gets once its trial has ended; a message of wandb_process.py."""
    return {
        "config": found.config,
        "summary": found.summary,
        "tags": list(found.tags),
        "media": media(record, directory),
        "artifacts": artifacts(record, directory, kinds),
    }


def whole(ended: Ended, place: Place, kinds: Sequence[str] = ()) -> dict[str, Any]:
    """All of a run; a message of wandb_process.py."""
    return {
        "init": init_of(ended.description, place),
        "timeout_seconds": place.timeout_seconds,
        "axes": AXES,
        "history": list(ended.history),
        "end": ending(ended.description, ended.record, ended.directory, kinds),
        "exit_code": int(ended.record["status"] != "finished"),
    }


class Writer:
    """Writes one run after the other."""

    def __init__(self, pipe: Pipe, place: Place):
        self._pipe, self.place = pipe, place

    def write(self, ended: Ended, kinds: Sequence[str] = ()) -> str:
        """Write a run in the place of what there is of it; return its address, or its folder where it is offline.

        Raises:
            WandbTrouble: W&B does not take it.
        """
        before = [] if self.place.online else _folders(self.place.folder, ended.description.id)
        self._pipe.say({"write": self._pipe.file(whole(ended, self.place, kinds))})
        done = self._pipe.wait_for("complete", self.place.timeout_seconds)
        if self.place.online:
            return str(done["url"])
        folder = Path(done["folder"])
        (folder / _KNOWN_AGAIN).write_text(json.dumps(sign_of(ended.description)), encoding="utf-8")
        for old in before:
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
        return str(folder)


@contextmanager
def writing(place: Place) -> Iterator[Writer]:
    """Start the process that writes runs to a place."""
    with Pipe("write", place.folder, offline=not place.online) as pipe:
        yield Writer(pipe, place)


def signs(place: Place) -> dict[str, Sign]:
    """Return the runs that are in a place already, by id.

    Raises:
        WandbTrouble: the server does not say.
    """
    if not place.online:
        return _signs_of_folder(place.folder)
    with Pipe("there", place.folder) as pipe:
        about = {"entity": place.entity, "project": place.project, "names": [DIGEST, LINES]}
        pipe.say({**about, "timeout_seconds": int(place.timeout_seconds)})
        found = pipe.wait_for("runs", place.timeout_seconds)["runs"]
    return {name: Sign(sign, int(lines or 0), suite) for name, (sign, lines, suite) in found.items()}


def sign_of(found: Description) -> Sign:
    """Return the sign of a description that is signed."""
    return Sign(found.summary.get(DIGEST), found.summary.get(LINES, 0), found.config["suite"])


def _signs_of_folder(folder: Path) -> dict[str, Sign]:
    found: dict[str, Sign] = {}
    for path in sorted((folder / "wandb").glob(f"offline-run-*/{_KNOWN_AGAIN}")):
        name = path.parent.name.split("-", 3)[3]
        try:
            found[name] = Sign(*json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError, OSError):
            continue
    return found


def _folders(folder: Path, name: str) -> list[Path]:
    """Offline runs of an id: W&B names them offline-run-DATE_TIME-ID."""
    return [path for path in (folder / "wandb").glob(f"offline-run-*-{name}") if path.name.split("-", 3)[3] == name]

"""Records of several labs, pooled: which of two records of one trial are copies, which are runs, and which one counts.

A pool is a set of runs. Merging pools is commutative, associative and idempotent: neither the order of folders nor how
often one is named changes what a table says.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from unroll.errors import UserError
from unroll.names import check_id
from unroll.registry.canonical import canonical

Record = dict[str, Any]
Folders = str | Path | Sequence[str | Path]  # of trials or of records; a text may be LAB=FOLDER
_OF_THE_PLACE = {"config": ("paths",), "run": ("command", "tracking")}  # what publishing and trackers change later


class Place(NamedTuple):
    """Where a record lies."""

    lab: str
    path: Path


@dataclass(frozen=True)
class Run:
    """One run of a trial: its record, and every place where a copy of it lies."""

    record: Record
    places: frozenset[Place]

    @property
    def labs(self) -> tuple[str, ...]:
        return tuple(sorted({place.lab for place in self.places}))

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(sorted({place.path for place in self.places}))


@dataclass(frozen=True)
class Pool:
    """Trial id -> the trial's runs, the one that counts first; sorted by trial id."""

    runs: Mapping[str, tuple[Run, ...]]

    @property
    def records(self) -> list[Record]:
        """Return the record of each trial that counts, sorted by trial id."""
        return [runs[0].record for runs in self.runs.values()]

    def __or__(self, other: "Pool") -> "Pool":
        return _pooled(run for pool in (self, other) for runs in pool.runs.values() for run in runs)


def pool(found: Iterable[tuple[Place, Record]]) -> Pool:
    """Return the pool of some records, each with its place.

    Records that differ in nothing but the machine's folders, the command and the state of trackers are copies of one
    run. Of a trial's runs a finished one counts before a failed one, then a reportable one, then the one that started
    first, then the smaller hash. So what was there first stays, and no second try takes its place.
    """
    return _pooled(Run(record, frozenset([place])) for place, record in found)


def _pooled(runs: Iterable[Run]) -> Pool:
    by_trial: dict[str, list[Run]] = {}
    for run in runs:
        by_trial.setdefault(run.record["trial_id"], []).append(run)
    return Pool({trial_id: _each_once(by_trial[trial_id]) for trial_id in sorted(by_trial)})


def _each_once(runs: Sequence[Run]) -> tuple[Run, ...]:
    if len(runs) == 1:  # most trials: nothing to hash
        return (runs[0],)
    copies: dict[str, list[Run]] = {}
    for run in runs:
        copies.setdefault(digest(run.record), []).append(run)
    joined = {
        key: Run(min((one.record for one in each), key=canonical), frozenset().union(*(one.places for one in each)))
        for key, each in copies.items()
    }
    return tuple(joined[key] for key in sorted(joined, key=lambda key: (_precedence(joined[key].record), key)))


def digest(record: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a record says of its run, which all copies of it share."""
    parts = {
        name: {key: value for key, value in record[name].items() if key not in keys}
        for name, keys in _OF_THE_PLACE.items()
    }
    return hashlib.sha256(canonical({**record, **parts}).encode()).hexdigest()


def _precedence(record: Mapping[str, Any]) -> tuple[bool, bool, bool, float]:
    try:
        started = datetime.fromisoformat(record["run"]["started"])
        seconds = (started if started.tzinfo else started.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        seconds = float("inf")  # no date: after all that have one
    return record["status"] != "finished", not record["reportable"], seconds == float("inf"), seconds


class Lab(NamedTuple):
    """A folder of trials or of records, and whose it is."""

    name: str
    folder: Path


def labs_of(folders: Folders) -> list[Lab]:
    """Return the labs that folders are of: FOLDER, called by its own name, or LAB=FOLDER; the same folder once.

    Two folders of one name are called by their paths. The order of the result is not that of the folders.

    Raises:
        UserError: LAB is no name.
    """
    texts = [folders] if isinstance(folders, str | Path) else folders
    stated: dict[Path, str] = {}
    given: dict[Path, Path] = {}
    for text in texts:
        name, equals, rest = str(text).partition("=")
        named = bool(equals) and not isinstance(text, Path) and not Path(text).exists()
        if named and not rest:
            raise UserError("A lab has no folder.", saw=text, allowed="LAB=FOLDER")
        folder = Path(rest if named else text)
        key = folder.resolve()
        given[key] = min(folder, given.get(key, folder))
        if named:
            stated[key] = min(check_id(name, "a lab"), stated.get(key, name))
    own = [key.name for key in given if key not in stated]
    return sorted(
        Lab(stated.get(key) or (key.name if own.count(key.name) == 1 and key.name else str(folder)), folder)
        for key, folder in given.items()
    )

"""Audits: records that are not true to themselves, each with the check that it fails, what was seen and expected.

`audit` makes every check, of each record and of records beside each other. `trusted` and `refuse_untrue` make the quick
ones, for whatever shows records.
"""

import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from unroll.config.identity import identity
from unroll.data.kinds import has_texts
from unroll.errors import UserError
from unroll.records import evidence
from unroll.records.pool import Folders, Place, Pool, labs_of, pool
from unroll.records.record import FILE_NAME, read_record
from unroll.records.scores import PREDICTIONS, SUFFIX
from unroll.records.store import located_records
from unroll.records.truth import CHECKS, OF_FAILED, Mismatch
from unroll.registry.canonical import canonical

Record = Mapping[str, Any]
_TYPICAL = 0.25  # relative: batches of other lengths cost an example so much more or less
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, IndexError, RecursionError, OSError)


class Failure(NamedTuple):
    """One check that a record fails."""

    path: Path
    check: str
    seen: object
    expected: object

    def __str__(self) -> str:
        return f"{self.path}: {self.check}: seen {self.seen}; expected {self.expected}"


@dataclass
class Audit:
    """What an audit found."""

    records: list[tuple[Path, dict[str, Any]]] = field(default_factory=list)  # that can be read
    failures: list[Failure] = field(default_factory=list)
    true: Pool = field(default_factory=lambda: pool(()))  # those that pass
    looked_at: int = 0  # damaged ones too
    with_scores: int = 0  # whose primary metric is held against scores of examples

    @property
    def untrue(self) -> int:
        """How many records fail."""
        return len({failure.path for failure in self.failures})


def audit(folders: Folders, more: Sequence[Callable[[Record], Iterator[Mismatch]]] = ()) -> Audit:
    """Check every record under some folders: by itself, by the files beside it, and by its siblings in all of them.

    Args:
        folders: of trials, or of records.
        more: further checks of a finished record.

    Raises:
        UserError: there is no such folder, or no record in it.
    """
    damaged: list[tuple[Path, UserError]] = []
    found, labs = Audit(), {}
    for lab in labs_of(folders):
        records = located_records(lab.folder, damaged)
        found.records += records
        labs.update({path: lab.name for path, _ in records})
    if not found.records and not damaged:
        saw = folders if isinstance(folders, str | Path) else ", ".join(map(str, folders))
        raise UserError("There is no record to audit.", saw=saw, allowed="folders of trials or of records")
    found.looked_at = len(found.records) + len({path for path, _ in damaged})
    for path, error in damaged:
        found.failures.append(Failure(path, "record", _one_line(error.saw or error.what), "a whole record"))
    for path, record in found.records:
        found.failures += failures(record, path, more, evidence.ALL)
        if record["status"] == "finished":
            found.with_scores += evidence.score_path(record, path) is not None
    found.failures += _unlike_siblings(found.records)
    found.failures.sort(key=lambda failure: str(failure.path))
    untrue = {failure.path for failure in found.failures}
    found.true = pool((Place(labs[path], path), record) for path, record in found.records if path not in untrue)
    return found


def failures(
    record: Record,
    path: Path,
    more: Sequence[Callable[[Record], Iterator[Mismatch]]] = (),
    beside: Sequence[Callable[[Record, Path], Iterator[Mismatch]]] | None = None,
) -> list[Failure]:
    """Return the checks that a record fails, the quick ones of the files beside it unless `beside` names others.

    A failed trial's record is only held against its config and place.
    """
    beside = evidence.QUICK if beside is None else beside
    finished = record["status"] == "finished"
    checks = (*CHECKS, *more) if finished else tuple(check for check in CHECKS if check in OF_FAILED)
    found = [Failure(path, check.__name__, *each) for check in checks for each in _made(check, record)]
    for other in beside if finished else beside[:1]:
        found += [Failure(path, other.__name__, *each) for each in _made(other, record, path)]
    return found


def _made(check: Callable[..., Iterator[Mismatch]], *given: Any) -> list[Mismatch]:
    """A check's findings; a config that it cannot read is one."""
    try:
        return list(check(*given))
    except UserError as error:
        return [
            Mismatch(
                _one_line(f"{error.what} {error.saw or ''}"), _one_line(error.allowed or "a config of this Unroll")
            )
        ]
    except UNREADABLE as error:
        return [Mismatch(f"{type(error).__name__}: {_one_line(error)}", "a record that can be checked")]


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:300]


def pooled(folders: Folders, refused: list[UserError]) -> Pool:
    """Return the pool of the records under some folders that can be read and are true to themselves.

    `refused` takes an error for each other one. Raises UserError where there is no such folder.
    """
    damaged: list[tuple[Path, UserError]] = []
    found = []
    for lab in labs_of(folders):
        for path, record in located_records(lab.folder, damaged):
            try:
                refuse_untrue(path, record)
            except UserError as error:
                damaged.append((path, error))
            else:
                found.append((Place(lab.name, path), record))
    refused += [error for _, error in sorted(damaged, key=lambda one: str(one[0]))]
    return pool(found)


def trusted(folders: Folders, refused: list[UserError]) -> list[dict[str, Any]]:
    """Return the record of each trial in that pool, sorted by trial id: of several, the one that counts."""
    return pooled(folders, refused).records


def trusted_record(path: str | Path, refused: list[UserError]) -> dict[str, Any] | None:
    """Return a record that can be read and is true to itself; else None, and `refused` takes the error."""
    try:
        record = read_record(path)
        refuse_untrue(path, record)
    except UserError as error:
        if str(error) not in map(str, refused):
            refused.append(error)
        return None
    return record


def refuse_untrue(path: str | Path, record: Record | None = None) -> None:
    """Raise UserError where a record fails a quick check, with each that it fails, or cannot be read.

    Args:
        path: of the record.
        record: its content, where it has just been read.
    """
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    beside = (path, path.with_name(PREDICTIONS), path.with_suffix(SUFFIX))
    key = path, tuple(map(_stamp, beside))
    if key not in _checked:  # once for the same bytes: published tables read a record many times
        _checked[key] = failures(read_record(path) if record is None else record, path)
    if found := _checked[key]:
        raise UserError(
            f"The record {path} is not true to itself.",
            saw="\n           ".join(f"{each.check}: {each.seen}" for each in found),
            allowed="\n           ".join(f"{each.check}: {each.expected}" for each in found),
            run=f"unroll audit {shlex.quote(str(path.parent.parent if path.name == FILE_NAME else path.parent))}",
        )


_checked: dict[tuple[Path, object], list[Failure]] = {}


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _unlike_siblings(records: Sequence[tuple[Path, dict[str, Any]]]) -> Iterator[Failure]:
    """Trials that differ by the seed alone have the same data, counts, parameters and operations of an example."""
    groups: dict[str, list[tuple[Path, dict[str, Any]]]] = defaultdict(list)
    for path, record in records:
        if record["status"] == "finished":
            try:
                groups[canonical({**identity(record["config"]), "seed": None})].append((path, record))
            except UNREADABLE:
                continue  # a check of its own has told
    for members in groups.values():
        for name, of in _SHARED.items():
            values = [of(record) for _, record in members]
            (usual, count), *others = Counter(map(canonical, values)).most_common()
            for (path, record), value in zip(members, values, strict=True):
                text = canonical(value)
                other = usual if text != usual or not others or others[0][1] < count else others[0][0]
                if text != other and not _near(value, json.loads(other), record):
                    yield Failure(path, "siblings", f"{name} {text}", f"{other}, as with other seeds")


def _near(one: Any, other: Any, record: Record) -> bool:
    """Older records' operations are of a batch that the seed drew: where examples have lengths, they differ."""
    of_texts = isinstance(one, int) and has_texts(record["config"]["data"].get("kind"))
    return of_texts and other > 0 and abs(one / other - 1) < _TYPICAL


_SHARED: dict[str, Callable[[Record], Any]] = {
    "examples": lambda record: record["result"]["examples"],
    "content": lambda record: record["data"]["content_sha256"],
    "parameters": lambda record: record["parameters"],
    "operations of an example": lambda record: record["flops"]["forward_per_example"],
}

"""Disputes: records that contradict a published one, committed beside it in results/disputes/LAB/.

A disputed row of a published table is open until its cause is found; docs/labs.md says how one is filed and closed.
"""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unroll.errors import UserError
from unroll.names import check_id
from unroll.records.audit import pooled, refuse_untrue
from unroll.records.committed import copy_record
from unroll.records.pool import Place, Pool, Run, digest
from unroll.records.record import FILE_NAME, read_record
from unroll.records.store import locate
from unroll.verification.replications import marked, replications

FOLDER, RECORDS, PUBLISHED = "disputes", "records", "published"
Find = Callable[[str], Mapping[str, Any] | None]


def filed(results: str | Path) -> Pool:
    """Return the records under results/disputes/LAB/, of every lab; no folder, or an empty one, is no dispute.

    Raises:
        UserError: one is damaged or not true to itself.
    """
    folder = Path(results) / FOLDER
    labs = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    refused: list[UserError] = []
    found = pooled(labs, refused)
    if refused:
        raise refused[0]
    return found


def disputed(records: list[dict[str, Any]], disputes: Pool) -> list[dict[str, Any]]:
    """Return published records, each with the disputing runs of its trial; a published one always counts."""
    return [_disputed(record, disputes) for record in records]


def finder(find: Find, disputes: Pool) -> Find:
    """Return what finds published records as `find` does, each with the disputing runs of its trial."""

    def found(trial_id: str) -> Mapping[str, Any] | None:
        record = find(trial_id)
        return None if record is None else _disputed(dict(record), disputes)

    return found


def _disputed(record: dict[str, Any], disputes: Pool) -> dict[str, Any]:
    return marked(_published(record), disputes.runs.get(record["trial_id"], ()))


def _published(record: dict[str, Any]) -> Run:
    return Run(record, frozenset([Place(PUBLISHED, Path(RECORDS) / f"{record['trial_id']}.json")]))


def dispute(trial: str | Path, lab: str, runs: str | Path = "runs", results: str | Path = "results") -> Path:
    """Copy a record that contradicts the published one of its trial, with its scores, into results/disputes/LAB/.

    Args:
        trial: an id under `runs`, a trial's directory, or a record.
        lab: who disputes, as the tables will say.
        runs: the folder of trials.
        results: of a checkout: it holds records/.

    Returns:
        The copy of the record.

    Raises:
        UserError: there is no such record, or it is damaged, not true to itself or not reportable; none of its trial is
            published; or it does not contradict that one.
    """
    check_id(lab, "a lab")
    place = locate(trial, runs)
    record = read_record(place)
    refuse_untrue(place, record)
    folder = Path(results) / RECORDS
    file = folder / f"{record['trial_id']}.json"
    if not file.is_file():
        raise UserError(
            "No record of this trial is published, so there is nothing to dispute.",
            saw=record["trial_id"],
            allowed=f"a trial that has a record in {folder}",
        )
    beside = place.parent.parent if place.name == FILE_NAME else place.parent
    if why := _no_dispute(read_record(file), record):
        raise UserError(
            f"This record disputes nothing: {why}.",
            saw=place,
            allowed="a finished, reportable record whose result lies beyond the tolerance of `unroll verify`",
            run=shlex.join(
                ["unroll", "report", "--runs", str(folder), "--runs", f"{lab}={beside}", "--out", "report.md"]
            ),
        )
    return copy_record(record, place.parent, Path(results) / FOLDER / lab)


def _no_dispute(published: dict[str, Any], record: dict[str, Any]) -> str | None:
    """Why a record does not contradict a published one; None where it does."""
    if record["status"] != "finished":
        return "its trial failed, which contradicts no number"
    if not record["reportable"]:
        return f"it is not reportable, because {' and '.join(record['why_not_reportable'])}"
    if digest(published) == digest(record):
        return "it is a copy of the published record"
    (found,) = replications(_published(published), [Run(record, frozenset())])
    return None if found.contradicts else f"it is a replication of the published record, {found.outcome}"


def wrong(results: str | Path) -> list[str]:
    """Return what lies in results/disputes/ and disputes nothing, a line each."""
    folder, records = Path(results) / FOLDER, Path(results) / RECORDS
    found = [f"{path} lies in no lab's folder: {folder}/LAB/" for path in sorted(folder.glob("*.json"))]
    for trial_id, runs in filed(results).runs.items():
        published = records / f"{trial_id}.json"
        for run in runs:
            known = published.is_file()
            if why := _no_dispute(read_record(published), run.record) if known else "no such trial is published":
                found += [f"{path} disputes nothing: {why}" for path in run.paths]
    return found

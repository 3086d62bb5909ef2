"""Records of a task's earlier protocol stand in for trials that were not trained again yet, and every page says so.

Pure functions. A stand-in is the record with `stale`, a mapping of its protocol and today's, added to it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unroll.config.trial import Trial

Find = Callable[[str], Any]  # a trial's id -> its record, or None


def current_or_earlier(trial: "Trial", find: Find) -> dict[str, Any] | None:
    """Return the record of a trial or, where it has none, its latest one of an earlier protocol; None without any."""
    record: dict[str, Any] | None = find(trial.trial_id)
    return _earlier(trial, find) if record is None else record


def _earlier(trial: "Trial", find: Find) -> dict[str, Any] | None:
    from unroll.config.trial import earlier

    for before in earlier(trial):
        if (old := find(before.trial_id)) is not None:
            now = trial.plain["task"]["protocol_version"]
            return {**old, "stale": {"protocol": old["protocol_version"], "now": now}}
    return None


def planned(trials: Sequence["Trial"], find: Find) -> dict[str, dict[str, Any]]:
    """Return by id what a table shows of its trials: records, stand-ins, and what stands for missing ones.

    A baseline stands beside networks of an earlier protocol by its own record of that protocol, where it has one: the
    two would be in no table together otherwise.
    """
    found = {one.trial_id: current_or_earlier(one, find) or missing(one) for one in trials}
    now: dict[tuple[str, str], set[int]] = {}
    for one in trials:
        if not one.is_baseline and (record := found[one.trial_id])["status"] != "missing":
            now.setdefault(_problem(one), set()).add(record["config"]["task"]["protocol_version"])
    for one in trials:
        of_networks = now.get(_problem(one), set())
        if one.is_baseline and len(of_networks) == 1 and one.plain["task"]["protocol_version"] not in of_networks:
            found[one.trial_id] = _earlier(one, find) or found[one.trial_id]
    return found


def _problem(trial: "Trial") -> tuple[str, str]:
    return trial.plain["task"]["name"], trial.plain["data"]["name"]


def missing(trial: "Trial") -> dict[str, Any]:
    """Return what stands for the record of a trial that has none."""
    return {"trial_id": trial.trial_id, "status": "missing", "config": trial.plain, "why_not_reportable": []}


def said(records: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the sentence that a page owes to its reader; None where no record is stale."""
    records = list(records)
    stale = [record["stale"] for record in records if "stale" in record]
    if not stale:
        return None
    before = ", ".join(sorted({str(one["protocol"]) for one in stale}))
    now = ", ".join(sorted({str(one["now"]) for one in stale}))
    return (
        f"Stale: {len(stale)} of {len(records)} trials were trained under protocol {before} of the task; today it is "
        f"protocol {now}, which may give other numbers. They will be trained again."
    )

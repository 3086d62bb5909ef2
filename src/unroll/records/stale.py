"""Records of a task's earlier protocol stand in for trials that were not trained again yet, and every page says so.

Pure functions. A stand-in is the record with `stale`, a mapping of its protocol and today's, added to it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unroll.config.trial import Trial

Find = Callable[[str], Any]  # a trial's id -> its record, or None


def current_or_earlier(trial: "Trial", find: Find) -> dict[str, Any] | None:
    """Return the record of a trial or, where it has none, its latest one of an earlier protocol; None without any."""
    from unroll.config.trial import earlier

    record: dict[str, Any] | None = find(trial.trial_id)
    if record is not None:
        return record
    for before in earlier(trial):
        if (old := find(before.trial_id)) is not None:
            now = trial.plain["task"]["protocol_version"]
            return {**old, "stale": {"protocol": old["protocol_version"], "now": now}}
    return None


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

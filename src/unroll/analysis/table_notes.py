"""What is said below a table: baselines that networks do not reach, unranked rows, failures, what does not compare."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unroll.analysis.signatures import signatures
from unroll.analysis.statistics.summary import better
from unroll.records import stale
from unroll.records.devices import device_used

if TYPE_CHECKING:
    from unroll.analysis.tables import Row

OFF_PER_CENT = 1.0  # from budget.parameters: more is said below the table


def _is_worse(row: "Row", value: float, direction: str) -> bool:
    return _says_something(row) and row.primary is not None and better(value, row.primary.mean, direction)


def _says_something(row: "Row") -> bool:
    """Whether a row's mean says something of its network: it is ranked, and of more than one of its seeds."""
    return row.primary is not None and not row.unranked and (row.primary.n > 1 or not row.seeded)


def notes(networks: "Sequence[Row]", baselines: "Sequence[Row]", primary: Mapping[str, Any]) -> Iterable[str]:
    """Return what is said below a table of its rows, networks and baselines each from the best on.

    Args:
        networks: rows.
        baselines: rows.
        primary: the primary metric, with its unit and direction.
    """
    unit, direction = primary["unit"], primary["direction"]
    competing = [row.primary.mean for row in networks if row.primary and _says_something(row)]
    for row in baselines:
        if not row.primary or not _says_something(row) or not competing:
            continue
        mean = row.primary.mean
        worse = [other.label for other in networks if _is_worse(other, mean, direction)]
        surely = ", ".join(label for label in worse if label in row.beats) or "none"
        if len(worse) == len(competing):
            strongest = max(competing) if direction == "higher" else min(competing)
            yield (
                f"The baseline {row.label} ({mean:.4g} {unit}) is better than the mean of every network; the best of "
                f"them reaches {strongest:.4g} {unit}. Surely worse: {surely}."
            )
        elif worse:
            yield (
                f"Of a mean worse than the baseline {row.label} ({mean:.4g} {unit}): {', '.join(worse)}. "
                f"Surely worse: {surely}."
            )
    for row in (*networks, *baselines):
        if row.unranked:
            yield f"{row.label} stands beside the others, unranked: {row.unranked}."
        if row.off is not None and abs(row.off) > OFF_PER_CENT:
            yield f"{row.label} has {row.parameters:,} parameters, {row.off:+.1f} % from what the budget asks for."
    for row in (*networks, *baselines):
        if failed := [trial["trial_id"] for trial in row.trials if trial["status"] == "failed"]:
            yield f"Failed, and left out of the mean of {row.label}: {', '.join(failed)}."
    records = [trial for row in (*networks, *baselines) for trial in row.trials]
    if told := stale.said(records):
        yield told
    yield from signatures(records)
    hashes = sorted({r["data"]["content_sha256"][:12] for r in records if r["status"] == "finished"})
    if len(hashes) > 1:
        yield f"Not comparable: these trials saw different data contents ({', '.join(hashes)})."
    used = {row.label: {device_used(trial).name for trial in row.finished} for row in networks}
    if len(names := sorted(set().union(*used.values()))) > 1:
        mixed = [label for label, found in used.items() if len(found) > 1]
        within = f", within a row: {', '.join(mixed)}" if mixed else ""
        yield f"Different devices ({', '.join(names)}) round differently and take other times{within}."
    reasons = sorted({reason for record in records for reason in record["why_not_reportable"]})
    for reason in reasons:
        count = sum(reason in record["why_not_reportable"] for record in records)
        yield f"Not reportable: {count} of {len(records)} trials, because {reason}."

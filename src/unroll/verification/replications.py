"""Replications: further records of trials that have one, held against the record that counts. Pure, no torch.

A record that lies further from it than rounding may (`Verification.within`) contradicts it, and reopens its row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from unroll.records.pool import Pool, Run
from unroll.verification.compare import Gap, Verification, compared

KEY = "replications"  # of a record in memory: what is known of its trial's other runs
_SHOWN = 3  # metrics or differences of one contradiction


@dataclass(frozen=True)
class Replication:
    """Another run of a trial, beside the one that counts."""

    trial_id: str
    counts: tuple[str, ...]  # labs that have the record that counts
    labs: tuple[str, ...]  # that have this one
    record: Mapping[str, Any]
    found: Verification | None  # None: one of the two did not finish

    @property
    def contradicts(self) -> bool:
        """Whether it lies beyond the tolerance of `unroll verify`."""
        return self.found is not None and not self.found.identical and not self.found.within

    @property
    def by(self) -> str:
        return " and ".join(self.labs)

    @property
    def outcome(self) -> str:
        """In a few words: bit-identical, within tolerance or beyond it with the largest relative gap, or failed."""
        if self.found is None:
            return str(self.record["status"])
        if self.found.identical:
            return "bit-identical"
        largest = self.found.largest
        gap = ", all metrics equal"
        if largest is not None and largest.relative:
            gap = f", largest gap {per_cent(largest)} ({largest.metric})"
        if self.contradicts:
            return f"beyond tolerance{gap}"
        return f"within tolerance{gap}" + ("" if self.found.moved else ", on the same CPU, threads and packages")

    def said(self) -> str:
        """Say both values of what lies beyond tolerance, the widest first."""
        assert self.found is not None
        beyond = sorted((gap for gap in self.found.gaps if not gap.within), key=_excess, reverse=True)
        parts = [
            f"{gap.metric} {gap.reported:.6g} ({' and '.join(self.counts)}, which counts) and {gap.again:.6g} "
            f"({self.by}), where rounding explains {gap.allowed:.2g}"
            for gap in beyond
        ]
        parts += [f"{line} ({self.by})" for line in self.found.unlike]
        more = f"; and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        return f"`{self.trial_id}` gave {'; '.join(parts[:_SHOWN])}{more}"


def per_cent(gap: Gap) -> str:
    """Return how far two values of a metric lie apart, relative to the larger one."""
    return f"{100 * gap.relative:.2g} %"


def _excess(gap: Gap) -> float:
    return gap.absolute / gap.allowed if gap.allowed else float("inf")


def replications(counts: Run, others: Iterable[Run]) -> tuple[Replication, ...]:
    """Hold other runs of a trial against the one that counts; the farthest first, then by the labs' names."""
    found = []
    for other in others:
        both = counts.record["status"] == other.record["status"] == "finished"
        result = compared(counts.record, other.record) if both else None
        found.append(Replication(counts.record["trial_id"], counts.labs, other.labs, other.record, result))
    return tuple(sorted(found, key=lambda one: (not one.contradicts, -_largest(one), one.labs)))


def _largest(one: Replication) -> float:
    return one.found.largest.relative if one.found and one.found.largest else 0.0


def with_replications(pool: Pool) -> list[dict[str, Any]]:
    """Return the records of a pool that count; those of trials that ran more than once hold `replications`."""
    return [marked(runs[0], runs[1:]) for runs in pool.runs.values()]


def marked(counts: Run, others: Iterable[Run]) -> dict[str, Any]:
    """Return the record of a run that counts, with what other runs of its trial say, where there are any."""
    found = replications(counts, others)
    return {**counts.record, KEY: found} if found else counts.record


def of(records: Iterable[Mapping[str, Any]]) -> list[Replication]:
    """Return the replications of some records, in their order."""
    return [one for record in records for one in record.get(KEY, ())]


def reopened(records: Iterable[Mapping[str, Any]]) -> str | None:
    """Say which of some records are contradicted, with both values; None where none is."""
    said = [one.said() for one in of(records) if one.contradicts]
    return f"reopened, since {'. '.join(said)}" if said else None


def settled(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records that no other run of their trial contradicts."""
    return [record for record in records if not any(one.contradicts for one in of([record]))]

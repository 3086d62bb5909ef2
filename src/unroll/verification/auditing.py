"""`unroll audit`: what records fail, how the runs of one trial lie apart, and a drawn part of them trained again."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unroll.records.audit import Audit, audit
from unroll.records.lots import draw, draws_needed, lot_of, met_by
from unroll.records.pool import Folders, Place, labs_of, pool
from unroll.records.store import finished
from unroll.verification.recount import parameters
from unroll.verification.replications import of, with_replications
from unroll.visible import say


def run_audit(
    folders: Folders, retrain: float | None = None, share: float = 0.05, lot: str | None = None, trust: bool = False
) -> bool:
    """Audit the records under some folders, print what is found, and return whether all of it holds.

    Args:
        folders: of trials, or of records.
        retrain: train so many again that forgeries are met with this probability; None: none.
        share: of the records, that is forged.
        lot: a public text that draws those trials; None: a hash of the records.
        trust: whether to run code that records name.

    Raises:
        UserError: there is no such folder, or no record in it; a share or a probability that is none.
    """
    found = audit(folders, [parameters])
    for failure in found.failures:
        say(failure)
    records = finished(record for _, record in found.records)
    named = ", ".join(str(lab.folder) for lab in labs_of(folders))
    say(
        f"{named}: {found.untrue} of {found.looked_at} records fail; "
        f"{found.with_scores} of {len(records)} finished ones have scores of examples to hold against"
    )
    holds = _agree(found) and not found.failures
    if retrain is not None:
        once = finished(pool((Place("", path), record) for path, record in found.records).records)
        holds = _retrained(once, labs_of(folders)[0].folder, retrain, share, lot, trust) and holds
    return holds


def _agree(found: Audit) -> bool:
    """Say how runs of one trial that are true to themselves lie apart; return whether none contradicts another."""
    again = of(with_replications(found.true))
    for one in again:
        say(f"{one.trial_id}: run again by {one.by}: {one.outcome}")
        if one.contradicts:
            say(f"  {one.said()}")
    beyond = sum(one.contradicts for one in again)
    if again:
        trials = len({one.trial_id for one in again})
        say(f"trials that ran more than once: {trials}; runs that contradict the one that counts: {beyond}")
    return not beyond


def _retrained(
    records: Iterable[dict[str, Any]], runs: Path, probability: float, share: float, lot: str | None, trust: bool
) -> bool:
    """Train some records again, drawn by a public text; return whether there were any, and all hold."""
    from unroll.verification.retrain import retrain, trainable

    records = list(records)
    chosen = trainable(records, trust)
    count, by = draws_needed(len(chosen), share, probability), lot or lot_of(records)
    say(f"training {count} of {len(chosen)} again, drawn by {by}")
    if len(chosen) < len(records):
        why = "an earlier protocol, a budget in seconds, or code of their own"
        say(f"  {len(records) - len(chosen)} others cannot be: {why}")
    met = met_by(len(chosen), share, count) if chosen else 0.0
    say(f"  where {share:.3g} of those are forged, one is met with a probability of {met:.3g}")
    again = retrain(draw(chosen, by, count), say, runs=runs, trust=trust)
    say(f"{len(again.unlike)} of {count} trained again do not hold" + "".join(f"\n  {name}" for name in again.unlike))
    if again.refused:
        met = met_by(len(chosen), share, count - len(again.refused))
        say(f"{len(again.refused)} could not be trained here, so the probability is {met:.3g} only")
    return bool(chosen) and not again.unlike

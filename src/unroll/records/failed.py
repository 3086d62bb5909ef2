"""The record of a trial that ended before its trainer could write one."""

from datetime import UTC, datetime, timedelta

from unroll.config.planned import Planned
from unroll.records.lease import leased
from unroll.records.state import state


def record_mishap(planned: Planned, kind: str, message: str, trace: str = "", seconds: float = 0.0) -> None:
    """Write a failed record, with the error's kind, message and traceback, after `seconds` of work.

    A trial that has finished after all keeps its record.

    Raises:
        LeaseHeld: another process trains it now.
    """
    from unroll.records.provenance import provenance
    from unroll.records.record import write_record
    from unroll.records.schema import SCHEMA_VERSION

    trial = planned.trial
    started = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds")
    command = " ".join(["unroll", "train", *planned.overrides])
    record = {
        "schema_version": SCHEMA_VERSION,
        "trial_id": trial.trial_id,
        "status": "failed",
        "config": trial.plain,
        "protocol_version": trial.plain["task"]["protocol_version"],
        "error": {"type": kind, "message": message, "traceback": trace},
        "run": {"started": started, "seconds": seconds, "command": command, **provenance()},
        "reportable": False,
        "why_not_reportable": [f"failed: {kind}"],
    }
    trial.directory.mkdir(parents=True, exist_ok=True)
    with leased(trial.directory, trial.plain["trainer"]["heartbeat_seconds"]) as lease:
        if state(trial) != "finished":
            write_record(trial.directory, record, lease.replacing)

"""The end of a trial: its record first, its trackers after."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from unroll.atomic import Replacing
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.lease import LeaseLost
from unroll.records.record import write_record
from unroll.tracking.tracking import Ended, Tracking


@contextmanager
def tracked(trial: Trial) -> Iterator[Tracking]:
    """Give a trial's trackers, and tell them how the block ended."""
    tracking = Tracking(trial)
    try:
        yield tracking
    except LeaseLost:
        tracking.abandon()
        raise
    except Exception:
        tracking.finish("failed")
        raise
    except BaseException:  # a signal: the trial goes on later
        tracking.finish("preempted")
        raise
    tracking.finish("finished")


def write_and_finish(
    directory: Path, record: dict[str, Any], tracking: Tracking, ended: Ended, replacing: Replacing
) -> Path:
    """Write a record, let the trackers finish, and write into `run.tracking` how that went.

    A process that is killed while they finish leaves the record with "pending".
    """
    if tracking.states:
        record["run"] |= {"tracking": dict(tracking.states)}
    path = write_record(directory, record, replacing)
    tracking.finish(ended, record)
    if tracking.states and tracking.states != record["run"]["tracking"]:
        record["run"] |= {"tracking": dict(tracking.states)}
        with suppress(OSError, UserError):  # the result is safe
            write_record(directory, record, replacing)
    return path

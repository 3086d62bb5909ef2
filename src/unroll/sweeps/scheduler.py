"""A sweep's rounds: launch what has no record and no living owner, until everything has ended."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unroll.config.planned import Planned
from unroll.errors import TrialFailed, UserError
from unroll.records.failed import record_mishap
from unroll.records.lease import LeaseHeld, LeaseLost, leases_made
from unroll.records.state import record_identity, state
from unroll.storage import StorageTrouble, storage_trouble

Launch = Callable[[Sequence[Planned]], Mapping[str, BaseException]]  # trial id -> what its job raised


@dataclass(frozen=True)
class Rules:
    """How a sweep goes on after trouble.

    Args:
        retry_failed: train trials again that have a failed record.
        retries: how often a trial is launched again after its process died without a record.
        max_batch_size: trials that one call of the launcher gets; None = all.
        poll_seconds: between looks at trials that other sweeps train.
        fail_fast: launch nothing more after the first trial that failed.
    """

    retry_failed: bool = False
    retries: int = 2
    max_batch_size: int | None = None
    poll_seconds: float = 2.0
    fail_fast: bool = False


def to_launch(planned: Sequence[Planned], retry_failed: bool) -> list[Planned]:
    """Return the trials that a sweep has to see to.

    These are all but the finished, unless `trainer.again`, and the failed, unless they are retried.
    """
    return [item for item in planned if _to_train(item, state(item.trial), retry_failed)]


def _to_train(item: Planned, now: str, retry_failed: bool) -> bool:
    """Whether a trial that is in the state `now` when a sweep begins is to be trained by it."""
    return {"finished": _again(item), "failed": retry_failed}.get(now, True)


def _again(item: Planned) -> bool:
    return bool(item.trial.plain.get("trainer", {}).get("again"))


class _Course:
    """What this sweep has seen of one trial."""

    def __init__(self, item: Planned):
        self.item, self.name = item, item.trial.trial_id
        self.old_record = record_identity(item.trial)
        self.deaths = 0
        self.sure = True  # that this trial's process died, and not only one that a launcher ran beside it
        self.refused = False

    def has_ended(self, now: str, rules: Rules) -> bool:
        """Whether there is nothing more to do; `now` is the trial's state."""
        if self.refused or now not in ("finished", "failed"):
            return self.refused
        replaced = record_identity(self.item.trial) != self.old_record
        return replaced or not _to_train(self.item, now, rules.retry_failed)


def complete(planned: Sequence[Planned], launch: Launch, rules: Rules, stop: Path, say: Callable[[str], None]) -> None:
    """Launch trials in rounds until each has ended, here or in another sweep, or the file `stop` exists.

    A job that cannot start (UserError) is not launched again. A trial whose process dies each time gets a failed
    record of kind Died.

    Raises:
        UserError: the launcher itself does not work.
        StorageTrouble: the disk is full, read-only or gone.
    """
    courses = [_Course(item) for item in to_launch(planned, rules.retry_failed)]
    pause, useless = threading.Event(), 0
    while not stop.exists():
        waiting, elsewhere = _sorted_out(courses, rules, stop, say)
        courses = waiting + elsewhere
        if not courses:
            return
        if not waiting:
            pause.wait(rules.poll_seconds)
        for batch in _batches(waiting, rules):
            if stop.exists():
                return
            error, answered = _launched(launch, batch, say)
            useless = 0 if error is None or answered else useless + 1
            if error is not None and useless > rules.retries:
                raise UserError(
                    f"The launcher ended {useless} times before any trial began.",
                    saw=f"{type(error).__name__}: {error}",
                    allowed="a launcher that can start processes here, such as hydra/launcher=local",
                    run="unroll doctor",
                ) from error


def _sorted_out(
    courses: Sequence[_Course], rules: Rules, stop: Path, say: Callable[[str], None]
) -> tuple[list[_Course], list[_Course]]:
    """The trials to launch, and those that others train; one that died too often gets its record."""
    waiting, elsewhere = [], []
    for course in courses:
        now = state(course.item.trial)
        if course.has_ended(now, rules):
            continue
        if now == "running":
            elsewhere.append(course)
        elif course.deaths <= rules.retries or not course.sure:
            waiting.append(course)
        else:
            try:
                message = f"its process ended {course.deaths} times without a record; out of memory?"
                record_mishap(course.item, "Died", message)
            except LeaseHeld:
                elsewhere.append(course)
                continue
            except OSError as error:
                raise storage_trouble(error, course.item.trial.directory) or error from error
            say(f"died {course.deaths} times: {course.name}")
            if rules.fail_fast:
                stop.touch()
    return waiting, elsewhere


def _launched(launch: Launch, batch: Sequence[_Course], say: Callable[[str], None]) -> tuple[Exception | None, bool]:
    """Launch a batch. Returns what the launcher itself raised, and whether any trial of the batch has begun.

    A launcher that raises (its pool broke, since a process was killed) tells nothing of the single trials: those that
    began and did not end may have died or not.
    """
    before = [leases_made(course.item.trial.directory) for course in batch]
    broken: Exception | None = None
    errors: Mapping[str, BaseException] = {}
    try:
        errors = launch([course.item for course in batch])
    except Exception as error:
        trouble = storage_trouble(error)
        if trouble is not None or isinstance(error, UserError):
            raise trouble or error from error
        broken = error
        say(f"the launcher ended with {type(error).__name__}: {error}")
    began = [leases_made(course.item.trial.directory) > made for course, made in zip(batch, before, strict=True)]
    troubles: list[StorageTrouble] = []
    for course, has_begun in zip(batch, began, strict=True):
        raised = errors.get(course.name)
        if isinstance(raised, LeaseHeld | LeaseLost) or (broken is not None and not has_begun):
            continue
        trouble = storage_trouble(raised) if raised is not None else None
        if trouble is not None:
            troubles.append(trouble)
        elif (isinstance(raised, UserError) and not getattr(raised, "passes", False)) or (
            isinstance(raised, TrialFailed) and _again(course.item)
        ):
            course.refused = True
            say(f"{course.name} cannot start: {raised}" if isinstance(raised, UserError) else str(raised))
        else:  # what has a record by now is not looked at again
            course.deaths += 1
            course.sure = broken is None or len(batch) == 1
    if troubles:
        raise troubles[0]
    return broken, any(began)


def _batches(waiting: Sequence[_Course], rules: Rules) -> Iterator[Sequence[_Course]]:
    """Batches as large as allowed; before a trial is given up, it is launched alone."""
    alone = [course for course in waiting if not course.sure and course.deaths >= max(1, rules.retries)]
    others = [course for course in waiting if course not in alone]
    size = rules.max_batch_size or max(1, len(others))
    for start in range(0, len(others), size):
        yield others[start : start + size]
    for course in alone:
        yield [course]

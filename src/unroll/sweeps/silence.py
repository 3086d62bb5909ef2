"""What a silent sweep waits for: told after minutes without any event, then after twice as many each time."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from unroll.config.trial import Trial
from unroll.records.lease import described, holder
from unroll.sweeps.status import look_at

FIRST = 300.0  # seconds
_SHOWN = 8  # trials that are named


class Silence:
    """How long nothing has happened, and whether that is to be told.

    Args:
        now: seconds of a clock that only goes on.
    """

    def __init__(self, now: float):
        self.event(now)

    def event(self, now: float) -> None:
        """Something has happened, and was told."""
        self.since, self.next = now, FIRST

    def is_due(self, now: float) -> bool:
        """Whether it is time to say what is waited for; the next time comes after twice the silence."""
        if now - self.since < self.next:
            return False
        self.next *= 2
        return True


def waits(trials: Sequence[Trial], silent: float, logs: str | None = None) -> str:
    """Say which trials a sweep waits for, who trains them, and how far they are.

    Args:
        trials: that have not ended.
        silent: seconds without an event.
        logs: where what they print is; None: not known.
    """
    lines = [f"No trial has ended for {silent / 60:.0f} min; waiting for {len(trials)}:"]
    begun = [(trial, held) for trial in trials if (held := holder(trial.directory)) is not None]
    for trial, held in begun[:_SHOWN]:
        seen = look_at(trial.directory, trial.trial_id, trial.plain)
        steps = "" if seen.step is None else f", step {seen.step}" + ("" if seen.steps is None else f" of {seen.steps}")
        lines.append(f"  {trial.trial_id}: {described(trial.directory, held)}{steps}")
    if len(begun) > _SHOWN:
        lines.append(f"  and {len(begun) - _SHOWN} more that are trained now")
    if len(begun) < len(trials):
        lines.append(f"  {len(trials) - len(begun)} that no process trains yet")
    if logs is not None:
        lines.append(f"  logs: {logs}")
    return "\n".join(lines)


@contextmanager
def telling(what: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Say what is going on while a block runs for minutes that says nothing itself."""
    silence, ended = Silence(clock()), threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            now = clock()
            if silence.is_due(now):
                say(f"{what} (for {(now - silence.since) / 60:.0f} min)")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

"""A sweep's rounds: launch what has no record and no living owner, until everything has ended."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unroll.errors import UserError
from unroll.planning.claims import Claimed, ClaimLost
from unroll.planning.mishap import record_mishap
from unroll.planning.state import state
from unroll.planning.suites import Planned

Launch = Callable[[Sequence[Planned]], Mapping[str, BaseException]]  # trial id -> what its job raised


@dataclass(frozen=True)
class Rules:
    """How a sweep goes on after trouble.

    Args:
        retry_failed: train trials again that have a failed record.
        retries: how often a trial is launched again after its process died without a record.
        max_batch_size: trials that one call of the launcher gets; None = all.
        poll_seconds: between looks at trials that other sweeps train.
    """

    retry_failed: bool = False
    retries: int = 2
    max_batch_size: int | None = None
    poll_seconds: float = 2.0


def to_launch(planned: Sequence[Planned], retry_failed: bool) -> list[Planned]:
    """Return the trials that a sweep has to see to: all but the finished, and the failed unless they are retried."""
    done = {"finished"} if retry_failed else {"finished", "failed"}
    return [item for item in planned if state(item.trial) not in done]


def complete(planned: Sequence[Planned], launch: Launch, rules: Rules, stop: Path, say: Callable[[str], None]) -> None:
    """Launch trials in rounds until each has ended, here or in another sweep, or the file `stop` exists.

    A job that cannot start (UserError) is not launched again. A trial whose process dies each time gets a failed
    record of kind Died.
    """
    launched: Counter[str] = Counter()
    refused: set[str] = set()
    open_trials = to_launch(planned, rules.retry_failed)
    pause = threading.Event()
    while not stop.exists():
        waiting, elsewhere = [], []
        for item in open_trials:
            trial_id, now = item.trial.trial_id, state(item.trial)
            if (
                now == "finished"
                or trial_id in refused
                or (now == "failed" and (launched[trial_id] or not rules.retry_failed))
            ):
                continue
            if now == "running":
                elsewhere.append(item)
            elif launched[trial_id] > rules.retries:
                times = launched[trial_id]
                record_mishap(item, "Died", f"its process ended {times} times without a record; out of memory?")
                say(f"died {times} times: {trial_id}")
            else:
                waiting.append(item)
        open_trials = waiting + elsewhere
        if not open_trials:
            return
        if not waiting:
            pause.wait(rules.poll_seconds)
        for batch in _batches(waiting, rules.max_batch_size):
            if stop.exists():
                return
            launched.update(item.trial.trial_id for item in batch)
            for trial_id, error in _launched(launch, batch, say).items():
                if isinstance(error, UserError) and not isinstance(error, Claimed | ClaimLost):
                    refused.add(trial_id)
                    say(f"{trial_id} cannot start: {error}")


def _launched(launch: Launch, batch: Sequence[Planned], say: Callable[[str], None]) -> Mapping[str, BaseException]:
    try:
        return launch(batch)
    except Exception as error:  # whatever a launcher's pool breaks with; the files tell which trials it cost
        say(f"the launcher ended with {type(error).__name__}: {error}")
        return {}


def _batches(items: Sequence[Planned], size: int | None) -> Iterator[Sequence[Planned]]:
    for start in range(0, len(items), size or max(1, len(items))):
        yield items[start : start + (size or len(items))]

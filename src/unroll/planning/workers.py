"""Processes that stay warm: each imports torch once and then trains one trial after another.

One executor of one process for each worker, so that when a process is killed it is known which trial it had.
"""

import contextlib
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unroll.planning.suites import Planned

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# glibc gives a freed tensor's memory back at once and takes it again at the next step; kept, two workers side by side
# no longer wait for the kernel's page faults.
_MEMORY_VARIABLES = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**33)}
_KILLED = "WorkerKilled"


@dataclass(frozen=True)
class Event:
    """A trial started, or ended: then `error` is None or says what went wrong."""

    planned: Planned
    started: bool
    seconds: float = 0.0
    error: str | None = None


def run_all(
    planned: Sequence[Planned],
    workers: int,
    log_folder: Path,
    *,
    fail_fast: bool = False,
    train: Callable[[Any], Any] | None = None,
    beat: Callable[[], None] | None = None,
) -> Iterator[Event]:
    """Train trials in `workers` processes; yields an event when a trial starts and when it ends.

    A trial that raises has its record from the trainer, one whose process was killed gets it here; both are
    ended, and the rest goes on, unless `fail_fast`: then no further trial starts. What workers print goes to
    worker-N.log in `log_folder`. Leaving the iterator early stops the processes.

    Args:
        planned: the trials, in the order in which to start them.
        train: what trains a trial; None: unroll.training.train.train.
        beat: called now and then while nothing ends.
    """
    waiting = list(reversed(planned))
    pools = {number: _start(log_folder, number) for number in range(min(workers, len(planned)))}
    running: dict[Future[str | None], tuple[int, Planned, float]] = {}
    try:
        while waiting or running:
            idle = set(pools) - {number for number, _, _ in running.values()}
            for number in sorted(idle)[: len(waiting)]:
                item = waiting.pop()
                future = pools[number].submit(_run, item, train)
                running[future] = (number, item, time.monotonic())
                yield Event(item, started=True)
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            if beat is not None and not done:
                beat()
            for future in done:
                number, item, began = running.pop(future)
                seconds = time.monotonic() - began
                try:
                    error = future.result()
                except BrokenProcessPool:
                    error = f"{_KILLED}: the process was killed; out of memory?"
                    _record_killed(item, seconds)
                    pools[number].shutdown(wait=False)
                    pools[number] = _start(log_folder, number)
                if error is not None and fail_fast:
                    waiting.clear()
                yield Event(item, started=False, seconds=seconds, error=error)
    finally:
        _stop(pools.values(), kill=bool(running))


def check_all(planned: Sequence[Planned], log_folder: Path) -> None:
    """Check every trial as the trainer would, in a process of its own; UserError for the first that is wrong."""
    pool = _start(log_folder, 0)
    try:
        pool.submit(_check, [item.trial for item in planned]).result()
    finally:
        _stop([pool], kill=False)


def _start(log_folder: Path, number: int) -> ProcessPoolExecutor:
    log_folder.mkdir(parents=True, exist_ok=True)
    return ProcessPoolExecutor(
        max_workers=1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare,
        initargs=(str(log_folder / f"worker-{number}.log"),),
    )


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that start inside compute with one thread each, whatever the library, and keep freed memory."""
    wanted = {**dict.fromkeys(_THREAD_VARIABLES, "1"), **_MEMORY_VARIABLES}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update({name: before[name] or value for name, value in wanted.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _prepare(log: str) -> None:
    """Run in a new worker: what it prints goes to its log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _run(planned: Planned, train: Callable[[Any], Any] | None) -> str | None:
    """Run in a worker: train one trial, and leave the process as it was. Returns what went wrong."""
    environment, arguments, folder = dict(os.environ), list(sys.argv), os.getcwd()
    sys.argv = ["unroll", "train", *planned.overrides]
    print(f"--- {planned.trial.trial_id}", flush=True)
    began = time.monotonic()
    try:
        (train or _trainer())(planned.trial)
    except Exception as error:
        traceback.print_exc()
        if not _has_failed_record(planned):
            _record_error(planned, error, traceback.format_exc(), time.monotonic() - began)
        return str(error)
    finally:
        sys.argv = arguments
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
    return None


def _trainer() -> Callable[[Any], Any]:
    from unroll.training.train import train

    return train


def _check(trials: Sequence[Any]) -> None:
    from unroll.training.train import check

    for trial in trials:
        check(trial)


def _has_failed_record(planned: Planned) -> bool:
    from unroll.errors import UserError
    from unroll.results.record import read_record

    try:
        return bool(read_record(planned.trial.record_path)["status"] == "failed")
    except (UserError, OSError):
        return False


def _record_killed(planned: Planned, seconds: float) -> None:
    message = "the process that trained this was killed, for example for want of memory"
    _write(planned, {"type": _KILLED, "message": message, "traceback": ""}, seconds)


def _record_error(planned: Planned, error: Exception, trace: str, seconds: float) -> None:
    _write(planned, {"type": type(error).__name__, "message": str(error), "traceback": trace}, seconds)


def _write(planned: Planned, error: dict[str, str], seconds: float) -> None:
    from datetime import UTC, datetime, timedelta

    from unroll.results.record import SCHEMA_VERSION, write_record
    from unroll.training.provenance import provenance

    trial = planned.trial
    started = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds")
    command = " ".join(["unroll", "train", *planned.overrides])
    record = {
        "schema_version": SCHEMA_VERSION,
        "trial_id": trial.trial_id,
        "status": "failed",
        "config": trial.config,
        "protocol_version": trial.config["task"]["protocol_version"],
        "error": error,
        "run": {"started": started, "seconds": seconds, "command": command, **provenance()},
        "reportable": False,
        "why_not_reportable": [f"failed: {error['type']}"],
    }
    trial.directory.mkdir(parents=True, exist_ok=True)
    write_record(trial.directory, record)


def _stop(pools: Iterable[ProcessPoolExecutor], kill: bool) -> None:
    pools = list(pools)
    if kill:
        for child in multiprocessing.active_children():
            child.terminate()
    for pool in pools:
        pool.shutdown(wait=not kill, cancel_futures=True)

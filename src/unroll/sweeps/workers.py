"""Processes that stay warm: each runs one job after another, forked from one that has imported torch and done no more.

One executor of one process for each worker, so that a process that is killed costs its own job only.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import reduction, resource_tracker
from pathlib import Path
from typing import Any

from unroll.errors import UserError, portable
from unroll.interruption import ASKING, Asked, tell_now
from unroll.sweeps.capacity import visible_gpus
from unroll.threads import VARIABLES, environment

IMPORTED = ["unroll.training.train"]  # once, for all workers; not datasets, which reads the hub's variables at import
LOOK_SECONDS = 0.2  # between looks at whether the sweep was asked to leave
STARTS = 10  # of workers that may fail one after the other, LOOK_SECONDS apart

_work: Callable[[Any], Any]
_jobs: Sequence[Any]


class WorkerKilled(Exception):
    """The process that ran a job ended; a record or a checkpoint says how far it came."""


def run_all(work: Callable[[Any], Any], jobs: Sequence[Any], workers: int, log_folder: Path) -> list[Any]:
    """Call `work(job)` for each job in `workers` processes; returns what each call returned, or raised.

    A job whose process was killed gives WorkerKilled, and the rest goes on in a new process. What workers print
    goes to worker-N.log in `log_folder`.

    Raises:
        KeyboardInterrupt: this process was asked to leave; the workers have saved what they did, and have ended.
        BrokenProcessPool: no worker can start here.
    """
    results: list[Any] = [None] * len(jobs)
    waiting = list(reversed(range(len(jobs))))
    running: dict[Future[Any], tuple[int, int]] = {}
    others, failed_starts = multiprocessing.active_children(), 0
    with one_thread_each(), _Parcel(work, jobs) as parcel, Asked(say_that_it_stops) as asked:
        pools = {number: _start(log_folder, number, parcel) for number in range(min(workers, len(jobs)))}
        try:
            while (waiting or running) and not asked.noticed:
                idle = set(pools) - {number for number, _ in running.values()}
                for number in sorted(idle)[: len(waiting)]:
                    index = waiting.pop()
                    try:
                        running[_submitted(pools[number], index)] = (number, index)
                        failed_starts = 0
                    except BrokenProcessPool:  # killed while it had no job, or with what it is forked from
                        failed_starts += 1
                        if failed_starts > STARTS:
                            raise
                        time.sleep(LOOK_SECONDS)
                        waiting.append(index)
                        pools[number] = _replaced(pools[number], log_folder, number, parcel)
                done, _ = wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    number, index = running.pop(future)
                    try:
                        results[index] = future.result()
                    except BrokenProcessPool as error:
                        results[index] = WorkerKilled(str(error))
                        pools[number] = _replaced(pools[number], log_folder, number, parcel)
                    except Exception as error:
                        results[index] = error
        finally:
            own = [process for process in multiprocessing.active_children() if process not in others]
            _stop(pools.values(), own, early=bool(running))
    if asked.noticed:
        raise KeyboardInterrupt
    return results


def run_each(
    work: Callable[[Any], Any], jobs: Sequence[Any], workers: int, log_folder: Path, retries: int = 0
) -> list[Any]:
    """As `run_all`, but a job whose process was killed runs again, and what a job raises is raised.

    Raises:
        UserError: a process was killed each time.
    """
    results = run_all(work, jobs, workers, log_folder)
    for _ in range(retries):
        killed = [index for index, result in enumerate(results) if isinstance(result, WorkerKilled)]
        again = run_all(work, [jobs[index] for index in killed], workers, log_folder) if killed else []
        for index, result in zip(killed, again, strict=True):
            results[index] = result
    for result in results:
        if isinstance(result, WorkerKilled):
            raise UserError(
                f"A process that prepares the trials ended {1 + retries} times before it was done; out of memory?",
                saw=f"what it printed: {log_of(log_folder, '*')}",
                run="unroll doctor",
            ) from result
        if isinstance(result, BaseException):
            raise result
    return results


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that start inside compute with one thread each, whatever the library."""
    with environment({name: os.environ.get(name) or "1" for name in VARIABLES}):
        yield


class _Parcel:
    """Work, its jobs and the environment on their way to workers, in a file without a name, whose descriptor they get.

    What a process is told at its start goes through a pipe instead. That holds 64 KiB, and the parent would wait for
    ever for a worker that was killed before it read more.
    """

    def __init__(self, work: Callable[[Any], Any], jobs: Sequence[Any]):
        import cloudpickle  # type: ignore[import-untyped]

        self.file = tempfile.TemporaryFile(prefix="unroll-")  # noqa: SIM115
        pickle.dump((dict(os.environ), cloudpickle.dumps((work, list(jobs)))), self.file)
        self.file.flush()

    def __enter__(self) -> "_Parcel":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __reduce__(self) -> tuple[object, ...]:
        return _arrived, (reduction.DupFd(self.file.fileno()),)


def _arrived(duplicate: Any) -> bytes:
    descriptor = duplicate.detach()
    try:
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)  # workers share the place in the file
    finally:
        os.close(descriptor)


def _start(log_folder: Path, number: int, parcel: _Parcel) -> ProcessPoolExecutor:
    log_folder.mkdir(parents=True, exist_ok=True)
    gpus = visible_gpus()
    gpu = gpus[number % len(gpus)] if gpus else None
    arguments: Any = (str(log_of(log_folder, number)), gpu, parcel)  # the last arrives as bytes
    return ProcessPoolExecutor(1, _context(forked=sys.platform == "linux" and not gpus), _prepare, arguments)


def _context(forked: bool) -> Any:
    """How workers start: forked, or each anew. What a forked process inherits of a GPU's driver is broken."""
    if not forked:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def log_of(log_folder: Path, number: int | str) -> Path:
    """Where what a worker prints goes; "*": the files of all."""
    return log_folder / f"worker-{number}.log"


def print_to(log: str | Path) -> None:
    """Let all that this process prints go to the end of a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _submitted(pool: ProcessPoolExecutor, index: int) -> "Future[Any]":
    """Give a pool a job. Its process may start here, which no signal is to interrupt before it is ready for one.

    Raises:
        BrokenProcessPool: the pool's process was killed, or the one that it is to be forked from.
    """
    resource_tracker.ensure_running()  # on its own it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
    try:
        return pool.submit(_run, index)
    except (EOFError, ConnectionError) as error:
        raise BrokenProcessPool(f"{type(error).__name__}: {error}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare(log: str, gpu: str | None, parcel: bytes) -> None:
    """Run in a new worker, before its first job: its log, its environment, its work, and its end with its parent's.

    A process that others are forked from keeps the environment of its own start. A GPU's worker imports torch later.
    """
    print_to(log)
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal's, sent to all: the parent passes them on as SIGTERM
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    variables, work_and_jobs = pickle.loads(parcel)
    os.environ.clear()
    os.environ.update(variables)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    global _work, _jobs
    _work, _jobs = pickle.loads(work_and_jobs)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run(index: int) -> Any:
    return done(_work, _jobs[index])


def done(work: Callable[[Any], Any], job: Any) -> Any:
    """Run in a worker: one job, after which the process is as it was.

    Raises:
        WorkerKilled: the process was asked to leave.
        Exception: what the job raised, in a form that can be sent to another process.
    """
    environment, arguments, folder = dict(os.environ), list(sys.argv), os.getcwd()
    try:
        return work(job)
    except Exception as error:
        raise portable(error) from None
    except BaseException as error:  # a signal to this process alone: not the end of the whole sweep
        raise WorkerKilled(type(error).__name__) from None
    finally:
        sys.argv = arguments
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.stdout.flush()
        sys.stderr.flush()


def _replaced(pool: ProcessPoolExecutor, log_folder: Path, number: int, parcel: _Parcel) -> ProcessPoolExecutor:
    pool.shutdown(wait=False)
    return _start(log_folder, number, parcel)


def _stop(pools: Iterable[ProcessPoolExecutor], processes: Sequence[Any], early: bool) -> None:
    """End the workers; `early`, what they train now is saved first, unless a second Ctrl-C comes meanwhile."""
    try:
        if early:
            for process in processes:
                process.terminate()
        for pool in pools:
            pool.shutdown(cancel_futures=True)
    except KeyboardInterrupt:
        for process in processes:
            process.kill()
        raise


def say_that_it_stops() -> None:
    tell_now("Stopping: each trial saves after its current step. Ctrl-C again leaves at once.")

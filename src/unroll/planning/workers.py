"""Processes that stay warm: each imports torch once and then runs one job after another.

One executor of one process for each worker, so that a process that is killed costs its own job only.
"""

import contextlib
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from unroll.threads import VARIABLES, environment

# glibc gives a freed tensor's memory back at once and takes it again at the next step; kept, two workers side by side
# no longer wait for the kernel's page faults.
_MEMORY_VARIABLES = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**33)}

_work: Callable[[Any], Any]
_begun = 0  # jobs, in this worker


class WorkerKilled(Exception):
    """The process that ran a job ended; a record or a checkpoint says how far it came."""


def run_all(work: Callable[[Any], Any], jobs: Sequence[Any], workers: int, log_folder: Path) -> list[Any]:
    """Call `work(job)` for each job in `workers` processes; returns what each call returned, or raised.

    A job whose process was killed gives WorkerKilled, and the rest goes on in a new process. What workers print
    goes to worker-N.log in `log_folder`. An interruption stops the processes.
    """
    results: list[Any] = [None] * len(jobs)
    waiting = list(reversed(range(len(jobs))))
    running: dict[Future[Any], tuple[int, int]] = {}
    others = multiprocessing.active_children()
    with one_thread_each():
        pools = {number: _start(log_folder, number, work) for number in range(min(workers, len(jobs)))}
        try:
            while waiting or running:
                idle = set(pools) - {number for number, _ in running.values()}
                for number in sorted(idle)[: len(waiting)]:
                    index = waiting.pop()
                    try:
                        running[pools[number].submit(_run, jobs[index])] = (number, index)
                    except BrokenProcessPool:  # killed while it had no job
                        waiting.append(index)
                        pools[number] = _replaced(pools[number], log_folder, number, work)
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    number, index = running.pop(future)
                    try:
                        results[index] = future.result()
                    except BrokenProcessPool as error:
                        results[index] = WorkerKilled(str(error))
                        pools[number] = _replaced(pools[number], log_folder, number, work)
                    except Exception as error:
                        results[index] = error
        finally:
            own = [process for process in multiprocessing.active_children() if process not in others]
            _stop(pools.values(), own, kill=bool(running))
    return results


def run_one(work: Callable[[Any], Any], job: Any, log_folder: Path) -> Any:
    """Call `work(job)` in a process of its own; raises what it raises."""
    (result,) = run_all(work, [job], 1, log_folder)
    if isinstance(result, BaseException):
        raise result
    return result


def workers_here() -> int:
    """One worker a visible GPU; without GPUs, one a core."""
    return len(visible_gpus()) or len(os.sched_getaffinity(0))


def visible_gpus() -> list[str]:
    """The GPUs that a process started now would see, as CUDA_VISIBLE_DEVICES writes them; asks without torch."""
    stated = os.environ.get("CUDA_VISIBLE_DEVICES")
    if stated is not None:
        return [part.strip() for part in stated.split(",") if part.strip() not in ("", "-1", "NoDevFiles")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that start inside compute with one thread each, whatever the library, and keep freed memory."""
    wanted = {**dict.fromkeys(VARIABLES, "1"), **_MEMORY_VARIABLES}
    with environment({name: os.environ.get(name) or value for name, value in wanted.items()}):
        yield


def _start(log_folder: Path, number: int, work: Callable[[Any], Any]) -> ProcessPoolExecutor:
    import cloudpickle  # type: ignore[import-untyped]

    log_folder.mkdir(parents=True, exist_ok=True)
    gpus = visible_gpus()
    gpu = gpus[number % len(gpus)] if gpus else None
    return ProcessPoolExecutor(
        max_workers=1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare,
        initargs=(str(log_folder / f"worker-{number}.log"), gpu, cloudpickle.dumps(work)),
    )


def _prepare(log: str, gpu: str | None, work: bytes) -> None:
    """Run in a new worker, before torch is imported: its log, its GPU, its work, and its end with its parent's."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with_parent, daemon=True).start()
    global _work
    _work = pickle.loads(work)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run(job: Any) -> Any:
    """Run in a worker: one job, after which the process is as it was."""
    global _begun
    _begun += 1
    if _begun == 2:  # what the first has imported stays: no later collection needs to walk through all of it
        gc.collect()
        gc.freeze()
    environment, arguments, folder = dict(os.environ), list(sys.argv), os.getcwd()
    try:
        return _work(job)
    except Exception as error:
        raise _portable(error) from None
    except BaseException as error:  # a signal to this process alone: not the end of the whole sweep
        raise WorkerKilled(type(error).__name__) from None
    finally:
        sys.argv = arguments
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.stdout.flush()
        sys.stderr.flush()


def _portable(error: Exception) -> Exception:
    """The error, or its text where it cannot be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _replaced(
    pool: ProcessPoolExecutor, log_folder: Path, number: int, work: Callable[[Any], Any]
) -> ProcessPoolExecutor:
    pool.shutdown(wait=False)
    return _start(log_folder, number, work)


def _stop(pools: Iterable[ProcessPoolExecutor], processes: Iterable[Any], kill: bool) -> None:
    if kill:
        for process in processes:
            process.terminate()
    for pool in pools:
        pool.shutdown(wait=not kill, cancel_futures=True)

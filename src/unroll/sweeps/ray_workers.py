"""Worker processes that Ray starts, on one machine or several: they do jobs as `unroll.sweeps.workers` has them done.

Each worker is an actor, warm from one job to the next, whose GPU Ray chooses before torch is imported. What is killed
is not begun again by Ray: the sweep does that, which knows how far a trial came.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from unroll import DISTRIBUTION
from unroll.errors import UserError
from unroll.interruption import Asked
from unroll.limits import GB, cores
from unroll.registry.code import inherited
from unroll.sweeps.capacity import GB_A_WORKER
from unroll.sweeps.workers import LOOK_SECONDS, WorkerKilled, done, log_of, print_to, say_that_it_stops
from unroll.threads import VARIABLES, environment

_LOCAL = "local"
_HANDED_ON = ("UNROLL_", "HF_", "WANDB_")  # the beginnings of variables that workers on other nodes get, too
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # Ray's word, on Linux too, for listening on loopback only
_STORE_BYTES = 128 * 2**20  # of Ray's shared memory, of which trials use next to nothing


class Share(NamedTuple):
    """What Ray sets aside for a worker."""

    cpus: float
    gpus: float


def installed_ray(address: str) -> Any:
    """Return the package, which reads when it is imported whether it is to be reached from other machines.

    Raises:
        UserError: it is not installed.
    """
    try:
        with environment(_ALONE if address == _LOCAL else {}):
            import ray
    except ImportError as error:
        raise UserError(
            "hydra/launcher=ray needs the package ray.", saw=str(error), run=f"pip install '{DISTRIBUTION}[ray]'"
        ) from None
    return ray


def room(nodes: Iterable[Mapping[str, float]], share: Share) -> int:
    """Return how many workers fit on nodes, by Ray's counts of their CPU, GPU and memory (bytes)."""
    total = 0
    for node in nodes:
        most = [node.get("CPU", 0.0) / share.cpus, max(1.0, node.get("memory", 0.0) / GB / GB_A_WORKER)]
        if share.gpus:
            most.append(node.get("GPU", 0.0) / share.gpus)
        total += int(min(most))
    return total


def run_all(
    work: Callable[[Any], Any],
    jobs: Sequence[Any],
    address: str,
    workers: int | None,
    share: Share,
    log_folder: Path,
) -> list[Any]:
    """Call `work(job)` for each job in workers of Ray's; returns what each call returned, or raised.

    Args:
        work: is called in a worker.
        jobs: what it is called with.
        address: see conf/hydra/launcher/ray.yaml.
        workers: None: as many as there is room for.
        share: what Ray sets aside for each.
        log_folder: where what they print goes.

    Raises:
        KeyboardInterrupt: this process was asked to leave; the workers have saved what they did, and have ended.
        UserError: there is no cluster, no room in it, or no Unroll on its nodes.
    """
    ray = installed_ray(address)
    with _connected(ray, address), Asked(say_that_it_stops) as asked:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(node.get("GPU") for node in nodes):
            share = share._replace(gpus=0.0)
        fit = room(nodes, share)
        if fit == 0:
            raise UserError(
                "Ray has no room for a worker.",
                saw=f"{share.cpus:g} cores and {share.gpus:g} GPUs a worker; nodes of "
                + "; ".join(f"{node.get('CPU', 0):g} cores, {node.get('GPU', 0):g} GPUs" for node in nodes),
                allowed="smaller hydra.launcher.cpus and hydra.launcher.gpus",
            )
        crew = _Crew(ray, work, share, log_folder, min(fit, workers or fit, len(jobs)))
        found = crew.do(jobs, asked)
    if asked.noticed:
        raise KeyboardInterrupt
    return found


class _Worker:
    """An actor: a process that does one job after another."""

    def __init__(self, log: str, variables: Mapping[str, str], folder: str, path: Sequence[str], work: bytes):
        import cloudpickle  # type: ignore[import-untyped]

        print_to(log)
        os.environ.update(variables)
        sys.path += [entry for entry in path if entry not in sys.path]
        inherited()
        if os.path.isdir(folder):
            os.chdir(folder)
        self.work = cloudpickle.loads(work)

    def place(self) -> tuple[str, int]:
        """The node and the process."""
        import ray

        return ray.get_runtime_context().get_node_id(), os.getpid()

    def do(self, job: Any) -> Any:
        """One job; what it raised is returned, since Ray would raise another class."""
        try:
            return done(self.work, job)
        except Exception as error:
            return error


class _Crew:
    """Workers, and what each of them does now."""

    def __init__(self, ray: Any, work: Callable[[Any], Any], share: Share, log_folder: Path, count: int):
        import cloudpickle

        self.ray, self.log_folder = ray, log_folder.absolute()
        self.log_folder.mkdir(parents=True, exist_ok=True)
        kind = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_restarts=0, max_task_retries=0)
        self.worker, self.work = kind(_Worker), cloudpickle.dumps(work)
        self.variables = {name: value for name, value in os.environ.items() if name.startswith(_HANDED_ON)}
        self.variables |= dict.fromkeys(VARIABLES, "1")
        self.workers = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> tuple[Any, Any]:
        """A new worker, and where it is, once it is there."""
        log = str(log_of(self.log_folder, number))
        worker = self.worker.remote(log, self.variables, os.getcwd(), sys.path, self.work)
        return worker, worker.place.remote()

    def do(self, jobs: Sequence[Any], asked: Asked) -> list[Any]:
        results: list[Any] = [None] * len(jobs)
        waiting = list(reversed(range(len(jobs))))
        running: dict[Any, tuple[int, int]] = {}
        while (waiting or running) and not asked.noticed:
            idle = set(range(len(self.workers))) - {number for number, _ in running.values()}
            for number in sorted(idle)[: len(waiting)]:
                index = waiting.pop()
                running[self.workers[number][0].do.remote(jobs[index])] = number, index
            ended, _ = self.ray.wait(list(running), timeout=LOOK_SECONDS)
            for one in ended:
                number, index = running.pop(one)
                results[index] = self._result(one)
                if isinstance(results[index], WorkerKilled):
                    self.workers[number] = self._start(number)
        if running:
            self._leave([number for number, _ in running.values()])
            self.ray.wait(list(running), num_returns=len(running))
        return results

    def _result(self, one: Any) -> Any:
        try:
            return self.ray.get(one)
        except self.ray.exceptions.RayError as error:
            if getattr(error, "actor_init_failed", False):
                raise UserError(
                    "A worker of Ray's cannot start.",
                    saw=str(error),
                    allowed="nodes that have the same packages and see the same folders as this one",
                ) from error
            return WorkerKilled(str(error))

    def _leave(self, numbers: Sequence[int]) -> None:
        """Ask workers to save and leave, wherever they are."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # a process that Ray has just started may be ended by the same Ctrl-C: another one is asked then
        kill = self.ray.remote(num_cpus=0, max_retries=5)(_ask_to_leave)
        for number in numbers:
            with contextlib.suppress(self.ray.exceptions.RayError):  # it has ended
                node, pid = self.ray.get(self.workers[number][1])
                self.ray.get(
                    kill.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(pid)
                )


def _ask_to_leave(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


@contextlib.contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """A cluster of Ray's: one of this process alone, on the loopback interface, or one that is there."""
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
    variables, folder = {"RAY_USAGE_STATS_ENABLED": "0"}, None
    if address == _LOCAL:
        folder = tempfile.mkdtemp(prefix="ray-")  # a short name: a socket's path has 107 letters at most
        options |= {"num_cpus": cores(), "object_store_memory": _STORE_BYTES}
        options |= {"include_dashboard": False, "_temp_dir": folder}
        variables |= _ALONE
    try:
        with environment(variables):
            try:
                ray.init(**options)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise UserError(
                    "Ray cannot be reached, or does not start.",
                    saw=f"hydra.launcher.address={address}: {error}",
                    allowed="local; auto or HOST:PORT once `ray start --head` runs",
                ) from error
        yield
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

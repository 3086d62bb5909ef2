"""The processes that train one trial together: they meet before any of them decides, agree, and end together.

Ranks come from torchrun or srun. They meet over gloo, on GPUs beside NCCL: what they tell each other waits for no GPU,
and a rank that is gone is noticed at once.
"""

import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as distributed
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from torch.distributed import PrefixStore  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

from unroll import interruption
from unroll.config.schema import Trainer
from unroll.errors import UserError, portable
from unroll.training.cluster import rank, under_torchrun

T = TypeVar("T")
PATIENCE = timedelta(minutes=5)  # for a rank that the others wait for
GRACE = 40.0  # seconds from a request to leave to the end of a process that still waits for others
_TOLD = 5.0  # seconds in which a rank that fails says why
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_store: Any = None  # where ranks meet; one for the life of a process
_meetings = 0


class RankLost(UserError):
    """Another rank ended or did not answer, and left no error: no fault of the trial."""

    passes = True  # the same command goes on, so a sweep tries again


class Ranks:
    """All ranks of a trial, as one of them sees them. Every method is called on all of them; use `met`."""

    def __init__(self, number: int = 0, world: int = 1, store: Any = None):
        self.number, self.world, self._store = number, world, store

    def any(self, *flags: bool) -> list[bool]:
        """Whether each flag is true on some rank now: all wait for the slowest."""
        if self.world == 1:
            return list(flags)
        found = torch.tensor(flags, dtype=torch.uint8)
        distributed.all_reduce(found, op=distributed.ReduceOp.MAX)
        return [bool(flag) for flag in found.tolist()]

    def totals(self, values: list[float]) -> list[float]:
        """Each value summed over all ranks."""
        return [sum(of_all) for of_all in zip(*self.gathered(values), strict=True)] if self.world > 1 else values

    def gathered(self, value: T) -> list[T]:
        """Every rank's value, in the order of ranks."""
        found = [value] * self.world
        if self.world > 1:
            distributed.all_gather_object(found, value)
        return found

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """A block that all ranks leave alike: an error of one is raised on all."""
        own: Exception | None = None
        try:
            yield
        except Exception as error:
            own = error
        first = next(filter(None, self.gathered(own and portable(own))), None)
        if own or first:
            raise own or first  # type: ignore[misc]

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block that no rank stays in when another has left it by an error: what that raised is raised on all.

        Raises:
            RankLost: another rank ended without a word, or did not answer for so long.
        """
        try:
            yield
        except BaseException as error:
            if self.world == 1 or isinstance(error, GeneratorExit):
                raise
            if not _of_others(error):
                self._tell(error)
                raise
            first = self._told()
            if first is not None:
                raise first from error
            raise RankLost(
                "Another rank of this trial has ended, or does not answer.",
                saw=f"rank {self.number} of {self.world}: {str(error).strip().splitlines()[0]}",
                allowed=f"every rank answers within {PATIENCE.seconds // 60} minutes, to the end; "
                "the same command goes on from the last checkpoint",
            ) from error

    def _tell(self, error: BaseException) -> None:
        told = portable(error)
        told.add_note(f"On rank {self.number}:\n{''.join(traceback.format_exception(error))}")
        with suppress(Exception):
            self._store.set("error", pickle.dumps(told))

    def _told(self) -> BaseException | None:
        end = time.monotonic() + _TOLD
        with suppress(Exception):
            while time.monotonic() < end:
                if self._store.check(["error"]):
                    found: BaseException = pickle.loads(self._store.get("error"))
                    return found
                time.sleep(0.1)
        return None


class Poll:
    """What ranks ask each other after every step: which flags are true on some of them?

    What is asked after one step is answered after the next, when all have met over its gradients anyway: no rank waits
    for a slower one, and all hear the same after the same step. A process alone has its answer at once.
    """

    def __init__(self, ranks: Ranks):
        self._ranks = ranks
        self._asked: tuple[Any, torch.Tensor] | None = None

    def answer(self, *own: bool, now: bool = False) -> list[bool]:
        """Whether each flag was true on some rank when they last asked; `now`: or is true on one now."""
        told = [False] * len(own)
        if self._asked is not None:
            work, found = self._asked
            work.wait()
            self._asked, told = None, [bool(flag) for flag in found.tolist()]
        if self._ranks.world > 1 and not now:
            return told
        return [before or is_now for before, is_now in zip(told, self._ranks.any(*own), strict=True)]

    def ask(self, *flags: bool) -> None:
        """Tell the other ranks, and go on."""
        if self._ranks.world > 1:
            found = torch.tensor(flags, dtype=torch.uint8)
            self._asked = distributed.all_reduce(found, op=distributed.ReduceOp.MAX, async_op=True), found


@contextmanager
def met(trial_id: str, trainer: Trainer, kind: str) -> Iterator[Ranks]:
    """All ranks of a trial, connected inside the block; of one process, that alone.

    Args:
        trial_id: ranks of another trial do not meet these.
        trainer: of the trial's config.
        kind: of the devices: cpu, cuda or mps.

    Raises:
        RankLost: some did not come.
    """
    world = trainer.devices * trainer.num_nodes
    if world == 1:
        yield Ranks()
        return
    with _leaving_in_time():
        try:
            store = _connected(trial_id, world)
            backend = "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo"
            distributed.init_process_group(backend, store=store, rank=rank(), world_size=world, timeout=PATIENCE)
        except distributed.DistError as error:
            raise RankLost(
                f"The {world} ranks of this trial did not meet within {PATIENCE.seconds // 60} minutes.",
                saw=f"rank {rank()}: {str(error).strip().splitlines()[0]}",
                allowed="all of them started by one torchrun or srun, on nodes that reach each other",
                run="unroll doctor",
            ) from error
        try:
            yield Ranks(rank(), world, store)
        except BaseException:
            if kind == "cuda":  # what NCCL still waits for, of a rank that is gone, would be waited for here
                distributed.distributed_c10d._abort_process_group()
            raise
        finally:
            if distributed.is_initialized():
                distributed.destroy_process_group()


def _connected(trial_id: str, world: int) -> Any:
    """A store of keys for this meeting alone: the one of an earlier trial names sockets that are closed."""
    global _store, _meetings
    if _store is None:
        if not under_torchrun():
            slurm = SLURMEnvironment(auto_requeue=False)
            os.environ |= {"MASTER_ADDR": slurm.main_address, "MASTER_PORT": str(slurm.main_port)}
        _store, _, _ = next(rendezvous("env://", rank(), world, timeout=PATIENCE))
        _store.set_timeout(PATIENCE)
    _meetings += 1
    return PrefixStore(f"meeting-{_meetings}-{trial_id}", _store)


def _of_others(error: BaseException) -> bool:
    """Whether an error says that others are gone or late, which gloo tells by its own file names."""
    if isinstance(error, distributed.DistError):
        return True
    return isinstance(error, RuntimeError) and any(
        word in str(error) for word in ("/gloo/", "Connection closed by peer")
    )


@contextmanager
def _leaving_in_time() -> Iterator[None]:
    """End a process that was asked to leave and still waits in C++, where Python heeds no signal.

    One that has heeded it ends its step, saves and says so; each of its collectives waits for `PATIENCE` at most.

    Python's own handler writes the signal's number to a pipe, whatever the main thread does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    over = threading.Event()

    def watch() -> None:
        while number := os.read(reading, 1)[0]:
            if number in _ENDING and not over.wait(GRACE) and interruption.requests == heeded:
                os._exit(128 + number)

    heeded = interruption.requests
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watching = threading.Thread(target=watch, name="leaving", daemon=True)
    watching.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        over.set()
        os.write(writing, b"\0")
        watching.join()
        os.close(reading)
        os.close(writing)

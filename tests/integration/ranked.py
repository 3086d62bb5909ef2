"""Two ranks of a trial as processes of their own: no torchrun ends one of them when the other has."""

import multiprocessing
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unroll.config.trial import Trial
from unroll.interruption import ASKING

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["unroll.training.train", "ranked"])
WORLD, LIMIT = 2, 60.0  # seconds in which all ranks end
Fault = tuple[Any, ...]  # name of a function below, its arguments


class Launched:
    """Ranks that run; what each printed is in `said`."""

    def __init__(self, trial: Trial, faults: dict[int, Fault], logs: Path):
        self.logs = logs
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        logs.mkdir(exist_ok=True)
        self.processes = [
            _server.Process(
                target=_live, args=(trial, number, port, faults.get(number), self._log(number), {**os.environ})
            )
            for number in range(WORLD)
        ]
        for process in self.processes:
            process.start()

    def _log(self, number: int) -> Path:
        return self.logs / f"rank-{number}.log"

    def ended(self, ranks: Sequence[int] = range(WORLD)) -> list[int | None]:
        """Exit codes of ranks, once they have ended; those that have not in time are killed, and None."""
        for number in ranks:
            self.processes[number].join(LIMIT)
        codes = [self.processes[number].exitcode for number in ranks]
        for number in ranks:
            self.processes[number].kill()
        return codes

    def said(self, number: int) -> str:
        return self._log(number).read_text(encoding="utf-8")


def _live(trial: Trial, number: int, port: int, fault: Fault | None, log: Path, environment: Mapping[str, str]) -> None:
    from unroll.errors import TrialFailed, UserError
    from unroll.training.train import train

    # What this is forked from may have been started by a sweep's workers, which block signals, in another environment.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)
    os.environ.clear()
    os.environ |= {
        **environment,
        "RANK": str(number),
        "LOCAL_RANK": str(number),
        "WORLD_SIZE": str(WORLD),
        "LOCAL_WORLD_SIZE": str(WORLD),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "tests",
    }
    with log.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if fault is not None:
        name, *arguments = fault
        globals()[name](*arguments)
    code = 0
    try:
        train(trial)
    except (UserError, TrialFailed) as error:
        print(error, flush=True)
        code = 2 if isinstance(error, UserError) else 1
    except KeyboardInterrupt:
        code = 130
    except Exception:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.exit(code)


def after_step(step: int, do: str, *arguments: Any) -> None:
    """Let something befall this rank after a step."""
    from unroll.training.callbacks import Training

    original: Callable[..., None] = Training.on_train_batch_end

    def disturbed(self: Training, trainer: Any, module: Any, *rest: Any) -> None:
        if module.step == step:
            globals()[do](self, *arguments)
        original(self, trainer, module, *rest)

    Training.on_train_batch_end = disturbed  # type: ignore[method-assign]


def receive(training: Any, number: int, told: str | None = None) -> None:
    """Receive a signal now; `told`: a file that is there just before."""
    if told is not None:
        Path(told).touch()
    os.kill(os.getpid(), number)


def fail(training: Any, text: str) -> None:
    raise RuntimeError(text)


def lose_the_claim(training: Any) -> None:
    lease = training.still_ours.__self__
    lease.lost = True


def have_no_room(training: Any) -> None:
    import errno

    from unroll.training import checkpoint

    def full(path: Path, *rest: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    checkpoint.save = full  # type: ignore[assignment]


def lose_a_number(step: int) -> None:
    """Let this rank's losses of a step be no numbers; the other rank's are."""
    from unroll.training.module import TrialModule

    original = TrialModule.training_step

    def wrong(self: TrialModule, batch: Any, batch_idx: int) -> Any:
        loss = original(self, batch, batch_idx)
        if self.start + batch_idx + 1 == step:
            self.logged = {name: total * float("nan") for name, total in self.logged.items()}
        return loss

    TrialModule.training_step = wrong  # type: ignore[method-assign]


def have_little_patience(grace: float) -> None:
    from unroll.training import ranks

    ranks.GRACE = grace


def wait_for_nobody(step: int, told: str, grace: float) -> None:
    """Be stopped after a step, so that the other rank waits."""
    have_little_patience(grace)
    after_step(step, "receive", signal.SIGSTOP, told)

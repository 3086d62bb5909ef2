"""Trials in processes of their own, which can be killed at a chosen moment: what a power cut leaves behind.

The processes are forked from a server that has imported torch and done nothing else.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from unroll.config.trial import Trial

KILLED = -signal.SIGKILL
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["unroll.training.train", "mortal"])


def attempt(trial: Trial, death: str | None = None, environment: Mapping[str, str] | None = None) -> int | None:
    """Train a trial in a fresh process; its exit code, `KILLED` where it died as told.

    Args:
        trial: goes on where an earlier attempt ended.
        death: after_step_N | before_saving_N | evaluating | recording | None.
        environment: variables of this process alone; the server that it is forked from has those of its own start.
    """
    process = _server.Process(target=_live, args=(trial, death, dict(environment or {})))
    process.start()
    process.join(timeout=120)
    if process.is_alive():
        process.kill()
        raise TimeoutError(f"{trial.trial_id} did not end")
    return process.exitcode


def _live(trial: Trial, death: str | None, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    from unroll.training import train as story
    from unroll.training.callbacks import Training
    from unroll.training.prepared import build_task

    moment, _, step = (death or "").rpartition("_")
    if moment == "after_step":
        _die(
            Training, "on_train_batch_end", after=True, when=lambda _, trainer, module, *rest: module.step == int(step)
        )
    elif moment == "before_saving":
        _die(Training, "_save", after=False, when=lambda _, trainer, module, at: at == int(step))
    elif death == "evaluating":
        _die(type(build_task(trial)), "finish", after=False)
    elif death == "recording":
        _die(story, "write_and_finish", after=False)
    elif death is not None:
        raise ValueError(death)
    story.train(trial)


def _die(owner: Any, name: str, after: bool, when: Callable[..., bool] = lambda *rest: True) -> None:
    original = getattr(owner, name)

    def mortal(*arguments: Any) -> None:
        if after:
            original(*arguments)
        if when(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        if not after:
            original(*arguments)

    setattr(owner, name, mortal)

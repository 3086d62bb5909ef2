"""Leaving on request: a signal in mid-training ends it after the current step, saved, and Slurm starts it again.

Slurm says that time is nearly up by a signal (USR1 in slurm/*.sbatch, USR2 under submitit) and preempts with SIGTERM;
a user presses Ctrl-C or closes the terminal.
The next attempt goes on from `last.ckpt`, so the trial ends with the bits of one that nobody stopped.
"""

import os
import re
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from unroll.interruption import Asked, tell
from unroll.training.cluster import rank

REQUEUED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)
HEEDED = (*REQUEUED, signal.SIGINT, signal.SIGHUP)


class Preempted(KeyboardInterrupt):
    """The trial was asked to leave, and left; what it had done is in `last.ckpt`."""


class Preemption:
    """Heeds requests to leave inside its `with` block.

    In training, `noticed` tells the callback to save and stop after the current step. Elsewhere nothing is unsaved, and
    the block is left at once. Leaving because of a signal of Slurm's, rank zero has the job put back into its queue.

    Args:
        saved: what the next attempt goes on from, once it is there.
    """

    def __init__(self, saved: Path | None = None) -> None:
        self.saved, self.training, self.leaving = saved, False, False
        self.asked = Asked(self._heed, HEEDED)

    @property
    def noticed(self) -> bool:
        """Whether a signal has come."""
        return self.asked.noticed

    def __enter__(self) -> Self:
        self.asked.__enter__()
        return self

    def training_starts(self) -> None:
        """Wait for the end of a step from here on; Lightning, which took SIGTERM, would broadcast in mid-step."""
        self.training = True
        self.asked.listen()

    def training_ended(self, stopped: bool) -> None:
        """Leave, if training was stopped for a signal.

        Raises:
            Preempted: on every rank.
        """
        self.training = False
        self.asked.listen()
        if stopped or self.noticed:
            raise Preempted

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        """Leave in order.

        Raises:
            Preempted: a signal came when there was nothing to stop any more; who was asked to leave, leaves.
        """
        self.leaving = True
        left = kind is not None and (issubclass(kind, Preempted) or self._stopped_by_lightning(kind))
        try:
            if left:
                self._leave()
        finally:
            self.asked.__exit__(kind, error, trace)
            if left and job_id():
                # The SIGTERM that follows a requeue must not keep the process from giving up its lease.
                for number in REQUEUED:
                    if number in self.asked.before:
                        signal.signal(number, signal.SIG_IGN)
        if self.noticed and not (kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit)):
            raise Preempted from error
        return False

    def _heed(self) -> None:
        if not self.training and not self.leaving:
            raise Preempted

    def _stopped_by_lightning(self, kind: type[BaseException]) -> bool:
        """A SIGTERM between Lightning's first look at it and the first step."""
        return self.noticed and issubclass(kind, SystemExit)

    def _leave(self) -> None:
        if rank() != 0:
            # Quietly: srun --kill-on-bad-exit would end rank zero before it has asked to be requeued.
            raise SystemExit(0)
        name = "a signal to another rank" if self.asked.signal is None else self.asked.signal.name
        if self.saved is None or self.saved.exists():
            tell(f"Stopped by {name}; what was done is saved.")
        else:
            tell(f"Stopped by {name} before there was anything to save.")
        if self.asked.signal in (signal.SIGINT, signal.SIGHUP):
            return
        refused = why_not_requeued()
        if refused:
            tell(f"Not requeued: {refused}.")
            return
        submitit = self._submitits_handler()
        if submitit is not None:
            submitit(self.asked.signal or signal.SIGTERM, None)  # saves its own state, requeues, exits
        else:
            requeue()

    def _submitits_handler(self) -> Any:
        """What submitit had listening; None where it does not manage this process."""
        if os.environ.get("SUBMITIT_EXECUTOR") != "slurm":
            return None
        number = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}", signal.SIGUSR2)
        handler = self.asked.before.get(number)
        return handler if callable(handler) else None


def slurm_plugins() -> list[Any]:
    """Lightning's plugins for a rank that srun started: Slurm without Lightning's own requeueing."""
    if TorchElasticEnvironment.detect() or not SLURMEnvironment.detect():
        return []
    return [SLURMEnvironment(auto_requeue=False)]


def job_id() -> str | None:
    """The Slurm job of this process as scontrol wants it, an array's task for itself; None outside Slurm."""
    if "SLURM_ARRAY_JOB_ID" in os.environ and "SLURM_ARRAY_TASK_ID" in os.environ:
        return f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID")


def why_not_requeued() -> str | None:
    """Why this process should not ask Slurm to start it again; None if it should."""
    job = job_id()
    if job is None:
        return "this is no Slurm job; the same command goes on from here"
    found = _scontrol("--oneliner", "show", "job", job)
    if found.returncode != 0:
        return f"scontrol show job {job} says: {found.stderr.strip() or found.stdout.strip()}"
    shown = dict(re.findall(r"(?:^|\s)(JobState|Requeue|BatchFlag)=(\S+)", found.stdout))
    if shown.get("JobState") != "RUNNING":
        return f"job {job} is {shown.get('JobState')}"  # cancelled by its user, or requeued by Slurm itself
    if shown.get("Requeue") != "1" or shown.get("BatchFlag") != "1":
        return f"job {job} was not submitted with sbatch --requeue"
    return None


def requeue() -> None:
    """Have Slurm start this job again; an array's other tasks are left alone."""
    job = job_id()
    assert job is not None
    done = _scontrol("requeue", job)
    said = f"scontrol requeue {job} failed: {done.stderr.strip()}" if done.returncode else f"Requeued job {job}."
    tell(said)


def _scontrol(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["scontrol", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))

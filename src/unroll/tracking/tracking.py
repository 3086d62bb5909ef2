"""A trial's metrics go into metrics.jsonl, and to the trackers of its config, which never touch the trial."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Protocol

from unroll.config.trial import Trial
from unroll.tracking.lines import MetricLines
from unroll.tracking.wandb_run import WandbRun
from unroll.visible import say

_EMPTY = 7  # bytes of a .wandb file that holds nothing
Ended = Literal["finished", "failed", "preempted"]


class Tracker(Protocol):
    """An output of metrics. Each method may raise anything: the tracker is left out from then on."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Take the metrics of a step."""

    def preempting(self) -> None:
        """Hear that the trial leaves now and goes on later."""

    def finish(self, ended: Ended) -> None:
        """Write what is left, in bounded time."""

    def abandon(self) -> None:
        """Stop at once, without a word to anyone."""


class Tracking:
    """Takes a trial's metrics.

    What goes wrong with metrics.jsonl is raised. A tracker that fails is warned of once and left out from then on.

    Attributes:
        states: tracker -> "pending", "complete" or "incomplete: why"; the record's `run.tracking`.
    """

    def __init__(self, trial: Trial):
        self.trial = trial
        self.states: dict[str, str] = {}
        self._lines: MetricLines | None = None
        self._trackers: dict[str, Tracker] = {}

    def start(self, step: int) -> None:
        """Begin, or go on from a step. Until then, and on other ranks than 0, nothing is kept."""
        self._lines = MetricLines(self.trial.directory / "metrics.jsonl", step)
        for name, make in _asked_for(self.trial, self._lines).items():
            self.states[name] = "pending"
            with self._guarded(name):
                self._trackers[name] = make()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep a step's metrics, and hand them on."""
        if self._lines is not None:
            self._lines.log(metrics, step)
        for name, tracker in list(self._trackers.items()):
            with self._guarded(name):
                tracker.log(metrics, step)

    def preempting(self) -> None:
        """Say that the trial leaves now and goes on later, without waiting for anything."""
        for name, tracker in list(self._trackers.items()):
            with self._guarded(name):
                tracker.preempting()

    def finish(self, ended: Ended) -> None:
        """Let the trackers write what is left. Doing it again does nothing."""
        try:
            for name, tracker in list(self._trackers.items()):
                with self._guarded(name):
                    tracker.finish(ended)
                    self.states[name] = "complete"
        finally:  # a signal ends the waiting, too
            self._trackers.clear()

    def abandon(self) -> None:
        """Stop the trackers at once: another process has the trial now."""
        for tracker in self._trackers.values():
            with suppress(Exception):
                tracker.abandon()
        self._trackers.clear()

    @contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            self.states[name] = f"incomplete: {why}"
            tracker = self._trackers.pop(name, None)
            if tracker is not None:
                with suppress(Exception):
                    tracker.abandon()
            kept = self.trial.directory / "metrics.jsonl"
            said = f"{name} is left out from here on: {why}\n  The trial is not affected; {kept} has its numbers."
            say(f"Warning: {said}{_what_to_do(name, self.trial.directory)}", err=True)


class _Lightning:
    """One of Lightning's loggers as a tracker."""

    def __init__(self, logger: Any):
        self.logger = logger

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self.logger.log_metrics(dict(metrics), step=step)
        self.logger.save()

    def preempting(self) -> None:
        pass

    def finish(self, ended: Ended) -> None:
        self.logger.finalize("success" if ended == "finished" else ended)

    def abandon(self) -> None:
        pass


def _asked_for(trial: Trial, lines: MetricLines) -> dict[str, Callable[[], Tracker]]:
    """What makes each tracker of a trial's config."""
    logger = trial.config.logger
    found: dict[str, Callable[[], Tracker]] = {}
    if logger.csv:
        found["csv"] = lambda: _csv(trial.directory, lines)
    if logger.tensorboard:
        found["tensorboard"] = lambda: _tensorboard(trial.directory)
    if logger.wandb.mode != "disabled":
        found["wandb"] = lambda: WandbRun(trial, lines.path)
    return found


def _csv(directory: Path, lines: MetricLines) -> Tracker:
    from pytorch_lightning.loggers import CSVLogger

    table = _Lightning(CSVLogger(directory, name="csv", version=""))
    for metrics in lines.read():  # it starts a new file each time
        table.log(metrics, step=metrics.pop("step"))
    return table


def _tensorboard(directory: Path) -> Tracker:
    from pytorch_lightning.loggers import TensorBoardLogger

    return _Lightning(TensorBoardLogger(directory, name="tensorboard", version=""))


def _what_to_do(name: str, directory: Path) -> str:
    files = sorted(directory.glob("wandb/*run-*/*.wandb")) if name == "wandb" else []
    kept = [file.parent for file in files if file.stat().st_size > _EMPTY]
    return "".join(f"\n  run:     wandb sync {shlex.quote(str(folder))}" for folder in kept[-1:])

"""A trial's metrics go into metrics.jsonl, and to the trackers of its config, which never touch the trial."""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Protocol

from unroll.config.trial import Trial
from unroll.config.wandb_names import SUITE, TUNING
from unroll.tracking.description import Description, Of, described
from unroll.tracking.history import FILE_NAME, History, Known, history, is_final, read_lines
from unroll.tracking.lines import MetricLines
from unroll.tracking.skill import Baselines, beside
from unroll.tracking.wandb_run import WandbRun, agents_run, mode_of, place_of, write_run
from unroll.visible import say

Ended = Literal["finished", "failed", "preempted"]


class Tracker(Protocol):
    """An output of metrics. Each method may raise anything: the tracker is left out from then on."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Take the metrics of a step."""

    def preempting(self) -> None:
        """Hear that the trial leaves now and goes on later."""

    def trained(self) -> None:
        """Hear that only the final evaluation is left."""

    def tell(self, found: Description, record: Mapping[str, Any]) -> None:
        """Take what the trial's run is, now that its record is written; `finish` comes next."""

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
        self.seconds: Callable[[], float | None] = lambda: None  # of training so far
        self._lines: MetricLines | None = None
        self._history: History | None = None
        self._trackers: dict[str, Tracker] = {}

    def start(self, step: int, known: Known | None = None, so_far: Mapping[str, Any] | None = None) -> None:
        """Begin, or go on from a step. Until then, and on other ranks than 0, nothing is kept.

        Args:
            step: that is done.
            known: what turns steps into other axes; None: a baseline has none.
            so_far: what is known of the record.
        """
        self._lines = MetricLines(self.trial.directory / "metrics.jsonl", step)
        asked = _asked_for(self.trial)
        self.states = dict.fromkeys(asked, "pending")
        if not asked:
            return
        path, begun = self.trial.directory / FILE_NAME, {"trial_id": self.trial.trial_id, "config": self.trial.plain}
        for name, make in asked.items():
            with self._guarded(name):
                if self._history is None and known is not None:
                    self._history = History(path, known, self._lines.read())
                self._trackers[name] = make(self.trial, path, {**begun, **(so_far or {})})

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep a step's metrics, and hand them on; those of the final evaluation are handed on by `finish`."""
        if self._lines is None:
            return
        self._lines.log(metrics, step)
        if not self._trackers or is_final(metrics):
            return
        line: Mapping[str, float] = metrics
        if self._history is not None:
            try:
                line = self._history.log(metrics, step, self.seconds())
            except OSError as error:
                self._leave_all(error)
        for name, tracker in list(self._trackers.items()):
            with self._guarded(name):
                tracker.log(line, step)

    def preempting(self) -> None:
        """Say that the trial leaves now and goes on later, without waiting for anything."""
        for name, tracker in list(self._trackers.items()):
            with self._guarded(name):
                tracker.preempting()

    def trained(self) -> None:
        """Say that only the final evaluation is left, without waiting for anything."""
        for name, tracker in list(self._trackers.items()):
            with self._guarded(name):
                tracker.trained()

    def finish(self, ended: Ended, record: Mapping[str, Any] | None = None) -> None:
        """Let the trackers write what is left. Doing it again does nothing.

        Args:
            ended: how the trial did.
            record: that it left; None: it left none.
        """
        try:
            for name, tracker in list(self._trackers.items()):
                with self._guarded(name):
                    if record is not None:
                        tracker.tell(self._described(record), record)
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

    def _described(self, record: Mapping[str, Any]) -> Description:
        lines = len(list(read_lines(self.trial.directory / FILE_NAME)))
        return described_here(self.trial, record, lines)

    def _leave_all(self, error: Exception) -> None:
        for name in list(self._trackers):
            with self._guarded(name):
                raise error

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
            say(f"Warning: {said}{_what_to_do(name, self.trial)}", err=True)


def described_here(trial: Trial, record: Mapping[str, Any], lines: int) -> Description:
    """Describe a trial of this machine, whose suite the environment names.

    Args:
        trial: that ended.
        record: that it left.
        lines: of its history.
    """
    baselines = Baselines(beside(trial.plain, Path(trial.plain["paths"]["runs"])))
    return described(record, baselines, _of_here()).signed(lines)


def tell_agent(trial: Trial, record: Mapping[str, Any]) -> None:
    """Report a trial that has its record already to the W&B agent that asks for it: its sweep would wait for ever.

    Without an agent, or where W&B is not asked for, nothing is done. What goes wrong costs a warning.
    """
    if agents_run() is None or mode_of(trial) == "disabled":
        return
    try:
        lines = history(record, trial.directory)
        write_run(trial, described_here(trial, record, len(lines)), record, lines)
    except Exception as error:
        say(f"Warning: the W&B agent hears nothing of {trial.trial_id}: {type(error).__name__}: {error}", err=True)


def _of_here() -> Of:
    return Of(os.environ.get(SUITE) or None, bool(os.environ.get(TUNING)))


class _Lightning:
    """One of Lightning's loggers as a tracker."""

    def __init__(self, logger: Any):
        self.logger = logger
        self.step = 0
        self.names: set[str] = set()  # that have a curve

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self.step = step
        self.names |= set(metrics)
        self.logger.log_metrics(dict(metrics), step=step)
        self.logger.save()

    def preempting(self) -> None:
        pass

    def trained(self) -> None:
        pass

    def tell(self, found: Description, record: Mapping[str, Any]) -> None:
        """The summary's numbers, but for those that would be one more point on a curve."""
        numbers = {name: value for name, value in found.summary.items() if type(value) in (int, float)}
        step = (record.get("result") or {}).get("steps", self.step)
        new = {name: value for name, value in numbers.items() if name not in self.names}
        if new:
            self.log(new, step)

    def finish(self, ended: Ended) -> None:
        self.logger.finalize("success" if ended == "finished" else ended)

    def abandon(self) -> None:
        pass


_Make = Callable[[Trial, Path, Mapping[str, Any]], Tracker]


def _asked_for(trial: Trial) -> dict[str, _Make]:
    """What makes each tracker of a trial's config, of the trial, its history, and its record so far."""
    logger = trial.config.logger
    found: dict[str, _Make] = {}
    if logger.csv:
        found["csv"] = lambda trial, history, *_: _csv(trial.directory, history)
    if logger.tensorboard:
        found["tensorboard"] = lambda trial, *_: _tensorboard(trial.directory)
    if mode_of(trial) != "disabled":
        found["wandb"] = lambda trial, history, so_far: WandbRun(trial, history, described(so_far, of=_of_here()))
    return found


def _csv(directory: Path, history: Path) -> Tracker:
    from pytorch_lightning.loggers import CSVLogger

    table = _Lightning(CSVLogger(directory, name="csv", version=""))
    for line in read_lines(history):  # it starts a new file each time
        table.log(line, step=int(line["progress/step"]))
    return table


def _tensorboard(directory: Path) -> Tracker:
    from pytorch_lightning.loggers import TensorBoardLogger

    return _Lightning(TensorBoardLogger(directory, name="tensorboard", version=""))


def _what_to_do(name: str, trial: Trial) -> str:
    """W&B's run is made again from the trial's files, once it has ended."""
    if name != "wandb":
        return ""
    runs, target = shlex.quote(trial.plain["paths"]["runs"]), "online" if place_of(trial).online else "offline"
    return f"\n  run:     unroll track --runs {runs} --to {target}   # once it has finished"

"""What a trial says while it trains: what trains on what, a line a validation, and in a terminal a bar below them.

All of it goes to stderr, as a log of its job does: what a command prints on stdout is its answer.
"""

import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unroll.config.schema import Config, Primary
from unroll.durations import duration
from unroll.training.budget import ENDLESS
from unroll.visible import say, visible

if TYPE_CHECKING:
    from rich.progress import Progress

_BAR_SECONDS = 0.2  # between two drawings: a step takes milliseconds


class ProgressLines:
    """Says how far training is.

    Args:
        config: of the trial.
        steps: of the whole training.
        per_epoch: steps of an epoch.
        begun: steps and seconds of earlier attempts.
    """

    def __init__(self, config: Config, steps: int, per_epoch: int, begun: tuple[int, float]):
        self.primary, self.selection = config.task.primary, config.task.selection.name
        self.steps = None if steps == ENDLESS else steps
        self.per_epoch, self.seconds, self.begun = per_epoch, config.network.budget.seconds, begun
        self.train, self.best = math.nan, ""
        self._started = self._drawn = time.monotonic()
        self._bar = _bar(self.steps) if in_terminal(config.trainer.progress) else None

    def logged(self, metrics: Mapping[str, float]) -> None:
        """Take a log line's metrics: the training loss is shown at the next validation."""
        self.train = metrics.get("train/task", self.train)

    def step(self, step: int) -> None:
        """Move the bar, where there is one."""
        if self._bar is None or (now := time.monotonic()) - self._drawn < _BAR_SECONDS:
            return
        rate = f"{(step - self.begun[0]) / (now - self._started):.3g} steps/s"
        self._drawn = now
        self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=step, epoch=self._epoch(step), rate=rate, best=self.best)

    def validated(self, step: int, seconds: float, found: Mapping[str, float], best: bool) -> None:
        """Say what a validation found.

        Args:
            step: optimizer steps so far.
            seconds: of training so far.
            found: metric -> value on validation.
            best: whether these weights are the best so far.
        """
        names = [self.selection, *{self.primary.name}.intersection(found).difference({self.selection})]
        values = [f"val {name} {number(found[name], name, self.primary)}" for name in names]
        if best:
            self.best = values[0].replace("val", "best", 1)
        values[0] += " *" if best else "  "
        of = "" if self.steps is None else f"/{self.steps}"
        trained = [] if math.isnan(self.train) else [f"train {self.train:.4g}"]
        line = "  ".join([self._epoch(step), f"step {step}{of}", *trained, *values, *self._left(step, seconds)])
        if self._bar is not None and self._bar.live.is_started:
            self._bar.console.print(visible(line), markup=False, highlight=False)
        else:
            say(line, err=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def _epoch(self, step: int) -> str:
        of = "" if self.steps is None else f"/{math.ceil(self.steps / self.per_epoch)}"
        return f"epoch {math.ceil(step / self.per_epoch)}{of}"

    def _left(self, step: int, seconds: float) -> Sequence[str]:
        steps, before = self.begun
        if self.seconds is not None:
            left = self.seconds - seconds
        elif self.steps is not None and step > steps:
            left = (self.steps - step) * (seconds - before) / (step - steps)
        else:
            return []
        return [f"{duration(left)} left"] if left > 0 else []


def in_terminal(progress: Any) -> bool:
    """Whether a bar is drawn: as `trainer.progress` says; `auto` is in a terminal that can."""
    if progress != "auto":
        return bool(progress)
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def number(value: float, name: str, primary: Primary) -> str:
    """Return a metric's value as lines show it, with the unit where it is the primary metric."""
    unit = primary.unit if name == primary.name else ""
    return f"{value:.4g}{f' {unit}' if unit else ''}"


def _bar(steps: int | None) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.fields[epoch]}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}  {task.fields[best]}"),
        TimeRemainingColumn(compact=True),
        console=Console(file=sys.stderr),
        transient=True,
    )
    bar.add_task("", total=steps, epoch="", rate="", best="")
    return bar

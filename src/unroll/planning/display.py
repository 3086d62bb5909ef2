"""How far a sweep is: a bar in a terminal, a line a trial elsewhere."""

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from unroll.errors import UserError
from unroll.planning.trial import Trial
from unroll.planning.workers import Event

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class Display:
    """Takes the events of a sweep and shows them. `bar` is None where the output is no terminal."""

    def __init__(self, total: int, bar: "Progress | None", task: "TaskID | None"):
        self.total, self.done, self.failed = total, 0, 0
        self.bar, self.task = bar, task
        self.current: dict[str, None] = {}
        self.began = time.monotonic()

    def show(self, event: Event) -> None:
        """Take one event in."""
        trial = event.planned.trial
        if event.started:
            self.current[trial.trial_id] = None
        else:
            self.current.pop(trial.trial_id, None)
            self.done += 1
            self.failed += event.error is not None
            self._say(f"[{self.done:>{len(str(self.total))}}/{self.total}] {_line(event)}", event.error is not None)
        self.refresh()

    def refresh(self) -> None:
        """Show the time that has passed and the trials that run."""
        if self.bar is not None and self.task is not None:
            current = ", ".join(_short(name) for name in self.current)
            self.bar.update(self.task, completed=self.done, failed=self.failed, current=current)

    def _say(self, line: str, failed: bool) -> None:
        if self.bar is None:
            print(line, flush=True)
        elif failed:
            self.bar.console.print(line, markup=False, highlight=False, style="red")


@contextlib.contextmanager
def display(total: int, console: "Console") -> Iterator[Display]:
    """Show progress over `total` trials while the block runs."""
    if not console.is_terminal:
        yield Display(total, None, None)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = [
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[current]}"),
    ]
    with Progress(*columns, console=console, transient=True, speed_estimate_period=600) as bar:
        task = bar.add_task("trials", total=total, failed=0, current="starting")
        yield Display(total, bar, task)


def _line(event: Event) -> str:
    trial = event.planned.trial
    if event.error is not None:
        return f"failed    {trial.trial_id} ({event.seconds:.1f} s)\n{event.error}"
    return f"finished  {trial.trial_id}{_value(trial)} ({event.seconds:.1f} s)"


def _value(trial: Trial) -> str:
    from unroll.results.record import read_record

    try:
        primary = read_record(trial.record_path)["result"]["primary"]
    except (UserError, OSError, KeyError, TypeError):
        return ""
    return f" {primary['name']} {primary['value']:.4g} {primary['unit']}"


def _short(trial_id: str) -> str:
    return trial_id.rpartition("-")[0]

"""How far a sweep is, from the trials' files: a bar in a terminal, a line a trial elsewhere."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from unroll.config.planned import Planned
from unroll.config.trial import Trial
from unroll.durations import duration
from unroll.errors import UserError
from unroll.records.lease import holder
from unroll.records.state import read_head, record_identity
from unroll.sweeps.silence import Silence, waits
from unroll.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress

_POLL_SECONDS = 0.5


class Display:
    """Shows each trial once its record is new, whoever wrote it and wherever it was trained."""

    def __init__(
        self,
        planned: Sequence[Planned],
        bar: "Progress | None",
        logs: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.logs, self.clock, self.began = logs, clock, clock()
        self.silence = Silence(self.began)
        self.total, self.done, self.failed = len(planned), 0, 0
        self.open = {item.trial.trial_id: item.trial for item in planned}
        self.before = {name: record_identity(trial) for name, trial in self.open.items()}
        self.bar = bar
        self.task = None if bar is None else bar.add_task("trials", total=self.total, failed=0, current="")

    def say(self, line: str) -> None:
        """Print a line without disturbing the bar."""
        self.silence.event(self.clock())
        self._print(line, "red")

    def _print(self, line: str, style: str) -> None:
        line = visible(line)
        if self.bar is None:
            print(line, flush=True)
        else:
            self.bar.console.print(line, markup=False, highlight=False, style=style)

    def _left(self) -> str:
        """How long the others take, by the trials that have ended; a bar shows it by itself."""
        if self.bar is not None or not self.open:
            return ""
        seconds = (self.clock() - self.began) / self.done * len(self.open)
        return f", about {duration(seconds)} left"

    def look(self) -> None:
        """Show what has ended since the last look; after a long silence, what is waited for."""
        for name, trial in list(self.open.items()):
            if record_identity(trial) in (None, self.before[name]):
                continue
            head = read_head(trial.record_path)
            if not head:
                continue
            del self.open[name]
            self.done += 1
            self.failed += head["status"] == "failed"
            self.silence.event(self.clock())
            line = f"[{self.done:>{len(str(self.total))}}/{self.total}] {_line(trial)}{self._left()}"
            self._print(line, "red" if head["status"] == "failed" else "default")
        now = self.clock()
        if self.open and self.silence.is_due(now):
            self._print(waits(list(self.open.values()), now - self.silence.since, self.logs), "yellow")
        if self.bar is not None and self.task is not None:
            current = [name.rpartition("-")[0] for name, trial in self.open.items() if holder(trial.directory)]
            self.bar.update(self.task, completed=self.done, failed=self.failed, current=", ".join(current[:8]))


@contextlib.contextmanager
def watching(planned: Sequence[Planned], logs: str | None = None) -> Iterator[Display]:
    """Show progress over trials while the block runs; what they print is in `logs`."""
    from rich.console import Console

    console = Console()
    with _bar(console) if console.is_terminal else contextlib.nullcontext() as bar:
        shown, ended = Display(planned, bar, logs), threading.Event()
        thread = threading.Thread(target=_watch, args=(shown.look, ended), daemon=True)
        thread.start()
        try:
            yield shown
        finally:
            ended.set()
            thread.join()
            shown.look()


def _watch(look: Callable[[], None], ended: threading.Event) -> None:
    pause = _POLL_SECONDS
    while not ended.wait(pause):
        began = time.monotonic()
        look()
        pause = max(_POLL_SECONDS, 20 * (time.monotonic() - began))  # on a slow file system, look less often


def _bar(console: Any) -> "Progress":
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[current]}"),
        console=console,
        transient=True,
        speed_estimate_period=600,
    )


def _line(trial: Trial) -> str:
    from unroll.records.record import read_record

    try:
        record = read_record(trial.record_path)
    except (UserError, OSError) as error:
        return f"damaged   {trial.trial_id}\n{error}"
    seconds = record["run"]["seconds"]
    if record["status"] == "failed":
        return f"failed    {trial.trial_id} ({seconds:.1f} s)\n{record['error']['type']}: {record['error']['message']}"
    primary = record["result"]["primary"]
    return f"finished  {trial.trial_id} {primary['name']} {primary['value']:.4g} {primary['unit']} ({seconds:.1f} s)"

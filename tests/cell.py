"""One architecture on one task, with tiny data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.models.network import Network
from unroll.tasks.task import Task
from unroll.training.prepared import prepared_task


@dataclass(frozen=True, eq=False)
class Cell:
    """An architecture on a task, with the tiny data prepared."""

    trial: Trial
    task: Task

    def network(self, seed: int = 0) -> Network:
        """The network in evaluation mode: mean code, no dropout, no corruption."""
        torch.manual_seed(seed)
        config = self.trial.plain
        return self.task.network(config["architecture"], config["bottleneck"]).eval()


Cells = Callable[..., Cell]


def maker(tiny: Tiny, runs: Path) -> Cells:
    """(task, architecture, *overrides) -> Cell; each is made once."""
    made: dict[tuple[str, ...], Cell] = {}

    def make(task: str, architecture: str, *overrides: str) -> Cell:
        key = (task, architecture, *overrides)
        if key not in made:
            trial = tiny.trial(task, runs, f"architecture={architecture}", *overrides)
            made[key] = Cell(trial, prepared_task(trial)[0])
        return made[key]

    return make

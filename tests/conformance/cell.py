"""One architecture on one task, with tiny data."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from unroll.config.trial import Trial
from unroll.models.network import Network
from unroll.tasks.task import Task


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

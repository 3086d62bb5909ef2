"""Every architecture on every task, found by listing conf: a new YAML is covered without a new test.

`cell` is one pair with its trial, its prepared task and a way to build its network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tiny_data import ARCHITECTURES, TASKS, Tiny, write_tiny

from unroll.architectures.network import Network
from unroll.planning.trial import Trial
from unroll.tasks.task import Task
from unroll.training.prepared import prepared_task

CELLS = [(task, architecture) for task in TASKS for architecture in ARCHITECTURES]


@dataclass(frozen=True)
class Cell:
    """An architecture on a task, with the tiny data prepared."""

    trial: Trial
    task: Task

    def network(self, seed: int = 0) -> Network:
        """The network in evaluation mode: mean code, no dropout, no corruption."""
        torch.manual_seed(seed)
        config = self.trial.config
        return self.task.network(config["architecture"], config["bottleneck"]).eval()


Cells = Callable[..., Cell]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(scope="session")
def make_cell(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """(task, architecture, *overrides) -> Cell; each is made once."""
    runs: Path = tmp_path_factory.mktemp("runs")
    made: dict[tuple[str, ...], Cell] = {}

    def make(task: str, architecture: str, *overrides: str) -> Cell:
        key = (task, architecture, *overrides)
        if key not in made:
            trial = tiny.trial(task, runs, f"architecture={architecture}", *overrides)
            made[key] = Cell(trial, prepared_task(trial)[0])
        return made[key]

    return make


@pytest.fixture(params=CELLS, ids="-".join)
def cell(request: pytest.FixtureRequest, make_cell: Cells) -> Cell:
    return make_cell(*request.param)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)

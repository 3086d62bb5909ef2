"""Every architecture on every task, found by listing conf: a new YAML is covered without a new test.

`cell` is one pair with its trial, its prepared task and a way to build its network.
"""

from pathlib import Path

import pytest
import torch
from cell import Cell, Cells
from tiny_data import ARCHITECTURES, TASKS, Tiny, write_tiny
from training_imports import imports_are_not_collected  # noqa: F401 - a fixture of every test here

from unroll.training.prepared import prepared_task

CELLS = [(task, architecture) for task in TASKS for architecture in ARCHITECTURES]


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

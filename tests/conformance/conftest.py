"""Every architecture on every task, found by listing conf: a new YAML is covered without a new test.

`cell` is one pair that fits with its trial, its prepared task and a way to build its network. Those that do not fit are
tested as refusals (test_what_does_not_fit.py).
"""

import pytest
import torch
from cell import Cell, Cells, maker
from tiny_data import FITTING, Tiny, write_tiny
from training_imports import imports_are_not_collected  # noqa: F401 - a fixture of every test here


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(scope="session")
def make_cell(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Cells:
    return maker(tiny, tmp_path_factory.mktemp("runs"))


@pytest.fixture(params=FITTING, ids="-".join)
def cell(request: pytest.FixtureRequest, make_cell: Cells) -> Cell:
    return make_cell(*request.param)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)

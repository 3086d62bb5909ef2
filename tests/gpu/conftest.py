"""Tests that need an NVIDIA GPU; without one they skip, in CI as well, which has none.

make test-gpu                                       # ten minutes at most, on one card
UNROLL_TEST_DEVICE=cpu pytest -n 0 tests/gpu        # the tests' own logic, where it does not need CUDA itself
"""

import os
from pathlib import Path

import pytest
import torch
from cell import Cells, maker
from tiny_data import Tiny, write_tiny
from training_imports import imports_are_not_collected  # noqa: F401 - a fixture of every test here

from unroll.training.devices import no_cuda, set_tf32

HERE = Path(__file__).parent
DEVICE = torch.device(os.environ.get("UNROLL_TEST_DEVICE", "cuda"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = no_cuda() if DEVICE.type == "cuda" else None
    for item in items:
        if reason is not None and HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def device() -> torch.device:
    return DEVICE


@pytest.fixture
def cuda_itself() -> None:
    if DEVICE.type == "cpu":
        pytest.skip("no part of it runs on a CPU")


@pytest.fixture(scope="session")
def on_device() -> str:
    """The override that trains there."""
    return f"trainer.accelerator={'cpu' if DEVICE.type == 'cpu' else 'gpu'}"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(scope="session")
def make_cell(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Cells:
    return maker(tiny, tmp_path_factory.mktemp("runs"))


@pytest.fixture(autouse=True)
def single_precision() -> None:
    torch.set_num_threads(1)
    set_tf32(False)

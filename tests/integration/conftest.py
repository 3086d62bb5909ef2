"""Tiny data on disk, and one thread a process."""

import os

import pytest
import torch
from tiny_data import Tiny, write_tiny
from training_imports import imports_are_not_collected  # noqa: F401 - a fixture of every test here

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)

"""Tiny data on disk, and one thread a process."""

import os
from pathlib import Path

import pytest
import torch
from installed import build, environment, install
from tiny_data import Tiny, write_tiny
from training_imports import imports_are_not_collected  # noqa: F401 - a fixture of every test here

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the repository with a virtual environment `venv` that holds the wheel."""
    folder = tmp_path_factory.mktemp("elsewhere")
    install(environment(folder / "venv"), wheel, folder)
    return folder

"""Tiny data on disk, and one thread a process."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from installed import build, environment, install
from tiny_data import Tiny, write_tiny
from training_imports import imports_are_not_collected  # noqa: F401 - a fixture of every test here
from wandb_server import KEY, WandbServer, wandb_server

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


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], WandbServer]]:
    """Makes a server that this process and its children speak to from then on."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    open_ones: list[Any] = []

    def another() -> WandbServer:
        context = wandb_server()
        open_ones.append(context)
        server = context.__enter__()
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        return server

    yield another
    for context in open_ones:
        context.__exit__(None, None, None)

"""Tiny trained models, one a task, each trained once."""

from collections.abc import Callable

import pytest
import torch
from tiny_data import Tiny, write_tiny
from training_imports import imports_are_not_collected  # noqa: F401 - a fixture of every test here

import unroll
from unroll import api
from unroll.inference.model import Model

ARCHITECTURES = {"compression": "ae", "generation": "ae", "language_modelling": "lstm", "masked_words": "bilstm"}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    torch.set_num_threads(1)
    return write_tiny(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(scope="session")
def model(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """Of a task."""
    made: dict[str, Model] = {}
    runs = tmp_path_factory.mktemp("runs")

    def make(task: str) -> Model:
        if task not in made:
            architecture = ARCHITECTURES.get(task, "gru")
            trial = tiny.trial(task, runs, f"architecture={architecture}", "budget.epochs=1")
            api.train(trial)
            made[task] = unroll.load(trial.directory)
        return made[task]

    return make

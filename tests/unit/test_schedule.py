"""Learning rates, optimizers, budgets and the normalised loss of a step."""

from types import SimpleNamespace
from typing import Any

import made_up
import pytest
import torch

from unroll.data.batching import TrainingBatches
from unroll.training.budget import budget_steps
from unroll.training.module import TrialModule, build_optimizer, learning_rate

BASE = {"learning_rate": 0.8, "warmup_steps": 0, "schedule": "constant"}


@pytest.mark.parametrize(
    ("changed", "rates"),
    [
        ({}, [0.8, 0.8, 0.8, 0.8]),
        ({"schedule": "linear"}, [0.8, 0.6, 0.4, 0.2]),
        ({"schedule": "cosine"}, [0.8, 0.682842712, 0.4, 0.117157288]),
        ({"warmup_steps": 3}, [0.2, 0.4, 0.6, 0.8]),
        ({"warmup_steps": 2, "schedule": "linear"}, [0.8 / 3, 1.6 / 3, 0.8, 0.4]),
        ({"warmup_steps": 2, "schedule": "cosine"}, [0.8 / 3, 1.6 / 3, 0.8, 0.4]),
    ],
)
def test_rates_of_four_steps(changed: dict[str, Any], rates: list[float]) -> None:
    assert [learning_rate({**BASE, **changed}, step, 4) for step in range(4)] == pytest.approx(rates)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_rates_end_at_zero_and_stay_there(schedule: str) -> None:
    config = {**BASE, "schedule": schedule}
    assert learning_rate(config, 4, 4) == pytest.approx(0, abs=1e-15)
    assert learning_rate(config, 9, 4) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD")])
def test_optimizers_take_their_options(name: str, kind: str) -> None:
    config = {"name": name, "learning_rate": 0.1, "weight_decay": 0.2, "betas": [0.8, 0.9], "momentum": 0.3}
    optimizer = build_optimizer(torch.nn.Linear(1, 1), config, fused=True)
    assert type(optimizer).__name__ == kind
    found = optimizer.param_groups[0]
    assert (found["lr"], found["weight_decay"], found["fused"]) == (0.1, 0.2, True)
    assert found["momentum"] == 0.3 if name == "sgd" else found["betas"] == (0.8, 0.9)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"steps": 150, "validate_every": None}, (150, None)),
        ({"epochs": 4, "validate_every": 1.0}, (40, 10)),
        ({"epochs": 0.25, "validate_every": 0.5}, (2, 5)),
        ({"epochs": 0.001, "validate_every": 0.001}, (1, 1)),
        ({"seconds": 3.0, "validate_every": 1.0}, (10**9, 10)),
    ],
)
def test_budgets_in_steps(budget: dict[str, Any], expected: tuple[int, int | None]) -> None:
    assert budget_steps({"steps": None, "epochs": None, "seconds": None, **budget}, 10) == expected


def test_a_budget_of_operations_in_steps() -> None:
    """A step of 5 examples of 200 operations forward costs 3,000."""
    budget = {"steps": None, "epochs": None, "seconds": None, "flops": 10_000, "validate_every": 0.5}
    assert budget_steps(budget, 10, forward=200, batch_size=5) == (3, 5)


def gradients(task: Any, network: torch.nn.Module, rank: int, world: int) -> list[torch.Tensor]:
    """Gradients of one rank for the second batch."""
    module = TrialModule(task, network, {}, 0, 0, 2)
    module._trainer = SimpleNamespace(world_size=world)
    batch = list(TrainingBatches(task.splits["train"], 7, 0, 0, 4, rank, world))[-1]
    network.zero_grad()
    module.training_step(batch, 0).backward()
    return [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("name", ["sentiment", "translation", "forecasting", "compression"])
@pytest.mark.parametrize("world", [2, 4])
def test_ranks_gradients_average_to_the_whole_batchs(name: str, world: int) -> None:
    """The last batch of 24 examples holds 3, fewer than four ranks: the empty share adds nothing."""
    torch.manual_seed(0)
    task, network = made_up.built(name, "gru")
    whole = gradients(task, network, 0, 1)
    ranks = [gradients(task, network, rank, world) for rank in range(world)]
    for expected, *parts in zip(whole, *ranks, strict=True):
        torch.testing.assert_close(torch.stack(parts).mean(0), expected, atol=1e-6, rtol=1e-4)


def test_logged_losses_are_means_over_examples_since_the_last_line() -> None:
    task, network = made_up.built("forecasting", "ae")
    module = TrialModule(task, network, {}, 0, 0, 2)
    module._trainer = SimpleNamespace(world_size=1)
    expected = []
    for batch in TrainingBatches(task.splits["train"], 7, 0, 0, 2):
        module.training_step(batch, 0)
        expected.append(task.losses(network, batch).task.detach())
    found = module.take_logged()
    assert found["train/task"] == pytest.approx(torch.cat(expected).mean().item(), rel=1e-5)
    assert set(found) == {"train/task", "train/reconstruction"}
    assert module.take_logged() == {}

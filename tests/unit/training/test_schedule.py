"""Learning rates, optimizers, budgets and the normalised loss of a step."""

from types import SimpleNamespace
from typing import Any

import made_up
import pytest
import torch

from unroll.config.schema import BudgetConfig, Optimizer
from unroll.data.batching import TrainingBatches
from unroll.training.budget import budget_steps
from unroll.training.module import TrialModule, learning_rate, own_sums
from unroll.training.optimizers import build_optimizer
from unroll.training.ranks import Ranks

BASE = Optimizer(name="adam", learning_rate=0.8, schedule="constant")


def optimizer_of(**changed: Any) -> Optimizer:
    return Optimizer.model_validate({**BASE.model_dump(), **changed})


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
    assert [learning_rate(optimizer_of(**changed), step, 4) for step in range(4)] == pytest.approx(rates)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("linear", [0.8, 0.65, 0.5, 0.35, 0.2]),
        ("cosine", [0.8, 0.712132, 0.5, 0.287868, 0.2]),
        ("exponential", [0.8, 0.56568542, 0.4, 0.28284271, 0.2]),
    ],
)
def test_rates_end_at_the_final_one(schedule: str, rates: list[float]) -> None:
    config = optimizer_of(schedule=schedule, final_learning_rate=0.2)
    assert [learning_rate(config, step, 4) for step in range(5)] == pytest.approx(rates)


@pytest.mark.parametrize(
    ("milestones", "steps", "rates"),
    [
        ([0.5], 4, [0.8, 0.8, 0.4, 0.4]),
        ([0.25, 0.5, 0.75], 4, [0.8, 0.4, 0.2, 0.1]),
        ([0.25, 0.5], 3, [0.8, 0.4, 0.2]),  # 0.75 and 1.5 of a step: the nearest ones, 1 and 2
        ([0.3, 0.6, 0.9], 10, [0.8] * 3 + [0.4] * 3 + [0.2] * 3 + [0.1]),
    ],
)
def test_stairs_go_down_at_their_milestones(milestones: list[float], steps: int, rates: list[float]) -> None:
    config = optimizer_of(schedule="stairs", milestones=milestones)
    assert [learning_rate(config, step, steps) for step in range(steps)] == pytest.approx(rates)
    steeper = optimizer_of(schedule="stairs", milestones=milestones, factor=0.1)
    assert learning_rate(steeper, steps - 1, steps) == pytest.approx(0.8 * 0.1 ** len(milestones))


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_rates_end_at_zero_and_stay_there(schedule: str) -> None:
    config = optimizer_of(schedule=schedule)
    assert learning_rate(config, 4, 4) == pytest.approx(0, abs=1e-15)
    assert learning_rate(config, 9, 4) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD"), ("adagrad", "Adagrad")]
)
def test_optimizers_take_their_options(name: str, kind: str) -> None:
    config = optimizer_of(name=name, learning_rate=0.1, weight_decay=0.2, betas=[0.8, 0.9], momentum=0.3)
    optimizer = build_optimizer(torch.nn.Linear(1, 1), config, fused=True)
    assert type(optimizer).__name__ == kind
    found = optimizer.param_groups[0]
    assert (found["lr"], found["weight_decay"], found["fused"]) == (0.1, 0.2, True)
    own = {"sgd": ("momentum", 0.3), "adagrad": ("lr_decay", 0)}.get(name, ("betas", (0.8, 0.9)))
    assert found[own[0]] == own[1]


def test_adagrad_divides_by_the_root_of_all_squared_gradients() -> None:
    """Duchi et al. 2011, section 1.1: gradients 3, then 4, at a rate of 0.5. Decay is added before: 2.8 + 0.1 x 2."""
    for decay, gradients in ((0.0, [3.0, 4.0]), (0.1, [2.8, 3.85])):
        weight = torch.nn.Parameter(torch.tensor(2.0))
        config = optimizer_of(name="adagrad", learning_rate=0.5, weight_decay=decay)
        optimizer = build_optimizer(torch.nn.ParameterList([weight]), config, fused=True)
        for gradient in gradients:
            weight.grad = torch.tensor(gradient)
            optimizer.step()
        assert weight.item() == pytest.approx(2 - 0.5 * 3 / 3 - 0.5 * 4 / 5)


EMBEDDINGS = {"embedding_learning_rate": 0.2, "embedding_weight_decay": 0.0}


@pytest.mark.parametrize(("schedule", "rates"), [("constant", [(0.8, 0.2)] * 2), ("linear", [(0.8, 0.2), (0.4, 0.1)])])
def test_word_vectors_have_a_rate_of_their_own_on_the_same_schedule(
    schedule: str, rates: list[tuple[float, float]]
) -> None:
    config = optimizer_of(**EMBEDDINGS, name="adagrad", weight_decay=0.3, schedule=schedule)
    task, network = made_up.built("sentiment", "gru")
    module = TrialModule(task, network, config, 0, 0, 2)
    optimizer = build_optimizer(network, config, fused=True)
    others, vectors = optimizer.param_groups
    assert [id(parameter) for parameter in vectors["params"]] == [id(network.adapter.embedding.weight)]
    assert len(others["params"]) == len(list(network.parameters())) - 1
    assert (others["weight_decay"], vectors["weight_decay"]) == (0.3, 0.0)
    module._trainer = SimpleNamespace(optimizers=[optimizer], global_step=0)
    for step, expected in enumerate(rates):
        module.start = step
        module._trainer.fit_loop = SimpleNamespace(epoch_loop=SimpleNamespace(global_step=0))
        module.on_train_batch_start(None, 0)
        assert (others["lr"], vectors["lr"]) == pytest.approx(expected)


def test_one_option_of_word_vectors_leaves_the_other_as_it_is() -> None:
    config = optimizer_of(name="sgd", momentum=0.0, weight_decay=0.3, embedding_weight_decay=0.1)
    optimizer = build_optimizer(made_up.built("sentiment", "gru")[1], config, fused=True)
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [(0.8, 0.3), (0.8, 0.1)]


def test_decoupled_decay_shrinks_a_scaled_weight_as_any_other() -> None:
    config = optimizer_of(name="adamw", betas=[0.9, 0.999], weight_decay=0.36)
    optimizer = build_optimizer(made_up.built("sentiment", "rntn")[1], config, fused=True)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.36, 0.36]


def test_a_scaled_weight_decays_as_what_it_stands_for() -> None:
    """The RNTN's parameter is 2H times its tensor V: with d on |V|^2, it is d / (2H)^2 on the parameter's square."""
    config = optimizer_of(name="adagrad", weight_decay=0.36, embedding_weight_decay=0.0)
    task, network = made_up.built("sentiment", "rntn")
    tensor, width = network.encoder.tensor, network.encoder.tensor.shape[1]
    optimizer = build_optimizer(network, config, fused=True)
    _, _, scaled = optimizer.param_groups
    assert [id(parameter) for parameter in scaled["params"]] == [id(tensor)]
    assert scaled["weight_decay"] == pytest.approx(0.36 / (2 * width) ** 2)
    module = TrialModule(task, network, config, 0, 0, 2)
    module._trainer = SimpleNamespace(optimizers=[optimizer], global_step=0)
    module._trainer.fit_loop = SimpleNamespace(epoch_loop=SimpleNamespace(global_step=0))
    module.on_train_batch_start(None, 0)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.36, 0.0, scaled["weight_decay"]]
    assert any(torch.equal(weight, tensor / (2 * width)) for weight in network.weight_matrices())


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
    assert budget_steps(BudgetConfig(name="any", **budget), 10) == expected


def test_a_budget_of_operations_in_steps() -> None:
    """A step of 5 examples of 200 operations forward costs 3,000."""
    budget = BudgetConfig(name="any", flops=10_000, validate_every=0.5)
    assert budget_steps(budget, 10, forward=200, batch_size=5) == (3, 5)


def gradients(task: Any, network: torch.nn.Module, rank: int, world: int) -> list[torch.Tensor]:
    """Gradients of one rank for the second batch."""
    module = TrialModule(task, network, BASE, 0, 0, 2)
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
    module = TrialModule(task, network, BASE, 0, 0, 2)
    module._trainer = SimpleNamespace(world_size=1)
    expected = []
    for batch in TrainingBatches(task.splits["train"], 7, 0, 0, 2):
        module.training_step(batch, 0)
        expected.append(task.losses(network, batch).task.detach())
    found = module.take_logged(Ranks().totals)
    assert found["train/task"] == pytest.approx(torch.cat(expected).mean().item(), rel=1e-5)
    assert set(found) == {"train/task", "train/reconstruction"}
    assert module.take_logged(Ranks().totals) == {}


def test_each_rank_goes_on_from_its_own_sums() -> None:
    """With the ranks of the checkpoint; with others rank 0 takes all, so that none is counted twice."""
    parts = [
        {"losses": {"task": torch.tensor(3.0)}, "examples": torch.tensor(2.0)},
        {"losses": {"task": torch.tensor(5.0), "penalty": torch.tensor(1.0)}, "examples": torch.tensor(4.0)},
    ]
    assert [own_sums(parts, rank, 2) for rank in (0, 1)] == parts
    whole = {"losses": {"task": torch.tensor(8.0), "penalty": torch.tensor(1.0)}, "examples": torch.tensor(6.0)}
    assert own_sums(parts, 0, 1) == own_sums(parts, 0, 3) == whole
    assert own_sums(parts, 2, 3) is None
    assert own_sums(parts[0], 0, 1) == parts[0]  # of a checkpoint from before ranks kept their own
    assert own_sums(None, 0, 1) is own_sums([], 0, 1) is None

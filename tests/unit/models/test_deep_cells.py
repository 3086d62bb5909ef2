"""Three layers train: codes neither die nor saturate, and the loss is no worse than one layer's.

Without residual sums a stack writes down how often words come and no more: the upper layers of encoder and decoder are
driven to +-1 before anything of the source comes through them.
"""

import functools
from typing import Any, NamedTuple

import made_up
import numpy as np
import pytest
import torch

from unroll.tasks.task import Task
from unroll.training.diagnostics.codes import bounds_of, dead_share, saturated_share

CELLS = ("rnn", "lstm", "gru")
WORDS = 500  # of a language in which word k comes 1/k as often as the first
EIGHT: dict[str, Any] = {"pairs": 8, "longest": 11, "steps": 100, "rate": 0.01, "batch": 8}
MANY: dict[str, Any] = {"pairs": 1000, "longest": 13, "steps": 120, "rate": 0.005, "batch": 32}


class Trained(NamedTuple):
    """A network after some steps: what its codes of train examples are like, and its losses in nats a token."""

    dead: float
    saturated: float
    train: float
    validation: float


def translation(pairs: int, longest: int) -> dict[str, dict[str, list[Any]]]:
    """Sentences of 6 words or more, and the same in capitals."""
    random = np.random.default_rng(0)
    often = 1 / np.arange(1, WORDS + 1)
    splits: dict[str, dict[str, list[Any]]] = {}
    for name, count in (("train", pairs), ("validation", 64), ("test", 8)):
        sizes = random.integers(6, longest + 1, count)
        sources = [" ".join(f"w{word}" for word in random.choice(WORDS, size, p=often / often.sum())) for size in sizes]
        splits[name] = {"source": sources, "target": [text.upper() for text in sources]}
    return splits


@functools.cache
def prepared(cell: str, depth: int, residual: bool, pairs: int, longest: int) -> tuple[Any, Task]:
    options = ["architecture.width=32", f"architecture.depth={depth}", "task.embedding=32", "task.dropout=0"]
    options += ["data.tokenizer.min_count=1", *([] if residual else ["architecture.residual=false"])]
    chosen = made_up.trial("translation", f"architecture={cell}", *options)
    return chosen, made_up.prepared(chosen, translation(pairs, longest))


def trained(cell: str, depth: int, setting: dict[str, Any], residual: bool = True) -> Trained:
    """Train on random batches with Adam, from seed 0."""
    chosen, task = prepared(cell, depth, residual, setting["pairs"], setting["longest"])
    torch.manual_seed(0)
    network = made_up.network_of(chosen, task).train()
    optimizer = torch.optim.Adam(network.parameters(), setting["rate"])

    def loss(split: str, index: torch.Tensor) -> torch.Tensor:
        batch = task.splits[split].batch(index)
        return task.objective(task.losses(network, batch)).sum() / batch.target_lengths.sum()

    for _ in range(setting["steps"]):
        optimizer.zero_grad()
        loss("train", torch.randperm(setting["pairs"])[: setting["batch"]]).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    network.eval()
    seen = torch.arange(min(setting["pairs"], 64))
    with torch.no_grad():
        coded = network.encode(task.splits["train"].batch(seen))
        saturated = saturated_share(coded.code, bounds_of(network, coded))
        assert saturated is not None
        losses = [float(loss(split, index)) for split, index in (("train", seen), ("validation", torch.arange(64)))]
    return Trained(dead_share(coded.code), saturated, *losses)


@pytest.mark.parametrize("cell", CELLS)
def test_three_layers_learn_eight_examples_by_heart(cell: str) -> None:
    one, three = trained(cell, 1, EIGHT), trained(cell, 3, EIGHT)
    assert three.dead == 0
    assert three.saturated < 0.25
    assert three.train <= min(one.train, 0.05)


@pytest.mark.parametrize("cell", CELLS)
def test_three_layers_translate_no_worse_than_one(cell: str) -> None:
    one, three = trained(cell, 1, MANY), trained(cell, 3, MANY)
    assert three.dead == 0
    assert three.saturated < 0.25
    assert three.validation <= one.validation


@pytest.mark.parametrize("cell", CELLS)
def test_without_residual_sums_they_are_driven_to_the_ends_of_their_range(cell: str) -> None:
    """So that the tests above see what they are about."""
    assert trained(cell, 3, MANY, residual=False).saturated > 0.5

"""Evaluation counts every example once, in order, whatever the ranks, and leaves no trace."""

import contextlib
from typing import Any

import numpy as np
import pytest
import torch

from unroll.data.batching import EVALUATION_BATCH
from unroll.data.splits import Batch, LabelledTextSplit
from unroll.data.text import Ragged
from unroll.tasks.task import Outputs, gather_outputs
from unroll.training import evaluation
from unroll.training.evaluation import evaluate_split

COUNT = 6 * EVALUATION_BATCH + 17


def split() -> LabelledTextSplit:
    lengths = np.random.default_rng(0).integers(1, 9, COUNT)
    return LabelledTextSplit(Ragged.pack([[4] * n for n in lengths], 9), torch.arange(COUNT))


def score(network: Any, batch: Batch) -> Outputs:
    assert not network.training
    assert torch.is_inference_mode_enabled()
    return {
        "label": batch.targets.numpy(),
        "noise": torch.rand(len(batch.index)).numpy(),
        "words": [f"example {i}" for i in batch.index.tolist()],
    }


def run(rank: int = 0, world: int = 1, seed: int = 0) -> Outputs:
    network: Any = torch.nn.Linear(1, 1).train()
    network.precision = contextlib.nullcontext
    found = evaluate_split(score, network, split(), seed, torch.device("cpu"), rank, world)
    assert network.training
    return found


def test_every_example_once_and_in_order() -> None:
    found = run()
    assert found["label"].tolist() == list(range(COUNT))
    assert found["words"] == [f"example {i}" for i in range(COUNT)]


def test_noise_is_a_function_of_the_seed() -> None:
    torch.manual_seed(99)
    first = run()
    torch.manual_seed(7)
    assert np.array_equal(run()["noise"], first["noise"])
    assert not np.array_equal(run(seed=1)["noise"], first["noise"])


@pytest.mark.parametrize("world", [2, 3, 5])
def test_ranks_together_give_the_same(world: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rank runs by itself; gathering hands it what the others found."""
    found: dict[int, Any] = {}

    def gather(shares: list[Any], mine: Any) -> None:
        found[len(found)] = mine
        shares[:] = [found.get(rank, []) for rank in range(world)]

    monkeypatch.setattr(evaluation.distributed, "all_gather_object", gather)
    for rank in range(world - 1):
        with pytest.raises(RuntimeError, match=f"{COUNT} are in the split"):
            run(rank, world)
    together, alone = run(world - 1, world), run()
    for name, values in alone.items():
        assert np.array_equal(together[name], values)


def test_a_score_that_counts_an_example_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    order = evaluation.evaluation_order
    monkeypatch.setattr(evaluation, "evaluation_order", lambda split: [*order(split), torch.tensor([0])])
    with pytest.raises(RuntimeError, match=f"counted {COUNT + 1} examples"):
        run()


def test_outputs_are_joined_in_the_order_of_the_index() -> None:
    parts = [{"a": np.array([[3.0], [1.0]]), "b": ["three", "one"]}, {"a": np.array([[2.0]]), "b": ["two"]}]
    found = gather_outputs(parts, np.array([2, 0, 1]))
    assert found["a"].tolist() == [[1], [2], [3]]
    assert found["b"] == ["one", "two", "three"]

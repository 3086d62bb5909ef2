"""Evaluation counts every example once, in order, whatever the ranks, and leaves no trace."""

import contextlib
from typing import Any

import numpy as np
import pytest
import torch

from unroll.data.batching import EVALUATION_BATCH
from unroll.data.fields import Dense, Ragged
from unroll.data.splits import Batch, Split
from unroll.tasks.task import Outputs, gather_outputs
from unroll.training import evaluation
from unroll.training.evaluation import evaluate_split

COUNT = 6 * EVALUATION_BATCH + 17


def split() -> Split:
    lengths = np.random.default_rng(0).integers(1, 9, COUNT)
    return Split(Ragged.pack([[4] * n for n in lengths], 9), Dense(torch.arange(COUNT)))


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


class Counting(torch.nn.Module):
    """A network whose state is how many examples it has read."""

    carried: Any = None
    precision = staticmethod(contextlib.nullcontext)


def read(network: Any, batch: Batch) -> Outputs:
    before = torch.zeros(1, len(batch.index), 1) if batch.state is None else batch.state[0]
    network.carried = [before + 1]
    return {"before": before.flatten().numpy(), "label": batch.index.numpy()}


@pytest.mark.parametrize("world", [1, 3])
def test_a_stream_is_read_from_its_beginning_to_its_end_by_one_rank(
    world: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Split(Ragged.chunks(torch.arange(41), 4), in_order=True)
    shares: dict[int, Any] = {}

    def gather(found: list[Any], mine: Any) -> None:
        shares[len(shares)] = mine
        found[:] = [shares.get(rank, []) for rank in range(world)]

    monkeypatch.setattr(evaluation.distributed, "all_gather_object", gather)
    for rank in range(world):
        found = evaluate_split(read, Counting(), stream, 0, torch.device("cpu"), rank, world)
        assert found["before"].tolist() == found["label"].tolist() == list(range(11))
    assert all(not shares[rank] for rank in shares if rank)


def test_examples_that_do_not_follow_each_other_carry_nothing() -> None:
    apart = Split(Ragged.chunks(torch.arange(4 * 300), 4))
    found = evaluate_split(read, Counting(), apart, 0, torch.device("cpu"))
    assert set(found["before"]) == {0}


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

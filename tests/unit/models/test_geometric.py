"""The geometric penalty: made once, with the same bits; only of the examples it knows; learned in training."""

from pathlib import Path

import made_up
import numpy as np
import pytest
import torch

from unroll.data import geometry
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.tasks.task import Task

POINTS = np.random.default_rng(0).standard_normal((30, 6))


def prepared(cache: Path, *overrides: str) -> tuple[Task, Network]:
    torch.manual_seed(0)
    task, network = made_up.built("compression", "ae_geometric", *overrides)
    network.bottleneck.prepare(24, lambda index: task.features("train", index), cache)
    return task, network


def test_an_embedding_is_made_once_for_the_same_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(features: np.ndarray, dimensions: int, neighbours: int) -> np.ndarray:
        calls.append(dimensions)
        return features[:, :dimensions].astype(np.float32)

    monkeypatch.setattr(geometry, "compute", counted)
    first, second = (geometry.phate_embedding(POINTS, 2, 5, tmp_path) for _ in range(2))
    assert calls == [2]
    assert np.array_equal(first, second)
    geometry.phate_embedding(POINTS, 3, 5, tmp_path)
    geometry.phate_embedding(POINTS + 1, 2, 5, tmp_path)
    assert calls == [2, 3, 2]
    assert len(list(tmp_path.glob("geometry-*/train.arrow"))) == 3
    assert not list(tmp_path.glob(".*"))


def test_made_again_it_has_the_same_bits(tmp_path: Path) -> None:
    first, second = (geometry.phate_embedding(POINTS, 2, 5, tmp_path / name) for name in "ab")
    assert first.tobytes() == second.tobytes()
    assert np.square(first, dtype=np.float64).mean() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(first.mean(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("task_name", ["sentiment", "translation", "forecasting", "compression"])
def test_features_of_every_kind_of_input(task_name: str) -> None:
    """Of one example alike whatever it is read with, where nothing is fitted; text's differ where its words do."""
    task, _ = made_up.built(task_name, "ae_geometric")
    found = task.features("train", torch.arange(24))
    assert found.shape[0] == 24
    assert np.isfinite(found).all()
    assert len(np.unique(found.round(6), axis=0)) > 12
    assert np.array_equal(found, task.features("train", torch.arange(24)))


def test_only_examples_with_a_target_are_penalised(tmp_path: Path) -> None:
    task, network = prepared(tmp_path, "bottleneck.terms.geometric.examples=9")
    term = network.bottleneck.terms["geometric"]
    assert int(term.known.sum()) == 9
    code = network.train().encode(task.splits["train"].batch(torch.arange(24)))
    assert code.penalty is not None
    assert torch.equal(code.penalty > 0, term.known > 0)
    expected = (code.code[:, :2] - term.targets).square().sum(dim=1) * term.known
    torch.testing.assert_close(code.penalty, expected)
    other = made_up.built("compression", "ae_geometric", "seed=7", "bottleneck.terms.geometric.examples=9")[1]
    other.bottleneck.prepare(24, lambda index: task.features("train", index), tmp_path)
    assert torch.equal(other.bottleneck.terms["geometric"].targets, term.targets)


def test_evaluation_and_weights_need_no_geometry(tmp_path: Path) -> None:
    task, network = prepared(tmp_path)
    assert network.eval().encode(task.splits["test"].batch(torch.arange(5))).penalty is None
    assert not [name for name in network.state_dict() if "geometric" in name]


def test_training_draws_the_code_to_the_geometry(tmp_path: Path) -> None:
    task, network = prepared(tmp_path, "architecture.width=32")
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-2)
    batch = task.splits["train"].batch(torch.arange(24))
    losses: list[float] = []
    for _ in range(60):
        penalty = network.encode(batch).penalty
        assert penalty is not None
        losses.append(penalty.mean().item())
        optimizer.zero_grad()
        penalty.mean().backward()
        optimizer.step()
    assert losses[-1] < 0.1 * losses[0]


def test_a_code_is_no_smaller_than_the_embedding(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="smaller"):
        made_up.built("compression", "ae_geometric", "bottleneck.size=1")
    with pytest.raises(UserError, match="Too few"):
        geometry.phate_embedding(POINTS[:5], 2, 5, tmp_path)


def test_without_phate_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "phate", None)
    with pytest.raises(UserError, match="pip install"):
        geometry.phate_embedding(POINTS, 2, 5, tmp_path)


def test_a_cache_that_takes_no_files_is_told_of_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        geometry.phate_embedding(POINTS, 2, 5, tmp_path / "file")

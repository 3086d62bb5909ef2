"""The final evaluation: of the best weights by validation, on the device that training ran on, in its precision."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.records import truth
from unroll.records.audit import trusted_record
from unroll.records.record import read_record
from unroll.training import checkpoint, run, story
from unroll.training.train import train

# The CPU under a name that no tensor has until it is moved there: what moves a network elsewhere is seen.
DEVICE = torch.device("cpu", 0)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, torch.device, torch.dtype]]:
    """Where each split was scored, and in which precision; with the diagnostics."""
    found: list[tuple[str, torch.device, torch.dtype]] = []
    build, evaluate, diagnose = story.build_trainer, run.evaluate_split, run.diagnose

    def spied(score: Any, network: Any, split: Any, seed: int, device: torch.device, *rest: Any) -> Any:
        with network.precision():
            kind = (torch.ones(1, 1) @ torch.ones(1, 1)).dtype
        found.append((type(split).__name__, device, kind))
        return evaluate(score, network, split, seed, device, *rest)

    def diagnosed(task: Any, network: Any, device: torch.device) -> Any:
        with network.precision():
            kind = (torch.ones(1, 1) @ torch.ones(1, 1)).dtype
        found.append(("diagnostics", device, kind))
        return diagnose(task, network, device)

    def elsewhere(*arguments: Any) -> Any:
        trainer = build(*arguments)
        trainer.strategy._root_device = DEVICE
        return trainer

    monkeypatch.setattr(story, "build_trainer", elsewhere)
    monkeypatch.setattr(run, "evaluate_split", spied)
    monkeypatch.setattr(run, "diagnose", diagnosed)
    return found


@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_it_runs_where_training_ran(
    precision: str,
    dtype: torch.dtype,
    tiny: Tiny,
    tmp_path: Path,
    seen: list[tuple[str, torch.device, torch.dtype]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ["architecture=gru", "budget.epochs=1", f"trainer.precision={precision}", "trainer.keep_after=all"]
    trial = tiny.trial("forecasting", tmp_path, *options)
    record = train(trial)
    assert [device for _, device, _ in seen] == [DEVICE] * len(seen)
    assert {kind for _, _, kind in seen} == {dtype}
    whole, seen[:] = list(seen), []

    trial.record_path.unlink()  # killed after its last step: it only evaluates
    monkeypatch.setattr("unroll.training.module.TrialModule.training_step", None)
    again = train(trial)
    assert seen == whole[-len(seen) :], "an interrupted trial evaluates as one that was not"
    assert len(seen) >= 4
    assert again["result"] == record["result"]
    assert again["run"]["device"] == {
        "kind": "cpu", "name": "cpu", "count": 1, "precision": precision, "tf32": False, "cuda_graphs": False,
        "peak_memory_bytes": None,
    }  # fmt: skip


@pytest.fixture
def stopped_early(tiny: Tiny, tmp_path: Path) -> Callable[..., Trial]:
    """A trial that stops early, at weights worse than its best: its learning rate is too high."""

    def make(task: str, *more: str) -> Trial:
        options = ["architecture=gru", "optimizer.learning_rate=2", "budget.epochs=6", "budget.patience=1"]
        return tiny.trial(task, tmp_path, *options, "trainer.keep_after=all", *more)

    return make


def test_the_best_weights_are_evaluated(stopped_early: Callable[..., Trial]) -> None:
    trial = stopped_early("forecasting")
    result = train(trial)["result"]
    selection, best = result["selection"], checkpoint.load(trial.directory / checkpoint.BEST, trial.trial_id)
    last = checkpoint.load(trial.directory / checkpoint.LAST, trial.trial_id)
    assert selection["step"] < result["steps"]
    assert any(not torch.equal(best["network"][name], weight) for name, weight in last["network"].items())
    assert selection["value"] == result["metrics"]["validation"]["mse"]
    assert selection["value"] == min(found["mse"] for found in result["curves"]["validation"])
    assert read_record(trial.directory)["result"] == result


def test_the_last_weights_are_evaluated_where_the_budget_says_so(tiny: Tiny, tmp_path: Path) -> None:
    options = [
        "architecture=gru",
        "optimizer.learning_rate=2",
        "optimizer.schedule=constant",
        "budget.epochs=5",
        "budget.weights=last",
    ]
    trial = tiny.trial("forecasting", tmp_path, *options, "trainer.keep_after=all")
    record = train(trial)
    result, curve = record["result"], record["result"]["curves"]["validation"]
    kept, last = (
        checkpoint.load(trial.directory / name, trial.trial_id) for name in (checkpoint.BEST, checkpoint.LAST)
    )
    assert all(torch.equal(kept["network"][name], weight) for name, weight in last["network"].items())
    assert result["selection"]["step"] == result["steps"] == curve[-1]["step"]
    assert result["selection"]["value"] == curve[-1]["mse"] == result["metrics"]["validation"]["mse"]
    assert result["selection"]["value"] > min(point["mse"] for point in curve), "the best is another"
    assert list(truth.selection(record)) == []
    best_claimed = {
        **record,
        "config": {**record["config"], "budget": {**record["config"]["budget"], "weights": "best"}},
    }
    assert [str(found) for found in truth.selection(best_claimed)] != []
    best = tiny.trial("forecasting", tmp_path, *options[:-1])
    assert best.trial_id != trial.trial_id


def test_the_last_weights_are_evaluated_too_where_the_budget_asks(
    stopped_early: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train(stopped_early("forecasting"))["result"]
    trial = stopped_early("forecasting", "budget.weights=both")
    record = train(trial)
    result = record["result"]
    assert "last" not in plain
    assert {key: value for key, value in result.items() if key != "last"} == plain, "it changes nothing else"
    assert result["last"].keys() == result["metrics"].keys()
    assert result["last"]["validation"]["mse"] == result["curves"]["validation"][-1]["mse"]
    assert result["last"]["validation"]["mse"] > result["metrics"]["validation"]["mse"]
    assert result["last"]["test"]["mse"] != result["metrics"]["test"]["mse"]
    assert trusted_record(trial.record_path, refused := []) is not None, refused

    trial.record_path.unlink()  # killed after its last step: it only evaluates
    monkeypatch.setattr("unroll.training.module.TrialModule.training_step", None)
    assert train(trial)["result"] == result

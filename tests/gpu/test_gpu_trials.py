"""Whole trials on the GPU: they end where they trained, resume bit by bit, verify, and leave no memory behind."""

import gc
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from mortal import KILLED, attempt
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.training import run
from unroll.training.devices import check_precision
from unroll.training.train import train
from unroll.verification.verify import verify

EVERY_STEP = "trainer.checkpoint_minutes=0.000001"
SHORT = ["budget.epochs=null", "budget.steps=6", "budget.validate_every=1", "trainer.log_every=2"]
TRIALS = {
    "dropout": ["sentiment", "architecture=deep_lstm", "architecture.dropout=0.3"],
    "sampling": ["generation", "architecture=ae_variational"],
    "trees": ["sentiment", "architecture=tree_lstm"],
    "contraction": ["compression", "architecture=ae_contractive"],
    "attention": ["translation", "architecture=bigru", "task.attention=additive"],
}
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
Make = Callable[..., Trial]


@pytest.fixture
def make(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory, on_device: str) -> Make:
    """(name of TRIALS, *more overrides) -> the trial, in a runs directory of its own."""

    def make(name: str, *overrides: str) -> Trial:
        task, *chosen = TRIALS[name]
        given = {text.partition("=")[0]: text for text in (on_device, *SHORT, *chosen, *overrides)}
        return tiny.trial(task, tmp_path_factory.mktemp("runs"), *given.values())

    return make


def ending(trial: Trial) -> dict[str, Any]:
    """The result part of the record, and every line of the metric log."""
    lines = (trial.directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {"result": read_record(trial.directory)["result"], "log": [json.loads(line) for line in lines]}


def not_of_a_cpu(trial: Trial) -> None:
    try:
        check_precision(trial)
    except UserError as refused:
        pytest.skip(refused.what)


@pytest.mark.parametrize("name", TRIALS)
def test_the_final_evaluation_is_where_training_was(
    name: str, make: Make, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors, not names: the parameters of the network that is scored."""
    seen, evaluate = set[str](), run.evaluate_split

    def spied(score: Any, network: Any, *given: Any) -> Any:
        seen.update(parameter.device.type for parameter in network.parameters())
        return evaluate(score, network, *given)

    monkeypatch.setattr(run, "evaluate_split", spied)
    record = train(make(name))
    assert seen == {device.type} == {record["run"]["device"]["kind"]}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", TRIALS)
def test_killed_and_resumed_is_bit_by_bit_the_same(name: str, precision: str, make: Make, device: torch.device) -> None:
    """Killed after the third of six steps; the scaler of 16-mixed comes back as well."""
    whole, broken = (make(name, f"trainer.precision={precision}", EVERY_STEP) for _ in range(2))
    if device.type == "cpu":
        not_of_a_cpu(whole)
    train(whole)
    assert attempt(broken, "after_step_3") == KILLED
    train(broken)
    assert ending(broken) == ending(whole)
    assert read_record(broken.directory)["run"]["attempts"] == 2


@pytest.mark.parametrize("name", ["dropout", "sampling"])
def test_killed_in_the_final_evaluation_only_evaluates_again(
    name: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = make(name), make(name)
    train(whole)
    assert attempt(broken, "evaluating") == KILLED
    monkeypatch.setattr("unroll.training.module.TrialModule.training_step", None)  # a step would fail
    train(broken)
    assert ending(broken) == ending(whole)


@pytest.mark.parametrize("name", TRIALS)
def test_a_record_is_verified(name: str, make: Make, device: torch.device) -> None:
    """Here every bit; of a record that a CPU made, within the tolerance of `verify`, TF32 being off."""
    trial = make(name)
    found = verify(train(trial), runs=trial.directory.parent)
    assert found is not None
    assert found.differences == []
    if device.type == "cuda":
        elsewhere = make(name, "trainer.accelerator=cpu")
        found = verify(train(elsewhere), ["trainer.accelerator=gpu"], elsewhere.directory.parent)
        assert found is not None
        print(name, [f"{gap.metric}: {gap.relative:.1e}" for gap in found.gaps])
        assert [gap for gap in found.gaps if not gap.within] == []


@pytest.mark.usefixtures("cuda_itself")
def test_trials_in_one_process_leave_no_memory(make: Make) -> None:
    left = []
    for number in range(5):
        train(make("dropout", f"seed={number}"))
        gc.collect()
        left.append(torch.cuda.memory_allocated())
    assert left[1:] == left[:1] * 4, left

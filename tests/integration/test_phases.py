"""task.protocol=pretrain: an autoencoder first, then a classifier; the same bits wherever it is killed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mortal import KILLED, attempt
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.records.record import read_record
from unroll.training import checkpoint
from unroll.training.callbacks import Training
from unroll.training.module import TrialModule
from unroll.training.train import train

BOUNDARY, STEPS = 5, 12  # 4 steps an epoch: validations are due at 4, 8 and 12
OPTIONS = ["task.protocol=pretrain", f"task.pretrain_steps={BOUNDARY}", "budget.epochs=3", "trainer.log_every=4"]
EVERY_STEP = "trainer.checkpoint_minutes=0.000001"

Make = Callable[..., Trial]


@pytest.fixture
def make(tiny: Tiny, tmp_path: Path) -> Make:
    """(runs, *overrides) -> a trial of a variational autoencoder that is pretrained."""

    def make(runs: str, *overrides: str) -> Trial:
        return tiny.trial("sentiment", tmp_path / runs, "architecture=ae_variational", *OPTIONS, *overrides)

    return make


def ending(trial: Trial) -> dict[str, Any]:
    lines = (trial.directory / "metrics.jsonl").read_text().splitlines()
    return {"result": read_record(trial.directory)["result"], "log": [json.loads(line) for line in lines]}


def test_killed_in_either_phase_and_at_the_boundary(make: Make) -> None:
    undisturbed = make("undisturbed", "task.frozen=false")
    train(undisturbed)
    trial = make("killed", "task.frozen=false", EVERY_STEP)
    for death in ("after_step_3", f"after_step_{BOUNDARY}", "before_saving_6", "after_step_9"):
        assert attempt(trial, death) == KILLED
    assert attempt(trial) == 0
    assert ending(trial) == ending(undisturbed)
    assert read_record(trial.directory)["run"]["attempts"] == 4  # the one that died before it saved left nothing


@pytest.mark.parametrize("name", ["adam", "adagrad"])
def test_the_second_phase_begins_with_an_optimizer_without_state(
    name: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many steps the classifier's optimizer has taken before each of the trial's."""
    taken, begun = [], TrialModule.on_train_batch_start

    def noting(self: TrialModule, *arguments: Any) -> None:
        begun(self, *arguments)
        (optimizer,) = self.trainer.optimizers
        state = optimizer.state.get(self.network.heads["classifier"][1].bias, {})
        taken.append(int(state.get("step", 0)))

    monkeypatch.setattr(TrialModule, "on_train_batch_start", noting)
    train(make("begins", f"optimizer={name}", "optimizer.schedule=constant", "task.frozen=false"))
    assert taken[BOUNDARY:] == list(range(STEPS - BOUNDARY))


def test_schedules_and_measures_survive_being_killed(tiny: Tiny, tmp_path: Path) -> None:
    """k falls while pretraining, the second phase has an optimizer of its own, and what lies between is measured."""
    options = [
        "architecture=ae_ksparse",
        "bottleneck.terms.ksparse.first_k=0.9",
        "bottleneck.terms.ksparse.anneal=0.8",
        "optimizer=sgd",
        "optimizer.learning_rate=0.01",
        "optimizer.supervised.learning_rate=0.1",
        "optimizer.supervised.momentum=0.25",
        *OPTIONS,
    ]
    undisturbed, trial = (tiny.trial("classification", tmp_path / name, *options, EVERY_STEP) for name in ("a", "b"))
    train(undisturbed)
    for death in ("after_step_2", f"before_saving_{BOUNDARY}", f"after_step_{BOUNDARY}", "after_step_7"):
        assert attempt(trial, death) == KILLED
    assert attempt(trial) == 0
    assert ending(trial) == ending(undisturbed)
    assert ending(trial)["result"]["pretrained"]["step"] == BOUNDARY


def weights_by_step(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> dict[int, dict[str, torch.Tensor]]:
    """Train; the weights after each step."""
    found = {}
    ended = Training.on_train_batch_end

    def noting(self: Training, trainer: Any, module: TrialModule, *rest: Any) -> None:
        found[module.step] = {name: value.clone() for name, value in module.network.state_dict().items()}
        ended(self, trainer, module, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "on_train_batch_end", noting)
        train(trial)
    return found


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """The parts of the network whose weights differ."""
    return {
        "classifier" if name.startswith("heads.classifier") else name.partition(".")[0]
        for name in before
        if not torch.equal(before[name], after[name])
    }


def test_what_moves_in_each_phase(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = weights_by_step(make("frozen"), monkeypatch)
    tuned = weights_by_step(make("tuned", "task.frozen=false"), monkeypatch)
    assert moved(frozen[1], frozen[BOUNDARY]) == {"adapter", "encoder", "bottleneck", "decoder", "heads"}
    assert moved(frozen[BOUNDARY], tuned[BOUNDARY]) == set()
    assert moved(frozen[BOUNDARY], frozen[STEPS]) == {"classifier"}
    assert moved(tuned[BOUNDARY], tuned[STEPS]) == {"adapter", "encoder", "bottleneck", "classifier"}


def test_only_the_second_phase_is_selected_by_and_each_has_its_own_schedule(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, states, momenta = [], [], []
    step = TrialModule.training_step

    def noting(self: TrialModule, *arguments: Any) -> torch.Tensor:
        (optimizer,) = self.trainer.optimizers
        rates.append(optimizer.param_groups[0]["lr"])
        states.append(len(optimizer.state))
        momenta.append(optimizer.param_groups[0]["momentum"])
        return step(self, *arguments)

    monkeypatch.setattr(TrialModule, "training_step", noting)
    second = {"learning_rate": 0.2, "momentum": 0.25, "schedule": "linear", "final_learning_rate": 0.06}
    options = ["optimizer=sgd", "optimizer.schedule=constant", "optimizer.learning_rate=0.01"]
    options += [f"optimizer.supervised.{key}={value}" for key, value in second.items()]
    trial = make("schedule", *options, "trainer.keep_after=all")
    record = train(trial)
    falling = [0.2 - 0.14 * done / (STEPS - BOUNDARY) for done in range(STEPS - BOUNDARY)]
    assert rates == pytest.approx([0.01] * BOUNDARY + falling)
    assert momenta == [0.9] * BOUNDARY + [0.25] * (STEPS - BOUNDARY)
    assert [step for step, size in enumerate(states) if size == 0] == [0, BOUNDARY]
    assert [point["step"] for point in record["result"]["curves"]["validation"]] == [8, 12]
    assert checkpoint.load(trial.directory / checkpoint.LAST, trial.trial_id)["progress"]["step"] == STEPS
    lines = [json.loads(line) for line in (trial.directory / "metrics.jsonl").read_text().splitlines()]
    losses = {line["step"]: {key for key in line if key.startswith("train/")} for line in lines if "train/task" in line}
    assert min(losses) == 8
    assert losses[8] == {"train/task"}

"""A trial that is killed and started again ends with the bits of one that was not."""

import csv
import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from mortal import KILLED, attempt
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.training import checkpoint
from unroll.training.callbacks import Training
from unroll.training.preemption import Preempted
from unroll.training.train import train

EVERY_STEP = "trainer.checkpoint_minutes=0.000001"
# 4 steps an epoch, a validation after each
COMMON = ["budget.epochs=3", "trainer.log_every=5", "trainer.diagnose=validations"]
TRIALS = {
    "dropout": ["sentiment", "architecture=deep_lstm", "architecture.dropout=0.3"],
    "sampling": ["generation", "architecture=ae_variational"],
    "attention": ["translation", "architecture=bigru", "task.attention=additive", "optimizer.schedule=linear"],
    "adagrad": [
        "sentiment",
        "architecture=gru",
        "optimizer=adagrad",
        "optimizer.weight_decay=0.01",
        "optimizer.embedding_learning_rate=0.1",
        "optimizer.embedding_weight_decay=0",
    ],
    "own class": ["sentiment", "architecture=gru", "optimizer.name=radam", "+optimizer._target_=torch.optim.RAdam"],
    "stream": ["language_modelling", "architecture=deep_lstm", "architecture.dropout=0.3"],
    # A rate that surely diverges: the second validation is worse than the first.
    "patience": [
        *("forecasting", "architecture=gru", "budget.patience=1"),
        *("optimizer=sgd", "optimizer.learning_rate=3", "optimizer.clip_norm=null"),
    ],
}

Make = Callable[..., Trial]


@pytest.fixture(scope="module")
def make(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """(name of TRIALS, *more overrides) -> the trial, in a runs directory of its own."""

    def make(name: str, *overrides: str) -> Trial:
        task, *chosen = TRIALS[name]
        return tiny.trial(task, tmp_path_factory.mktemp(name), *COMMON, *chosen, *overrides)

    return make


@pytest.fixture(scope="module")
def undisturbed(make: Make) -> Callable[[str], dict[str, Any]]:
    """What a trial that nobody kills ends with, trained once."""
    found: dict[str, dict[str, Any]] = {}

    def run(name: str) -> dict[str, Any]:
        if name not in found:
            trial = make(name)
            assert attempt(trial) == 0
            found[name] = ending(trial)
        return found[name]

    return run


def ending(trial: Trial) -> dict[str, Any]:
    """The result part of the record, and every line of the metric log."""
    lines = (trial.directory / "metrics.jsonl").read_text().splitlines()
    return {"result": read_record(trial.directory)["result"], "log": [json.loads(line) for line in lines]}


@pytest.mark.parametrize(
    ("name", "deaths", "checkpoints", "attempts"),
    [
        ("dropout", ["after_step_3", "after_step_6"], EVERY_STEP, 3),
        ("dropout", ["after_step_6"], "", 2),
        ("dropout", ["before_saving_8"], "", 2),
        ("sampling", ["after_step_7"], EVERY_STEP, 2),
        ("sampling", ["after_step_7", "after_step_11"], "", 3),
        ("attention", ["after_step_2"], EVERY_STEP, 2),
        ("attention", ["after_step_3"], "", 1),  # no checkpoint yet: from the beginning
        ("adagrad", ["after_step_3", "after_step_6"], EVERY_STEP, 3),
        ("own class", ["after_step_3", "after_step_6"], EVERY_STEP, 3),
        ("stream", ["after_step_3", "after_step_6"], EVERY_STEP, 3),  # amid epochs: the state is carried on
        ("stream", ["after_step_6"], "", 2),
        ("patience", ["after_step_6"], EVERY_STEP, 2),
        ("patience", ["before_saving_8"], "", 2),
    ],
)
def test_killed_while_training(
    name: str,
    deaths: list[str],
    checkpoints: str,
    attempts: int,
    make: Make,
    undisturbed: Callable[[str], dict[str, Any]],
) -> None:
    trial = make(name, *filter(None, [checkpoints]))
    for death in deaths:
        assert attempt(trial, death) == KILLED
        assert not trial.record_path.exists()
    if checkpoints:
        saved = checkpoint.load(trial.directory / checkpoint.LAST, trial.trial_id)
        assert saved["progress"]["step"] == int(deaths[-1].rpartition("_")[2])
    assert attempt(trial) == 0
    assert ending(trial) == undisturbed(name)
    assert read_record(trial.directory)["run"]["attempts"] == attempts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_asked_to_leave_it_saves_the_step(
    number: signal.Signals,
    make: Make,
    undisturbed: Callable[[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected, trial, step = undisturbed("dropout"), make("dropout"), Training.on_train_batch_end

    def asked(self: Training, trainer: Any, module: Any, *rest: Any) -> None:
        if module.step == 6:
            signal.raise_signal(number)
        step(self, trainer, module, *rest)

    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGHUP)}
    for one in before:  # as in a terminal's foreground, where nobody ignores them
        signal.signal(one, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Training, "on_train_batch_end", asked)
            patch.setattr("unroll.interruption._leave_the_terminal", lambda: None)
            with pytest.raises(Preempted):
                train(trial)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert f"Stopped by {number.name}; what was done is saved." in capsys.readouterr().err
    assert checkpoint.load(trial.directory / checkpoint.LAST, trial.trial_id)["progress"]["step"] == 6
    train(trial)
    assert ending(trial) == expected
    assert read_record(trial.directory)["run"]["attempts"] == 2


@pytest.mark.parametrize("name", ["dropout", "sampling", "patience"])
@pytest.mark.parametrize("death", ["evaluating", "recording"])
def test_killed_after_training_only_evaluates_again(
    name: str, death: str, make: Make, undisturbed: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make(name)
    assert attempt(trial, death) == KILLED
    best = (trial.directory / checkpoint.BEST).read_bytes()
    monkeypatch.setattr("unroll.training.module.TrialModule.training_step", None)  # a step would fail
    record = train(trial)
    assert record["run"]["attempts"] == 2
    assert ending(trial) == undisturbed(name)
    assert (trial.directory / checkpoint.BEST).read_bytes() == best


MEASURED = ("progress/seconds", "cost/seconds", "cost/examples_per_second", "cost/peak_gib")  # of the machine


def test_the_csv_is_whole_after_resuming(make: Make) -> None:
    tables = []
    for death in (None, "after_step_6"):
        trial = make("patience", "logger.csv=true", "trainer.log_every=1", EVERY_STEP)
        if death is not None:
            assert attempt(trial, death) == KILLED
        assert attempt(trial) == 0
        (path,) = trial.directory.rglob("metrics.csv")
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        tables.append([{name: value for name, value in row.items() if name not in MEASURED} for row in rows])
    assert len(tables[0]) > 10
    assert tables[0] == tables[1]


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", "cut"])
def test_a_damaged_checkpoint_is_named(
    damage: bytes | str, make: Make, undisturbed: Callable[[str], dict[str, Any]]
) -> None:
    """The error says what to run; that done, the trial ends as ever."""
    trial = make("sampling")
    assert attempt(trial, "after_step_5") == KILLED
    path = trial.directory / checkpoint.LAST
    path.write_bytes(damage if isinstance(damage, bytes) else path.read_bytes()[:-1000])
    with pytest.raises(UserError) as error:
        train(trial)
    assert not trial.record_path.exists()
    assert f"The checkpoint {path} cannot be read" in str(error.value)
    assert f"rm {path}" in str(error.value)
    path.unlink()
    train(trial)
    assert ending(trial) == undisturbed("sampling")


def test_early_stopping_stops_early(undisturbed: Callable[[str], dict[str, Any]]) -> None:
    result = undisturbed("patience")["result"]
    assert result["selection"]["step"] < result["steps"] < 12


def test_nothing_of_one_trial_is_left_for_the_next(make: Make, undisturbed: Callable[[str], dict[str, Any]]) -> None:
    """In one process: a trial, another, and the first again; all as in processes of their own."""
    for name in ("dropout", "sampling", "dropout"):
        trial = make(name)
        train(trial)
        assert ending(trial) == undisturbed(name)


@pytest.mark.parametrize("name", ["dropout", "sampling"])
def test_loggers_and_log_lines_change_no_result(
    name: str, make: Make, undisturbed: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")
    loggers = ["logger.csv=true", "logger.tensorboard=true", "logger.wandb.mode=offline"]
    trial = make(name, *loggers, "trainer.log_every=1", "trainer.keep_checkpoints=2")
    train(trial)
    found = ending(trial)
    assert found["result"] == undisturbed(name)["result"]
    assert len(found["log"]) > len(undisturbed(name)["log"])


def test_threads_are_recorded(make: Make, undisturbed: Callable[[str], dict[str, Any]]) -> None:
    trial = make("dropout", "trainer.threads=2")
    assert attempt(trial) == 0
    record = read_record(trial.directory)
    assert record["run"]["threads"] == 2
    assert trial.trial_id == make("dropout").trial_id
    value = undisturbed("dropout")["result"]["primary"]["value"]
    assert record["result"]["primary"]["value"] == pytest.approx(value, abs=100 / 32)

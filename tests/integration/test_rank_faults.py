"""What befalls one rank ends all of them within a minute, with one word; started again, they end with the same bits."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ranked import Fault, Launched
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.records.lease import leased
from unroll.records.record import read_record
from unroll.training import checkpoint

OPTIONS = [
    "architecture=gru",
    "task.dropout=0.3",
    "budget.epochs=2",
    "trainer.devices=2",
    "trainer.log_every=1",
    "trainer.checkpoint_minutes=0.000001",
]
LIMIT = 60.0
NOWHERE = "no record: it has not failed"

Launch = Callable[..., Launched]


@pytest.fixture(scope="module")
def make(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Trial]:
    return lambda: tiny.trial("forecasting", tmp_path_factory.mktemp("ranks"), *OPTIONS)


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    def launch(trial: Trial, faults: dict[int, Fault] | None = None) -> Launched:
        return Launched(trial, faults or {}, tmp_path / "logs")

    return launch


def ending(trial: Trial) -> dict[str, Any]:
    """The result part of the record, and every line of the metric log."""
    lines = (trial.directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {"result": read_record(trial.directory)["result"], "log": [json.loads(line) for line in lines]}


@pytest.fixture(scope="module")
def calm(make: Callable[[], Trial], tmp_path_factory: pytest.TempPathFactory) -> tuple[Trial, dict[str, Any]]:
    trial = make()
    launched = Launched(trial, {}, tmp_path_factory.mktemp("calm") / "logs")
    assert launched.ended() == [0, 0], [launched.said(0), launched.said(1)]
    return trial, ending(trial)


def test_a_finished_trial_is_finished_on_every_rank(calm: tuple[Trial, dict[str, Any]], launch: Launch) -> None:
    trial, expected = calm
    record = trial.record_path.read_bytes()
    assert launch(trial).ended() == [0, 0]
    assert trial.record_path.read_bytes() == record
    assert ending(trial) == expected


def test_a_trial_that_another_process_has_is_refused_on_every_rank(make: Callable[[], Trial], launch: Launch) -> None:
    trial = make()
    trial.directory.mkdir(parents=True)
    with leased(trial.directory, 10.0):
        launched = launch(trial)
        assert launched.ended() == [2, 2]
    for number in (0, 1):
        assert "Another process trains this trial now." in launched.said(number)
    assert not (trial.directory / "config.yaml").exists()


@pytest.mark.parametrize(
    ("faults", "codes", "said"),
    [
        ({0: ("after_step", 3, "lose_the_claim")}, [2, 2], "taken this trial over"),
        ({0: ("after_step", 3, "have_no_room")}, [2, 2], "no space left"),
        ({1: ("after_step", 5, "receive", signal.SIGTERM)}, [130, 0], "Stopped by a signal to another rank"),
        ({1: ("after_step", 5, "receive", signal.SIGKILL)}, [2, -9], "Another rank of this trial has ended"),
        ({0: ("after_step", 5, "receive", signal.SIGKILL)}, [-9, 2], "Another rank of this trial has ended"),
    ],
    ids=["lease lost", "full disk", "SIGTERM", "SIGKILL of rank 1", "SIGKILL of rank 0"],
)
def test_what_is_no_fault_of_the_trial(
    faults: dict[int, Fault],
    codes: list[int],
    said: str,
    make: Callable[[], Trial],
    launch: Launch,
    calm: tuple[Trial, dict[str, Any]],
) -> None:
    trial = make()
    launched = launch(trial, faults)
    assert launched.ended() == codes, [launched.said(0), launched.said(1)]
    speaking = 1 if codes[0] < 0 else 0
    assert said in launched.said(speaking)
    assert not trial.record_path.exists(), NOWHERE
    again = launch(trial)
    assert again.ended() == [0, 0], [again.said(0), again.said(1)]
    assert ending(trial) == calm[1]
    assert read_record(trial.directory)["run"]["attempts"] == 2


def test_a_signal_in_the_last_step_is_heeded_in_it(
    make: Callable[[], Trial], launch: Launch, calm: tuple[Trial, dict[str, Any]]
) -> None:
    trial, last = make(), calm[1]["result"]["steps"]
    launched = launch(trial, {1: ("after_step", last, "receive", signal.SIGTERM)})
    assert launched.ended() == [130, 0], [launched.said(0), launched.said(1)]
    assert checkpoint.load(trial.directory / checkpoint.LAST, trial.trial_id)["progress"]["step"] == last
    again = launch(trial)
    assert again.ended() == [0, 0], [again.said(0), again.said(1)]
    assert ending(trial) == calm[1]


def test_a_budget_in_seconds_ends_on_all_ranks_a_step_after_it_is_over(
    tiny: Tiny, tmp_path: Path, launch: Launch
) -> None:
    own = [option for option in OPTIONS if not option.startswith("budget")]
    timed = ["budget.epochs=null", "budget.seconds=0.000001", "optimizer.schedule=constant"]
    trial = tiny.trial("forecasting", tmp_path / "runs", *own, *timed)
    launched = launch(trial)
    assert launched.ended() == [0, 0], [launched.said(0), launched.said(1)]
    assert read_record(trial.directory)["result"]["steps"] == 2


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (("lose_a_number", 3), "FloatingPointError", "train/task is not finite at step 3"),
        (("after_step", 3, "fail", "out of memory"), "RuntimeError", "out of memory"),
    ],
    ids=["a loss that is not finite", "any error"],
)
def test_what_fails_on_one_rank_is_in_the_record(
    fault: Fault, error: str, message: str, make: Callable[[], Trial], launch: Launch
) -> None:
    trial = make()
    launched = launch(trial, {1: fault})
    assert launched.ended() == [1, 1], [launched.said(0), launched.said(1)]
    found = read_record(trial.directory)
    assert found["status"] == "failed"
    assert (found["error"]["type"], found["error"]["message"]) == (error, message)
    for number in (0, 1):
        assert message in launched.said(number)


def test_a_rank_that_waits_in_vain_heeds_sigterm(make: Callable[[], Trial], launch: Launch, tmp_path: Path) -> None:
    """It sits in a collective, where Python looks at no signal."""
    trial, told = make(), tmp_path / "stopped"
    launched = launch(trial, {0: ("wait_for_nobody", 3, str(told), 1.0), 1: ("have_little_patience", 1.0)})
    end = time.monotonic() + LIMIT
    while not told.exists() and time.monotonic() < end:
        time.sleep(0.05)
    launched.processes[1].terminate()
    assert launched.ended([1]) == [128 + signal.SIGTERM]
    launched.processes[0].kill()
    assert launched.ended([0]) == [-signal.SIGKILL]

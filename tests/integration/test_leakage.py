"""Nothing but the final evaluation looks at the test split: other test examples change nothing before it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_data import CONF, FITTING, Tiny, names, write_tiny

from unroll.tasks.task import Task
from unroll.training.callbacks import Training
from unroll.training.generalisation import SAMPLE, train_sample
from unroll.training.prepared import build_task, prepared_task
from unroll.training.train import train

PAIRS = [pair for pair in FITTING if pair[1] in ("gru", "ae_variational")]


@pytest.fixture(scope="module")
def corrupted(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny data, its test files (or rows) replaced by something wild."""
    return write_tiny(tmp_path_factory.mktemp("corrupted") / "data", corrupt=True)


@pytest.mark.parametrize(("task", "architecture"), PAIRS)
def test_other_test_examples_change_only_test_metrics(
    task: str, architecture: str, tiny: Tiny, corrupted: Tiny, tmp_path: Path
) -> None:
    found = []
    for name, data in (("true", tiny), ("corrupted", corrupted)):
        trial = data.trial(task, tmp_path / name, f"architecture={architecture}", "budget.epochs=2")
        record = train(trial)
        assert record["trial_id"] == trial.trial_id
        lines = (trial.directory / "metrics.jsonl").read_text().splitlines()
        found.append((record["result"], lines[:-1], record["parameters"]))
    (result, log, parameters), (other, other_log, other_parameters) = found
    assert result["data_sha256"] != other["data_sha256"]
    assert result["predictions_sha256"] != other["predictions_sha256"]
    assert result["metrics"]["test"] != other["metrics"]["test"]
    assert result["weights_sha256"] == other["weights_sha256"]
    assert result["metrics"]["validation"] == other["metrics"]["validation"]
    assert result["selection"] == other["selection"]
    assert result["curves"]["validation"] == other["curves"]["validation"]
    assert (log, parameters) == (other_log, other_parameters)


@pytest.mark.parametrize("baseline", [name for name in names("baseline") if name != "none"])
def test_baselines_are_fitted_without_the_test_split(
    baseline: str, tiny: Tiny, corrupted: Tiny, tmp_path: Path
) -> None:
    task = yaml.safe_load((CONF / "baseline" / f"{baseline}.yaml").read_text())["tasks"][0]
    metrics = []
    for name, data in (("true", tiny), ("corrupted", corrupted)):
        record = train(data.trial(task, tmp_path / name, f"baseline={baseline}"))
        metrics.append(record["result"]["metrics"])
    assert metrics[0]["validation"] == metrics[1]["validation"]


class Guarded:
    """A split that tells when it is read."""

    def __init__(self, split: Any, reads: list[str], state: dict[str, str]):
        self._split, self._reads, self._state = split, reads, state

    def batch(self, index: Any) -> Any:
        self._reads.append(self._state["now"])
        return self._split.batch(index)

    def __len__(self) -> int:
        return len(self._split)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._split, name)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was going on at each reading of the test split."""
    found: list[str] = []
    state = {"now": "before"}

    def guarded(trial: Any) -> tuple[Task, Any]:
        _, examples = prepared_task(trial)
        task = build_task(trial)
        task.prepare(examples, trial.plain["data"])
        task.splits[SAMPLE] = train_sample(task.splits, task.seen)
        task.splits["test"] = Guarded(task.splits["test"], found, state)
        finish = task.finish

        def finishing(*arguments: Any) -> Any:
            state["now"] = "final evaluation"
            return finish(*arguments)

        monkeypatch.setattr(task, "finish", finishing)
        return task, examples

    started = Training.on_train_start

    def starting(*arguments: Any) -> None:
        state["now"] = "training"
        started(*arguments)

    for module in ("story", "train"):
        monkeypatch.setattr(f"unroll.training.{module}.prepared_task", guarded)
    monkeypatch.setattr(Training, "on_train_start", starting)
    return found


@pytest.mark.parametrize(("task", "architecture"), PAIRS)
def test_only_the_final_evaluation_reads_test(
    task: str, architecture: str, tiny: Tiny, tmp_path: Path, reads: list[str]
) -> None:
    train(tiny.trial(task, tmp_path, f"architecture={architecture}", "budget.epochs=2"))
    assert set(reads) == {"final evaluation"}

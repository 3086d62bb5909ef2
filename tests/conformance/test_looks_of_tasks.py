"""Every task has things to look at, found by listing conf: the same examples in any two architectures, and small."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny_data import CONF, FITTING, KINDS, SIZES, Tiny
from tiny_data import names as names_in

from unroll.records.looked_at import FILE, looked_at
from unroll.tasks.task import Task
from unroll.tracking.look import Curve, Look, Picture, Table
from unroll.tracking.looks import looks
from unroll.training.train import train

MOST_BYTES = 300_000  # of a trial
BASELINES = names_in("baseline")
STEPS = ["budget.epochs=null", "budget.steps=2", "budget.validate_every=null"]
COMMON = ("gradient_by_distance", "gradient_of_layers", "examples")  # of every network
CONFUSED = ("classification", "sentiment", "tagging")
PICTURES = {
    "classification": "inputs",
    "compression": "reconstructions",
    "forecasting": "forecasts",
    "generation": "samples",
}


def two_of(task: str) -> tuple[str, str]:
    """The first and the last architecture that a task takes."""
    found = [architecture for each, architecture in FITTING if each == task]
    return found[0], found[-1]


def shown(tiny: Tiny, runs: Path, task: str, *overrides: str) -> tuple[dict[str, Any], dict[str, Look]]:
    """A trial's record, and what can be looked at of it."""
    trial = tiny.trial(task, runs, *overrides)
    record = train(trial)
    found = looks(record, trial.directory)
    assert len({look.name for look in found}) == len(found)
    return record, {look.name: look for look in found}


def plain(look: Look) -> Any:
    """What of a look becomes JSON."""
    if isinstance(look, Picture):
        return look.caption
    return look.rows if isinstance(look, Table) else [look.xs, look.ys]


def size(found: dict[str, Look]) -> int:
    """Bytes of what is looked at."""
    pictures = sum(len(look.png) for look in found.values() if isinstance(look, Picture))
    return pictures + sum(len(json.dumps(plain(look), ensure_ascii=False).encode()) for look in found.values())


def table(found: dict[str, Look], name: str) -> Table:
    look = found[name]
    assert isinstance(look, Table)
    return look


@pytest.mark.parametrize("task", sorted(KINDS))
def test_any_two_architectures_show_the_same_examples(
    task: str, tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = []
    for architecture in two_of(task):
        record, found = shown(tiny, tmp_path, task, f"architecture={architecture}", *STEPS)
        assert "Warning" not in capsys.readouterr().err
        assert found.keys() >= {*COMMON}
        assert ("confusion" in found) == (task in CONFUSED)
        assert task not in PICTURES or PICTURES[task] in found
        assert ("rate_distortion" in found) == (task == "compression")
        assert size(found) < MOST_BYTES
        for look in found.values():
            assert json.loads(json.dumps(plain(look), allow_nan=False)) == plain(look)
            assert isinstance(look, Picture | Curve) or {len(row) for row in look.rows} == {len(look.columns)}
        tables.append(table(found, "examples"))
        assert (Path(record["config"]["paths"]["runs"]) / record["trial_id"] / FILE).stat().st_size < MOST_BYTES
    first, second = tables
    assert [row[0] for row in first.rows] == [row[0] for row in second.rows] == looked_at(SIZES["test"])
    assert first.columns[0] == "example"
    assert len(first.columns) > 2 or task == "generation"
    given = [
        name for name in ("text", "source", "reference", "label", "words", "tags", "hidden", "symbols", "sum", "truth")
    ]
    for name in set(given) & set(first.columns) & set(second.columns):
        places = first.columns.index(name), second.columns.index(name)
        assert [row[places[0]] for row in first.rows] == [row[places[1]] for row in second.rows], name


def serving() -> list[tuple[str, str]]:
    """A baseline of each task that has one."""
    tasks = {
        name: yaml.safe_load((CONF / "baseline" / f"{name}.yaml").read_text()).get("tasks", []) for name in BASELINES
    }
    found = {task: name for name, served in tasks.items() for task in served}
    return sorted(found.items())


@pytest.mark.parametrize(("task", "baseline"), serving())
def test_baselines_show_them_too(task: str, baseline: str, tiny: Tiny, tmp_path: Path) -> None:
    record, found = shown(tiny, tmp_path, task, f"baseline={baseline}")
    assert record["result"]["steps"] == 0
    assert [row[0] for row in table(found, "examples").rows] == looked_at(SIZES["test"])
    assert size(found) < MOST_BYTES


def test_confusion_counts_every_example(tiny: Tiny, tmp_path: Path) -> None:
    record, found = shown(tiny, tmp_path, "sentiment", "architecture=gru", *STEPS)
    rows = table(found, "confusion").rows
    right = sum(count for truth, predicted, count, _ in rows if truth == predicted)
    assert sum(row[2] for row in rows) == SIZES["test"]
    assert 100 * right / SIZES["test"] == pytest.approx(record["result"]["metrics"]["test"]["accuracy"])


@pytest.fixture
def disturbing() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("task", ["sentence_modelling", "language_modelling"])
def test_no_bit_of_a_result_moves(
    task: str, tiny: Tiny, tmp_path: Path, disturbing: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether a task says what its examples look like, draws texts for it, or fails at it."""
    architecture = "ae_variational" if task == "sentence_modelling" else "gru"
    chosen = [f"architecture={architecture}", *STEPS]
    record, _ = shown(tiny, tmp_path / "one", task, *chosen)

    def fails(*given: Any) -> Any:
        raise RuntimeError("no words")

    disturbing.setattr("unroll.tasks.language_modelling.LanguageModelling.example_columns", fails)
    capsys.readouterr()
    again, found = shown(tiny, tmp_path / "two", task, *chosen)
    said = capsys.readouterr().err
    assert "RuntimeError: no words" in said
    assert said.count("Warning") == 2  # of the trial, and of who looks at it
    assert again["result"] == record["result"]
    assert again["diagnostics"] == record["diagnostics"]
    assert again["why_not_reportable"] == record["why_not_reportable"]
    assert "examples" in found  # by their scores


def test_a_task_that_says_nothing_shows_its_truth_and_what_was_predicted(
    tiny: Tiny, tmp_path: Path, disturbing: pytest.MonkeyPatch
) -> None:
    disturbing.setattr("unroll.tasks.adding.Adding.example_columns", Task.example_columns)
    _, found = shown(tiny, tmp_path, "adding", "architecture=gru", *STEPS)
    assert table(found, "examples").columns == ["example", "truth", "prediction", "mse", "mae", "solved"]
    assert all(np.isfinite(row[1:]).all() for row in table(found, "examples").rows)

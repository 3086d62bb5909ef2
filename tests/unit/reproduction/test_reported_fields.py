"""Metrics of published tables: each names a number that the row's task gives for that trial, under every budget."""

from typing import Any

import numpy as np
import pytest

from unroll.config.compose import Composer, Make
from unroll.config.identity import is_baseline
from unroll.config.trial import Trial
from unroll.registry.components import locate
from unroll.reproduction.plan import RowPlan, plan_table
from unroll.reproduction.published import read_table, table_names
from unroll.tasks.compression import Compression
from unroll.tasks.generation import Generation
from unroll.training.prepared import build_task

FURTHER = {"subregular": ("test_long",)}  # data set -> its test sets beside test
OF_PRETRAINING = ("jacobian_norm", "saturated_share")
TWO = np.array([[0.5, 0.5], [0.5, 0.5]])


@pytest.fixture(scope="module")
def make() -> Make:
    return Composer().trial


def reports(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The fields of a trial's record: what its task's own functions name, given two made-up examples."""
    task: Any = build_task(trial)
    kind = trial.plain["task"]["name"]
    outputs: dict[str, Any] = {"probabilities": TWO, "prediction": np.zeros(2), "forecast": np.zeros((2, 1, 1))}
    if kind == "sentiment" and trial.plain["task"]["nodes"]:
        outputs |= {"nodes": np.ones(2), "nodes_correct": np.ones(2)}
    if kind == "language_modelling":
        outputs = {
            name: np.ones(2) for name in ("nll", "tokens", *(["correct"] if trial.plain["task"]["accuracy"] else []))
        }
        task.spelled = False
    if kind == "translation":
        task.texts, task.lowercase = {"test": (["eins", "zwei"], ["one", "two"])}, True
        task.languages = ("de", "en")
        decoder: Any = locate(trial.plain["architecture"]["decoder"], "architecture.decoder")
        outputs |= {"hypotheses": ["one", "two"], "nll": np.ones(2), "tokens": np.ones(2)}
        free_running = "free_running" if trial.plain["task"]["free_running"] else "sequential"
        outputs["kind"] = ["parallel" if decoder.parallel else free_running] * 2
    truth = {"translation": ["one", "two"], "copying": np.zeros((2, 1), np.int64)}.get(kind, np.zeros(2, np.int64))
    monkeypatch.setattr(type(task), "truth", lambda self, split: truth)
    task.deviation, task._errors = np.ones(1), lambda outputs, split: np.zeros((64, 1, 1))
    if kind == "copying":
        outputs["probabilities"] = TWO[:, None]
    if isinstance(task, Generation | Compression):
        names = {*task.reports(), *task.reports_of_networks(trial.plain)}
    else:
        names = set(task.metrics(outputs, "test"))
    splits = ("validation", "test", *FURTHER.get(trial.plain["data"]["name"], ()))
    places = ("metrics", "last") if trial.plain.get("budget", {}).get("weights") == "both" else ("metrics",)
    found = {f"result.{place}.{split}.{name}" for place in places for split in splits for name in names}
    if task.pretraining is not None and not is_baseline(trial.plain):
        found |= {f"result.pretrained.{name}" for name in OF_PRETRAINING}
    return found


def one_trial(row: RowPlan) -> Trial:
    planned = row.trials[0] if row.trials else row.points[0].planned
    return planned.trial


@pytest.mark.parametrize(
    ("name", "budget"), [(name, budget) for name in table_names() for budget in read_table(name).budgets]
)
def test_a_tables_fields_are_in_the_records_of_its_rows(
    name: str, budget: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_table(read_table(name), {}.get, (), None, budget, make)
    for row in plan.rows:
        if row.row.overrides is None:
            continue
        found = reports(one_trial(row), monkeypatch)
        needed = {plan.table.metrics[metric].field for metric in row.row.reported}
        assert needed <= found, (row.name, needed - found)

"""Adding and copying: what is generated, what the known answers score, and that no target reaches the decoder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from made_up import examples_of

from unroll.config.compose import compose
from unroll.data.examples import load_examples
from unroll.data.readers.synthetic import adding, copying
from unroll.errors import UserError
from unroll.tasks.baselines.sequences import Mean, Memoryless
from unroll.tasks.baselines.views import Splits
from unroll.tasks.task import Task
from unroll.training.prepared import build_task

SEEDS = {"train": b"1", "validation": b"2", "test": b"3"}
SIZES = [400, 30, 300]
ROWS = torch.arange(9)
CONF = Path(__file__).parents[3] / "conf"


def built(name: str, architecture: str, *overrides: str) -> tuple[Task, Any]:
    config = compose([f"task={name}", f"architecture={architecture}", "architecture.width=6", *overrides]).plain
    task = build_task(compose([f"task={name}", f"architecture={architecture}", *overrides]))
    made = adding(SEEDS, length=7, sizes=SIZES) if name == "adding" else copying(SEEDS, length=5, sizes=SIZES)
    task.prepare(examples_of(**made), config["data"])
    return task, task.network(config["architecture"], config["bottleneck"]).eval().requires_grad_(False)


def test_two_numbers_are_marked_and_their_sum_is_asked_for() -> None:
    task, _ = built("adding", "gru")
    batch = task.splits["test"].batch(torch.arange(300))
    numbers, marks = batch.inputs.unbind(dim=2)
    assert batch.inputs.shape == (300, 7, 2)
    assert (marks.sum(dim=1) == 2).all()
    assert marks.unique().tolist() == [0, 1]
    assert (marks.sum(dim=0) > 40).all()  # 86 of 300 are expected at each place
    assert ((numbers >= 0) & (numbers < 1)).all()
    torch.testing.assert_close((numbers * marks).sum(dim=1), batch.targets)


def test_saying_one_has_the_known_error_and_so_has_the_mean() -> None:
    task, _ = built("adding", "gru")
    assert task.metrics({"prediction": np.ones(300)}, "test")["mse"] == pytest.approx(1 / 6, rel=0.2)
    mean = Mean()
    mean.fit(Splits(task.view("train"), task.view("validation")))
    assert mean.mean == pytest.approx(task.view("train").targets.mean(), rel=1e-6)
    near = task.view("test").targets + np.where(np.arange(300) < 75, 0.05, 0.03)
    found = task.metrics({"prediction": near}, "test")
    assert found["solved"] == pytest.approx(75)
    assert found["mae"] == pytest.approx(0.035, rel=1e-4)


def test_copying_shows_symbols_blanks_and_a_delimiter() -> None:
    task, _ = built("copying", "gru")
    batch = task.splits["test"].batch(ROWS)
    steps = batch.inputs.argmax(dim=2)
    assert batch.inputs.shape == (9, 15, 10)
    assert torch.equal(steps[:, :10], batch.targets)
    assert steps[:, 10:14].unique().tolist() == [8]
    assert steps[:, 14].unique().tolist() == [9]
    assert task.view("train").targets.min() == 0
    assert task.view("train").targets.max() == 7


def test_without_memory_a_symbol_costs_ln_8() -> None:
    task, _ = built("copying", "gru")
    baseline = Memoryless()
    baseline.fit(Splits(task.view("train"), task.view("validation")))
    found = task.metrics(baseline.predict(task.view("test")), "test")
    assert found["nll"] == pytest.approx(np.log(8), rel=0.01)
    assert found["accuracy"] == pytest.approx(100 / 8, abs=2)
    assert found["whole_sequences"] == 0
    truth = np.eye(10)[task.view("test").targets]
    assert task.metrics({"probabilities": truth}, "test") == {"nll": 0, "accuracy": 100, "whole_sequences": 100}


@pytest.mark.parametrize("architecture", ["lstm", "ae"])
def test_recall_reads_no_target(architecture: str) -> None:
    task, network = built("copying", architecture)
    batch = task.splits["test"].batch(ROWS)
    other = replace(batch, targets=(batch.targets + 1) % 8)
    np.testing.assert_array_equal(*(task.evaluate(network, each)["probabilities"] for each in (batch, other)))
    losses = task.losses(network, batch)
    nll = -np.log(
        np.take_along_axis(task.evaluate(network, batch)["probabilities"], batch.targets[:, :, None].numpy(), 2)
    )
    np.testing.assert_allclose(losses.task, nll.sum(axis=(1, 2)), rtol=1e-5)
    assert (losses.reconstruction is not None) is (architecture == "ae")


def test_seeds_and_options_decide_what_is_generated() -> None:
    first = adding(SEEDS, length=7, sizes=SIZES)
    assert adding(SEEDS, length=7, sizes=SIZES)["train"]["numbers"] == first["train"]["numbers"]
    other = adding({**SEEDS, "test": b"4"}, length=7, sizes=SIZES)
    assert other["train"]["numbers"] == first["train"]["numbers"]
    assert other["test"]["numbers"] != first["test"]["numbers"]
    assert list(copying({**SEEDS, "train": b"0"}, length=2, recalled=3, sizes=[1, 1, 1])["train"]["symbols"][0]) == [
        5,
        2,
        0,
    ]


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (adding, {"length": 1, "sizes": SIZES}),
        (adding, {"sizes": [1, 1]}),
        (copying, {"length": 0, "sizes": SIZES}),
        (copying, {"alphabet": 251, "sizes": SIZES}),
    ],
)
def test_impossible_options_are_refused(make: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"data\.options"):
        make(SEEDS, **options)


def test_shipped_copying_needs_no_source_and_is_verified(tmp_path: Path) -> None:
    node = yaml.safe_load((CONF / "data" / "copying.yaml").read_text())
    examples = load_examples(node, {"cache": tmp_path, "data": None}, download=False)
    assert (examples.source, examples.verified) == ("generated", True)
    assert [len(table) for table in examples.splits.values()] == [10_000, 1_000, 1_000]

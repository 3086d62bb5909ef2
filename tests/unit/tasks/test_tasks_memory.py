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
from unroll.data.readers.synthetic import adding, addition, copying, human_numbers
from unroll.errors import UserError
from unroll.tasks.baselines.sequences import Mean, Memoryless
from unroll.tasks.baselines.views import Splits
from unroll.tasks.task import Task
from unroll.training.prepared import build_task
from unroll.training.train import train
from unroll.verification.recount import parameters

SEEDS = {"train": b"1", "validation": b"2", "test": b"3"}
SIZES = [400, 30, 300]
ROWS = torch.arange(9)
CONF = Path(__file__).parents[3] / "conf"


def asking(digits: int = 2) -> dict[str, dict[str, Any]]:
    return addition(SEEDS, digits=digits, sizes=SIZES)


def text_of(symbols: bytes) -> str:
    return "".join(" +0123456789"[symbol] for symbol in symbols)


def built(name: str, architecture: str, *overrides: str, made: Any = None) -> tuple[Task, Any]:
    config = compose([f"task={name}", f"architecture={architecture}", "architecture.width=6", *overrides]).plain
    task = build_task(compose([f"task={name}", f"architecture={architecture}", *overrides]))
    if made is None:
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


def test_a_question_is_a_sum_in_reverse_and_its_answer_is_right() -> None:
    splits, seen = asking(), set()
    for columns in splits.values():
        for question, answer in zip(columns["question"], columns["symbols"], strict=True):
            first, second = map(int, text_of(question)[::-1].split("+"))
            assert int(text_of(answer)) == first + second
            assert (len(question), len(answer)) == (5, 3)
            assert text_of(answer)[0] != " "
            assert text_of(question)[-1] != " "
            seen.add((min(first, second), max(first, second)))
    assert len(seen) == sum(SIZES)
    lengths = [len(text_of(row).strip()) for row in asking(3)["train"]["question"]]
    assert {*lengths} == {3, 4, 5, 6, 7}


def test_questions_are_read_without_blanks_and_answered_over_their_own_alphabet() -> None:
    made = asking()
    task, network = built("copying", "lstm", made=made)
    batch = task.splits["test"].batch(ROWS)
    assert batch.inputs.shape == (9, 5, 12)
    assert [text_of(row) for row in batch.inputs.argmax(dim=2).tolist()] == [
        text_of(row) for row in made["test"]["question"][:9]
    ]
    assert [text_of(row) for row in batch.targets.tolist()] == [text_of(row) for row in made["test"]["symbols"][:9]]
    assert task.evaluate(network, batch)["probabilities"].shape == (9, 3, 12)
    (split,) = task.raw(np.array([list(row) for row in made["test"]["question"][:9]])).splits
    assert torch.equal(split.batch(ROWS).inputs, batch.inputs)
    with pytest.raises(UserError, match="no sequences"):
        task.raw(np.zeros((2, 3)))


def test_the_parameters_of_a_network_that_answers_are_counted_again_without_its_data(tmp_path: Path) -> None:
    paths = [f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}"]
    small = ["data.options.sizes=[64,8,8]", "architecture.width=6", "budget.epochs=1", "seed=0"]
    record = train(compose(["task=copying", "data=addition", "architecture=lstm", *paths, *small]))
    assert list(parameters(record)) == []
    record["parameters"]["total"] += 1
    assert [found.seen for found in parameters(record)] == [f"{record['parameters']['total']} parameters"]


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
        (addition, {"digits": 0, "sizes": SIZES}),
        (addition, {"digits": 1, "sizes": [50, 3, 2]}),
    ],
)
def test_impossible_options_are_refused(make: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"data\.options"):
        make(SEEDS, **options)


def test_human_numbers_are_those_of_fastbook() -> None:
    splits = human_numbers({})
    lines = [*splits["train"]["text"], *splits["validation"]["text"]]
    tokens = " . ".join(lines).split()
    assert (len(lines), len(tokens), len(set(tokens))) == (9_998, 63_095, 30)
    assert lines[:2] == ["one", "two"]
    assert lines[7_998:8_000] == ["seven thousand nine hundred ninety nine", "eight thousand one"]
    assert "nine thousand nineteen" in lines
    assert "four hundred" in lines
    assert splits["test"]["text"][0] == "ten thousand"
    share = len(" . ".join(splits["train"]["text"]).split()) / len(tokens)
    assert share == pytest.approx(0.8, abs=2e-4)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("copying", [10_000, 1_000, 1_000]), ("addition", [45_000, 5_000, 5_000]), ("human_numbers", [8083, 1915, 2000])],
)
def test_shipped_data_needs_no_source_and_is_verified(name: str, sizes: list[int], tmp_path: Path) -> None:
    node = yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text())
    examples = load_examples(node, {"cache": tmp_path, "data": None}, download=False)
    assert (examples.source, examples.verified) == ("generated", True)
    assert [len(table) for table in examples.splits.values()] == sizes

"""What counts as rounding, and what does not: by hand, on literals."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unroll.registry.facts import facts, rule
from unroll.verification.compare import Gap, changed_examples, gaps, moved, not_comparable

TASK = {"_target_": "unroll.tasks.sentiment.Sentiment"}
RECORD: dict[str, Any] = {
    "config": {
        "task": TASK,
        "architecture": {"name": "lstm"},
        "trainer": {"deterministic": True, "accelerator": "cpu", "threads": 1},
        "budget": {"patience": None},
    },
    "result": {
        "metrics": {"test": {"accuracy": 80.0, "nll": 0.5}},
        "examples": {"train": 10, "validation": 5, "test": 1000},
        "data_sha256": "a",
        "steps": 7,
    },
    "run": {
        "world_size": 1,
        "hardware": {"cpu": "Xeon", "cpu_capability": "AVX512", "gpus": []},
        "packages": {"python": "3.11.7", "torch": "2.9.0"},
    },
}


@pytest.mark.parametrize(
    ("task", "metric", "value", "examples", "allowed"),
    [
        ("sentiment.Sentiment", "nll", 0.5, 1000, 0.0005),
        ("sentiment.Sentiment", "nll", 0.5, 10, 0.0005),
        ("translation.Translation", "nll_per_token_parallel", 4.0, 1000, 0.004),
        ("compression.Compression", "psnr", 15.0, 100, 0.015),
        ("generation.Generation", "elbo", -200.0, 100, 0.2),
        ("adding.Adding", "mse", 0.0, 100, 0.0),
        ("sentiment.Sentiment", "accuracy", 80.0, 1000, 0.8),  # 1 %: eight examples
        ("sentiment.Sentiment", "accuracy", 80.0, 100, 3.0),  # three examples of a hundred
        ("translation.Translation", "sacrebleu", 30.0, 1000, 0.3),
        ("translation.Translation", "chrf", 50.0, 10000, 0.5),
        ("classification.Classification", "ece", 4.0, 1000, 0.3),
        ("classification.Classification", "ece", 4.0, 10000, 0.2),
        ("generation.Generation", "precision_prior", 0.6, 1000, 0.05),
        ("generation.Generation", "recall", 0.0, 1000, 0.05),
        ("generation.Generation", "recall", 0.0, 30, 0.1),
        ("generation.Generation", "frechet_mnist_classifier_2000", 100.0, 10, 5.0),
        ("generation.Generation", "what_nobody_declared", 100.0, 10, 0.1),
    ],
)
def test_what_is_allowed(task: str, metric: str, value: float, examples: int, allowed: float) -> None:
    tolerance = facts({"_target_": f"unroll.tasks.{task}"}).tolerance(metric)
    assert tolerance.allowed(value, examples) == pytest.approx(allowed, rel=1e-12)


def test_the_rule_names_what_is_no_loss() -> None:
    said = rule()
    assert said.startswith("0.1% of losses, errors and rates; 1% of ")
    assert said.endswith("or 3 examples' worth where that is more; 0.05 for precision and recall of samples")
    for name in ("accuracy", "sacrebleu", "whole_sequences", "5% of ece, frechet_mnist_classifier"):
        assert f" {name}," in said
    assert "nll" not in said


def test_a_gap_is_measured_and_judged() -> None:
    gap = Gap("test.nll", 0.5, 0.4996, allowed=0.0005)
    assert gap.absolute == pytest.approx(0.0004)
    assert gap.relative == pytest.approx(0.0008)
    assert gap.within
    assert not Gap("test.nll", 0.5, 0.5006, allowed=0.0005).within
    assert Gap("test.elbo", -200.0, -200.1, allowed=0.2).within
    assert Gap("test.recall", 0.0, 0.0, allowed=0.0).relative == 0.0
    assert Gap("test.recall", 0.0, 0.0, allowed=0.0).within
    assert Gap("test.recall", 0.0, 0.5, allowed=0.0).relative == 1.0


def changed(**paths: Any) -> dict[str, Any]:
    """RECORD with other values at `part__key__...`."""
    record = copy.deepcopy(RECORD)
    for path, value in paths.items():
        *above, last = path.split("__")
        node = record
        for key in above:
            node = node[key]
        node[last] = value
    return record


def test_surroundings_are_compared() -> None:
    assert moved(RECORD, RECORD) == []
    elsewhere = changed(config__trainer__threads=2, run__hardware__cpu="EPYC")
    assert moved(RECORD, elsewhere) == ["threads 1 -> 2", "CPU Xeon -> EPYC"]
    assert moved(RECORD, changed(run__world_size=4)) == ["ranks 1 -> 4"]
    assert moved(RECORD, changed(run__packages={"python": "3.11.7", "torch": "2.9.1"})) == ["torch 2.9.0 -> 2.9.1"]
    assert moved(RECORD, changed(run__packages={"python": "3.11.7"})) == ["torch 2.9.0 -> none"]
    assert moved(changed(run__packages={"python": "3.11.7"}), RECORD) == []  # a dependency since
    assert moved(RECORD, changed(config__trainer__deterministic=False)) == ["deterministic True -> False"]


def test_the_device_used_is_compared_and_not_those_in_sight() -> None:
    """Of older records too, which do not name it: they took a GPU that they saw, unless told not to."""
    assert moved(RECORD, changed(run__hardware__gpus=["A100"] * 8)) == []
    one, eight = (
        changed(run__hardware__gpus=["A100"] * count, config__trainer__accelerator="auto") for count in (1, 8)
    )
    assert moved(one, eight) == []
    assert moved(RECORD, one) == ["device cpu -> A100"]
    assert moved(changed(config__trainer__accelerator="auto"), one) == ["device cpu -> A100"]
    assert moved(changed(run__hardware__gpus=["A100"], config__architecture__name="baseline"), RECORD) == []

    used = {"kind": "cuda", "name": "H100", "cuda": "12.8", "cudnn": "91002", "driver": "570.1"}
    named = changed(run__device=used, run__hardware__gpus=["A100", "H100"])
    assert moved(one, named) == ["device A100 -> H100"]
    newer = {**used, "cudnn": "91100", "driver": "580.2"}
    assert moved(named, changed(run__device=newer)) == ["cuDNN 91002 -> 91100", "NVIDIA driver 570.1 -> 580.2"]


def test_what_was_not_measured_is_no_difference() -> None:
    assert moved(RECORD, changed(run__hardware__cpu_capability=None)) == []


def test_metrics_are_paired_with_what_is_allowed() -> None:
    again = changed(result__metrics={"test": {"accuracy": 80.1, "nll": 0.5}})
    assert gaps(RECORD, again) == [
        Gap("test.accuracy", 80.0, 80.1, facts(TASK).tolerance("accuracy").allowed(80.0, 1000)),
        Gap("test.nll", 0.5, 0.5, facts(TASK).tolerance("nll").allowed(0.5, 1000)),
    ]


def test_no_rounding_explains_other_data_steps_or_metrics() -> None:
    assert not_comparable(RECORD, changed(result__metrics={"test": {"accuracy": 1.0, "nll": 9.0}})) == []
    assert not_comparable(RECORD, changed(result__data_sha256="b")) == ["data_sha256: a -> b"]
    assert not_comparable(RECORD, changed(result__examples__test=999)) == ["examples.test: 1000 -> 999"]
    assert not_comparable(RECORD, changed(result__steps=8)) == ["steps: 7 -> 8"]
    patient = changed(config__budget__patience=2)
    assert not_comparable(patient, changed(config__budget__patience=2, result__steps=8)) == []
    assert not_comparable(RECORD, changed(result__metrics={"test": {"nll": 0.5}})) == [
        "test.accuracy: only in one of the results"
    ]


def test_examples_that_differ_are_counted(tmp_path: Path) -> None:
    first = {
        "test/correct": np.array([1.0, 0.0, 1.0]),
        "test/code": np.zeros((3, 2)),
        "test/words": np.array(["a", "b"]),
    }
    second = {**first, "test/correct": np.array([1.0, 1.0, 1.0]), "test/words": np.array(["a", "longer"])}
    second["test/code"] = np.array([[0.0, 0.0], [0.25, -0.5], [0.0, 0.125]])
    np.savez(tmp_path / "first.npz", **first)
    np.savez(tmp_path / "second.npz", **second, only_here=np.zeros(3))
    assert changed_examples(tmp_path / "first.npz", tmp_path / "second.npz") == [
        ("test/code", 2, 3, 0.5),
        ("test/correct", 1, 3, 1.0),
        ("test/words", 1, 2, None),
    ]
    assert all(found.differ == 0 for found in changed_examples(tmp_path / "first.npz", tmp_path / "first.npz"))

"""Training a record's trial again: the same bits, or where they differ."""

import copy
from pathlib import Path
from typing import Any

import pytest
from tiny_data import Tiny

from unroll.errors import UserError
from unroll.training.train import train
from unroll.training.verify import verify


@pytest.fixture(scope="module")
def record(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    overrides = ["architecture=ae_variational", "budget.epochs=2"]
    return train(tiny.trial("generation", tmp_path_factory.mktemp("runs"), *overrides))


@pytest.mark.parametrize(
    ("task", "choices"),
    [
        ("sentiment", ["architecture=lstm"]),
        ("compression", ["architecture=ae"]),
        ("generation", ["architecture=baseline", "baseline=gmm", "seed=3"]),
    ],
)
def test_a_trial_is_what_it_was(task: str, choices: list[str], tiny: Tiny, tmp_path: Path) -> None:
    assert verify(train(tiny.trial(task, tmp_path, *choices))) == []


def test_verifying_leaves_the_trial_alone(record: dict[str, Any]) -> None:
    folder = Path(record["config"]["paths"]["runs"])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    unchanged = copy.deepcopy(record)
    assert verify(record) == []
    assert record == unchanged
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_each_difference_is_named(record: dict[str, Any]) -> None:
    tampered = copy.deepcopy(record)
    tampered["result"]["metrics"]["test"]["elbo"] += 1
    tampered["result"]["weights_sha256"] = "0" * 64
    tampered["result"]["curves"]["validation"][1]["step"] = 7
    found = verify(tampered)
    places = [difference.partition(":")[0] for difference in found]
    assert places == [
        "result.curves.validation[1].step",
        "result.metrics.test.elbo",
        "result.weights_sha256",
    ]
    assert f"{'0' * 64} -> {record['result']['weights_sha256']}" in found[2]


def test_another_config_is_another_result(record: dict[str, Any]) -> None:
    tampered = copy.deepcopy(record)
    tampered["config"]["seed"] = 1
    assert any(difference.startswith("result.weights_sha256") for difference in verify(tampered))


def test_what_cannot_be_verified_is_refused(record: dict[str, Any]) -> None:
    failed = {**record, "status": "failed"}
    with pytest.raises(UserError, match="finished"):
        verify(failed)
    timed = copy.deepcopy(record)
    timed["config"]["budget"] |= {"epochs": None, "seconds": 1.0}
    with pytest.raises(UserError, match="seconds"):
        verify(timed)

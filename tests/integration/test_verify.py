"""Training a record's trial again: the same bits, or what differs and by how much."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits
from tiny_data import Tiny
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.compose import compose
from unroll.errors import UserError
from unroll.training.predictions import FILE_NAME as PREDICTIONS
from unroll.training.train import train
from unroll.verification.verify import Verification, predictions_of, verify
from unroll.verification.words import lines


@pytest.fixture(scope="module")
def record(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    overrides = ["architecture=ae_variational", "budget.epochs=2"]
    return train(tiny.trial("generation", tmp_path_factory.mktemp("runs"), *overrides))


def verified(record: dict[str, Any], *overrides: str, predictions: Path | None = None) -> Verification:
    found = verify(record, overrides, predictions=predictions)
    assert found is not None
    return found


def directory(record: dict[str, Any]) -> Path:
    return Path(record["config"]["paths"]["runs"]) / record["trial_id"]


@pytest.mark.parametrize(
    ("task", "choices"),
    [
        ("sentiment", ["architecture=lstm"]),
        ("compression", ["architecture=ae"]),
        ("generation", ["baseline=gmm", "seed=3"]),
    ],
)
def test_a_trial_is_what_it_was(task: str, choices: list[str], tiny: Tiny, tmp_path: Path) -> None:
    found = verified(train(tiny.trial(task, tmp_path, *choices)))
    assert (found.differences, found.moved, found.passed) == ([], [], True)
    assert list(lines(found))[-1].endswith("bit-identical")


def test_a_baseline_is_what_it_was_with_any_number_of_blas_threads(tmp_path: Path) -> None:
    chosen = ["task=generation", "baseline=gmm", "data.fraction=0.3", f"paths.runs={tmp_path}"]
    with threadpool_limits(1):
        record = train(compose(chosen))
    with threadpool_limits(2):
        assert verified(record).identical
    del record["run"]["threads"]  # which baselines did not always say
    assert verified(record, "trainer.threads=2").moved == ["threads 1 -> 2"]


def test_verifying_leaves_the_trial_alone(record: dict[str, Any]) -> None:
    folder = Path(record["config"]["paths"]["runs"])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    unchanged = copy.deepcopy(record)
    found = verified(record, predictions=directory(record) / PREDICTIONS)
    assert found.identical
    assert found.weights_equal
    assert found.changed
    assert {array.differ for array in found.changed} == {0}
    assert record == unchanged
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_each_difference_is_named_and_none_is_allowed_on_the_same_hardware(record: dict[str, Any]) -> None:
    tampered = copy.deepcopy(record)
    tampered["result"]["metrics"]["test"]["elbo"] *= 1.0000001
    tampered["result"]["weights_sha256"] = "0" * 64
    tampered["result"]["curves"]["validation"][1]["step"] = 7
    found = verified(tampered)
    places = [difference.partition(":")[0] for difference in found.differences]
    assert places == [
        "result.curves.validation[1].step",
        "result.metrics.test.elbo",
        "result.weights_sha256",
    ]
    assert f"{'0' * 64} -> {record['result']['weights_sha256']}" in found.differences[2]
    assert found.moved == []
    assert not found.passed


def test_elsewhere_a_small_difference_is_rounding_and_a_large_one_is_not(record: dict[str, Any]) -> None:
    elsewhere = copy.deepcopy(record)
    elsewhere["run"]["hardware"]["cpu"] = "Another CPU"
    elsewhere["result"]["weights_sha256"] = "0" * 64
    elsewhere["result"]["metrics"]["test"]["elbo"] *= 1.0001
    found = verified(elsewhere)
    assert len(found.moved) == 1
    assert found.moved[0].startswith("CPU Another CPU -> ")
    assert [gap.metric for gap in found.gaps if gap.absolute] == ["test.elbo"]
    assert found.weights_equal is False
    assert found.passed
    said = list(lines(found))
    assert said[0] == f"elsewhere: {found.moved[0]}"
    assert said[-1].endswith("within tolerance")

    elsewhere["result"]["metrics"]["test"]["elbo"] *= 1.01
    found = verified(elsewhere)
    assert not found.passed
    assert list(lines(found))[-1].endswith("beyond tolerance: test.elbo")


def test_other_data_is_no_rounding(record: dict[str, Any]) -> None:
    elsewhere = copy.deepcopy(record)
    elsewhere["run"]["packages"]["torch"] = "1.0"
    elsewhere["result"]["data_sha256"] = "0" * 64
    found = verified(elsewhere)
    assert [line.partition(":")[0] for line in found.unlike] == ["data_sha256"]
    assert not found.passed


def test_another_config_is_another_result(record: dict[str, Any]) -> None:
    tampered = copy.deepcopy(record)
    tampered["config"]["seed"] = 1
    found = verified(tampered, predictions=directory(record) / PREDICTIONS)
    assert found.weights_equal is False
    assert any(array.differ == array.examples for array in found.changed)
    assert not found.passed


def test_the_command_with_another_number_of_threads(record: dict[str, Any]) -> None:
    runs = record["config"]["paths"]["runs"]
    done = CliRunner().invoke(app, ["verify", record["trial_id"], "--runs", runs, "trainer.threads=2"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("elsewhere: threads 1 -> 2\n")
    assert done.output.rstrip().endswith(("within tolerance", "the result is bit-identical"))


def test_the_command_ends_with_1_beyond_tolerance(record: dict[str, Any], tmp_path: Path) -> None:
    tampered = copy.deepcopy(record)
    tampered["result"]["curves"] = {}
    path = tmp_path / "record.json"
    path.write_text(json.dumps(tampered))
    done = CliRunner().invoke(app, ["verify", str(path)])
    assert done.exit_code == 1, done.output
    assert "1 values of the result differ" in done.output


def test_predictions_lie_beside_the_record(record: dict[str, Any], tmp_path: Path) -> None:
    place = directory(record)
    there = place / PREDICTIONS
    assert predictions_of(record["trial_id"], place.parent) == there
    assert predictions_of(place, tmp_path) == there
    assert predictions_of(place / "record.json", tmp_path) == there
    (tmp_path / "record.json").write_text("{}")
    assert predictions_of(tmp_path / "record.json", place.parent) is None
    assert predictions_of("nothing", tmp_path) is None


def test_what_cannot_be_verified_is_refused(record: dict[str, Any]) -> None:
    failed = {**record, "status": "failed"}
    with pytest.raises(UserError, match="finished"):
        verify(failed)
    timed = copy.deepcopy(record)
    timed["config"]["budget"] |= {"epochs": None, "seconds": 1.0}
    with pytest.raises(UserError, match="seconds"):
        verify(timed)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=3", "trainer.KEY=VALUE"),
        ("trainer.precision=bf16-mixed", "precision, tf32, cuda_graphs left out"),
        ("trainer", "trainer.KEY=VALUE"),
        ("trainer.devices=2", "torchrun --nnodes 1 --nproc-per-node 2 -m unroll verify"),
        ("trainer.thread=2", "threads"),
        ("trainer.threads=0", "out of range"),
    ],
)
def test_an_override_that_is_no_place_to_run_is_refused(override: str, said: str, record: dict[str, Any]) -> None:
    with pytest.raises(UserError) as refused:
        verify(record, [override])
    assert said in str(refused.value)

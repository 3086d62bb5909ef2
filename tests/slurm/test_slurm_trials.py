"""Trials as jobs of a real Slurm: undisturbed, warned, requeued, cancelled, over two nodes: the same result."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from local_cluster import LocalCluster, Overrides, make_cluster, until
from tiny_data import SIZES, Tiny, latest

from unroll.records.record import read_record
from unroll.training import checkpoint

TWO_NODES = ("--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1", "--gpus-per-node=0")
SHAPES: dict[str, tuple[str, tuple[str, ...]]] = {"one": ("train.sbatch", ()), "two nodes": ("ddp.sbatch", TWO_NODES)}
Submit = Callable[..., tuple[str, Path]]


def directory(runs: Path) -> Path:
    """The one trial's."""
    (found,) = [path for path in runs.iterdir() if path.is_dir()]
    return found


def submitted(cluster: LocalCluster, tiny: Tiny, overrides: Overrides, shape: str) -> tuple[str, Path]:
    runs, (script, options) = cluster.folder / "runs", SHAPES[shape]
    job = cluster.submit(
        script, "--config-dir", tiny.config_dir, "task=sentiment", *overrides("sentiment", runs), options=options
    )
    return job, runs


@pytest.fixture(scope="module")
def undisturbed(
    slurm_environment: dict[str, str], tiny: Tiny, overrides: Overrides, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, Any]]:
    """The record of a job that nobody disturbs, run once a shape."""
    found: dict[str, dict[str, Any]] = {}

    def run(shape: str) -> dict[str, Any]:
        if shape not in found:
            cluster = make_cluster(slurm_environment, tmp_path_factory.mktemp("undisturbed"))
            job, runs = submitted(cluster, tiny, overrides, shape)
            cluster.ended(job)
            assert cluster.shown(job, "JobState") == "COMPLETED", cluster.log()
            found[shape] = read_record(directory(runs))
        return found[shape]

    return run


@pytest.fixture
def training(cluster: LocalCluster, tiny: Tiny, overrides: Overrides) -> Callable[[str], tuple[str, Path]]:
    """Submit a trial of a shape, and wait until it is in mid-training."""

    def submit(shape: str = "one") -> tuple[str, Path]:
        job, runs = submitted(cluster, tiny, overrides, shape)
        cluster.trains(job, runs)
        return job, runs

    return submit


def test_a_trial_is_a_job(undisturbed: Callable[[str], dict[str, Any]]) -> None:
    record = undisturbed("one")
    assert record["status"] == "finished"
    assert record["result"]["examples"] == SIZES
    assert record["result"]["steps"] == 2000
    assert (record["run"]["attempts"], record["run"]["world_size"]) == (1, 1)


def test_two_nodes_count_every_example_once_and_leave_one_record(
    cluster: LocalCluster, tiny: Tiny, overrides: Overrides
) -> None:
    job, runs = submitted(cluster, tiny, overrides, "two nodes")
    cluster.ended(job)
    assert cluster.shown(job, "NumNodes") == "2"
    assert [path.name for path in runs.rglob("record.json")] == ["record.json"], cluster.log()
    record = read_record(directory(runs))
    assert (record["status"], record["run"]["world_size"], record["run"]["attempts"]) == ("finished", 2, 1)
    assert record["result"]["examples"] == SIZES
    with np.load(directory(runs) / "predictions.npz") as predictions:
        for name in predictions.files:
            assert len(predictions[name]) == SIZES[name.partition("/")[0]], name


@pytest.mark.parametrize(
    ("shape", "disturb", "said"),
    [
        ("one", ("scancel", "--signal=USR1"), "Requeued job"),
        ("one", ("scancel", "--signal=TERM"), "Requeued job"),
        ("one", ("scontrol", "requeue"), "Not requeued"),  # Slurm has done it
        ("two nodes", ("scancel", "--signal=USR1"), "Requeued job"),
    ],
)
def test_a_disturbed_trial_ends_with_the_same_bits(
    shape: str,
    disturb: tuple[str, ...],
    said: str,
    cluster: LocalCluster,
    training: Callable[[str], tuple[str, Path]],
    undisturbed: Callable[[str], dict[str, Any]],
) -> None:
    job, runs = training(shape)
    cluster.run(*disturb, job)
    cluster.ended(job)
    assert cluster.shown(job, "JobState") == "COMPLETED", cluster.log()
    assert cluster.shown(job, "Restarts") == "1"
    record = read_record(directory(runs))
    assert record["result"] == undisturbed(shape)["result"]
    assert record["run"]["attempts"] == 2, "it went on from last.ckpt"
    assert cluster.log().count(said) == 1, cluster.log()


def test_a_trial_that_needs_more_than_its_time_limit_goes_on_in_its_next_attempt(
    cluster: LocalCluster, tiny: Tiny, overrides: Overrides
) -> None:
    """Slurm looks every 30 s, so it warns between 25 and 55 s after the start. That a warned trial ends with the same
    bits is tested above: this one would need minutes to its end.
    """
    runs = cluster.folder / "runs"
    options = latest(*overrides("sentiment", runs), "budget.epochs=100000")
    trial = ("--config-dir", tiny.config_dir, "task=sentiment", *options)
    job = cluster.submit("train.sbatch", *trial, options=("--signal=USR1@5",))
    cluster.trains(job, runs)
    cluster.run("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    cluster.restarts(job)
    cluster.run("scontrol", "update", f"JobId={job}", "TimeLimit=10")
    assert cluster.log().count("Stopped by SIGUSR1") == cluster.log().count("Requeued job") == 1, cluster.log()
    saved = checkpoint.load(directory(runs) / checkpoint.LAST, directory(runs).name)["progress"]["step"]

    def steps() -> list[int]:
        return [json.loads(line)["step"] for line in (directory(runs) / "metrics.jsonl").read_text().splitlines()]

    until(lambda: steps()[-1] > saved, lambda: f"it does not go on\n{cluster.log()}")
    assert steps() == sorted(steps())
    assert steps()[0] < saved, "the first attempt's lines are still there"
    cluster.run("scancel", job)
    cluster.ended(job)
    assert cluster.shown(job, "Restarts") == "1"


def test_a_cancelled_trial_stays_cancelled_and_goes_on_when_submitted_again(
    cluster: LocalCluster,
    tiny: Tiny,
    overrides: Overrides,
    training: Callable[[str], tuple[str, Path]],
    undisturbed: Callable[[str], dict[str, Any]],
) -> None:
    job, runs = training("one")
    cluster.run("scancel", job)
    cluster.ended(job)
    assert (cluster.shown(job, "JobState"), cluster.shown(job, "Restarts")) == ("CANCELLED", "0")
    trial = directory(runs)
    saved = checkpoint.load(trial / checkpoint.LAST, trial.name)
    assert 0 < saved["progress"]["step"] < 2000
    assert saved["progress"]["step"] % 400, "saved by the signal, not by a validation"
    again, _ = submitted(cluster, tiny, overrides, "one")
    cluster.ended(again)
    assert read_record(trial)["result"] == undisturbed("one")["result"]
    assert read_record(trial)["run"]["attempts"] == 2

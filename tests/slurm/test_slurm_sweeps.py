"""A suite over jobs of a real Slurm: as an array that shares the work, and by the launcher; one is preempted."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from local_cluster import LocalCluster, Overrides, make_cluster, until
from tiny_data import Tiny, latest

from unroll.records.record import read_record

Results = dict[str, dict[str, Any]]


def arguments(tiny: Tiny, overrides: Overrides, runs: Path) -> list[str]:
    return ["--config-dir", tiny.config_dir, "suite=two_seeds", *overrides("sentiment", runs)]


def results(runs: Path) -> Results:
    """The results of all trials, which must be the suite's two."""
    records = [read_record(path) for path in sorted(runs.glob("*/record.json"))]
    assert sorted(record["config"]["seed"] for record in records) == [0, 1]
    assert {record["status"] for record in records} == {"finished"}
    return {record["trial_id"]: record["result"] for record in records}


@pytest.fixture(scope="module")
def alone(
    slurm_environment: dict[str, str], tiny: Tiny, overrides: Overrides, tmp_path_factory: pytest.TempPathFactory
) -> Results:
    """What one undisturbed job with one worker gives."""
    cluster = make_cluster(slurm_environment, tmp_path_factory.mktemp("alone"))
    job = cluster.submit("sweep.sbatch", *arguments(tiny, overrides, cluster.folder / "runs"), options=("--array=0-0",))
    cluster.ended(job)
    assert cluster.shown(f"{job}_0", "JobState") == "COMPLETED", cluster.log()
    return results(cluster.folder / "runs")


def test_an_array_shares_a_suite_and_only_the_warned_task_is_requeued(
    cluster: LocalCluster, tiny: Tiny, overrides: Overrides, alone: Results
) -> None:
    runs = cluster.folder / "runs"
    job = cluster.submit("sweep.sbatch", *arguments(tiny, overrides, runs), options=("--array=0-1",))
    cluster.trains(job, runs)
    cluster.run("scancel", "--batch", "--signal=USR1", f"{job}_0")
    cluster.ended(job)
    assert [cluster.shown(f"{job}_{task}", "JobState") for task in (0, 1)] == ["COMPLETED"] * 2, cluster.log()
    assert [cluster.shown(f"{job}_{task}", "Restarts") for task in (0, 1)] == ["1", "0"]
    assert results(runs) == alone


def test_an_array_goes_on_after_a_failing_trial(cluster: LocalCluster, tiny: Tiny, overrides: Overrides) -> None:
    """Its tasks say so by their exit codes; submitted again, it trains nothing; the failed trial only when asked."""
    runs = cluster.folder / "runs"
    options = latest(*overrides("forecasting", runs), "budget.epochs=5")
    suite = ["--config-dir", tiny.config_dir, "suite=one_fails", *options]
    attempts = []
    for again in ([], [], ["--retry-failed"]):
        job = cluster.submit("sweep.sbatch", *again, *suite, options=("--array=0-1",))
        cluster.ended(job)
        assert "FAILED" in [cluster.shown(f"{job}_{task}", "JobState") for task in (0, 1)], cluster.log()
        records = {record["config"]["optimizer"]["name"]: record for record in map(read_record, runs.glob("*-*"))}
        assert {name: record["status"] for name, record in records.items()} == {"adam": "finished", "sgd": "failed"}
        assert "is not finite at step" in records["sgd"]["error"]["message"]
        attempts.append({name: record["run"]["started"] for name, record in records.items()})
    first, second, third = attempts
    assert first == second
    assert third["adam"] == first["adam"]
    assert third["sgd"] != first["sgd"]


def test_a_cancelled_array_goes_on_when_submitted_again(
    cluster: LocalCluster, tiny: Tiny, overrides: Overrides, alone: Results
) -> None:
    runs = cluster.folder / "runs"
    job = cluster.submit("sweep.sbatch", *arguments(tiny, overrides, runs), options=("--array=0-1",))
    cluster.trains(job, runs)
    cluster.run("scancel", job)
    cluster.ended(job)
    assert [cluster.shown(f"{job}_{task}", "JobState") for task in (0, 1)] == ["CANCELLED"] * 2, cluster.log()
    begun = {path.parent.name for path in runs.glob("*/last.ckpt")}
    assert begun, "what was done is saved"
    job = cluster.submit("sweep.sbatch", *arguments(tiny, overrides, runs), options=("--array=0-1",))
    cluster.ended(job)
    assert results(runs) == alone
    assert all(read_record(runs / trial)["run"]["attempts"] == 2 for trial in begun), "they went on"


@pytest.mark.parametrize("disturb", [None, "USR2"])
def test_the_launcher_sends_each_trial_to_a_job(
    disturb: str | None, cluster: LocalCluster, tiny: Tiny, overrides: Overrides, alone: Results
) -> None:
    runs = cluster.folder / "runs"
    command = [cluster.environment["UNROLL"], "sweep", *arguments(tiny, overrides, runs), "hydra/launcher=slurm"]
    command.append("hydra.launcher.timeout_min=10")
    with (cluster.folder / "sweep.out").open("w") as out:
        sweep = subprocess.Popen(command, cwd=cluster.folder, env=cluster.environment, stdout=out, stderr=out)
    try:
        until(lambda: job_of(runs) or sweep.poll() is not None, cluster.log)
        job = job_of(runs)
        assert job is not None, cluster.log()
        if disturb:
            cluster.trains(job, runs)
            cluster.run("scancel", f"--signal={disturb}", f"{job}_0")
        until(lambda: sweep.poll() is not None, cluster.log)
    finally:
        sweep.kill()
    assert sweep.returncode == 0, cluster.log()
    assert cluster.shown(f"{job}_0", "Restarts") == ("1" if disturb else "0")
    assert cluster.shown(f"{job}_1", "Restarts") == "0"
    assert results(runs) == alone


def job_of(runs: Path) -> str | None:
    """The array that the launcher submitted, by the folder that submitit keeps for it."""
    found = {path.name.partition("_")[0] for path in runs.glob(".submitit/*_*")}
    return min(filter(str.isdecimal, found), default=None)

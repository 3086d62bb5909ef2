"""A sweep with warm workers: what it skips, what it survives, what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stub_records import write_finished

from unroll import api
from unroll.errors import UserError
from unroll.records.record import read_record, write_record
from unroll.records.state import state
from unroll.registry.code import VARIABLE
from unroll.sweeps.suite import plan
from unroll.sweeps.sweep import in_order, run_sweep

pytestmark = pytest.mark.usefixtures("believed")


def finished(planned: Any, flags: Any = ()) -> None:
    """Stands for the trainer: a finished record, at once."""
    trial = planned.trial
    trial.directory.mkdir(parents=True, exist_ok=True)
    with (trial.directory / "starts").open("a") as log:
        log.write(f"{os.getpid()} {os.environ.get('LEFT_BEHIND')} {os.environ['OMP_NUM_THREADS']}\n")
    os.environ["LEFT_BEHIND"] = trial.trial_id
    os.chdir("/")
    write_finished(trial, lambda trial: 20.0 + trial.plain["seed"])


def one_raises(planned: Any, flags: Any = ()) -> None:
    if planned.trial.row == "mlp" and planned.trial.config.seed == 0:
        raise ValueError("the stub fails here")
    finished(planned)


def one_is_killed(planned: Any, flags: Any = ()) -> None:
    """Dies each time it gets the trial of mlp and seed 0, noting that it did."""
    if planned.trial.row == "mlp" and planned.trial.config.seed == 0:
        with Path(planned.trial.config.paths.runs, "deaths").open("a", encoding="utf-8") as log:
            log.write("died\n")
        os.kill(os.getpid(), signal.SIGKILL)
    finished(planned)


def one_is_killed_once(planned: Any, flags: Any = ()) -> None:
    job = finished if Path(planned.trial.config.paths.runs, "deaths").exists() else one_is_killed
    job(planned)


def hang(planned: Any, flags: Any = ()) -> None:
    trial = planned.trial
    trial.directory.mkdir(parents=True, exist_ok=True)
    (trial.directory / "pid").write_text(str(os.getpid()))
    threading.Event().wait()


@pytest.fixture
def conf(tmp_path: Path) -> str:
    """A user's folder with a suite of four trials."""
    folder = tmp_path / "conf" / "suite"
    folder.mkdir(parents=True)
    (folder / "four.yaml").write_text(
        "name: four\noverrides: [task=compression, budget=quickstart, architecture.width=8]\n"
        "grid: {architecture: [mlp, lstm], seed: [0, 1]}\nbaselines: false\n"
    )
    return str(tmp_path / "conf")


@pytest.fixture
def sweep(conf: str, tmp_path: Path) -> Callable[..., bool]:
    def run(job: Callable[[Any], Any] | None, *more: str, **options: Any) -> bool:
        overrides = ["suite=four", f"paths.runs={tmp_path}/runs", *more]
        return run_sweep(overrides, conf, job=job, **options)

    return run


def records(tmp_path: Path) -> list[dict[str, Any]]:
    return [read_record(path) for path in sorted((tmp_path / "runs").glob("*/record.json"))]


def starts(tmp_path: Path) -> list[list[str]]:
    files = sorted((tmp_path / "runs").glob("*/starts"))
    return [line.split() for file in files for line in file.read_text().splitlines()]


def test_a_dry_run_trains_nothing(
    sweep: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(finished, dry_run=True)
    said = capsys.readouterr().out
    assert "4 trials (4 missing)" in said
    assert said.count("missing  compression-mnist_5k-") == 4
    assert not (tmp_path / "runs").exists()


def test_all_finish_once(sweep: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(finished, "workers=2")
    said = capsys.readouterr().out
    assert "[4/4] finished" in said
    report = tmp_path / "runs" / "four" / "report.md"
    assert f"Report: {report}" in said
    assert f"Page:   {report.with_suffix('.html')}, for a browser" in said
    assert f"../{records(tmp_path)[0]['trial_id']}/record.json" in report.with_suffix(".html").read_text()
    assert "mlp" in report.read_text()
    assert [record["status"] for record in records(tmp_path)] == ["finished"] * 4
    began = starts(tmp_path)
    assert len({pid for pid, _, _ in began}) <= 2, "workers stay warm"
    assert sweep(finished, "workers=2")
    assert "4 trials (4 finished)" in capsys.readouterr().out
    assert starts(tmp_path) == began, "what has a record is not trained again"


def test_nothing_leaks_from_one_trial_to_the_next(sweep: Callable[..., bool], tmp_path: Path) -> None:
    before = dict(os.environ)
    assert sweep(finished, "workers=1")
    assert len({pid for pid, _, _ in starts(tmp_path)}) == 1
    assert {left for _, left, _ in starts(tmp_path)} == {"None"}
    assert {threads for _, _, threads in starts(tmp_path)} == {os.environ.get("OMP_NUM_THREADS", "1")}
    assert dict(os.environ) == before | {VARIABLE: os.environ[VARIABLE]}


def test_a_record_says_the_command_of_its_own_trial(sweep: Callable[..., bool], tmp_path: Path) -> None:
    assert sweep(None, "architecture=mlp", "seed=1", "budget.steps=1", "data.fraction=0.02", "task.curve=[0]")
    (record,) = records(tmp_path)
    command = record["run"]["command"].split()
    assert command[:2] == ["unroll", "train"]
    assert command[-2] == "--config-dir"
    assert api.compose(command[2:-2], command[-1]).trial_id == record["trial_id"]


def test_a_failure_does_not_end_the_sweep(
    sweep: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not sweep(one_raises, "workers=2")
    assert "3 of 4 trials finished" in capsys.readouterr().out
    failed = [record for record in records(tmp_path) if record["status"] == "failed"]
    assert [record["error"]["type"] for record in failed] == ["ValueError"]
    assert "the stub fails here" in failed[0]["error"]["traceback"]
    assert not sweep(finished)
    assert len(starts(tmp_path)) == 3, "a failed trial is not trained again unasked"
    assert sweep(finished, retry_failed=True)
    assert len(starts(tmp_path)) == 4


def test_a_trial_that_always_dies_costs_itself_only(sweep: Callable[..., bool], tmp_path: Path) -> None:
    assert not sweep(one_is_killed, "workers=2", "sweep.retries=1")
    assert (tmp_path / "runs" / "deaths").read_text().split() == ["died", "died"]
    found = records(tmp_path)
    assert sorted(record["status"] for record in found) == ["failed", "finished", "finished", "finished"]
    (failed,) = [record for record in found if record["status"] == "failed"]
    assert failed["error"]["type"] == "Died"
    assert "-mlp-s0-" in failed["trial_id"]


def test_a_trial_whose_worker_was_killed_is_launched_again(sweep: Callable[..., bool], tmp_path: Path) -> None:
    assert sweep(one_is_killed_once, "workers=2")
    assert (tmp_path / "runs" / "deaths").read_text().split() == ["died"]
    assert len(starts(tmp_path)) == 4


def test_fail_fast_starts_nothing_more(sweep: Callable[..., bool], tmp_path: Path) -> None:
    assert not sweep(one_raises, "workers=1", "sweep.fail_fast=true", "architecture=mlp")
    assert [record["status"] for record in records(tmp_path)] == ["failed"]


def test_a_stale_or_damaged_record_is_trained_again(sweep: Callable[..., bool], conf: str, tmp_path: Path) -> None:
    assert sweep(finished)
    trials = [item.trial for item in plan(["suite=four", f"paths.runs={tmp_path}/runs"], conf).trials]
    record = read_record(trials[0].record_path)
    write_record(trials[0].directory, {**record, "protocol_version": 0})
    trials[1].record_path.write_text('{"schema_version": 1, "trial')
    assert [state(trial) for trial in trials] == ["stale", "damaged", "finished", "finished"]
    assert sweep(finished)
    assert len(starts(tmp_path)) == 6


def test_several_devices_need_another_launcher(sweep: Callable[..., bool]) -> None:
    with pytest.raises(UserError, match="torchrun"):
        sweep(finished, "trainer.devices=2")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_it_stops_its_workers(conf: str, tmp_path: Path, number: signal.Signals) -> None:
    code = (
        f"import signal, sys; sys.path[:0] = {[str(folder) for folder in Path(__file__).parents[:2]]!r}\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs without it\n"
        "from test_sweep import hang\nfrom unroll.sweeps.sweep import run_sweep\n"
        "if __name__ == '__main__':\n"
        f"    run_sweep(['suite=four', 'paths.runs={tmp_path}/runs', 'workers=2'], {conf!r}, job=hang)\n"
    )
    (tmp_path / "main.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    poll = threading.Event()
    for _ in range(600):
        pids = [path.read_text() for path in (tmp_path / "runs").glob("*/pid")]
        if len(pids) == 2 and all(pids):
            break
        poll.wait(0.1)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert "KeyboardInterrupt" in said
    for pid in pids:
        for _ in range(100):
            if not Path(f"/proc/{pid}").exists():
                break
            poll.wait(0.1)
        assert not Path(f"/proc/{pid}").exists(), "a worker is left"


def test_a_warm_worker_gives_the_bits_of_a_cold_process(sweep: Callable[..., bool], conf: str, tmp_path: Path) -> None:
    """Real training: the second trial of a worker equals the same trial trained alone."""
    small = ["budget.steps=3", "data.fraction=0.02", "architecture=ae_variational", "task.curve=[0]"]
    assert sweep(None, "workers=1", *small)
    alone = ["task=compression", "budget=quickstart", "architecture.width=8", "seed=1", *small]
    command = [sys.executable, "-m", "unroll", "train", *alone, f"paths.runs={tmp_path}/alone"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    (path,) = (tmp_path / "alone").glob("*/record.json")
    warm = read_record(tmp_path / "runs" / path.parent.name / "record.json")
    assert json.dumps(warm["result"]) == json.dumps(read_record(path)["result"])


def test_the_quickstart_is_the_slice_it_claims() -> None:
    trials = plan(["suite=quickstart"]).trials
    assert len({item.trial.trial_id for item in trials}) == len(trials)
    networks = {item.trial.row for item in trials if not item.trial.is_baseline}
    tasks = {item.trial.plain["task"]["name"] for item in trials}
    assert len(networks) >= 6
    assert len(tasks) == 5
    for task in tasks:
        found = [item.trial for item in trials if item.trial.plain["task"]["name"] == task]
        assert any(trial.is_baseline for trial in found)
        seeds = {(trial.row, trial.plain["seed"]) for trial in found if not trial.is_baseline}
        rows = {row for row, _ in seeds}
        assert len(rows) >= 2
        assert seeds == {(row, seed) for row in rows for seed in (0, 1)}
        (parameters,) = {trial.plain["budget"]["parameters"] for trial in found if not trial.is_baseline}
        assert parameters, "of one size"
    assert [item.trial.row for item in in_order(trials)][-1] not in networks

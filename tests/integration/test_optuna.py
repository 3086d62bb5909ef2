"""`hydra/sweeper=optuna` as users run it: over a suite, killed in the middle, and as a multirun."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stub_records import distance, write_failed, write_finished
from tiny_data import small_overrides, write_tiny

from unroll.analysis.report import report
from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.sweeps.job import run as run_train
from unroll.sweeps.sweep import run_sweep

pytestmark = pytest.mark.usefixtures("believed")

SPACE = '{optimizer.learning_rate: "tag(log, interval(1e-5, 1))", architecture.width: "choice(16, 32, 64, 128)"}'


def finished(planned: Any, flags: Any = ()) -> None:
    trial = planned.trial
    with Path(planned.trial.config.paths.runs, "log").open("a", encoding="utf-8") as log:
        log.write(f"{trial.trial_id}\n")
    write_finished(trial)


def fragile(planned: Any, flags: Any = ()) -> None:
    if not planned.trial.is_baseline and planned.trial.config.network.optimizer.learning_rate > 0.01:
        write_failed(planned.trial)
        raise ValueError("the stub fails here")
    finished(planned)


def fatal(planned: Any, flags: Any = ()) -> None:
    """Kills the whole sweep instead of training its sixth trial."""
    log = Path(planned.trial.config.paths.runs, "log")
    if log.exists() and len(log.read_text(encoding="utf-8").split()) == 5:
        sweep = multiprocessing.parent_process()
        assert sweep is not None
        assert sweep.pid is not None
        os.kill(sweep.pid, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    finished(planned)


@pytest.fixture
def conf(tmp_path: Path) -> str:
    folder = tmp_path / "conf" / "suite"
    folder.mkdir(parents=True)
    (folder / "two.yaml").write_text(
        "name: two\noverrides: [task=compression, budget=quickstart, architecture.width=8]\n"
        "grid: {architecture: [mlp, lstm], seed: [0, 1]}\nbaselines: true\n"
    )
    return str(tmp_path / "conf")


def arguments(runs: Path, *more: str) -> list[str]:
    sweeper = ["hydra/sweeper=optuna", f"hydra.sweeper.space={SPACE}", "hydra.sweeper.trials=4"]
    limits = ["hydra.sweeper.parallel=2", "hydra.sweeper.random_points=2", "workers=1"]
    return ["suite=two", f"paths.runs={runs}", *sweeper, *limits, *more]


@pytest.fixture
def tune(conf: str) -> Callable[..., bool]:
    def run(runs: Path, *more: str, job: Callable[[Any], Any] = finished, **options: Any) -> bool:
        return run_sweep(arguments(runs, *more), conf, job=job, **options)

    return run


def summary(runs: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((runs / "two" / "tuning.json").read_text())
    return found


def points(runs: Path) -> dict[str, list[dict[str, str]]]:
    return {study["architecture"]: [point["values"] for point in study["points"]] for study in summary(runs)["studies"]}


def test_a_suite_is_tuned_and_its_best_points_are_trained_on_all_seeds(
    tune: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(tmp_path)
    said = capsys.readouterr().out
    assert "Points 1 to 2 of 4 of 2 studies" in said
    assert "7 of 7 trials finished" in said, "two networks on two seeds, three baselines without"
    trained = (tmp_path / "log").read_text().split()
    assert len(trained) == len(set(trained)) == 2 * 4 + 2 * 1 + 3
    content = summary(tmp_path)
    assert content["effort"] == {
        name: {"points": 4, "failed": 0, "seconds": 8.0, "final_trials": 1, "final_seconds": 2.0}
        for name in ("mlp", "lstm")
    }
    for study in content["studies"]:
        assert study["objective"] == {"name": "mse_uncoded", "direction": "lower", "split": "validation"}
        assert study["best"]["value"] == min(point["value"] for point in study["points"])
        best = read_record(tmp_path / study["best"]["trial_id"])
        assert study["best"]["test"] == best["result"]["metrics"]["test"]
        assert {read_record(tmp_path / trial)["config"]["seed"] for trial in study["final"]} == {0, 1}
        assert len({read_record(tmp_path / trial)["config"]["architecture"]["width"] for trial in study["final"]}) == 1
    assert len(content["baselines"]) == 3
    rows = (tmp_path / "two" / "report.md").read_text()
    assert all(name in rows for name in ("mlp", "lstm", "pca"))
    assert report(tmp_path), "the sweep's own files do not stand in a report's way"

    assert tune(tmp_path)
    assert (tmp_path / "log").read_text().split() == trained, "nothing is trained again"
    assert summary(tmp_path) == content


def test_a_killed_sweep_goes_on_with_the_same_points(tune: Callable[..., bool], conf: str, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    code = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}\n"
        "from test_optuna import arguments, fatal\nfrom pathlib import Path\n"
        "from unroll.sweeps.sweep import run_sweep\n"
        "if __name__ == '__main__':\n"
        f"    run_sweep(arguments(Path({str(killed)!r})), {conf!r}, job=fatal)\n"
    )
    (tmp_path / "main.py").write_text(code)
    done = subprocess.run([sys.executable, str(tmp_path / "main.py")], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = (killed / "log").read_text().split()
    assert len(before) == 5
    assert tune(killed)
    assert tune(whole)
    assert points(killed) == points(whole)
    after = (killed / "log").read_text().split()
    assert after[:5] == before
    assert len(after) == len(set(after)) == 13, "what had a record was not trained again"


def test_points_that_fail_do_not_fail_the_sweep(tune: Callable[..., bool], tmp_path: Path) -> None:
    assert tune(tmp_path, "architecture=mlp", "hydra.sweeper.trials=8", "hydra.sweeper.final_seeds=false", job=fragile)
    (study,) = summary(tmp_path)["studies"]
    assert study["tried"] == 8
    failed = [point for point in study["points"] if point["status"] == "failed"]
    assert 0 < study["failed"] == len(failed) < 8
    assert all(float(point["values"]["optimizer.learning_rate"]) > 0.01 for point in failed)
    best = read_record(tmp_path / study["best"]["trial_id"])
    assert best["status"] == "finished"
    assert study["best"]["value"] == distance(trial_from_record(best))
    assert study["final"] == [study["best"]["trial_id"]]


def trial_from_record(record: dict[str, Any]) -> Any:
    from unroll.config.trial import Trial

    return Trial(record["config"], record["trial_id"])


def test_a_study_without_a_value_fails_the_sweep(tune: Callable[..., bool], tmp_path: Path) -> None:
    space = 'hydra.sweeper.space={optimizer.learning_rate: "interval(0.1, 1)"}'
    assert not tune(tmp_path, "architecture=mlp", space, job=fragile)
    assert summary(tmp_path)["studies"][0]["best"] is None


def test_a_dry_run_says_that_networks_are_tuned(
    tune: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(tmp_path / "runs", dry_run=True)
    assert "Networks are tuned" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def test_mistakes_stop_before_any_training(tune: Callable[..., bool], tmp_path: Path) -> None:
    for wrong in ('++hydra.sweeper.space={architecture.depht: "1,2,3,4,5"}', "hydra.sweeper.sampler=tpr"):
        with pytest.raises(UserError, match="Did you mean"):
            tune(tmp_path, wrong)
    assert not (tmp_path / "log").exists()


def test_a_multirun_tunes_one_study_of_real_trainings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny, runs = write_tiny(tmp_path / "tiny"), tmp_path / "runs"
    small = [*tiny.overrides("compression", runs), *small_overrides("compression", "architecture=mlp")]
    command = ["-m", "hydra/sweeper=optuna", "hydra.sweeper.trials=2", "hydra.sweeper.parallel=1", "architecture=mlp"]
    space = ["optimizer.learning_rate=tag(log, interval(1e-4, 1e-2))", "seed=0,1"]
    quick = ["budget.epochs=null", "budget.steps=2", "task.curve=[0]", f"--config-dir={tiny.config_dir}"]
    assert run_train([*command, *small, *space, *quick])
    (path,) = runs.glob("optuna/*/tuning.json")
    (study,) = json.loads(path.read_text())["studies"]
    assert study["tried"] == 2
    assert study["failed"] == 0
    records = {point["trial_id"]: read_record(runs / point["trial_id"]) for point in study["points"]}
    assert len(records) == 2
    for point in study["points"]:
        record = records[point["trial_id"]]
        assert record["result"]["selection"]["value"] == point["value"]
        assert record["config"]["optimizer"]["learning_rate"] == float(point["values"]["optimizer.learning_rate"])
    assert sorted(read_record(runs / trial)["config"]["seed"] for trial in study["final"]) == [0, 1]
    assert len(list(runs.glob("*/record.json"))) == 3
    assert str(path) in capsys.readouterr().out


def test_a_multirun_without_the_sweeper_refuses_intervals() -> None:
    with pytest.raises(UserError, match="hydra/sweeper=optuna"):
        run_train(["-m", "optimizer.learning_rate=interval(1e-4, 1e-2)"])

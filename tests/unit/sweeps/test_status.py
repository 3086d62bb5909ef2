"""`unroll status`: states, grid, progress and errors, from made-up directories."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trial_records import failed, made_up

from unroll.config.compose import compose
from unroll.config.trial import Trial, make_trial
from unroll.errors import UserError
from unroll.records.lease import PROGRESS, leased
from unroll.records.record import write_record
from unroll.sweeps import status as status_module
from unroll.sweeps.status import Watched, counts, grid
from unroll.sweeps.status_view import follow, show
from unroll.sweeps.suite import plan

COMMAND = [sys.executable, "-m", "unroll", "status"]


@pytest.fixture(scope="module")
def template() -> Trial:
    return compose(["task=compression", "data=mnist", "architecture=mlp"])


@pytest.fixture
def trial(template: Trial, tmp_path: Path) -> Callable[[int], Trial]:
    """Makes a trial with a directory, a seed each."""

    def make(seed: int) -> Trial:
        made = make_trial({**template.plain, "seed": seed, "paths": {"runs": str(tmp_path)}})
        made.directory.mkdir(exist_ok=True)
        return made

    return make


@pytest.fixture
def every(trial: Callable[[int], Trial], tmp_path: Path) -> Iterator[Path]:
    """A folder with one trial of each state that a directory can have."""
    write_record(trial(0).directory, made_up(trial(0)))
    (trial(1).directory / PROGRESS).write_text(json.dumps({"step": 250, "steps": 1000, "seconds": 30.0}))
    write_record(trial(2).directory, failed(trial(2), "first line\nno memory\n"))
    trial(3).record_path.write_text(json.dumps(made_up(trial(3), protocol_version=0)))
    trial(4).record_path.write_text("{")
    trial(5)
    (tmp_path / "a-suite").mkdir()
    (tmp_path / "a-suite" / "report.md").write_text("no trial")
    (tmp_path / "stray.json").write_text("{}")
    with leased(trial(1).directory, heartbeat=60.0):
        yield tmp_path


EVERY = {"finished": 1, "running": 1, "failed": 1, "stale": 1, "damaged": 1, "interrupted": 1}


def test_a_folder_shows_each_state(every: Path) -> None:
    seen = Watched(runs=every).look()
    assert counts(seen) == EVERY
    assert [one.state for one in sorted(seen, key=lambda one: one.trial_id.split("-")[3])] == list(EVERY)
    by_state = {one.state: one for one in seen}
    assert by_state["failed"].error == "RuntimeError: no memory"
    running = by_state["running"]
    assert (running.step, running.steps, running.seconds_left) == (250, 1000, 90.0)
    assert {(one.task, one.data, one.row, one.baseline) for one in seen} == {("compression", "mnist", "mlp", False)}


def test_a_suite_shows_the_same_and_what_is_missing(every: Path, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    (conf / "suite").mkdir(parents=True)
    (conf / "suite" / "seven.yaml").write_text(
        "name: seven\noverrides: [task=compression, data=mnist]\n"
        "grid: {architecture: [mlp], seed: [0, 1, 2, 3, 4, 5, 6]}\n"
    )
    watched = Watched(["suite=seven"], every, ["row=mlp"], str(conf))
    assert counts(watched.look()) == {**EVERY, "missing": 1}
    assert watched.suite == "seven"
    with pytest.raises(UserError, match="keep no trial"):
        Watched(["suite=seven"], every, ["row=lstm"], str(conf))


def test_the_grid_has_baselines_last_and_names_data_where_needed(tmp_path: Path) -> None:
    names = [
        "compression-mnist-ae-s0-0123456789",
        "compression-mnist-ae-s1-0123456789",
        "compression-mnist_5k-zeta-s0-0123456789",
        "compression-mnist-pca-s0-0123456789",
        "generation-mnist-zeta-s0-0123456789",
    ]
    for name in names:
        (tmp_path / name).mkdir()
    columns, rows = grid(Watched(runs=tmp_path).look())
    assert columns == ["compression mnist", "compression mnist_5k", "generation"]
    assert list(rows) == ["ae", "zeta", "pca (baseline)"]
    one, two = {"interrupted": 1}, {"interrupted": 2}
    assert list(rows.values()) == [[two, {}, {}], [{}, one, one], [one, {}, {}]]


def test_a_moved_directory_is_known_by_its_record(trial: Callable[[int], Trial], tmp_path: Path) -> None:
    write_record(tmp_path / "kept for later", made_up(trial(0)))
    trial(0).directory.rmdir()
    (seen,) = Watched(runs=tmp_path).look()
    assert (seen.trial_id, seen.state) == (trial(0).trial_id, "finished")


def test_a_task_that_is_not_shipped_has_its_own_protocol(trial: Callable[[int], Trial], tmp_path: Path) -> None:
    name = "mine-mnist-mlp-s0-0123456789"
    write_record(tmp_path / name, made_up(trial(0), trial_id=name, protocol_version=9))
    trial(0).directory.rmdir()
    assert counts(Watched(runs=tmp_path).look()) == {"finished": 1}


def test_filters_of_a_folder_know_what_the_names_tell(every: Path) -> None:
    assert len(Watched(runs=every, filters=["seed<2", "row=m*"]).look()) == 2
    with pytest.raises(UserError, match="only a suite knows"):
        Watched(runs=every, filters=["optimizer.name=adam"]).look()


@pytest.mark.parametrize(
    ("progress", "found"),
    [
        ('{"step": 0, "steps": 10, "seconds": 0.0}', (0, 10, None)),
        ('{"step": 7, "steps": 1000000000, "seconds": 12.0}', (7, None, 48.0)),
        ('{"step": 7', (None, None, None)),
        ("[]", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_progress(trial: Callable[[int], Trial], tmp_path: Path, progress: str | None, found: tuple[Any, ...]) -> None:
    directory = trial(0).directory
    (directory / "config.yaml").write_text("budget: {seconds: 60}\n")
    if progress is not None:
        (directory / PROGRESS).write_text(progress)
    with leased(directory, heartbeat=60.0):
        (seen,) = Watched(runs=tmp_path).look()
    assert (seen.state, seen.step, seen.steps, seen.seconds_left) == ("running", *found)


@pytest.mark.parametrize("far", [0.0, float("inf")], ids=["threads", "no threads"])
def test_many_trials_keep_their_order(tmp_path: Path, far: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_module, "_FAR", far)
    monkeypatch.setattr(status_module, "_CHUNK", 7)
    names = [f"compression-mnist-mlp-s{seed:03}-0123456789" for seed in range(100)]
    for name in names:
        (tmp_path / name).mkdir()
    assert [one.trial_id for one in Watched(runs=tmp_path).look()] == names


def test_what_finished_is_not_read_again_unless_it_is_gone(trial: Callable[[int], Trial], tmp_path: Path) -> None:
    for seed in (0, 1):
        write_record(trial(seed).directory, made_up(trial(seed)))
    watched = Watched(runs=tmp_path)
    assert counts(watched.look()) == {"finished": 2}
    trial(0).record_path.write_text("damaged now")
    trial(1).record_path.unlink()
    trial(1).directory.rmdir()
    assert counts(watched.look()) == {"finished": 1}


def test_following_prints_a_line_a_change_and_ends(
    trial: Callable[[int], Trial], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leases = {seed: leased(trial(seed).directory, heartbeat=60.0) for seed in (0, 1)}
    for lease in leases.values():
        lease.__enter__()
    moments = iter([lambda: None, lambda: end(0, made_up(trial(0))), lambda: end(1, failed(trial(1), "a\nlast"))])

    def end(seed: int, record: dict[str, Any]) -> None:
        write_record(trial(seed).directory, record)
        leases[seed].__exit__(None, None, None)

    follow(Watched(runs=tmp_path), wait=lambda seconds: next(moments)())
    assert capsys.readouterr().out.splitlines() == [
        "2 trials: 2 running",
        f"finished    {trial(0).trial_id}",
        f"failed      {trial(1).trial_id}  RuntimeError: last",
        "2 trials: 1 finished, 1 failed",
    ]


def test_a_suite_is_waited_for_until_each_trial_has_ended(trial: Callable[[int], Trial], tmp_path: Path) -> None:
    overrides = ["suite=reference", "experiment=mnist_ae", "seed=0", "suite.baselines=false"]
    (item,) = plan([*overrides, f"paths.runs={tmp_path}"]).trials
    watched = Watched(overrides, tmp_path)
    assert not watched.all_ended(watched.look()), "missing"
    item.trial.directory.mkdir()
    assert not watched.all_ended(watched.look()), "interrupted"
    write_record(item.trial.directory, failed(item.trial, "made up"))
    assert watched.all_ended(watched.look())


def test_it_prints_grid_counts_progress_and_errors(every: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(Watched(runs=every))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["compression"]
    assert lines[1] == "mlp  " + ", ".join(f"1 {name}" for name in EVERY)
    assert lines[3] == "6 trials: " + ", ".join(f"1 {name}" for name in EVERY)
    assert any(line.startswith("running") and line.endswith("250/1000, 1 min 30 s left") for line in lines)
    assert any(line.startswith("failed") and line.endswith("RuntimeError: no memory") for line in lines)


def test_json_holds_everything(every: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(Watched(runs=every), in_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["suite"], said["counts"]) == (None, EVERY)
    assert {one["state"]: one["step"] for one in said["trials"]} == {**dict.fromkeys(EVERY), "running": 250}


def test_an_empty_folder_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(Watched(runs=tmp_path))
    assert capsys.readouterr().out == f"No trials under {tmp_path}.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "nowhere"], "no folder of runs"),
        (["suite=nothing"], "suite"),
        (["task=sentiment"], "Which suite?"),
        (["--watch", "--json"], "one of them"),
    ],
)
def test_mistakes_end_in_a_message(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_it_imports_no_torch(every: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "unroll", "status", "--runs", str(every)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "unroll.sweeps.status" in imported
    assert not imported & {"torch", "pytorch_lightning", "datasets", "polars", "wandb"}


def test_watching_in_a_terminal_ends_with_130(every: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--runs", str(every), "--watch"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells start background jobs without it
    )
    os.close(theirs)
    shown = b""
    while b"250/1000" not in shown:
        part = os.read(ours, 4096)
        assert part, shown
        shown += part
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 130, said
    assert b"Traceback" not in said


@pytest.mark.parametrize("quote", ["", "'"])
def test_the_folder_may_be_named_as_in_other_commands(quote: str, every: Path) -> None:
    seen = Watched([f"paths.runs={quote}{every}{quote}"]).look()
    assert seen == Watched([], every).look()
    assert len(seen) == 6

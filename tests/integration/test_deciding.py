"""`sweep.stop=decided` with workers and a stub for the trainer: what is trained, what is not, what a kill changes."""

import functools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stub_records import write_failed, write_finished

from unroll.errors import TrialFailed, UserError
from unroll.sweeps.status import Watched, counts
from unroll.sweeps.stopping import decisions
from unroll.sweeps.suite import plan
from unroll.sweeps.sweep import run_sweep

pytestmark = pytest.mark.usefixtures("believed")

SUITE = """
name: growing
overrides: [budget=quickstart, architecture.width=8]
grid: {task: [compression], architecture: [mlp, ae, lstm]}
baselines: false
stop: {looks: [3, 4, 6], spending: pocock}
hypotheses:
  clear: {says: clear, pairs: [[mlp, ae]], where: [task=compression]}
  unclear: {says: unclear, pairs: [[lstm, ae]], where: [task=compression]}
"""
MEANS = {"mlp": 30.0, "ae": 20.0, "lstm": 20.5}


def psnr(trial: Any) -> float:
    """Of an mlp surely more than of an ae; of an lstm, nobody could tell."""
    seed = trial.plain["seed"]
    return float(MEANS[trial.row] + (seed % 3) * (2 if trial.row == "lstm" else 1))


def finished(planned: Any, flags: Any = ()) -> None:
    trial = planned.trial
    trial.directory.mkdir(parents=True, exist_ok=True)
    with Path(trial.config.paths.runs, "starts").open("a", encoding="utf-8") as log:
        log.write(f"{trial.row} {trial.plain['seed']}\n")
    write_finished(trial, psnr)


def one_fails(planned: Any, flags: Any = (), *, row: str, seed: int) -> None:
    if (planned.trial.row, planned.trial.plain["seed"]) != (row, seed):
        return finished(planned)
    planned.trial.directory.mkdir(parents=True, exist_ok=True)
    write_failed(planned.trial)
    raise TrialFailed(planned.trial.trial_id, planned.trial.record_path, "the stub fails")


def one_cannot_start(planned: Any, flags: Any = ()) -> None:
    if (planned.trial.row, planned.trial.plain["seed"]) == ("mlp", 1):
        raise UserError("the stub cannot start")
    finished(planned)


@pytest.fixture
def conf(tmp_path: Path) -> str:
    (tmp_path / "conf" / "suite").mkdir(parents=True)
    (tmp_path / "conf" / "suite" / "growing.yaml").write_text(SUITE, encoding="utf-8")
    return str(tmp_path / "conf")


@pytest.fixture
def overrides(tmp_path: Path) -> list[str]:
    return ["suite=growing", "workers=1", f"paths.runs={tmp_path}/runs"]


@pytest.fixture
def sweep(conf: str, overrides: list[str]) -> Callable[..., bool]:
    return lambda job, *more, **options: run_sweep([*overrides, *more], conf, job=job, **options)


def trained(tmp_path: Path) -> Counter[str]:
    """How many trials of each row were trained."""
    lines = (tmp_path / "runs" / "starts").read_text(encoding="utf-8").splitlines()
    assert len(set(lines)) == len(lines), "a trial was trained twice"
    return Counter(line.split()[0] for line in lines)


def test_only_undecided_claims_get_more_seeds(
    sweep: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(finished, "sweep.stop=decided")
    assert trained(tmp_path) == {"mlp": 3, "ae": 6, "lstm": 6}
    said = capsys.readouterr().out
    assert "clear: holds, decided after 3 seeds" in said
    assert "unclear: not decided after 4 seeds; the look of 6 lacks 4 trials" in said
    assert "unclear: cannot say, after 6 seeds, the last look" in said
    assert "15 of 15 trials finished" in said
    page = (tmp_path / "runs" / "growing" / "report.md").read_text(encoding="utf-8")
    assert "looks after 3, 4 and 6 seeds, which spend 5 % by Pocock's function" in page
    assert "Looks taken: after 3 seeds, at 3.1 %. Decided after 3 of at most 6 seeds." in page
    assert "Looks taken: after 3, 4 and 6 seeds, at 3.1 %, 0.72 % and 1.2 %. Not decided by the last look." in page
    assert "not surely apart" not in page
    assert "missing" not in page.split("Overview")[0]


def test_the_same_command_again_trains_nothing(sweep: Callable[..., bool], tmp_path: Path) -> None:
    assert sweep(finished, "sweep.stop=decided")
    assert sweep(finished, "sweep.stop=decided")
    assert trained(tmp_path) == {"mlp": 3, "ae": 6, "lstm": 6}


def test_what_was_killed_at_any_trial_goes_on_to_the_same_decisions(
    sweep: Callable[..., bool], conf: str, overrides: list[str], tmp_path: Path
) -> None:
    """The state is the records: with any of them gone, or with more than a look needs, the end is the same."""
    todo = plan([*overrides, "sweep.stop=decided"], conf)
    assert sweep(finished, "sweep.stop=decided")
    wanted = decisions(todo)
    records = sorted((tmp_path / "runs").glob("*/record.json"))
    for kept in (0, 4, 8, 12):
        for path in records[kept:]:
            path.unlink()
        (tmp_path / "runs" / "starts").unlink()
        assert sweep(finished, "sweep.stop=decided")
        assert decisions(todo) == wanted
        assert sum(trained(tmp_path).values()) == len(records) - kept
    assert sweep(finished)  # all seeds
    assert [[test.verdict for test in answer.tests] for answer in decisions(todo)] == [["holds"], ["cannot say"]]
    assert [answer.course and answer.course.taken for answer in decisions(todo)] == [1, 3]


def test_a_failed_trial_is_a_lost_seed(
    sweep: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of mlp two seeds are left at the first look, which tell nothing; the second has three."""
    assert not sweep(functools.partial(one_fails, row="mlp", seed=1), "sweep.stop=decided")
    assert trained(tmp_path) == {"mlp": 3, "ae": 6, "lstm": 6}
    assert "clear: holds, decided after 4 seeds" in capsys.readouterr().out
    page = (tmp_path / "runs" / "growing" / "report.md").read_text(encoding="utf-8")
    assert "1 trials of these looks failed: lost seeds." in page


def test_one_that_cannot_start_leaves_its_claim_waiting(
    sweep: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not sweep(one_cannot_start, "sweep.stop=decided")
    assert "clear: not decided after no look; the look of 3 lacks 1 trials" in capsys.readouterr().out
    assert trained(tmp_path) == {"mlp": 2, "ae": 6, "lstm": 6}


def test_fail_fast_adds_no_seeds(sweep: Callable[..., bool], tmp_path: Path) -> None:
    assert not sweep(functools.partial(one_fails, row="ae", seed=0), "sweep.stop=decided", "sweep.fail_fast=true")
    assert not any("seed=3" in path.read_text(encoding="utf-8") for path in (tmp_path / "runs").glob("*/record.json"))
    seeds = [json.loads(path.read_text(encoding="utf-8"))["config"]["seed"] for path in _records(tmp_path)]
    assert max(seeds) <= 2


def _records(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "runs").glob("*/record.json"))


def test_status_counts_what_is_needed_so_far(
    sweep: Callable[..., bool], conf: str, overrides: list[str], tmp_path: Path
) -> None:
    watched = Watched([*overrides, "sweep.stop=decided"], config_dir=conf)
    assert counts(watched.look()) == {"missing": 9}
    assert sweep(finished, "sweep.stop=decided")
    seen = watched.look()
    assert counts(seen) == {"finished": 15}
    assert watched.all_ended(seen)
    assert counts(Watched(overrides, config_dir=conf).look()) == {"finished": 15, "missing": 3}


def test_a_dry_run_says_the_first_look_and_the_most(
    sweep: Callable[..., bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(finished, "sweep.stop=decided", dry_run=True)
    said = capsys.readouterr().out
    assert "Suite growing: 9 trials (9 missing)" in said
    assert "Seeds are added until the claims are decided: 3 at first, at most 6 (18 trials)" in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("more", "options", "said"),
    [
        (["seed=0,1"], {}, "takes its seeds from its rule"),
        ([], {"filters": ["architecture=ae"]}, "decided by all trials"),
        (["suite.stop=null"], {}, "no rule by which its claims are decided"),
        (["suite.stop.looks=[3,3]"], {}, "does not rise"),
        (["suite.stop.looks=[2,3]"], {}, "out of range"),
        (["suite.stop.spending=pococ"], {}, "Did you mean 'pocock'"),
        (["suite.hypotheses=null"], {}, "hypotheses"),
        (["hydra/sweeper=optuna"], {}, "A tuning has no seeds to add"),
        (["sweep.stop=decide"], {}, "Did you mean 'decided'"),
    ],
)
def test_mistakes(sweep: Callable[..., bool], tmp_path: Path, more: list[str], options: Any, said: str) -> None:
    stop = [] if any(text.startswith("sweep.stop") for text in more) else ["sweep.stop=decided"]
    with pytest.raises(UserError, match=said):
        sweep(finished, *stop, *more, **options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("architecture: [mlp, ae, lstm]", "architecture: [mlp, ae, lstm], seed: [0]"),
            "takes its seeds from its rule",
        ),
        (("[budget=quickstart", "[seed=3, budget=quickstart"), "takes its seeds from its rule"),
        ((SUITE[SUITE.index("hypotheses") :], ""), "and no claims"),
    ],
)
def test_mistakes_of_a_suite(conf: str, overrides: list[str], change: tuple[str, str], said: str) -> None:
    Path(conf, "suite", "growing.yaml").write_text(SUITE.replace(*change), encoding="utf-8")
    with pytest.raises(UserError, match=said):
        plan(overrides, conf)

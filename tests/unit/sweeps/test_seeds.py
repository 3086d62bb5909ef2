"""How many seeds a difference needs: numbers of made-up rows, what is said where there is no number, mistakes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stub_records import write_finished
from table_records import record

from unroll.analysis.power import seeds_for
from unroll.analysis.seeds import ALONE, NO_MARGIN, TOO_SMALL, UNKNOWN, seeds_needed
from unroll.analysis.statistics.samples import Sample
from unroll.analysis.tables import Table, make_tables
from unroll.errors import UserError
from unroll.sweeps import seeds
from unroll.sweeps.suite import plan

WAVE = (0.0, 1.0, -1.0, 0.5)  # what seeds add


def table(counts: dict[str, int], margin: float | None = None, **changes: Any) -> Table:
    stated = {"metric": "accuracy", "margin": margin, "because": "x"} if margin else None
    own = {"task__name": "own", "task__equivalence": stated, **changes}
    rows = [
        record(row, seed, 70.0 + 5 * number + WAVE[seed], **own)
        for number, (row, count) in enumerate(counts.items())
        for seed in range(count)
    ]
    (found,) = make_tables(rows)
    return found


def none(one: Any) -> None:
    """No scores of examples."""


def test_the_number_is_that_of_the_power_of_all_pairs() -> None:
    found = seeds_needed(table({"lstm": 3, "gru": 4}), none, 2.0)
    rows = [Sample(tuple(range(n)), np.array(WAVE[:n])) for n in (3, 4)]
    assert found.enough == seeds_for(rows, 2.0)
    assert found.enough is not None
    assert found.enough > 4
    assert found.seeds == (3, 4)
    assert found.lacking == 2 * found.enough - 7
    assert found.smallest is not None
    assert found.smallest > 2.0


def test_missing_seeds_cost_what_a_networks_trials_took() -> None:
    """Trials of `record` take 10 s + their seed: 11 s in the mean of three, 11.5 s of four."""
    found = seeds_needed(table({"lstm": 3, "gru": 4}), none, 2.0)
    assert found.enough is not None
    assert found.core_hours == pytest.approx(((found.enough - 3) * 11 + (found.enough - 4) * 11.5) / 3600)


def test_threads_count() -> None:
    one = table({"lstm": 3, "gru": 3})
    hours = seeds_needed(one, none, 2.0).core_hours
    for row in one.rows:
        for trial in row.trials:
            trial["run"]["threads"] = 4
    assert hours is not None
    assert seeds_needed(one, none, 2.0).core_hours == pytest.approx(4 * hours)


def test_without_a_difference_it_is_the_margin_that_the_task_states() -> None:
    assert seeds_needed(table({"lstm": 3, "gru": 3}, 2.5), none, None).see == 2.5
    without = seeds_needed(table({"lstm": 3, "gru": 3}), none, None)
    assert (without.why, without.enough) == (NO_MARGIN, None)
    assert without.smallest is not None


def test_enough_seeds_lack_nothing() -> None:
    found = seeds_needed(table({"lstm": 4, "gru": 4}), none, 50.0)
    assert (found.enough, found.lacking, found.core_hours) == (3, 0, 0.0)


@pytest.mark.parametrize(("counts", "why"), [({"lstm": 2, "gru": 3}, UNKNOWN), ({"lstm": 4}, ALONE)])
def test_where_spreads_are_not_known_no_number_is_said(counts: dict[str, int], why: str) -> None:
    found = seeds_needed(table(counts), none, 1.0)
    assert (found.why, found.enough, found.core_hours) == (why, None, None)


def test_a_test_set_may_be_too_small_for_any_number() -> None:
    random = np.random.default_rng(0)
    one = table({"lstm": 3, "gru": 3})
    kept = {}
    for row in one.rows:
        for trial in row.trials:
            scores = random.normal(0, 10, 30)
            kept[trial["trial_id"]] = scores - scores.mean() + trial["result"]["primary"]["value"]
    found = seeds_needed(one, lambda trial: kept[trial["trial_id"]], 0.01)
    assert (found.why, found.enough) == (TOO_SMALL, None)
    assert found.floor is not None
    assert found.floor > 0.01


SUITE = """
name: two
overrides: [budget=quickstart, architecture.width=8]
grid: {task: [compression, forecasting], architecture: [mlp, lstm], seed: [0, 1, 2]}
baselines: false
"""


@pytest.fixture
def conf(tmp_path: Path) -> str:
    (tmp_path / "conf" / "suite").mkdir(parents=True)
    (tmp_path / "conf" / "suite" / "two.yaml").write_text(SUITE, encoding="utf-8")
    return str(tmp_path / "conf")


@pytest.fixture
def runs(tmp_path: Path, conf: str) -> Path:
    """Records of compression alone."""
    for item in plan(["suite=two", f"paths.runs={tmp_path}/runs"], conf).trials:
        if item.trial.plain["task"]["name"] == "compression":
            item.trial.directory.mkdir(parents=True)
            write_finished(item.trial, lambda trial: 20.0 + WAVE[trial.plain["seed"]])
    return tmp_path / "runs"


@pytest.mark.usefixtures("believed")
def test_each_problem_gets_its_answer_and_its_command(conf: str, runs: Path) -> None:
    todo, found = seeds.run(["two"], ["1.5"], runs, conf)
    shown = json.loads(seeds.as_json(todo, found, ["two"]))
    first, second = shown["tables"]
    assert (first["metric"], first["see"], first["seeds"], first["why"]) == ("psnr", 1.5, [3, 3], None)
    wanted = f"unroll sweep suite=two 'seed=range({first['enough']})' --filter task=compression --filter data="
    assert first["run"].startswith(wanted)
    assert (second["why"], second["enough"]) == (UNKNOWN, None)
    assert second["run"].startswith("unroll sweep suite=two 'seed=range(3)' --filter task=forecasting")
    assert plan(["suite=two", "seed=range(3)"], conf).trials  # what the command says can be planned


@pytest.mark.usefixtures("believed")
def test_a_metric_picks_its_tables(conf: str, runs: Path) -> None:
    _, found = seeds.run(["suite=two"], ["psnr=0.5"], runs, conf)
    assert [(one.metric, one.see) for one in found] == [("psnr", 0.5)]
    _, found = seeds.run(["suite=two"], ["psnr=0.5", "2"], runs, conf)
    assert [(one.metric, one.see) for one in found] == [("psnr", 0.5), ("mse", 2.0)]


@pytest.mark.usefixtures("believed")
@pytest.mark.parametrize(
    ("see", "said"),
    [
        ("0", "a number above 0"),
        ("-1", "a number above 0"),
        ("nan", "a number above 0"),
        ("inf", "a number above 0"),
        ("much", "a number above 0"),
        ("psnr=", "a number above 0"),
        ("pnsr=1", "Did you mean 'psnr'"),
    ],
)
def test_mistakes(conf: str, runs: Path, see: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        seeds.run(["two"], [see], runs, conf)


def test_no_suite_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Which suite"):
        seeds.run([], [], tmp_path)

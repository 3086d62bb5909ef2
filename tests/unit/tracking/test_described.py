"""What a run in W&B is, told from committed records: names that all share, groups that are rows, nothing but facts."""

import copy
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from table_records import record

from unroll.config.identity import is_baseline
from unroll.records.audit import pooled
from unroll.records.stale import planned
from unroll.sweeps.suite import plan
from unroll.tracking.description import DIGEST, LINES, Description, Of, described, group
from unroll.tracking.history import history
from unroll.tracking.replay import ended
from unroll.tracking.skill import Baselines

RECORDS = Path(__file__).resolve().parents[3] / "results" / "records"
LEAST_SHARED = 25
CONFIG = {
    *("problem", "architecture", "bottleneck", "family", "kind", "seed", "suite", "budget", "parameters", "width"),
    *("protocol_version", "data_sha256", "commit", "device", "trial_id", "task", "data"),
}
SUMMARY = {
    *("primary", "primary/name", "primary/unit", "primary/direction", "primary/skill"),
    *("selection/best", "selection/step", "generalisation_gap", "status", "reportable", "why_not"),
    *("cost/seconds", "cost/tflop", "cost/parameters", "cost/examples_per_second", "cost/peak_gib"),
    *("diagnostics/grad_norm", "diagnostics/growth_per_step", "diagnostics/jacobian_norm"),
    *("diagnostics/dead_share", "diagnostics/saturated_share"),
}


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return pooled([RECORDS], []).records


@pytest.fixture(scope="module")
def runs(records: list[dict[str, Any]]) -> list[Description]:
    baselines = Baselines()
    return [described(one, baselines, Of("matrix")).signed(len(history(one, None))) for one in records]


def test_every_run_of_every_task_has_the_names_that_compare(runs: list[Description]) -> None:
    for run in runs:
        assert set(run.config) >= CONFIG, run.id
        assert set(run.summary) >= SUMMARY, run.id
    shared = set.intersection(*({*run.config, *run.summary} for run in runs))
    assert len(shared) >= LEAST_SHARED
    known = ({key for key, value in {**run.config, **run.summary}.items() if value is not None} for run in runs)
    assert len(set.intersection(*known)) >= LEAST_SHARED, "W&B shows no None in a summary"
    assert all(run.summary["primary"] is not None for run in runs)
    own = {name for run in runs for name in run.summary} - shared
    assert all(re.match(r"(validation|test|test_\w+)/", name) for name in own), "a task may have further test sets"


def test_every_run_of_the_matrix_has_a_primary_metric_and_a_skill(records: list[dict[str, Any]]) -> None:
    """As `unroll track suite=matrix` sends it, without what is None: W&B shows none."""
    by_id = {one["trial_id"]: one for one in records}
    found = planned([item.trial for item in plan(["suite=matrix"]).trials], by_id.get).values()
    sent = ended([(one, None) for one in found if one["status"] != "missing"], records, "matrix")
    assert len(sent) > 480
    described_by = [{**run.description.config, **run.description.summary} for run in sent]
    shared = set.intersection(*({key for key, value in each.items() if value is not None} for each in described_by))
    assert {"primary", "primary/name", "primary/direction", "primary/skill", "primary/skill_of"} <= shared
    assert len(shared) >= LEAST_SHARED
    networks = [each for each in described_by if each["kind"] == "network"]
    costs = {"cost/seconds", "cost/tflop", "cost/parameters", "selection/best", "generalisation_gap", "suite", "budget"}
    assert all(each[key] is not None for each in networks for key in costs)
    skills = {each["architecture"]: each["primary/skill"] for each in described_by if each["kind"] == "baseline"}
    assert {skills[name] for name in ("pca", "dictionary", "tfidf_lr", "last_value")} == {1.0}
    assert {skills[name] for name in ("majority", "seasonal", "copy", "mean_image")} == {0.0}
    assert skills["real_images"] > 1, "the floor of the distance is no end of the scale"


def test_baselines_are_runs(records: list[dict[str, Any]], runs: list[Description]) -> None:
    kinds = {run.id: (run.job_type, run.config["kind"], run.config["family"]) for run in runs}
    baselines = [one["trial_id"] for one in records if is_baseline(one["config"])]
    assert len(baselines) > 50
    assert {kinds[name] for name in baselines} == {("baseline", "baseline", "baseline")}
    assert {kind for name, (kind, *_) in kinds.items() if name not in baselines} == {"network"}


def test_a_group_is_a_row_and_holds_each_seed_once(records: list[dict[str, Any]], runs: list[Description]) -> None:
    """So that W&B's mean over a group is a mean over seeds, and over nothing else."""
    seeds = defaultdict(list)
    for one, run in zip(records, runs, strict=True):
        seeds[run.group, one["data"]["content_sha256"]].append(one["config"]["seed"])
    assert all(len(set(each)) == len(each) for each in seeds.values())
    assert max(map(len, seeds.values())) > 5
    assert all(len(run.group) <= 128 and len(run.name) <= 128 for run in runs)


def test_a_group_says_what_it_is(records: list[dict[str, Any]]) -> None:
    found = next(one for one in records if one["trial_id"].startswith("forecasting-beijing_pm25-bilstm-s0"))
    assert group(found["config"]).startswith("forecasting/beijing_pm25/horizon=24 · bilstm · steps=")
    other = copy.deepcopy(found["config"])
    other["seed"] = 1
    assert group(other) == group(found["config"])
    other["optimizer"]["learning_rate"] *= 2
    assert group(other) != group(found["config"])


def test_a_name_says_what_differs_and_notes_train_it_again(records: list[dict[str, Any]]) -> None:
    found = copy.deepcopy(next(one for one in records if one["config"].get("architecture", {}).get("name") == "bilstm"))
    found["config"]["seed"] = 3
    found["run"]["command"] = (
        "unroll train task=sentiment architecture=bilstm seed=3 optimizer.learning_rate=0.01 trainer.threads=2 "
        "paths.runs=/scratch/me/runs logger=wandb --config-dir /home/me/mine"
    )
    run = described(found)
    assert run.name == "bilstm s3 optimizer.learning_rate=0.01"
    assert run.notes == (
        "unroll train task=sentiment architecture=bilstm seed=3 optimizer.learning_rate=0.01 trainer.threads=2"
    )


def test_the_gap_the_cost_and_why_not(records: list[dict[str, Any]]) -> None:
    found = copy.deepcopy(next(one for one in records if (one["result"].get("train") or {}).get("gap")))
    found |= {"reportable": False, "why_not_reportable": ["one thing", "another"]}
    run = described(found)
    assert run.summary["generalisation_gap"] == found["result"]["train"]["gap"]["value"]
    assert run.summary["cost/seconds"] == found["run"]["training_seconds"]
    assert run.summary["cost/tflop"] == pytest.approx(found["flops"]["training"] / 1e12)
    assert run.summary["cost/parameters"] == found["parameters"]["counted"]
    assert (run.summary["why_not"], run.summary["reportable"]) == ("one thing; another", False)
    assert "not-reportable" in run.tags
    for split, metrics in found["result"]["metrics"].items():
        assert {f"{split}/{name}": value for name, value in metrics.items()}.items() <= run.summary.items()


def test_of_a_trial_under_way_there_is_no_summary(records: list[dict[str, Any]]) -> None:
    one = records[0]
    run = described({"trial_id": one["trial_id"], "config": one["config"]}, of=Of("mine", tuning=True))
    assert run.summary == {}
    assert (run.config["suite"], run.config["kind"], run.job_type) == ("mine", "tuning", "tuning")
    assert set(run.config) >= CONFIG
    assert run.group == described(one).group


def test_a_failed_trial_has_the_same_names(records: list[dict[str, Any]]) -> None:
    one = copy.deepcopy(records[0])
    for key in ("result", "parameters", "flops", "data", "diagnostics"):
        one.pop(key)
    one |= {"status": "failed", "reportable": False, "why_not_reportable": ["failed: TypeError"]}
    run = described(one)
    assert set(run.summary) >= SUMMARY
    assert (run.summary["status"], run.summary["primary"], run.summary["why_not"]) == (
        "failed",
        None,
        "failed: TypeError",
    )


def test_a_run_is_known_again_whatever_its_suite(records: list[dict[str, Any]]) -> None:
    one = next(each for each in records if not is_baseline(each["config"]))
    signs = {described(one, of=of).signed(3).summary[DIGEST] for of in (None, Of("a"), Of("b", tuning=True))}
    assert len(signs) == 1
    assert described(one).signed(3).summary[LINES] == 3
    other = copy.deepcopy(one)
    other["run"]["training_seconds"] += 1
    assert described(other).signed(3).summary[DIGEST] not in signs


def test_code_that_is_not_here() -> None:
    """A record of somebody else's classes is a run all the same."""
    one = record("lstm", 0, 81.0)
    one["config"]["architecture"]["encoder"] = {"_target_": "theirs.models.Own", "width": 3}
    one["config"]["architecture"]["decoder"] = {"_target_": "theirs.models.Other"}
    run = described(one)
    assert run.config["family"] == "Own"
    assert run.group.startswith("sentiment/sst2 · lstm · epochs=4 · ")

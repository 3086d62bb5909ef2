"""What is committed agrees with itself: tables and README are made from the records, and every number has a unit."""

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from unroll.analysis import variants
from unroll.analysis.tables import make_tables
from unroll.config.schema import SECTIONS
from unroll.config.trial import Trial, make_trial
from unroll.config.typed import completed, config_of
from unroll.records.scores import primary_score, scores_under
from unroll.records.stale import current_or_earlier
from unroll.records.store import read_records
from unroll.registry.groups import group_value
from unroll.sweeps.suite import plan

ROOT = Path(__file__).resolve().parents[3]
RECORDS = ROOT / "results" / "records"


@pytest.fixture(scope="module")
def records() -> list[dict]:
    return read_records(RECORDS)


def test_scores_of_examples_are_those_of_the_records(records: list[dict]) -> None:
    """Their mean is the primary metric, of a corpus metric too."""
    read = scores_under(RECORDS)
    for record in records:
        scores = read(record) if record["status"] == "finished" else None
        if scores is None:
            continue
        channels, rest = divmod(record["result"]["examples"]["test"], len(scores))  # one by one, they share a window
        assert (rest, channels > 1) == (0, record["config"]["task"].get("channels") == "independent"), record[
            "trial_id"
        ]
        assert primary_score(record).compares, record["trial_id"]  # type: ignore[union-attr]
        assert scores.mean() == pytest.approx(record["result"]["primary"]["value"], rel=1e-4), record["trial_id"]


def test_committed_trials_are_reportable_or_failed_and_their_metrics_have_units(records: list[dict]) -> None:
    finished = [record for record in records if record["status"] == "finished"]
    assert [record["trial_id"] for record in finished if not record["reportable"]] == []
    for table in make_tables(records):
        for row in table.rows:
            assert [name for name in row.metrics if table.known(name) is None] == []


def test_a_recorded_config_is_completed_by_what_came_after_it(records: list[dict]) -> None:
    """The id stays, and no option of today is absent: an older record can be trained again."""
    for record in records:
        config = completed(record["config"])
        assert make_trial(config).trial_id == record["trial_id"]
        for section, kind in SECTIONS.items():
            if section in config and section not in ("paths", "architecture"):
                assert set(config[section]) == set(kind.model_fields), record["trial_id"]


def _of(trial: Trial, by_id: dict[str, dict]) -> dict:
    """A trial's record; that of the task's earlier protocol where it is to be trained again."""
    found = current_or_earlier(trial, by_id.get)
    assert found is not None, trial.trial_id
    return found


def test_default_strengths_are_validations_choice(records: list[dict]) -> None:
    by_id = {record["trial_id"]: record for record in records}
    tried: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    for item in plan(["suite=strengths"]).trials:
        (text,) = (text for text in item.overrides if text.startswith("bottleneck.terms."))
        term, point = text.split(".")[2], float(text.partition("=")[2])
        selected = _of(item.trial, by_id)["result"]["selection"]["value"]
        assert item.trial.plain["task"]["selection"]["direction"] == "lower"
        tried[item.trial.plain["task"]["name"], term][point] = selected
    assert {len(points) for points in tried.values()} == {4}
    for (task, term), points in tried.items():
        stated = group_value("task", task, "strengths")
        assert stated[term] == min(points, key=points.__getitem__), (task, term)


def test_strengths_of_the_claims_are_validations_choice(records: list[dict]) -> None:
    by_id = {record["trial_id"]: record for record in records}
    tried: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for item in plan(["suite=claims_strengths"]).trials:
        for text in item.overrides:
            if text.startswith("bottleneck.terms."):
                value = _of(item.trial, by_id)["result"]["selection"]["value"]
                tried[item.trial.plain["architecture"]["name"]].append((value, text))
    suite = yaml.safe_load((ROOT / "conf" / "suite" / "claims.yaml").read_text(encoding="utf-8"))
    stated = suite["parts"]["regularised_codes"]["when"]

    def strength(texts: list[str]) -> tuple[str, float]:
        (text,) = (text for text in texts if text.startswith("bottleneck.terms."))
        key, _, value = text.partition("=")
        return key, float(value)

    assert {f"architecture={name}": strength([min(points)[1]]) for name, points in tried.items()} == {
        choice: strength(texts) for choice, texts in stated.items()
    }
    assert {len(points) for points in tried.values()} == {4}


def test_every_recorded_config_is_a_model(records: list[dict]) -> None:
    """What training and verifying read: a record of before an option, or of a baseline with a network's sections."""
    for record in records:
        config = config_of({**record["config"], "paths": {"runs": "runs", "cache": "cache"}})
        assert config.row == variants.name(record["config"])
        assert config.seed == record["config"]["seed"]

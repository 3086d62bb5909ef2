"""Rows compared in pairs, and claims answered, on made-up records with made-up scores."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_records import record

from unroll.analysis.comparisons import compare, compare_values
from unroll.analysis.hypotheses import CONTRADICTED, HOLDS, UNDECIDED, answer, answers
from unroll.analysis.report import markdown
from unroll.errors import UserError
from unroll.records.scores import block_of, copy_scores, score_name, scores_under
from unroll.sweeps.suite import plan

EXAMPLES = 200


def rows(*names: str, seeds: int = 3, **changes: Any) -> list[list[dict[str, Any]]]:
    """Records of each name: accuracies 60, 70, 80, ... and a little of the seed."""
    return [
        [record(name, seed, 60.0 + 10 * number + seed, **changes) for seed in range(seeds)]
        for number, name in enumerate(names)
    ]


def scores(found: dict[str, Any]) -> np.ndarray:
    """Examples that are right, so that their mean is about the record's accuracy."""
    right = found["result"]["primary"]["value"] / 100
    random = np.random.default_rng(found["config"]["seed"])
    return 100.0 * (random.random(EXAMPLES) < right)


def none(found: dict[str, Any]) -> None:
    return None


def test_examples_are_compared_where_both_rows_have_scores() -> None:
    gru, lstm = rows("gru", "lstm")
    (found,) = compare([(lstm, gru)], scores)
    assert found is not None
    assert (found.paired.seeds, found.paired.examples) == (3, EXAMPLES)
    assert found.paired.difference == pytest.approx(
        np.mean([scores(one).mean() - scores(other).mean() for one, other in zip(lstm, gru, strict=True)])
    )
    assert found.is_sure


def test_seeds_are_compared_where_scores_are_missing() -> None:
    gru, lstm = rows("gru", "lstm")
    (found,) = compare([(lstm, gru)], none)
    assert found is not None
    assert (found.paired.difference, found.paired.examples) == (10.0, 0)


def test_only_shared_seeds_count_and_a_pair_without_any_is_none() -> None:
    gru, lstm = rows("gru", "lstm")
    found = compare([(lstm[:2], gru[1:]), (lstm[:1], gru[1:])], scores)
    assert found[0] is not None
    assert found[0].paired.seeds == 1
    assert found[1] is None


def test_a_baseline_that_was_run_once_meets_every_seed() -> None:
    baseline, lstm = rows("tfidf_lr", "lstm")
    (found,) = compare([(lstm, baseline[:1])], none)
    assert found is not None
    assert found.paired.seeds == 3
    assert found.paired.difference == pytest.approx(np.mean([70, 71, 72]) - 60)


def test_p_is_adjusted_over_the_family() -> None:
    gru, lstm = rows("gru", "lstm")
    alone = compare([(lstm, gru)], scores)[0]
    family = compare([(lstm, gru), (gru, lstm)], scores)[0]
    assert alone is not None
    assert family is not None
    assert alone.adjusted == alone.paired.p == family.paired.p
    assert family.adjusted == 2 * family.paired.p  # type: ignore[operator]
    assert compare_values([([1.0], [2.0]), ([], [])])[0].adjusted is None  # type: ignore[union-attr]


def test_overlapping_windows_are_drawn_together() -> None:
    assert block_of({"task": {"window": 48, "horizon": 24}}) == 72
    assert block_of({"task": {"rate": 0.2}}) == 1


def test_scores_are_read_from_a_trial_and_from_a_committed_copy(tmp_path: Path) -> None:
    (found,) = rows("gru", seeds=1)[0]
    trial, committed = tmp_path / found["trial_id"], tmp_path / "records"
    trial.mkdir()
    committed.mkdir()
    right = np.array([1.0, 0.0, 1.0, 1.0])
    np.savez(trial / "predictions.npz", **{"test/correct": right, "validation/correct": right})
    path = copy_scores(found, trial, committed)
    assert path is not None
    for folder in (tmp_path, committed):
        assert scores_under(folder)(found).tolist() == [100.0, 0.0, 100.0, 100.0]  # type: ignore[union-attr]
    assert scores_under(tmp_path / "elsewhere")(found) is None
    again = path.read_bytes()
    copy_scores(found, trial, committed)
    assert path.read_bytes() == again


def test_errors_are_what_is_not_right_and_some_metrics_have_no_examples(tmp_path: Path) -> None:
    (found,) = rows("gru", seeds=1)[0]
    found["result"]["primary"]["name"] = "error"
    np.savez(tmp_path / f"{found['trial_id']}.scores.npz", **{"test/correct": np.array([1, 0], np.uint8)})
    assert scores_under(tmp_path)(found).tolist() == [0.0, 100.0]  # type: ignore[union-attr]
    assert score_name("frechet_mnist_classifier_1000") is None


CLAIM = {
    "says": "GRU beats LSTM",
    "pairs": [["gru", "lstm"]],
    "metric": "primary",
    "unit": "",
    "direction": None,
    "note": "Why.",
}


def test_a_claim_holds_is_contradicted_or_undecided() -> None:
    lstm, gru = rows("lstm", "gru")
    assert [test.verdict for test in answer("c", CLAIM, [*lstm, *gru], scores).tests] == [HOLDS]
    gru, lstm = rows("gru", "lstm")
    assert [test.verdict for test in answer("c", CLAIM, [*lstm, *gru], scores).tests] == [CONTRADICTED]
    (gru,), (lstm,) = rows("gru"), rows("lstm")
    assert [test.verdict for test in answer("c", CLAIM, [*lstm, *gru], scores).tests] == [UNDECIDED]


def test_a_claim_holds_in_part_where_other_comparisons_are_undecided() -> None:
    lstm, gru = rows("lstm", "gru")
    found = answer("c", CLAIM, [*lstm, *gru], scores)
    (test,) = found.tests
    assert found.verdict == HOLDS
    assert replace(found, tests=(test, replace(test, verdict=UNDECIDED))).verdict == "holds in part"
    assert replace(found, tests=(replace(test, verdict=UNDECIDED),)).verdict == UNDECIDED


def test_settings_are_compared_each_by_itself_and_named_by_what_differs() -> None:
    wide, narrow = rows("lstm", "gru", task__dropout=0.1), rows("gru", "lstm", task__dropout=0.2)
    found = answer("c", CLAIM, [one for row in (*wide, *narrow) for one in row], scores)
    assert {test.setting: test.verdict for test in found.tests} == {
        "sentiment on sst2 (task.dropout=0.1)": HOLDS,
        "sentiment on sst2 (task.dropout=0.2)": CONTRADICTED,
    }
    assert found.verdict == "mixed"


def test_a_claim_about_another_field_compares_seeds() -> None:
    gru, lstm = rows("gru", "lstm")
    for one in gru:
        one["run"]["training_seconds"] -= 5 + one["config"]["seed"] / 10
    claim = {**CLAIM, "metric": "run.training_seconds", "unit": "s", "direction": "lower"}
    (test,) = answer("c", claim, [*gru, *lstm], scores).tests
    assert (test.verdict, test.metric, test.unit) == (HOLDS, "run.training_seconds", "s")
    assert test.comparison.paired.examples == 0


def test_pairs_without_finished_trials_are_counted() -> None:
    (gru,) = rows("gru")
    failed = [record("lstm", seed, None) for seed in range(3)]
    found = answer("c", CLAIM, [*gru, *failed], scores)
    assert (found.tests, found.missing, found.verdict) == ((), 1, "no trials")


def test_a_page_shows_the_answers_and_each_row_beside_the_best() -> None:
    lstm, gru = rows("lstm", "gru")
    found = answer("c", CLAIM, [*lstm, *gru], scores)
    page = markdown([*lstm, *gru], "Report", scores=scores, answers=[found])
    assert "**Holds**: of 1 comparisons 1 holds, 0 contradicted, 0 undecided. Why." in page
    assert "| GRU beats LSTM | **holds** | 1 | 0 | 0 |" in page
    row = next(line for line in page.splitlines() if line.startswith("| lstm | 61.00"))
    assert ", p 0.011 |" in row


def test_the_shipped_claims_have_trials() -> None:
    todo = plan(["suite=claims"])
    found = answers(todo, [], none)
    assert [one.name for one in found] == list(todo.hypotheses)
    assert [one.name for one in found if not one.missing] == []


@pytest.mark.parametrize(
    "claim",
    [
        "{says: a, pairs: [[gru]]}",
        "{says: a, pairs: []}",
        "{says: a, pairs: [[gru, lstm]], metric: run.seconds}",
        "{says: a, pairs: [[gru, lstm]], direction: lower}",
        "{says: a, pairs: [[gru, lstm]], metric: run.seconds, direction: down}",
        "{says: a, pair: [[gru, lstm]]}",
    ],
)
def test_claims_that_cannot_be_read_are_refused(claim: str, tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    text = f"name: odd\ngrid: {{task: [compression], architecture: [mlp]}}\nhypotheses: {{c: {claim}}}\n"
    (tmp_path / "suite" / "odd.yaml").write_text(text)
    with pytest.raises(UserError, match="suite"):
        plan(["suite=odd"], str(tmp_path))

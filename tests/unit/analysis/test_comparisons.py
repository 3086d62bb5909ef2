"""Rows compared in pairs, and claims answered, on made-up records with made-up scores."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_records import record

from unroll.analysis.comparisons import compare, sample
from unroll.analysis.hypotheses import CONTRADICTED, HOLDS, NONE, UNDECIDED, answer, answers
from unroll.analysis.report import markdown
from unroll.errors import UserError
from unroll.records.scores import block_of, copy_scores, primary_score, scores_under
from unroll.sweeps.suite import plan

EXAMPLES = 200


def rows(*names: str, seeds: int = 3, **changes: Any) -> list[list[dict[str, Any]]]:
    """Records of each name: accuracies 60, 70, 80, ... and a little of the seed."""
    return [
        [record(name, seed, 60.0 + 10 * number + seed, **changes) for seed in range(seeds)]
        for number, name in enumerate(names)
    ]


def scores(found: dict[str, Any]) -> np.ndarray:
    """Examples whose mean is the record's accuracy."""
    random = np.random.default_rng(found["config"]["seed"])
    values = 10 * random.standard_normal(EXAMPLES)
    return values - values.mean() + found["result"]["primary"]["value"]


def none(found: dict[str, Any]) -> None:
    return None


def test_examples_are_compared_where_both_rows_have_scores() -> None:
    gru, lstm = rows("gru", "lstm")
    (found,) = compare([(sample(lstm, scores), sample(gru, scores))])
    assert (found.seeds, found.examples, found.difference) == ((3, 3), EXAMPLES, 10.0)
    assert found.is_sure


def test_seeds_are_compared_where_scores_are_missing() -> None:
    gru, lstm = rows("gru", "lstm")
    (found,) = compare([(sample(lstm, none), sample(gru, scores))])
    assert (found.difference, found.examples) == (10.0, 0)
    assert found.is_sure


def test_scores_that_the_value_is_not_the_mean_of_are_not_used() -> None:
    (gru,) = rows("gru")
    assert sample(gru, scores).examples == EXAMPLES
    assert sample(gru, lambda found: scores(found) + 1).examples == 0


def test_all_seeds_count_whether_shared_or_not() -> None:
    gru, lstm = rows("gru", "lstm", seeds=5)
    (found,) = compare([(sample(lstm[:4], none), sample(gru[1:], none))])
    assert (found.seeds, found.difference) == ((4, 4), pytest.approx(9.0))
    assert found.is_sure


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_get_no_p(seeds: int) -> None:
    gru, lstm = rows("gru", "lstm")
    (found,) = compare([(sample(lstm[:seeds], scores), sample(gru, scores))], [1.0])
    assert (found.p, found.low, found.p_alike) == (None, None, None)
    assert not found.is_sure


def test_a_baseline_that_was_run_once_is_compared_with_every_seed() -> None:
    baseline, lstm = rows("tfidf_lr", "lstm")
    (found,) = compare([(sample(lstm, none), sample(baseline[:1], none))])
    assert found.seeds == (3, 1)
    assert found.difference == pytest.approx(np.mean([70, 71, 72]) - 60)
    assert found.is_sure


def test_p_is_adjusted_over_the_family() -> None:
    baseline, lstm = (sample(row, scores) for row in (rows("tfidf_lr", seeds=1)[0], rows("lstm")[0]))
    (alone,), (family, _) = compare([(lstm, baseline)]), compare([(lstm, baseline), (baseline, lstm)])
    assert alone.p is not None
    assert family.p == pytest.approx(2 * alone.p)
    assert compare([]) == []


def test_a_difference_within_the_margin_is_small() -> None:
    gru, lstm = (sample(row, none) for row in rows("gru", "lstm"))
    assert [one.is_small for one in compare([(lstm, gru)] * 3, [5.0, 20.0, None])] == [False, True, False]
    assert compare([(lstm, gru)], [None])[0].p_alike is None


def test_overlapping_windows_are_drawn_together() -> None:
    windows = {"_target_": "unroll.tasks.forecasting.Forecasting", "window": 48, "horizon": 24}
    assert block_of({"task": windows}) == 72
    assert block_of({"task": {"_target_": "unroll.tasks.compression.Compression", "rate": 0.2}}) == 1
    assert block_of({"task": {**windows, "_target_": "somewhere.Else"}}) == 1


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
    found["config"]["task"]["_target_"] = "unroll.tasks.classification.Classification"
    np.savez(tmp_path / f"{found['trial_id']}.scores.npz", **{"test/correct": np.array([1, 0], np.uint8)})
    assert scores_under(tmp_path)(found).tolist() == [0.0, 100.0]  # type: ignore[union-attr]
    found["result"]["primary"]["name"] = "ece"
    assert primary_score(found) is None


CLAIM = {
    "says": "GRU beats LSTM",
    "option": "architecture",
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


def test_a_claim_shows_no_difference_where_none_as_large_as_the_margin_is_left() -> None:
    """Of 1 point, which the task's YAML states: rows a tenth apart, whose seeds spread by a twentieth."""
    close = [
        [record(name, seed, 60 + 0.1 * (name == "gru") + 0.05 * seed) for seed in range(5)] for name in ("lstm", "gru")
    ]
    (test,) = answer("c", CLAIM, [*close[0], *close[1]], none).tests
    assert (test.verdict, test.margin) == (NONE, 1.0)
    other = [
        [
            record(
                row["config"]["architecture"]["name"],
                row["config"]["seed"],
                row["result"]["primary"]["value"],
                task__primary={"name": "macro_f1", "direction": "higher", "unit": "%"},
            )
            for row in rows_
        ]
        for rows_ in close
    ]
    (test,) = answer("c", CLAIM, [*other[0], *other[1]], none).tests
    assert (test.verdict, test.margin) == (UNDECIDED, None)


def test_a_claim_holds_in_part_where_other_comparisons_are_undecided() -> None:
    lstm, gru = rows("lstm", "gru")
    found = answer("c", CLAIM, [*lstm, *gru], scores)
    (test,) = found.tests
    assert found.verdict == HOLDS
    assert replace(found, tests=(test, replace(test, verdict=UNDECIDED))).verdict == "holds in part"
    assert replace(found, tests=(replace(test, verdict=UNDECIDED),)).verdict == UNDECIDED
    none_or_unclear = replace(test, verdict=NONE), replace(test, verdict=UNDECIDED)
    assert replace(found, tests=none_or_unclear[:1]).verdict == NONE
    assert replace(found, tests=none_or_unclear).verdict == "no difference in part"


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
    assert test.comparison.examples == 0


def test_a_claim_may_be_about_an_option() -> None:
    """What differs by that alone is compared: not seeds, nor what another architecture did with it."""
    claim = {**CLAIM, "option": "task.left_padding", "pairs": [[False, True]]}
    ((seen,), (unseen, other)) = rows("gru"), rows("gru", "lstm")
    for one in seen:
        one["config"]["task"]["left_padding"] = True
    for one in [*unseen, *other]:
        one["config"]["task"]["left_padding"] = False
    for one in unseen:
        one["result"]["primary"]["value"] += 10
    (test,) = answer("c", claim, [*seen, *unseen, *other], none).tests
    assert test.pair == ("task.left_padding=false", "task.left_padding=true")
    assert test.comparison.difference == pytest.approx(10)
    assert (test.verdict, test.setting) == (HOLDS, "sentiment on sst2 (architecture=gru)")


def test_an_option_is_compared_with_the_parts_that_it_is_passed_on_to() -> None:
    claim = {**CLAIM, "option": "architecture.residual", "pairs": [[True, False]]}
    ((with_it,), (without, *_)) = rows("gru"), rows("gru")
    for on, some in ((True, with_it), (False, without)):
        for one in some:
            one["config"]["architecture"] |= {"residual": on}
            one["config"]["architecture"]["encoder"] |= {"residual": on}
    found = answer("c", claim, [*with_it, *without], none)
    assert [test.pair for test in found.tests] == [("architecture.residual=true", "architecture.residual=false")]


def test_pairs_without_finished_trials_are_counted() -> None:
    (gru,) = rows("gru")
    failed = [record("lstm", seed, None) for seed in range(3)]
    found = answer("c", CLAIM, [*gru, *failed], scores)
    assert (found.tests, found.missing, found.verdict) == ((), 1, "no trials")


def test_a_page_shows_the_answers_and_each_row_beside_the_best() -> None:
    lstm, gru = rows("lstm", "gru")
    found = answer("c", CLAIM, [*lstm, *gru], scores)
    page = markdown([*lstm, *gru], "Report", scores=scores, answers=[found])
    assert "**Holds**: of 1 comparisons 1 holds, 0 contradicted, 0 no difference, 0 cannot say. Why." in page
    assert "| GRU beats LSTM | **holds** | 1 | 0 | 0 | 0 |" in page
    best, row = (
        next(line for line in page.splitlines() if line.startswith(f"| {name} |") and "±" in line)
        for name in ("gru", "lstm")
    )
    assert best.startswith("| gru | **71.00 ± 1.00** | 3 | a |")
    assert row.startswith("| lstm | 61.00 ± 1.00 | 3 | b |")
    assert "| -10.00 [-" in row


def test_the_shipped_claims_have_trials() -> None:
    todo = plan(["suite=claims"])
    found = answers(todo, [], none)
    assert [one.name for one in found] == list(todo.hypotheses)
    assert [one.name for one in found if not one.missing] == []


@pytest.mark.parametrize(
    "claim",
    [
        "{says: a, pairs: [[gru]]}",
        "{says: a, pairs: [[mlp, lstmm]]}",
        "{says: a, pairs: [[0.1, 0.2]], option: task.rate}",
        "{says: a, pairs: [[1, 2]], option: task.left_pading}",
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

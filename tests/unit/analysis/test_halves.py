"""Half the budget beside the whole, on literals: who is whose half, the gain, what pages say, what is no row."""

from collections.abc import Mapping
from typing import Any

import pytest
from table_records import record

from unroll.analysis.comparisons import compare, sample
from unroll.analysis.halves import BETTER, CAPTION, UNDECIDED, WORSE, Half, beside, said
from unroll.analysis.hypotheses import answer
from unroll.analysis.render.terminal import rich_table
from unroll.analysis.report import comma_separated, markdown
from unroll.analysis.tables import make_tables
from unroll.config.compose import compose
from unroll.config.half import half_of
from unroll.config.trial import Trial

WHOLE = [80.0, 81.0, 82.0, 80.5, 81.5]
LESS = [70.0, 72.0, 71.0, 70.5, 71.5]  # 10, 9, 11, 10 and 10 less
ALIKE = [80.5, 80.5, 82.5, 80.0, 81.5]  # 0.5 more, 0.5 less, 0.5 more, 0.5 less, the same


def trial_of(row: str, seed: int, epochs: float = 4) -> Trial:
    return compose(["task=sentiment", "data=sst2", f"architecture={row}", f"budget.epochs={epochs}", f"seed={seed}"])


def of(trial: Trial, value: float | None) -> dict[str, Any]:
    return {**record(trial.row, trial.plain["seed"], value), "config": trial.plain, "trial_id": trial.trial_id}


def wholes(row: str, values: list[float] = WHOLE) -> list[dict[str, Any]]:
    return [of(trial_of(row, seed), value) for seed, value in enumerate(values)]


def halves(row: str, values: list[float]) -> list[dict[str, Any]]:
    found = [(half_of(trial_of(row, seed).plain), value) for seed, value in enumerate(values)]
    return [of(half, value) for half, value in found if half is not None]


def no_scores(_: Mapping[str, Any]) -> None:
    return None


def by_id(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["trial_id"]: one for one in records}


def one_beside(row: list[dict[str, Any]], *others: dict[str, Any]) -> Half | None:
    (found,) = beside([row], by_id([*row, *others]).get, no_scores)
    return found


def test_the_gain_is_the_whole_budget_minus_half_of_it_by_the_pair_test() -> None:
    whole, half = wholes("gru"), halves("gru", LESS)
    found = one_beside(whole, *half)
    assert found is not None
    assert (found.whole.mean, found.half.mean, found.whole.n, found.half.n) == (81.0, 71.0, 5, 5)
    assert found.gain.difference == pytest.approx(10.0)
    assert [found.gain] == compare([(sample(whole, no_scores), sample(half, no_scores))], [1.0])
    assert found.verdict == BETTER


@pytest.mark.parametrize(
    ("direction", "values", "verdict"),
    [("higher", LESS, BETTER), ("lower", LESS, WORSE), ("higher", ALIKE, UNDECIDED), ("lower", ALIKE, UNDECIDED)],
)
def test_what_the_whole_is_to_the_half_goes_by_the_metrics_better_side(
    direction: str, values: list[float], verdict: str
) -> None:
    whole, half = wholes("gru"), halves("gru", values)
    for one in (*whole, *half):
        one["result"]["primary"]["direction"] = direction
    found = one_beside(whole, *half)
    assert found is not None
    assert found.verdict == verdict


def test_only_seeds_with_both_are_compared() -> None:
    found = one_beside(wholes("gru"), *halves("gru", LESS)[1:3])
    assert found is not None
    assert (found.whole.mean, found.half.mean, found.gain.seeds) == (81.5, 71.5, (2, 2))


def test_what_differs_in_more_than_the_budget_is_no_half() -> None:
    whole = wholes("gru")
    failed = {**halves("gru", LESS)[0], "status": "failed", "result": None}
    others = halves("lstm", LESS)
    shorter = [of(trial_of("gru", seed, 1), 70.0) for seed in range(5)]
    later = of(trial_of("gru", 9, 2), 70.0)
    assert one_beside(whole, failed, *others, *shorter, later) is None
    elsewhere = halves("gru", LESS)
    for one in elsewhere:
        one["data"] = {**one["data"], "content_sha256": "cd"}
    assert one_beside(whole, *elsewhere) is None
    one_step = wholes("gru")
    for one in one_step:
        one["result"]["steps"] = 1
    assert one_beside(one_step, *halves("gru", LESS)) is None


def test_rows_without_a_half_keep_their_place() -> None:
    records = [*wholes("gru"), *wholes("lstm"), *wholes("rnn"), *halves("lstm", LESS)]
    found = beside([wholes("gru"), wholes("lstm"), []], by_id(records).get, no_scores)
    assert [half is None for half in found] == [True, False, True]


def test_a_report_of_a_folder_shows_a_half_beside_the_whole_and_not_as_a_row() -> None:
    records = [*wholes("gru"), *wholes("lstm"), *halves("gru", LESS)]
    (table,) = make_tables(records, scores=no_scores)
    assert [(row.label, len(row.trials), row.half is None) for row in table.rows] == [
        ("gru", 5, False),
        ("lstm", 5, True),
    ]
    text = markdown(records, "Report", scores=no_scores)
    assert "### Half the budget" in text
    assert "| gru | 71.00 ± 0.79 | 81.00 ± 0.79 | 5 | +10.00 [" in text
    assert "| surely better |" in text
    assert all(f"`{one['trial_id']}` (half the budget) |" in text for one in halves("gru", LESS))
    assert CAPTION in text
    assert markdown(records[::-1], "Report", scores=no_scores) == text


def test_a_half_without_its_whole_and_a_budget_that_was_asked_for_are_rows() -> None:
    (alone,) = make_tables([*wholes("lstm"), *halves("gru", LESS)])
    assert {row.label for row in alone.rows} == {"gru budget=half", "lstm budget=default"}
    swept = [of(trial_of("gru", 0, epochs), 80.0) for epochs in (1, 2, 4)]
    (table,) = make_tables(swept)
    assert {row.label for row in table.rows} == {f"gru budget.epochs={epochs}.0" for epochs in (1, 2, 4)}
    assert sum(row.half is not None for row in table.rows) == 2


def test_a_plans_tables_have_its_trials_and_no_others() -> None:
    whole, half = wholes("gru"), halves("gru", LESS)
    (table,) = make_tables([*whole, *half], [trial_of("gru", seed) for seed in range(5)])
    assert [(row.label, row.count("finished")) for row in table.rows] == [("gru", 5)]
    planned = [one for seed in range(5) if (one := half_of(trial_of("gru", seed).plain)) is not None]
    (table,) = make_tables([*whole, *half], planned)
    assert [(row.label, row.primary and row.primary.mean) for row in table.rows] == [("gru", 71.0)]
    assert "How far" not in markdown([*whole, *half], "Suite s-half", planned)


def test_a_page_without_halves_says_that_nothing_is_known_and_what_would_tell() -> None:
    text = markdown(wholes("gru"), "Report", scores=no_scores)
    assert (
        "- How far training went is not known: no network here was trained with half its budget; "
        "`unroll sweep suite=half suite.of=SUITE` does so." in text
    )
    assert CAPTION not in text
    assert "### Half the budget" not in text
    (shown,) = rich_table(make_tables(wholes("gru"), None, no_scores), "quickstart")
    assert "suite.of=quickstart" in str(shown.caption)


def test_the_sentence_counts_networks() -> None:
    better, unsure = one_beside(wholes("gru"), *halves("gru", LESS)), one_beside(wholes("gru"), *halves("gru", ALIKE))
    assert said([better, unsure, better], "run") == (
        "How far training went, of 3 networks that had half the budget too: "
        "with the whole one 2 surely better, 0 surely worse, 0 no different by more than X, 1 undecided."
    )
    assert said([better, None], "run").endswith("Of 1 more it is not known; `run` trains them with half of it.")


def test_a_failed_network_is_not_asked_how_far_it_went() -> None:
    failed = [of(trial_of("lstm", 0), None)]
    assert "How far" not in markdown(failed, "Report")
    assert "How far" not in markdown([record("tfidf_lr", 0, 80.0)], "Report")


def test_numbers_for_other_programs_hold_both_budgets() -> None:
    records = [*wholes("gru"), *halves("gru", LESS)]
    header, line = comma_separated(make_tables(records, scores=no_scores)).splitlines()
    found = dict(zip(header.split(","), line.split(","), strict=True))
    assert (found["mean"], found["half"], float(found["whole_minus_half"])) == ("81.0", "71.0", pytest.approx(10.0))
    assert float(found["whole_minus_half_low"]) < 10 < float(found["whole_minus_half_high"])


@pytest.mark.parametrize(("metric", "count"), [("primary", 2), ("run.training_seconds", 0)])
def test_a_claim_says_how_far_its_networks_were_trained(metric: str, count: int) -> None:
    claim = {
        "says": "c",
        "note": "",
        "option": "architecture",
        "pairs": [["gru", "lstm"]],
        "metric": metric,
        "unit": "s",
        "direction": "lower",
    }
    compared, records = [*wholes("gru"), *wholes("lstm")], by_id(halves("gru", LESS))
    found = answer("c", claim, compared, no_scores, records.get)
    assert len(found.halves) == count
    assert sum(half is not None for half in found.halves) == count // 2
    text = markdown(compared, "Suite s", answers=[found])
    claimed = text.split("### c")[1].split("\n## ")[0]
    assert ("of 1 network that had half the budget too" in claimed) == (count > 0)

"""A table's rows as trials, and what made-up records of them come to: choices, shares, verdicts, the page."""

import copy
import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_tables import Records, judged, published, record, row_of

from unroll.analysis.render.markdown import page
from unroll.config.compose import Composer
from unroll.reproduction.files import comma_separated, write_report
from unroll.reproduction.judge import reproduced
from unroll.reproduction.orderings import CONTRADICTED
from unroll.reproduction.plan import TablePlan, plan_table
from unroll.reproduction.published_page import hours, rule, sections, summary, totals
from unroll.reproduction.terminal import counts, lines, listed
from unroll.reproduction.verdicts import BETTER, MEAN_WITHIN, NOT_COMPARABLE, REPRODUCED, RULE, SIMULATED, WORSE


@pytest.fixture(scope="module")
def planned() -> TablePlan:
    return plan_table(published(), {}.get)


def test_rows_become_trials_a_seed_each(planned: TablePlan) -> None:
    lstm = row_of(planned, "lstm")
    assert [item.trial.plain["seed"] for item in lstm.trials] == [0, 1, 2]
    assert {item.trial.plain["budget"]["epochs"] for item in lstm.trials} == {2.0}
    assert lstm.share == 0.25
    assert len(row_of(planned, "repeat").trials) == 1
    assert row_of(planned, "repeat").share is None
    assert row_of(planned, "magic").trials == ()


def test_a_row_may_take_another_part_of_a_budget() -> None:
    row = {"says": "LSTM", "overrides": ["architecture=lstm"], "budgets": {"cpu": ["budget.epochs=1"]}}
    (lstm,) = plan_table(published(rows={"lstm": row}, orderings=[]), {}.get).rows
    assert ({item.trial.plain["budget"]["epochs"] for item in lstm.trials}, lstm.share) == ({1.0}, 0.125)


def test_the_published_budget_is_no_share_of_itself() -> None:
    assert row_of(plan_table(published(), {}.get, budget="paper"), "lstm").share is None


def test_a_choice_waits_for_its_points_and_takes_the_best_on_validation(planned: TablePlan) -> None:
    rnn = row_of(planned, "rnn")
    assert rnn.is_open
    assert rnn.trials == ()
    assert [item.trial.plain["budget"]["epochs"] for item in planned.choosing] == [1.0, 1.0]
    records = {item.trial.trial_id: record(item, 9.0, v) for item, v in zip(planned.choosing, (0.8, 0.7), strict=True)}
    chosen = row_of(plan_table(published(), records.get), "rnn")
    assert chosen.chosen == 1
    assert {item.trial.plain["optimizer"]["learning_rate"] for item in chosen.trials} == {0.001}
    assert {item.trial.plain["budget"]["epochs"] for item in chosen.trials} == {2.0}
    del records[planned.choosing[0].trial.trial_id]
    assert row_of(plan_table(published(), records.get), "rnn").is_open


def diverged(planned: Any) -> dict[str, Any]:
    return {**record(planned, 9.0), "status": "failed", "result": None}


def test_a_failed_point_ranks_last_and_is_named(planned: TablePlan) -> None:
    first, second = planned.choosing
    records = {first.trial.trial_id: diverged(first)}
    assert row_of(plan_table(published(), records.get), "rnn").is_open
    records[second.trial.trial_id] = record(second, 9.0, 5.0)
    plan = plan_table(published(), records.get)
    assert (row_of(plan, "rnn").chosen, row_of(plan, "rnn").is_open) == (1, False)
    shown = page(sections(judged(plan, records)))
    assert f"`optimizer.learning_rate=0.01` (failed): `{first.trial.trial_id}`" in shown
    assert f"`optimizer.learning_rate=0.001` (chosen): mse 5, `{second.trial.trial_id}`. It is at an end" in shown
    assert "2 trials, 2 of them to choose, took 1.00 hours in all, on a core." in shown


def test_hours_of_all_tables_count_a_shared_trial_once(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    once, twice = judged(planned, records), judged(planned, records)
    assert hours([once, twice]) == hours([once]) == "3 trials took 1.50 hours in all, on a core."
    assert hours([judged(planned, {})]) == ""


def test_open_verdicts_are_words_of_their_own_and_say_what_would_settle_them(planned: TablePlan) -> None:
    """LSTM within 10 % of 0.40 with an interval that is not; GRU beyond 10 % of 0.50, its interval not."""
    records = Records()
    records.add(planned, "lstm", 0.36, 0.40, 0.44)
    records.add(planned, "gru", 0.50, 0.56, 0.62)
    found = judged(planned, records)
    _, (line,), _ = summary([found])
    assert line[4] == "1 mean within tolerance, 1 undecided"
    shown = page(sections(found))
    reaches = "its 95 % interval reaches beyond; about 7 seeds to be reproduced"
    lines = list(csv.DictReader(comma_separated([found]).splitlines()))
    words = [(line["verdict"], line["seeds_needed"], line["reported_spread_of"]) for line in lines if line["values"]]
    assert words == [("mean within tolerance", "7", ""), ("undecided", "more than 100", "")]
    assert f" [-0.099, +0.099] | **mean within tolerance**: {reaches} (" in shown
    reaches = "its 95 % interval reaches from beyond the tolerance into it; more than 100 seeds to decide"
    assert f"| +0.060 [-0.089, +0.209] | **undecided**: {reaches} (" in shown


def test_one_seed_is_an_open_verdict_and_nothing_is_known_of_how_many_settle_it() -> None:
    plan = plan_table(published(seeds=[0]), {}.get)
    records = Records()
    records.add(plan, "lstm", 0.40)
    cell = row_of(judged(plan, records), "lstm").cells[0]
    assert (str(cell.verdict), cell.seeds_needed) == ("mean within tolerance: one seed has no interval", "")


def test_a_failed_seed_takes_the_word_reproduced(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.400, 0.401, 0.402)
    assert row_of(judged(planned, records), "lstm").cells[0].verdict.word == REPRODUCED
    (first, *_) = (item.trial.trial_id for item in row_of(planned, "lstm").trials)
    records[first] = {**copy.deepcopy(records[first]), "status": "failed", "result": None}
    cell = row_of(judged(planned, records), "lstm").cells[0]
    assert str(cell.verdict) == "mean within tolerance: the mean leaves out 1 failed trial"
    assert cell.seeds_needed == ""


def test_totals_tell_what_is_counted_and_computed_from_what_is_trained() -> None:
    rows = {
        "lstm": {"says": "LSTM", "reported": {"mse": 0.4}, "overrides": ["architecture=lstm"]},
        "gru": {"says": "GRU", "reported": {"mse": 0.5}, "overrides": ["architecture=gru"]},
        "repeat": {"says": "Repeat", "reported": {"mse": 1.3}, "overrides": ["baseline=last_value"]},
        "size": {"says": "Size", "reported": {"size": 7}, "count": [{"linear": [6, 1]}]},
    }
    size = {"field": "parameters", "unit": "numbers", "direction": "equal", "tolerance": {"exact": True}}
    metrics = {**published().model_dump()["metrics"], "size": size}
    plan = plan_table(published(rows=rows, metrics=metrics, orderings=[]), {}.get)
    records = Records()
    records.add(plan, "lstm", 0.41, 0.42, 0.40)
    records.add(plan, "gru", 0.40, 0.50, 0.60)
    records.add(plan, "repeat", 1.3)
    found = reproduced(plan, records.get, lambda record: None, lambda parts: 7)
    header, lines, _ = totals([found])
    assert header[:4] == ["our number is", "numbers", REPRODUCED, MEAN_WITHIN]
    assert [line[:4] for line in lines] == [
        ["parameters, counted", "1", "1", "0"],
        ["computed without a seed", "1", "1", "0"],
        ["of networks trained with seeds", "2", "1", "1"],
    ]
    _, (line,), _ = summary([found])
    assert line[4] == "3 reproduced (2 without a seed), 1 mean within tolerance"


def test_published_spreads_say_what_they_are_of() -> None:
    of_runs = {"value": 0.4, "spread": 0.1, "n": 5}
    rows = {
        "runs": {"says": "Runs", "reported": {"mse": of_runs}, "cannot": "it is secret"},
        "one": {"says": "One", "reported": {"mse": {"value": 0.4, "n": 1}}, "cannot": "it is secret"},
        "noise": {
            "says": "Noise",
            "reported": {"mse": {**of_runs, "spread_of": "evaluations"}},
            "cannot": "it is secret",
        },
        "none": {"says": "None", "reported": {"mse": {"value": 0.4, "spread": 0.0, "n": 5}}, "cannot": "it is secret"},
    }
    shown = page(sections(judged(plan_table(published(rows=rows, orderings=[]), {}.get), {})))
    said = "Runs mse 0.40 ± 0.10 (n = 5); One mse 0.40 (n = 1); Noise mse 0.40 ± 0.10 (5 evaluations of one network)"
    assert f"- it is secret: {said}; None mse 0.40 ± 0.00 (n = 5)" in shown


def test_a_row_whose_points_all_failed_says_so(planned: TablePlan) -> None:
    records = {item.trial.trial_id: diverged(item) for item in planned.choosing}
    plan = plan_table(published(), records.get)
    rnn = row_of(plan, "rnn")
    assert (rnn.is_open, rnn.has_no_choice, rnn.chosen, rnn.trials) == (False, True, None, ())
    assert "- every trial that was to choose its open options failed: RNN mse 0.60" in page(
        sections(judged(plan, records))
    )


def test_a_point_without_a_finite_validation_metric_counts_as_failed(planned: TablePlan) -> None:
    first, second = planned.choosing
    records = {item.trial.trial_id: record(item, 9.0, 5.0) for item in (first, second)}
    records[first.trial.trial_id]["result"]["selection"]["value"] = None
    assert row_of(plan_table(published(), records.get), "rnn").chosen == 1


def test_overrides_reach_every_trial_and_seeds_take_the_tables_place() -> None:
    plan = plan_table(published(), {}.get, ["data.batch_size=7", "seed=4,5"])
    lstm = row_of(plan, "lstm")
    assert [item.trial.plain["seed"] for item in lstm.trials] == [4, 5]
    assert {item.trial.plain["data"]["batch_size"] for item in lstm.trials} == {7}


def test_verdicts_of_made_up_records(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    records.add(planned, "gru", 0.30, 0.31, 0.32)
    records.add(planned, "repeat", 1.3)
    found = judged(planned, records)
    assert [row_of(found, name).cells[0].verdict.word for name in ("lstm", "gru", "repeat")] == [
        REPRODUCED,
        BETTER,
        NOT_COMPARABLE,
    ]
    assert [cell.verdict.word for cell in found.judged] == [REPRODUCED, BETTER]
    assert row_of(found, "lstm").notes[0] == "trained for 25 % of the published budget"
    assert row_of(found, "repeat").cells[0].seeded is False
    assert row_of(found, "rnn").cells[0].verdict.why == "no trial has finished"
    assert row_of(judged(planned, {}), "lstm").notes == ()


def test_a_row_of_the_wrong_direction_and_an_incomparable_one() -> None:
    rows = {
        "lstm": {"says": "LSTM", "reported": {"mse": 0.4}, "overrides": ["architecture=lstm"]},
        "gru": {
            "says": "GRU",
            "reported": {"mse": 0.5},
            "overrides": ["architecture=gru"],
            "deviations": [
                {"says": "other data", "because": "it is lost", "comparable": False},
                {"says": "a detail", "because": "it is small"},
            ],
        },
    }
    plan = plan_table(published(rows=rows, orderings=[]), {}.get)
    records = Records()
    records.add(plan, "lstm", 0.9, 0.91, 0.92)
    records.add(plan, "gru", 0.5, 0.5, 0.5)
    found = judged(plan, records)
    assert row_of(found, "lstm").cells[0].verdict.word == WORSE
    assert str(row_of(found, "gru").cells[0].verdict) == "not comparable: other data"
    assert "- GRU: other data. Why: it is lost\n- GRU: a detail. Why: it is small\n" in page(sections(found))


def test_a_metric_may_stand_beside_the_published_one_alone() -> None:
    metric = {"field": "result.metrics.test.mse", "unit": "u", "direction": "lower", "incomparable": "another norm"}
    plan = plan_table(published(metrics={"mse": metric}), {}.get)
    records = Records()
    records.add(plan, "lstm", 0.41, 0.42, 0.40)
    assert str(row_of(judged(plan, records), "lstm").cells[0].verdict) == "not comparable: another norm"


def test_published_values_are_printed_as_given() -> None:
    rows = {
        "gru": {"says": "GRU", "reported": {"mse": 0.000053}, "overrides": ["architecture=gru"]},
        "lstm": {"says": "LSTM", "reported": {"mse": 0.5}, "overrides": ["architecture=lstm"]},
        "magic": {"says": "Magic", "reported": {"mse": 0.00005}, "cannot": "it is secret"},
    }
    left_out = ["the column of another network: no row"]
    plan = plan_table(published(rows=rows, orderings=[], left_out=left_out), {}.get)
    records = Records()
    records.add(plan, "gru", 0.0001, 0.0001, 0.0001)
    records.add(plan, "lstm", 0.5, 0.5, 0.5)
    shown = page(sections(judged(plan, records)))
    assert "| GRU | mse, squared ↓ | 0.000053 | 0.0001000 | 3 | +0.0000470 |" in shown
    assert "| LSTM | mse, squared ↓ | 0.50 | 0.500 | 3 | +0.000 |" in shown
    assert "- it is secret: Magic mse 0.00005" in shown
    assert "Published, and without a row here\n\n- the column of another network: no row" in shown


def test_failed_and_missing_trials_show(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    first, second, _ = (item.trial.trial_id for item in row_of(planned, "lstm").trials)
    records[first] = {**copy.deepcopy(records[first]), "status": "failed", "result": None}
    del records[second]
    found = row_of(judged(planned, records), "lstm")
    assert (found.failed, found.missing, found.is_run) == ((first,), (second,), False)
    assert "1, 1 failed, 1 missing" in page(sections(judged(planned, records)))


def test_the_page_links_numbers_to_trials(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    records.add(planned, "gru", 0.30, 0.31, 0.32)
    shown = page(sections(judged(planned, records), link=lambda trial_id: f"to/{trial_id}"))
    first, second, third = (f"[{seed}](to/{trial_id})" for seed, trial_id in enumerate(list(records)[:3]))
    line = f"| LSTM | mse, squared ↓ | 0.40 | 0.410 | 3: {first} {second} {third} | +0.010 [-0.015, +0.035] |"
    assert f"{line} **reproduced** (trained for 25 % of the published budget) |" in shown
    assert "- it is secret: " in shown
    assert "- runnable; its open options are not chosen yet: " in shown
    assert "6 trials took 3.00 hours in all, on a core." in shown
    assert "Tolerance: 10 % of the published value." in shown
    assert all(f"`{trial_id}`" in shown for trial_id in records)
    header, (line,), _ = summary([judged(planned, records)])
    assert dict(zip(header, line, strict=True)) == {
        "table": "made_up",
        "rows": "5",
        "runnable": "4",
        "run": "2",
        "verdicts of its numbers": "1 reproduced, 1 better than reported",
        "published orders": CONTRADICTED,
    }


def test_half_the_budget_stands_beside_a_verdict_and_changes_none(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    records.add(planned, "gru", 0.30, 0.31, 0.32)
    before = judged(planned, records)
    unknown = (
        "How far training went is not known: no network here was trained with half its budget; "
        "`unroll reproduce made_up --half` does so."
    )
    assert unknown in page(sections(before))
    halves = [item for item in planned.halves(Composer().trial) if item.trial.row == "lstm"]
    assert {item.trial.plain["budget"]["epochs"] for item in halves} == {1.0}
    for item, value in zip(halves, (0.51, 0.52, 0.50), strict=True):
        records[item.trial.trial_id] = record(item, value)
    found = judged(planned, records)
    assert [cell.verdict for row in found.outcomes for cell in row.cells] == [
        cell.verdict for row in before.outcomes for cell in row.cells
    ]
    row = row_of(found, "lstm")
    assert row.half.gain.difference == pytest.approx(-0.1)
    share, gain = row.notes
    assert share == "trained for 25 % of the published budget"
    assert gain.startswith("the whole budget minus half of it: test mse -0.1")
    shown = page(sections(found))
    assert "How far training went, of 1 network that had half the budget too: " in shown
    assert "Of 1 more it is not known; `unroll reproduce made_up --half` trains them with half of it." in shown
    assert all(f"`{item.trial.trial_id}`" in shown for item in halves)


def test_the_rule_is_printed_with_what_was_simulated(planned: TablePlan, tmp_path: Path) -> None:
    found, report = judged(planned, {}), tmp_path / "report.md"
    write_report([found, found], report)
    for text in (RULE, SIMULATED):
        assert page([rule(1)]).count(text) == report.read_text().count(text) == 1


def test_a_terminal_shows_a_line_a_number_and_breaks_no_name(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    records.add(planned, "gru", 0.30, 0.31, 0.32)
    found = judged(planned, records)
    shown = list(lines(found, 80))
    assert shown[1:4] == [
        "row   metric  reported   ours  n  difference  verdict",
        "LSTM  mse ↓       0.40  0.410  3      +0.010  reproduced [1]",
        "GRU   mse ↓       0.50  0.310  3      -0.190  better [1]",
    ]
    assert shown[4].startswith("[1] trained for ")
    assert max(map(len, shown)) <= 80
    assert counts([found]) == [
        "2 numbers with a published one: 1 reproduced, 1 better than reported.",
        f"1 published orders: 1 {CONTRADICTED}.",
    ]


def test_a_long_name_stands_above_its_numbers(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    found = judged(planned, records)
    name = "LSTM, the context fed at each step (Cho et al. 2014; 2024, notebook 2)"
    row = found.outcomes[0]
    renamed = replace(row, plan=replace(row.plan, row=row.plan.row.model_copy(update={"says": name})))
    shown = list(lines(replace(found, outcomes=(renamed,), orderings=()), 80))
    assert shown[1:4] == [
        "  metric  reported   ours  n  difference  verdict",
        name,
        "  mse ↓       0.40  0.410  3      +0.010  reproduced [1]",
    ]


def test_a_list_of_tables_fits_a_terminal(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    shown = list(listed([judged(planned, records)], 80))
    assert shown[0] == "table    rows  can run  run  R  M  U  B  W  N  orders"
    assert shown[1].split() == ["made_up", "5", "4", "1", "1", "0", "of", "1"]
    assert max(map(len, shown)) <= 80

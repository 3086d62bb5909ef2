"""A table's rows as trials, and what made-up records of them come to: choices, shares, verdicts, orders, the page."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from made_tables import table

from unroll.analysis.render.markdown import page
from unroll.reproduction.judge import Reproduction, reproduced
from unroll.reproduction.orderings import CONTRADICTED, HOLDS, PARTLY, UNDECIDED
from unroll.reproduction.plan import TablePlan, plan_table
from unroll.reproduction.published import Reported
from unroll.reproduction.published_page import hours, sections, summary
from unroll.reproduction.verdicts import BETTER, NOT_COMPARABLE, REPRODUCED, WORSE

POINTS = [["optimizer.learning_rate=0.01"], ["optimizer.learning_rate=0.001"]]


def published(**changes: Any) -> Reported:
    """LSTM 0.40, GRU 0.50, a row with a choice, Repeat, and one that cannot run."""
    rows = {
        "lstm": {"says": "LSTM", "reported": {"mse": 0.4}, "overrides": ["architecture=lstm"]},
        "gru": {"says": "GRU", "reported": {"mse": 0.5}, "overrides": ["architecture=gru"]},
        "rnn": {
            "says": "RNN",
            "reported": {"mse": 0.6},
            "overrides": ["architecture=rnn"],
            "choose": {"points": POINTS, "overrides": ["budget.epochs=1"]},
        },
        "repeat": {"says": "Repeat", "overrides": ["baseline=last_value"]},
        "magic": {"says": "Magic", "reported": {"mse": 0.1}, "cannot": "it is secret"},
    }
    order = {"says": "LSTM before GRU", "metric": "mse", "rows": ["lstm", "gru"]}
    given = {
        "overrides": ["task=forecasting"],
        "budgets": {
            "cpu": {"says": "short", "overrides": ["budget.epochs=2"]},
            "paper": {"says": "long", "overrides": ["budget.epochs=8"]},
        },
        "seeds": [0, 1, 2],
        "rows": rows,
        "orderings": [order],
    }
    return Reported.model_validate(table(**{**given, **changes}))


def record(planned: Any, mse: float, validation: float = 1.0) -> dict[str, Any]:
    trial = planned.trial
    curve = [{"step": 10, "mse": 1.2 * validation}, {"step": 30, "mse": validation * 0.98}]
    return {
        "trial_id": trial.trial_id,
        "status": "finished",
        "config": trial.plain,
        "result": {
            "primary": {"name": "mse", "value": mse, "unit": "squared", "direction": "lower"},
            "metrics": {"test": {"mse": mse}},
            "selection": {"name": "mse", "value": validation, "direction": "lower"},
            "curves": {"validation": curve},
        },
        "run": {"training_seconds": 1800.0, "evaluation_seconds": 0.0, "hardware": {"cpu": "a core"}},
    }


class Records(dict[str, dict[str, Any]]):
    """Records by id; `add` gives a row's trials a value each."""

    def add(self, plan: TablePlan, name: str, *values: float) -> None:
        (row,) = [row for row in plan.rows if row.name == name]
        for planned, value in zip(row.trials, values, strict=True):
            self[planned.trial.trial_id] = record(planned, value)


@pytest.fixture(scope="module")
def planned() -> TablePlan:
    return plan_table(published(), {}.get)


def judged(plan: TablePlan, records: Mapping[str, dict[str, Any]]) -> Reproduction:
    return reproduced(plan, records.get, lambda record: None, lambda parts: 0)


def row_of(found: Any, name: str) -> Any:
    return next(row for row in getattr(found, "outcomes", None) or found.rows if getattr(row, "plan", row).name == name)


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


def test_the_summary_counts_what_seeds_leave_open(planned: TablePlan) -> None:
    """LSTM within 10 % of 0.40 with an interval that is not; GRU beyond 10 % of 0.50, its interval not."""
    records = Records()
    records.add(planned, "lstm", 0.36, 0.40, 0.44)
    records.add(planned, "gru", 0.50, 0.56, 0.62)
    _, (line,), _ = summary([judged(planned, records)])
    assert line[4] == "1 reproduced (of which 1 not surely), 1 not comparable (of which 1 undecided)"


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
    assert [verdict.word for verdict in found.verdicts] == [REPRODUCED, BETTER]
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


@pytest.mark.parametrize(
    ("lstm", "gru", "expected"),
    [
        ((0.40, 0.41, 0.42), (0.50, 0.51, 0.52), HOLDS),
        ((0.50, 0.51, 0.52), (0.40, 0.41, 0.42), CONTRADICTED),
        ((0.40, 0.51, 0.42), (0.45, 0.46, 0.47), UNDECIDED),
    ],
)
def test_an_order_of_two(planned: TablePlan, lstm: tuple[float], gru: tuple[float], expected: str) -> None:
    records = Records()
    records.add(planned, "lstm", *lstm)
    records.add(planned, "gru", *gru)
    (order,) = judged(planned, records).orderings
    assert order.verdict == expected
    assert order.kendall is None


def test_an_order_of_three_holds_in_part_and_has_a_tau() -> None:
    order = {"says": "All", "metric": "mse", "rows": ["lstm", "gru", "repeat"]}
    plan = plan_table(published(orderings=[order]), {}.get)
    records = Records()
    records.add(plan, "lstm", 0.40, 0.41, 0.42)
    records.add(plan, "gru", 0.41, 0.40, 0.43)
    records.add(plan, "repeat", 1.3)
    (found,) = judged(plan, records).orderings
    assert found.verdict == PARTLY
    assert (found.count(True, True), len(found.pairs), (found.kendall or [0])[0]) == (2, 3, 1.0)
    assert (found.kendall or [0, 0])[1] == pytest.approx(1 / 3)


def test_an_order_is_judged_in_the_published_unit() -> None:
    """Records hold a bound, of which more is better; published is its negative."""
    metric = {"field": "result.metrics.test.mse", "unit": "nats", "direction": "lower", "scale": -1.0}
    order = {"says": "All", "metric": "mse", "rows": ["lstm", "gru", "repeat"]}
    plan = plan_table(published(metrics={"mse": metric}, orderings=[order]), {}.get)
    records = Records()
    records.add(plan, "lstm", -84.0, -84.1, -84.2)
    records.add(plan, "gru", -85.0, -85.1, -85.2)
    records.add(plan, "repeat", -99.0)
    (found,) = judged(plan, records).orderings
    assert (found.verdict, (found.kendall or [0])[0]) == (HOLDS, 1.0)
    assert found.means == pytest.approx({"lstm": 84.1, "gru": 85.1, "repeat": 99.0})
    assert [pair.comparison.paired.difference for pair in found.pairs] == pytest.approx([-1.0, -14.9, -13.9])
    for pair in found.pairs:
        assert pair.comparison.paired.low <= pair.comparison.paired.difference <= pair.comparison.paired.high


def test_a_row_whose_records_lack_the_metric_is_without_values_in_an_order() -> None:
    metric = {"field": "result.pretrained.jacobian_norm", "unit": "u", "direction": "lower"}
    order = {"says": "All", "metric": "norm", "rows": ["lstm", "gru", "repeat"]}
    both = {**published().model_dump()["metrics"], "norm": metric}
    plan = plan_table(published(metrics=both, orderings=[order]), {}.get)
    records = Records()
    for name in ("lstm", "gru"):
        records.add(plan, name, 0.4, 0.41, 0.42)
    records.add(plan, "repeat", 1.3)
    for planned, norm in zip(row_of(plan, "gru").trials, (1.0, 2.0, 3.0), strict=True):
        records[planned.trial.trial_id]["result"]["pretrained"] = {"jacobian_norm": norm}
    (found,) = judged(plan, records).orderings
    assert (found.verdict, found.means, found.missing) == ("no trials", {"gru": 2.0}, ("lstm", "repeat"))


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


def test_the_page_links_numbers_to_trials_and_prints_the_rule(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.41, 0.42, 0.40)
    records.add(planned, "gru", 0.30, 0.31, 0.32)
    shown = page(sections(judged(planned, records), link=lambda trial_id: f"to/{trial_id}"))
    first, second, third = (f"[{seed}](to/{trial_id})" for seed, trial_id in enumerate(list(records)[:3]))
    line = f"| LSTM | mse, squared ↓ | 0.40 | 0.410 | 3: {first} {second} {third} | +0.010 [-0.015, +0.035] |"
    notes = "trained for 25 % of the published budget; validation mse moved by -20 % over the last 67 % of training"
    assert f"{line} **reproduced** ({notes}) |" in shown
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


def test_scores_of_examples_decide_an_order_where_they_are_kept(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.40, 0.41, 0.42)
    records.add(planned, "gru", 0.41, 0.40, 0.43)
    random = np.random.default_rng(0)
    noise = random.random(2000)

    def scores(found: Mapping[str, Any]) -> np.ndarray:
        return noise + (0.01 if "gru" in found["trial_id"] else 0.0)

    found = reproduced(planned, records.get, scores, lambda parts: 0)
    assert found.orderings[0].verdict == HOLDS
    assert found.orderings[0].pairs[0].comparison.paired.examples == 2000
    shown = page(sections(found))
    assert "## Orders of the published values" in shown
    assert "Of 1 pairs 1 are surely as published" in shown
    assert "0 undecided, by test examples and seeds." in shown

"""Published orders, judged by made-up records."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from made_tables import Records, judged, published, row_of

from unroll.analysis.render.markdown import page
from unroll.reproduction import orderings
from unroll.reproduction.judge import reproduced
from unroll.reproduction.orderings import CONTRADICTED, HOLDS, PARTLY
from unroll.reproduction.plan import TablePlan, plan_table
from unroll.reproduction.published_page import sections
from unroll.reproduction.verdicts import NOT_COMPARABLE, REPRODUCED
from unroll.verification.compare import Gap, Verification
from unroll.verification.replications import KEY, Replication


@pytest.fixture(scope="module")
def planned() -> TablePlan:
    return plan_table(published(), {}.get)


@pytest.mark.parametrize(
    ("lstm", "gru", "expected"),
    [
        ((0.40, 0.41, 0.42), (0.50, 0.51, 0.52), HOLDS),
        ((0.50, 0.51, 0.52), (0.40, 0.41, 0.42), CONTRADICTED),
        ((0.40, 0.51, 0.42), (0.45, 0.46, 0.47), orderings.UNDECIDED),
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
    assert [pair.comparison.difference for pair in found.pairs] == pytest.approx([-1.0, -14.9, -13.9])
    for pair in found.pairs:
        assert pair.comparison.low <= pair.comparison.difference <= pair.comparison.high


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


def test_scores_of_examples_decide_an_order_where_they_are_kept(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.40, 0.41, 0.42)
    records.add(planned, "gru", 0.50, 0.49, 0.52)
    noise = np.random.default_rng(0).random(2000)

    def scores(found: Mapping[str, Any]) -> np.ndarray:
        return noise - noise.mean() + found["result"]["primary"]["value"]

    found = reproduced(planned, records.get, scores, lambda parts: 0)
    assert found.orderings[0].verdict == HOLDS
    assert found.orderings[0].pairs[0].comparison.examples == 2000
    shown = page(sections(found))
    assert "## Orders of the published values" in shown
    assert "Of 1 pairs 1 are surely as published" in shown
    assert "0 undecided, by test examples and seeds." in shown


def test_what_another_run_contradicts_is_not_comparable_and_stands_in_no_order(planned: TablePlan) -> None:
    records = Records()
    records.add(planned, "lstm", 0.4, 0.4, 0.4)
    records.add(planned, "gru", 0.5, 0.5, 0.5)
    assert row_of(judged(planned, records), "lstm").cells[0].verdict.word == REPRODUCED
    for item in row_of(planned, "lstm").trials:
        name = item.trial.trial_id
        gap = Gap("test.mse", 0.4, 0.6, allowed=0.0004)
        apart = Verification(name, ["CPU a -> b"], None, ["result"], [gap], [], False)
        records[name] = {**records[name], KEY: (Replication(name, ("published",), ("MIT",), {}, apart),)}
    found = judged(planned, records)
    verdict = row_of(found, "lstm").cells[0].verdict
    assert verdict.word == NOT_COMPARABLE
    assert verdict.why.startswith(f"reopened, since `{row_of(planned, 'lstm').trials[0].trial.trial_id}` gave test.mse")
    assert "0.4 (published, which counts) and 0.6 (MIT), where rounding explains 0.0004" in verdict.why
    assert row_of(found, "gru").cells[0].verdict.word == REPRODUCED
    assert found.orderings[0].missing == ("lstm",)

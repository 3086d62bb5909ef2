"""What a suite's saved views show: filters, what panels group by, and every problem once."""

import pytest

from unroll.config.planned import Plan
from unroll.sweeps.suite import plan
from unroll.tracking.suite_view import ARCHITECTURE, COSTS, GROUP, Bars, Filter, Lines, Part, Scatter, suite_view


@pytest.fixture(scope="module")
def matrix() -> Plan:
    return plan(["suite=matrix"])


def of(part: Part, kind: type) -> list:
    return [panel for panel in part.panels if isinstance(panel, kind)]


def test_a_view_of_the_suite_and_one_of_each_problem(matrix: Plan) -> None:
    view = suite_view(matrix)
    names = [part.title for part in view.problems]
    assert "forecasting/beijing_pm25/horizon=24" in names
    assert [one.key for one in view.views] == ["matrix", *(f"matrix/{name}" for name in names)]
    assert view.views[0].filters == view.overall.filters == (Filter("suite", "matrix"), Filter("kind", "network"))
    assert view.views[0].group_by == ("problem", GROUP)
    for one, name in zip(view.views[1:], names, strict=True):
        assert one.filters == (Filter("suite", "matrix"), Filter("problem", name))
        assert one.group_by == (GROUP,)
        assert one.parts[0].filters == one.filters


def test_skill_by_architecture_and_against_each_cost(matrix: Plan) -> None:
    overall = suite_view(matrix).overall
    (skill,) = of(overall, Bars)
    assert (skill.metric, skill.group_by) == ("primary/skill", ARCHITECTURE)
    assert skill.most_runs == len(matrix.trials)
    assert [(one.x, one.y) for one in of(overall, Scatter)] == [(cost, "primary/skill") for cost in COSTS]


def test_a_problem_has_its_curves_by_epoch_and_by_compute(matrix: Plan) -> None:
    part = next(part for part in suite_view(matrix).problems if part.title.startswith("forecasting"))
    curves = of(part, Lines)
    assert [(one.x, one.y) for one in curves] == [("progress/epoch", "selection"), ("progress/tflop", "selection")]
    assert {one.group_by for one in curves} == {ARCHITECTURE}
    assert curves[0].y_title == "validation mse (lower is better)"
    assert [one.x for one in of(part, Scatter)] == list(COSTS)
    assert [one.metric for one in of(part, Bars)] == ["primary", "generalisation_gap"]


def test_the_smallest_comes_first_where_lower_is_better(matrix: Plan) -> None:
    order = {view.key: view.ascending for view in suite_view(matrix).views}
    assert order["matrix"] is False
    assert order["matrix/forecasting/beijing_pm25/horizon=24"] is True
    assert order["matrix/compression/mnist_5k/rate=0.2"] is False


def test_rows_of_one_architecture_are_told_apart_by_their_group() -> None:
    narrow = ["task=sentiment", "architecture=gru", "optimizer.learning_rate=0.001,0.003"]
    part = suite_view(plan(["suite=quickstart", *narrow])).problems[0]
    assert {panel.group_by for panel in (*of(part, Lines), *of(part, Bars))} == {GROUP}


def test_one_problem_is_one_view() -> None:
    view = suite_view(plan(["suite=quickstart", "task=sentiment"]))
    (only,) = view.views
    assert only.parts == (view.overall, *view.problems)
    assert only.group_by == (GROUP,)

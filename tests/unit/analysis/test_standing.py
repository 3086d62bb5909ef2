"""Which difference counts as none: every task says it of its primary metric, with a reason."""

from typing import Any

import pytest

from unroll.analysis.standing import equivalence
from unroll.config.compose import compose
from unroll.config.schema import Equivalence
from unroll.registry.groups import group_options, group_value


def stated(*tasks: dict[str, Any]) -> Equivalence | None:
    return equivalence([{"config": {"task": task}} for task in tasks])


@pytest.mark.parametrize("task", group_options("task"))
def test_every_task_says_which_difference_counts_as_none(task: str) -> None:
    baseline = group_value("task", task, "baselines")[0]
    composed = compose([f"task={task}", f"baseline={baseline}"]).plain["task"]
    of_record, of_yaml = stated(composed), stated({**composed, "equivalence": None})
    assert of_record is not None
    assert of_yaml is not None
    assert of_record.margin == of_yaml.margin > 0
    assert of_record.because == of_yaml.because


def test_it_is_of_the_metric_that_it_is_stated_for() -> None:
    task = compose(["task=generation", "baseline=gmm", "task.samples=500"]).plain["task"]
    assert stated(task) is not None
    assert stated({**task, "primary": {"name": "reconstruction", "direction": "lower", "unit": "nats"}}) is None


def test_what_all_records_say_stands_before_the_yaml_and_what_they_do_not_agree_on_does_not() -> None:
    task = compose(["task=sentiment", "baseline=majority"]).plain["task"]
    own = {**task, "equivalence": {**task["equivalence"], "margin": 2.5}}
    assert [stated(own, own).margin, stated(own, task).margin] == [2.5, 1.0]  # type: ignore[union-attr]
    assert stated(own, {**task, "equivalence": None}).margin == 1.0  # type: ignore[union-attr]


def test_what_somebody_elses_record_holds_is_read_with_care() -> None:
    task = {"name": "of_somebody", "primary": {"name": "score", "direction": "higher", "unit": ""}}
    own = {"metric": "score", "margin": 0.5, "because": "so"}
    assert stated({**task, "equivalence": own}) is not None
    assert stated(task) is None
    for odd in ("score", {"metric": "score"}, {**own, "margin": -1}, {**own, "margin": float("nan")}, []):
        assert stated({**task, "equivalence": odd}) is None

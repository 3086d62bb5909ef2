"""Names of metrics that only the end of training would read, checked before it."""

from unroll.config.trial import Trial
from unroll.errors import UserError, suggest
from unroll.registry.facts import facts
from unroll.tasks.task import Task


def check_metrics(task: Task, trial: Trial) -> None:
    """Refuse a name, direction or unit that no metric of the task has, and metrics of one's own that it cannot take.

    Args:
        task: needs no data yet.
        trial: whose config names them.

    Raises:
        UserError: with the metrics that there are.
    """
    described = trial.plain["task"]
    known, of_test = facts(described), list(task.reports())
    if of_test:
        of_test += task.reports_of_data(trial.plain["data"])
        of_test += [*([] if trial.is_baseline else task.reports_of_networks(trial.plain)), *task.extra]
    for role, names in (("primary", of_test), ("selection", list(task.selects_by()))):
        asked = described[role]
        if names and asked["name"] not in names:
            raise UserError(
                f"The task {described['name']} has no such metric.{suggest(asked['name'], names)}",
                saw=f"task.{role}.name={asked['name']}",
                allowed=names,
            )
        metric = known.metric(asked["name"])
        if metric is None:
            if names:
                raise UserError(
                    f"The task {described['name']} reports a metric that it does not declare.",
                    saw=asked["name"],
                    allowed=f"a Metric of that name in {type(task).__name__}.known_metrics",
                )
            continue
        right = {"direction": metric.direction} | ({"unit": metric.unit} if role == "primary" else {})
        for key, value in right.items():
            if asked[key] != value:
                raise UserError(
                    f"'task.{role}.{key}' does not fit the metric {asked['name']}.",
                    saw=f"task.{role}.{key}={asked[key]}",
                    allowed=value,
                    change=[f"task.{role}.{key}='{value}'"],
                )
    if task.extra and type(task).truth is Task.truth:
        raise UserError(
            f"The task {described['name']} does not say what is right, so it takes no metrics of one's own.",
            saw=", ".join(f"task.metrics.{name}" for name in task.extra),
            allowed=f"a method truth(split) of {type(task).__name__}",
        )

"""Names of metrics that only the end of training would read, checked before it."""

from unroll.config.trial import Trial
from unroll.errors import UserError, suggest
from unroll.records.units import unit
from unroll.tasks.task import Task


def check_metrics(task: Task, trial: Trial) -> None:
    """Refuse a name, direction or unit that no metric of the task has.

    Args:
        task: needs no data yet.
        trial: whose config names them.

    Raises:
        UserError: with the metrics that there are.
    """
    described, known_of_test = trial.plain["task"], dict(task.reports())
    if known_of_test and not trial.is_baseline:
        known_of_test |= task.reports_of_networks(trial.plain)
    for role, known in (("primary", known_of_test), ("selection", task.selects_by())):
        asked = described[role]
        if not known:
            continue
        if asked["name"] not in known:
            raise UserError(
                f"The task {described['name']} has no such metric.{suggest(asked['name'], known)}",
                saw=f"task.{role}.name={asked['name']}",
                allowed=known,
            )
        right = {"direction": known[asked["name"]]}
        if role == "primary" and unit(described["name"], asked["name"]):
            right["unit"] = unit(described["name"], asked["name"])
        for key, value in right.items():
            if asked[key] != value:
                raise UserError(
                    f"'task.{role}.{key}' does not fit the metric {asked['name']}.",
                    saw=f"task.{role}.{key}={asked[key]}",
                    allowed=value,
                    change=[f"task.{role}.{key}='{value}'"],
                )

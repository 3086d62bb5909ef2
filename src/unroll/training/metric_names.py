"""Names of metrics that only the end of training would read, checked before it."""

from collections.abc import Mapping
from typing import Any

from unroll.errors import UserError, suggest
from unroll.results.units import unit
from unroll.tasks.task import Task


def check_metrics(task: Task, config: Mapping[str, Any]) -> None:
    """Refuse a name, direction or unit that no metric of the task has.

    Args:
        task: needs no data yet.
        config: its part of the trial's.

    Raises:
        UserError: with the metrics that there are.
    """
    for role, known in (("primary", task.reports()), ("selection", task.selects_by())):
        asked = config[role]
        if not known:
            continue
        if asked["name"] not in known:
            raise UserError(
                f"The task {config['name']} has no such metric.{suggest(asked['name'], known)}",
                saw=f"task.{role}.name={asked['name']}",
                allowed=known,
            )
        right = {"direction": known[asked["name"]]}
        if role == "primary" and unit(config["name"], asked["name"]):
            right["unit"] = unit(config["name"], asked["name"])
        for key, value in right.items():
            if asked[key] != value:
                raise UserError(
                    f"'task.{role}.{key}' does not fit the metric {asked['name']}.",
                    saw=f"task.{role}.{key}={asked[key]}",
                    allowed=value,
                    change=[f"task.{role}.{key}='{value}'"],
                )

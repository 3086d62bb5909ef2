"""Names of metrics that only the end of training would read, checked before it."""

from collections.abc import Mapping
from typing import Any

from unroll.config.identity import is_baseline
from unroll.errors import UserError, suggest
from unroll.records.units import unit
from unroll.tasks.task import Task


def check_metrics(task: Task, config: Mapping[str, Any]) -> None:
    """Refuse a name, direction or unit that no metric of the task has.

    Args:
        task: needs no data yet.
        config: of the trial, resolved.

    Raises:
        UserError: with the metrics that there are.
    """
    described, known_of_test = config["task"], dict(task.reports())
    if known_of_test and not is_baseline(config):
        known_of_test |= task.reports_of_networks(config)
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

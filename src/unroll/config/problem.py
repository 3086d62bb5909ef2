"""What problem a trial's config poses: its task and data, and the options without which two numbers do not compare."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from unroll.registry.facts import facts
from unroll.registry.versions import component


class Problem(NamedTuple):
    """Parts of a problem. Two trials with equal parts stand in one table."""

    task: str
    data: str
    protocol: str
    data_options: str  # `key=value, key=value`
    ways: str  # how networks may go about it; baselines stand beside all of them
    primary: str
    posed: tuple[str, ...]  # `key=value` of the options that pose it; empty where one is as it is by default

    @property
    def for_baselines(self) -> "Problem":
        """The same without the ways, which no baseline has."""
        return self._replace(ways="")

    @property
    def name(self) -> str:
        """In short, for people: `forecasting/etth1/horizon=24`."""
        return "/".join((self.task, self.data, *filter(None, self.posed)))


def problem(config: Mapping[str, Any]) -> Problem:
    """Return the problem that a resolved config poses."""
    task, data = config["task"], config["data"]
    known = facts(task)
    usual = _defaults(task)
    posed = [
        f"{key}={task[key]}" for key in known.poses if key in task and not (key in usual and task[key] == usual[key])
    ]
    posed += [_of_data(data, key) for key in known.poses if key.startswith("data.")]
    ways = ", ".join(f"{key}={task[key]}" for key in known.ways if key in task)
    data_options = ", ".join(f"{key}={value}" for key, value in sorted(data["options"].items()))
    protocol, primary = str(task["protocol_version"]), task["primary"]["name"]
    return Problem(task["name"], data["name"], protocol, data_options, ways, primary, tuple(posed))


def _defaults(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of a task's class; none where nothing tells of it."""
    try:
        return component(task).defaults
    except KeyError:
        return {}


def _of_data(data: Mapping[str, Any], key: str) -> str:
    """An option of the data that poses the problem, `data.fraction` where it is not the whole; a group's in one."""
    value = data.get(key.removeprefix("data."))
    if isinstance(value, Mapping):
        value = " ".join(str(one) for name, one in value.items() if not name.startswith("_component"))
    return "" if key == "data.fraction" and value == 1 else f"{key.removeprefix('data.')}={value}"

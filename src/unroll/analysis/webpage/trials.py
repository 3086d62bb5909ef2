"""A trial as plain data: its seed, value, curves and cost, where its record lies and what trains it again."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from unroll.analysis.provenance import code, date
from unroll.config.again import again, command
from unroll.config.identity import decisive
from unroll.errors import UserError
from unroll.registry.components import foreign

Link = Callable[[str], str | None]  # a trial's id -> where its record lies, seen from the page; None: not known


class Commands:
    """What trains recorded trials again. Seeds of one row differ in their seed alone, and are composed once."""

    def __init__(self, config_dir: str | None = None) -> None:
        self._config_dir = config_dir
        self._known: dict[str, list[str] | None] = {}

    def line(self, record: Mapping[str, Any]) -> str | None:
        """Return the command; None where today's YAML makes another trial of the config."""
        config = record["config"]
        try:
            key = json.dumps([{**decisive(config), "seed": None}, config["trainer"]], sort_keys=True, default=str)
            if key not in self._known:
                self._known[key] = self._overrides(record)
        except (KeyError, TypeError, ValueError):  # of what no composition would have given
            return None
        overrides = self._known[key]
        if overrides is None:
            return None
        seed = [f"seed={config['seed']}"] if config["seed"] else []
        return command([*overrides, *seed], config["trainer"], self._config_dir)

    def _overrides(self, record: Mapping[str, Any]) -> list[str] | None:
        if self._config_dir is None and foreign(record["config"]):  # code that must not run here
            return None
        try:
            found = again(record["trial_id"], record["config"], self._config_dir).overrides
        except UserError:
            return None
        return [text for text in found if not text.startswith("seed=")]


def trial(record: Mapping[str, Any], commands: Commands, link: Link) -> dict[str, Any]:
    """Return what a page shows of one trial; of one without a record, that it is missing."""
    found: dict[str, Any] = {"seed": record["config"]["seed"], "status": record["status"]}
    if record["status"] == "missing":
        return {**found, "command": commands.line(record)}
    run = record["run"]
    found |= {
        "record": link(record["trial_id"]),
        **_again(record, commands),
        "code": code(record),
        "date": date(record),
        "seconds": run.get("training_seconds"),
        "memory": run.get("peak_memory_bytes"),
    }
    if record["status"] == "failed":
        return {**found, "error": f"{record['error']['type']}: {record['error']['message']}"[:500]}
    result = record["result"]
    return {
        **found,
        "value": result["primary"]["value"],
        "steps": result["steps"],
        "parameters": record["parameters"]["counted"],
        "flops": record["flops"]["training"],
        "curves": _curves(result.get("curves", {}).get("validation", [])),
    }


def _again(record: Mapping[str, Any], commands: Commands) -> dict[str, str | None]:
    """What trains it again today; where nothing does, what once trained it, and at which commit."""
    today = commands.line(record)
    if today is not None:
        return {"command": today}
    return {"command": None, "ran": record["run"].get("command"), "commit": record["run"]["code"]["commit"]}


def _curves(measured: list[dict[str, float]]) -> dict[str, dict[str, list[float]]]:
    """The metrics on validation against steps: name -> points."""
    names = [name for name in dict.fromkeys(key for point in measured for key in point) if name != "step"]
    found = {}
    for name in names:
        points = [point for point in measured if {"step", name} <= point.keys()]
        found[name] = {"x": [point["step"] for point in points], "y": [point[name] for point in points]}
    return found

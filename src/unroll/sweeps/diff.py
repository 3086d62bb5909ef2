"""In what two trials differ: config, result, curves, cost, and the versions of code, protocol and packages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.errors import UserError
from unroll.registry.facts import facts
from unroll.sweeps.show import show

Shown = dict[str, Any]
Pair = list[Any]  # of the first trial, of the second
COSTS = (  # what is measured of a run, or follows from the network
    ("parameters, counted", "result.parameters.counted", ""),
    ("parameters, total", "result.parameters.total", ""),
    ("FLOPs of training", "result.flops.training", ""),
    ("steps", "result.steps", ""),
    ("training", "environment.run.training_seconds", "s"),
    ("evaluation", "environment.run.evaluation_seconds", "s"),
    ("peak memory", "environment.run.peak_memory_bytes", "bytes"),
    ("disk", "environment.run.disk_bytes", "bytes"),
)
VERSIONS = (
    ("Unroll", "environment.run.code.version"),
    ("commit", "environment.run.code.commit"),
    ("uncommitted changes", "environment.run.code.dirty"),
    ("protocol of the task", "config.decides.task.protocol_version"),
    ("data, content", "environment.data.content_sha256"),
    ("data, source", "environment.data.source"),
    ("processor", "environment.run.hardware.cpu"),
    ("GPU", "environment.run.hardware.gpu"),
    ("threads", "environment.run.threads"),
    ("ranks", "environment.run.world_size"),
)


def difference(
    first: str | Path, second: str | Path, runs: str | Path = "runs", config_dir: str | None = None
) -> dict[str, Any]:
    """Return in what two trials differ, finished or not, in plain values; what one of them has not got is None.

    Args:
        first: an id under `runs`, a trial's directory, or a record's file.
        second: another one's; `config`, `versions` and `packages` hold what differs alone, as [first, second].
        runs: the folder of trials, or of records.
        config_dir: a folder with more YAML groups, where the trials' came from.

    Raises:
        UserError: there is no such trial, its record is damaged or not true to itself, or both are one trial.
    """
    both = [show(trial, runs, config_dir) for trial in (first, second)]
    if both[0]["place"] == both[1]["place"]:
        raise UserError("A trial differs from itself in nothing.", saw=both[0]["place"], allowed="two trials")
    configs = [{} if one["config"] is None else one["config"] for one in both]
    decides, rest = ([config.get(part, {}) for config in configs] for part in ("decides", "rest"))
    packages = [_at(one, "environment.run.packages") or {} for one in both]
    named = {name: [_at(one, path) for one in both] for name, path in VERSIONS}
    return {
        "trials": [one["trial_id"] for one in both],
        "states": [one["state"] for one in both],
        "comparable": _comparable(both),
        "config": {"decides": _once(_differing(*decides)), "rest": _differing(*rest)},
        "result": _metrics(both),
        "cost": [
            {"name": name, "unit": unit, "values": values, "ratio": _ratio(values)}
            for name, path, unit in COSTS
            if (values := [_at(one, path) for one in both]) != [None, None]
        ],
        "curves": {
            name: [one["curves"].get(name) for one in both]
            for name in dict.fromkeys(name for one in both for name in one["curves"])
        },
        "versions": {name: pair for name, pair in named.items() if pair[0] != pair[1]},
        "packages": _differing(*packages),
    }


def _at(value: Any, path: str) -> Any:
    """What lies at a dotted path, of mappings with dotted keys too; None where nothing does."""
    found = value
    parts = path.split(".")
    for number, part in enumerate(parts):
        if not isinstance(found, Mapping):
            return None
        if (rest := ".".join(parts[number:])) in found:
            return found[rest]
        found = found.get(part)
    return found


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Pair]:
    """Each key of either mapping whose values differ, with both; None where one has no such key."""
    keys = dict.fromkeys((*first, *second))
    pairs = {key: [first.get(key), second.get(key)] for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1] or (key in first) != (key in second)}


def _once(pairs: Mapping[str, Pair]) -> dict[str, Pair]:
    """Leave out what an option only passes on: architecture.encoder.cell beside architecture.cell."""

    def passed(key: str) -> bool:
        section, *between = key.split(".")
        return len(between) > 1 and pairs.get(f"{section}.{between[-1]}") == pairs[key]

    return {key: pair for key, pair in pairs.items() if not passed(key)}


def _comparable(both: list[Shown]) -> str | None:
    """Why the two results are not of one problem; None where they are, or where one has none."""
    primaries = [_at(one, "result.primary.name") for one in both]
    if None in primaries:
        return None
    for what, path in (
        ("tasks", "config.decides.task.name"),
        ("data sets", "config.decides.data.name"),
        ("contents of the data", "environment.data.content_sha256"),
        ("protocols of the task", "config.decides.task.protocol_version"),
        ("primary metrics", "result.primary.name"),
    ):
        values = [_at(one, path) for one in both]
        if values[0] != values[1]:
            return f"They have different {what}: {values[0]} and {values[1]}."
    return None


def _metrics(both: list[Shown]) -> list[dict[str, Any]]:
    """A line a metric of a split that either has: both values, the second minus the first, which one is better."""
    results = [one["result"] or {"metrics": {}, "units": {}} for one in both]
    primary = next((one["result"]["primary"]["name"] for one in both if one["result"]), None)
    found = []
    for split in ("test", "validation"):
        metrics = [result["metrics"].get(split, {}) for result in results]
        for name in sorted({*metrics[0], *metrics[1]}, key=lambda name: (name != primary, name)):
            values = [of.get(name) for of in metrics]
            there = None not in values
            gap = values[1] - values[0] if there else None
            unit = results[0]["units"].get(name) or results[1]["units"].get(name) or ""
            way = _direction(both, name)
            better = None if not gap or way is None else "second" if (gap > 0) is (way == "higher") else "first"
            found.append(
                {"split": split, "name": name, "unit": unit, "values": values, "difference": gap, "better": better}
            )
    return found


def _direction(both: list[Shown], name: str) -> str | None:
    for one in both:
        task = {} if one["config"] is None else one["config"]["decides"]
        node = {key.removeprefix("task."): value for key, value in task.items() if key.startswith("task.")}
        if (known := facts(node).metric(name)) is not None:
            return known.direction
        if one["result"] is not None and one["result"]["primary"]["name"] == name:
            return str(one["result"]["primary"]["direction"])
    return None


def _ratio(values: list[Any]) -> float | None:
    """The second by the first; None where one of them is not there, or the first is zero."""
    first, second = values
    return second / first if first and second is not None else None

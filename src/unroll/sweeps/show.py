"""All that is known of one trial: its config, result, environment, how to run it again, and its curves."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unroll.config.again import again, command
from unroll.config.identity import decisive
from unroll.errors import UserError
from unroll.records.audit import UNREADABLE, refuse_untrue
from unroll.records.record import FILE_NAME, read_record
from unroll.records.schema import wrong_config
from unroll.records.state import why_stale
from unroll.records.store import flatten, locate
from unroll.registry.components import refuse_foreign
from unroll.registry.facts import facts
from unroll.sweeps.status import look_at

_OPTIONAL = ("error", "data", "parameters", "flops", "result")  # that a record may lack
_BEYOND = 1e77  # as no network computes
_METRICS, _CONFIG = "metrics.jsonl", "config.yaml"


def show(trial: str | Path, runs: str | Path = "runs", config_dir: str | None = None) -> dict[str, Any]:
    """Return what is known of a trial, finished or not, in plain values; what is not known is None.

    Args:
        trial: an id under `runs`, a trial's directory, or a record's file.
        runs: the folder of trials, or of records.
        config_dir: a folder with more YAML groups, where the trial's came from.

    Raises:
        UserError: there is no such trial, or its record is damaged or not true to itself.
    """
    place = locate(trial, runs).resolve()
    if place.is_file():
        refuse_untrue(place)
    record = {**dict.fromkeys(_OPTIONAL), **read_record(place)} if place.is_file() else None
    directory = place if record is None else place.parent if place.name == FILE_NAME else None
    config = _config(place) if record is None else record["config"]
    found: dict[str, Any] = {"trial_id": place.name if record is None else record["trial_id"], "place": str(place)}
    found |= _state(found["trial_id"], directory, config, record)
    found |= _again(found, config, record, config_dir)
    found["result"] = _result(record, place.parent if directory is None else directory.parent)
    found["error"] = None if record is None else record["error"]
    found["environment"] = None if record is None else _environment(record)
    found["curves"] = _curves(directory, config, record)
    return found


def _config(directory: Path) -> dict[str, Any] | None:
    """The config of a trial without a record; None where it died before writing one, or its file is none."""
    import yaml

    try:
        config = yaml.safe_load((directory / _CONFIG).read_bytes())
        if wrong_config(config):
            return None
        decisive(config)
    except (yaml.YAMLError, *UNREADABLE):
        return None
    return dict(config)


def _state(
    trial_id: str, directory: Path | None, config: Mapping[str, Any] | None, record: Mapping[str, Any] | None
) -> dict[str, Any]:
    if directory is None and record is not None:
        return {"state": record["status"], "progress": None}
    assert directory is not None
    seen = look_at(directory, trial_id, config)
    progress = {"step": seen.step, "steps": seen.steps, "seconds_left": seen.seconds_left}
    return {"state": seen.state, "progress": progress if seen.step is not None else None}


def _again(
    found: Mapping[str, Any],
    config: Mapping[str, Any] | None,
    record: Mapping[str, Any] | None,
    config_dir: str | None,
) -> dict[str, Any]:
    """The config in parts, what differs from the defaults first, and the command."""
    if config is None:
        return {"config": None, "command": None, "no_command": "its config was never written", "stale": None}
    overrides, line, why, stale = None, None, None, None
    try:
        if config_dir is None:
            refuse_foreign(config, "Its config", "--config-dir FOLDER, where that code lies,")
        overrides, today = again(found["trial_id"], config, config_dir)
        line = command(overrides, config["trainer"], config_dir)
        stale = None if record is None else why_stale(record, today)
    except UserError as error:
        why = str(error)
    except UNREADABLE as error:  # of what no composition would have given, such as a reference to nothing
        why = f"its config cannot be composed: {error}"
    decides = flatten(decisive(config))
    rest = {key: config[key] for key in ("trainer", "logger", "paths") if key in config}
    parts = {"differs": overrides, "decides": decides, "rest": flatten(rest)}
    return {"config": parts, "command": line, "no_command": why, "stale": stale}


def _result(record: Mapping[str, Any] | None, runs: Path) -> dict[str, Any] | None:
    from unroll.tracking.skill import Baselines, beside

    if record is None or record["result"] is None:
        return None
    kept = ("primary", "metrics", "selection", "train", "examples", "steps", "epochs", "labels")
    found = {key: record["result"].get(key) for key in kept}
    known = facts(record["config"]["task"])
    found["units"] = {name: known.unit(name) for metrics in found["metrics"].values() for name in metrics}
    found["units"] |= {name: known.unit(name) for name in (found["train"] or {"metrics": ()})["metrics"]}
    baselines = Baselines(beside(record["config"], runs))
    if (ends := baselines.ends(record)) is not None:
        found["skill"] = {"value": baselines.skill(record), "of": str(ends)}
    return {"skill": None, **found, "parameters": record["parameters"], "flops": record["flops"]}


def _environment(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("reportable", "why_not_reportable")
    return {**{key: record[key] for key in kept}, "data": record["data"], "run": record["run"]}


def _curves(
    directory: Path | None, config: Mapping[str, Any] | None, record: Mapping[str, Any] | None
) -> dict[str, list[tuple[int, float | None]]]:
    """Points (step, value) of the selection metric on validation and of the losses in training; None: not finite."""
    lines = [] if directory is None else list(_logged(directory / _METRICS))
    validations: list[Any] = []
    if record is not None and record["result"] is not None:
        validations = record["result"].get("curves", {}).get("validation", [])
    else:
        validations = [
            {key.removeprefix("validation/"): value for key, value in line.items()}
            for line in lines
            if not any(key.startswith("test/") for key in line)
        ]
    found = {}
    if config is not None:
        name = config["task"]["selection"]["name"]
        found[f"validation {name}"] = _points(validations, name)
    for name in sorted({key for line in lines for key in line if key.startswith("train/")}):
        found[name.replace("/", " ")] = _points(lines, name)
    return {name: points for name, points in found.items() if points}


def _points(lines: list[Any], name: str) -> list[tuple[int, float | None]]:
    return [(line["step"], _finite(line[name])) for line in lines if name in line and isinstance(line.get("step"), int)]


def _finite(value: Any) -> float | None:
    return value if isinstance(value, int | float) and abs(value) < _BEYOND else None


def _logged(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a trial's log; what is no whole line of it is left out, as a last one that is half written."""
    try:
        content = path.read_bytes()
    except OSError:
        return
    for line in content.splitlines(keepends=True):
        try:
            found = json.loads(line) if line.endswith(b"\n") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found

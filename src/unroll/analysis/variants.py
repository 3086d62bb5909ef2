"""What tells rows of a table apart: the shortest list of options in which they differ."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from unroll.config.identity import decisive, is_baseline, null_by_default, titles
from unroll.records.store import flatten

Setting = tuple[tuple[str, str], ...]  # sorted options of a trial, all but the architecture's own and the seed
OWN = ("architecture.", "bottleneck.", "baseline.")  # options of what a row is called after


def options(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what a row's numbers depend on: dotted key -> value as JSON text.

    Left out are the seed, and options that are null by default and are not set.
    """
    decides = decisive(config)
    del decides["seed"]
    if is_baseline(config):
        decides["baseline"].pop("seed", None)
    else:
        decides["budget"] = {"name": config["budget"]["name"], **decides["budget"]}
    nothing = null_by_default(config)
    flat = {key: value for key, value in flatten(decides).items() if value is not None or key not in nothing}
    flat |= titles(config)
    return {key: json.dumps(value, sort_keys=True, ensure_ascii=False) for key, value in flat.items()}


def name(config: Mapping[str, Any]) -> str:
    """Return the architecture's name, or the baseline's."""
    return str(config["baseline" if is_baseline(config) else "architecture"]["name"])


def own_options(config: Mapping[str, Any]) -> dict[str, str]:
    """Return those of the options that are the architecture's and its bottleneck's, or the baseline's."""
    return {key: value for key, value in options(config).items() if key.startswith(OWN)}


def setting(config: Mapping[str, Any]) -> Setting:
    """Return what two architectures share that are compared as nothing but architectures."""
    return tuple(sorted((key, value) for key, value in options(config).items() if not key.startswith(OWN)))


def apart(config: Mapping[str, Any], option: str) -> tuple[str, Setting]:
    """Return what a network is compared by, as a row is called, and what it shares with those it is compared to.

    By "architecture" it is called after that, by any other option `option=value`.
    """
    if option == "architecture":
        return name(config), setting(config)
    known = options(config)
    own = known.get(option, "null")  # one that is null by default
    leaf = option.rpartition(".")[2]
    others = {key: value for key, value in known.items() if (key.rpartition(".")[2], value) != (leaf, own)}
    return _show(option, own), tuple(sorted(others.items()))  # without those that only pass it on


def called(option: str, value: Any) -> str:
    """Return what `apart` calls a network of which an option has a value."""
    return str(value) if option == "architecture" else _show(option, json.dumps(value, sort_keys=True))


def named_settings(keys: Sequence[Setting]) -> dict[Setting, str]:
    """Return settings with names: task, data, and the options in which those of the same task and data differ."""
    by_task: dict[tuple[str, str], list[Setting]] = {}
    for key in keys:
        chosen = dict(key)
        by_task.setdefault((chosen["task.name"], chosen["data.name"]), []).append(key)
    found = {}
    for (task, data), members in by_task.items():
        told_apart = differences([("", dict(key)) for key in members])
        for key, different in zip(members, told_apart, strict=True):
            shown = f" ({', '.join(different)})" if different else ""
            found[key] = f"{json.loads(task)} on {json.loads(data)}{shown}"
    return found


def differences(rows: Sequence[tuple[str, Mapping[str, str]]]) -> list[list[str]]:
    """Return for each row (name, options) the `key=value` texts that tell it apart; empty where nothing does.

    An architecture's own options are compared among rows of the same name, all other options among all
    rows. Where a group's name decides its other options (budget=quickstart), only the name is shown; where
    an option only passes another one on (architecture.encoder.width), only the shorter one is.
    """
    shared = _differing([options for _, options in rows], own=False)
    found = []
    for row_name, row in rows:
        same = [options for other, options in rows if other == row_name]
        keys = shared + _differing(same, own=True)
        found.append([_show(key, row[key]) for key in keys if key in row])
    return found


def _differing(rows: Sequence[Mapping[str, str]], own: bool) -> list[str]:
    columns = {
        key: tuple(row.get(key, "absent") for row in rows)
        for key in sorted({key for row in rows for key in row}, key=lambda key: (key.count("."), key))
        if key.startswith(OWN) == own
    }
    columns = {key: values for key, values in columns.items() if len(set(values)) > 1}
    named = {
        key.removesuffix(".name"): values
        for key, values in columns.items()
        if key.endswith(".name") and key.count(".") == 1
    }
    kept: dict[str, tuple[str, ...]] = {}
    for key, values in columns.items():
        decided = named.get(key.split(".")[0])
        if decided and not key.endswith(".name") and len(set(zip(decided, values, strict=True))) == len(set(decided)):
            continue
        leaf = key.rsplit(".", 1)[-1]
        if any(other.rsplit(".", 1)[-1] == leaf and kept[other] == values for other in kept):
            continue
        kept[key] = values
    return list(kept)


def _show(key: str, value: str) -> str:
    shown = value.strip('"')
    return f"{key.removesuffix('.name')}={shown}"

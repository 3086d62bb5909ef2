"""The command that trains a recorded trial again: from the defaults of its groups, what differs, and no more."""

import functools
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from unroll.config.compose import Composer
from unroll.config.identity import NUMBERS, components, decisive, is_baseline, titles
from unroll.config.interpolation import resolved
from unroll.config.schema import SECTIONS, Trainer, defaults_of
from unroll.config.trial import Trial, make_trial
from unroll.config.typed import read
from unroll.config.validate import validated, with_knobs
from unroll.config.written import written
from unroll.errors import UserError
from unroll.registry.canonical import canonical
from unroll.registry.components import SOLVED
from unroll.registry.groups import group_options, options_where
from unroll.registry.versions import KEPT, component

_SURROUNDINGS = ("accelerator", "devices", "num_nodes", "threads", "deterministic", *NUMBERS)  # that bits depend on
_GONE: Any = object()


class Again(NamedTuple):
    """What follows `unroll train`, and the trial that it composes to today."""

    overrides: list[str]
    trial: Trial


def again(trial_id: str, config: Mapping[str, Any], config_dir: str | None = None) -> Again:
    """Return the overrides that give the trial of a config, of today or older.

    The task and what is trained are always named. Of the trainer, what the bits of a result depend on is kept.

    Args:
        trial_id: that the overrides must compose to.
        config: resolved, as records keep it.
        config_dir: a folder with more YAML groups.

    Raises:
        UserError: today's YAML gives no such trial, with what is in the way.
    """
    composer = Composer(config_dir)

    @functools.cache
    def composed(*overrides: str) -> dict[str, Any]:
        return composer.raw("train", overrides)

    overrides = [*_named(config, config_dir)]
    overrides += _other_groups(config, resolved(composed(*overrides)), config_dir)
    overrides += _terms(config, resolved(composed(*overrides)), config_dir)
    overrides += _metrics(config, resolved(composed(*overrides)), config_dir)
    overrides += _values(config, lambda more: composed(*overrides, *more))
    found = make_trial(validated(composed(*overrides), config_dir, recorded=True))
    if found.trial_id != trial_id:
        recorded, today = ({*titles(each).values(), _protocol(each)} for each in (config, found.plain))
        raise UserError(
            "Today's YAML makes another trial of this config.",
            saw=f"{trial_id} is of {', '.join(sorted(recorded - today)) or _protocol(config)}; "
            f"{found.trial_id} of {', '.join(sorted(today - recorded)) or _protocol(found.plain)}",
            allowed="the code that the record names",
        )
    return Again(overrides, found)


def _protocol(config: Mapping[str, Any]) -> str:
    return f"protocol {config['task']['protocol_version']}"


def command(overrides: Sequence[str], trainer: Mapping[str, Any], config_dir: str | None = None) -> str:
    """The line for a shell: overrides quoted, and torchrun where there are several ranks."""
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    program = ["unroll"]
    if devices * nodes > 1:
        program = ["torchrun", *(["--nnodes", str(nodes)] if nodes > 1 else []), "--nproc-per-node", str(devices)]
        program += ["-m", "unroll"]
    added = [] if config_dir is None else ["--config-dir", config_dir]
    return shlex.join([*program, "train", *added, *overrides])


def _named(config: Mapping[str, Any], config_dir: str | None) -> Iterator[str]:
    for group in ("task", "baseline" if is_baseline(config) else "architecture"):
        option = _option(group, config[group]["name"], config_dir)
        if option is None:
            raise UserError(
                f"There is no {group} of this name among the YAML files.",
                saw=config[group]["name"],
                allowed=[*group_options(group, config_dir), "or --config-dir with the folder that it came from"],
            )
        yield f"{group}={option}"


def _other_groups(config: Mapping[str, Any], have: Mapping[str, Any], config_dir: str | None) -> Iterator[str]:
    """Groups whose option is not the one that comes with the task or the architecture."""
    for group in ("data", *([] if is_baseline(config) else ["bottleneck", "budget", "optimizer"])):
        name = config[group]["name"]
        option = None if have[group]["name"] == name else _option(group, name, config_dir)
        if option is not None:
            yield f"{group}={option}"


def _option(group: str, name: str, config_dir: str | None) -> str | None:
    """The file of a group that gives itself this name."""
    if name in group_options(group, config_dir):
        return name
    return next(iter(options_where(group, "name", name, config_dir)), None)


def _terms(config: Mapping[str, Any], have: Mapping[str, Any], config_dir: str | None) -> Iterator[str]:
    """The bottleneck's terms, in the order of the config, where they are others than the bottleneck's own."""
    if is_baseline(config):
        return
    wanted, own = list(config["bottleneck"]["terms"]), list(have["bottleneck"]["terms"])
    yield from _chosen("bottleneck/term@bottleneck.terms", wanted, own, config_dir)


def _metrics(config: Mapping[str, Any], have: Mapping[str, Any], config_dir: str | None) -> Iterator[str]:
    """The metrics of one's own, where they are others than the task's YAML has."""
    wanted, own = (list(each["task"].get("metrics", {})) for each in (config, have))
    yield from _chosen("task/metric@task.metrics", wanted, own, config_dir)


def _chosen(group: str, wanted: list[str], own: list[str], config_dir: str | None) -> Iterator[str]:
    """The options of a group that give these keys, where it has them and the keys are not there yet."""
    if wanted and wanted != own and set(wanted) <= set(group_options(group.partition("@")[0], config_dir)):
        text = wanted[0] if len(wanted) == 1 else f"[{','.join(wanted)}]"
        yield f"{'' if own else '+'}{group}={text}"


def _values(config: Mapping[str, Any], composed: Callable[[Iterable[str]], Any]) -> list[str]:
    """Single values, those that others refer to first: what follows from them needs no override."""
    wanted, found = _decisive(config), dict[tuple[str, ...], str]()
    while True:
        stated = composed(found.values())
        raw = with_knobs(stated)
        have = _decisive(_as_described(resolved(raw), config))
        differing = {
            path: value
            for path, value in _with_defaults(config, _differing(wanted, have))
            if path not in found
            and not _equal(value, _at(have, path))
            and not (value is _GONE and _at(stated, path) is _GONE)  # a default of what another override replaces
        }
        if not differing:
            return [found[path] for path in sorted(found, key=lambda path: path == ("seed",))]
        constant = [path for path in differing if "${" not in str(_at(raw, path))]
        shallowest = min(len(path) for path in differing)
        for path in constant or [path for path in differing if len(path) == shallowest]:
            found[path] = _override(path, differing[path], present=_at(raw, path) is not _GONE)


def _equal(one: Any, other: Any) -> bool:
    return _GONE not in (one, other) and canonical(one) == canonical(other)


def _with_defaults(
    config: Mapping[str, Any], differing: Iterable[tuple[tuple[str, ...], Any]]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Options that came after a config stand at their class's defaults: baselines read more of a task's today."""
    nodes = components(config)
    for path, value in differing:
        node = nodes.get(".".join(path[:-1]))
        defaults = component(node).defaults if value is _GONE and node is not None else {}
        yield path, defaults.get(path[-1], value)


def _as_described(have: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """What the config keeps of classes of its own goes for the same classes where they are composed."""
    described = components(config)
    for where, node in components(have).items():
        same = described.get(where, {})
        if KEPT in same and same["_target_"] == node.get("_target_"):
            node[KEPT] = same[KEPT]
    return have


def _decisive(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the result and its bits, each value where an override would set it."""
    named = [key for key in ("data", "bottleneck", "budget", "optimizer") if key in config]
    whole = {key: read(SECTIONS[key], config[key], key).model_dump() for key in named}
    found = decisive({**config, **whole})
    found = {key: value for key, value in found.items() if key not in NUMBERS}
    trainer = {**defaults_of(Trainer), **config["trainer"]}
    found["trainer"] = {key: trainer[key] for key in (("threads",) if is_baseline(config) else _SURROUNDINGS)}
    return found


def _differing(
    wanted: Mapping[str, Any], have: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each path at which two mappings differ, with the value wanted there."""
    passed_on = [part for part in wanted.values() if isinstance(part, Mapping)]
    for key in dict.fromkeys([*wanted, *have]):
        path, value = (*above, key), wanted.get(key, _GONE)
        if value is _GONE:  # a knob that came later: what it passes on says where it stands
            value = next((part[key] for part in passed_on if key in part), _GONE)
        if value == SOLVED:
            continue
        if isinstance(value, Mapping) and isinstance(have.get(key), Mapping):
            yield from _differing(value, have[key], path)
        elif value is _GONE or key not in have or canonical(value) != canonical(have[key]):
            yield path, value


def _at(config: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(config, Mapping) or key not in config:
            return _GONE
        config = config[key]
    return config


def _override(path: Sequence[str], value: Any, present: bool) -> str:
    key = ".".join(path)
    return f"~{key}" if value is _GONE else f"{'' if present else '+'}{key}={written(value)}"

"""What a trial is: the part of a config that decides its result, and the hash of it that names the trial.

Of each component the hash holds its short name, its version and the options that differ from the defaults
(`registry.versions`); of each section the values that differ. No class's place and no default stands in it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from unroll.config.schema import TaskConfig
from unroll.data.readers import component_of, deciding
from unroll.registry.canonical import canonical
from unroll.registry.versions import KEPT, VERSION, component, listed, own_options

# Keys that name, describe or place a trial, or only stand in for another section's key.
DESCRIPTIONS = {
    "task": {"baselines", "problem", "quickstart_steps", "width", "learning_rate", "strengths", "equivalence"},
    "data": {"origin", "epochs", "channels"},
    "baseline": {"tasks", "seeded", "unranked"},
    "bottleneck": {"name"},
    "budget": {"name"},
}
_PARTS = ("encoder", "decoder")
GIVEN_TO_OPTIMIZERS = ("params", "lr", "weight_decay", "fused")  # by the trainer, from the section's own keys
NUMBERS = ("precision", "tf32", "cuda_graphs")  # of the trainer: what kind of numbers a network computes, and how


def is_baseline(config: Mapping[str, Any]) -> bool:
    """Whether a config's method is a baseline, which has no training steps, and not a network."""
    return bool(config.get("baseline", {}).get("name", "none") != "none")


def is_seeded(config: Mapping[str, Any]) -> bool:
    """Whether a seed changes a trial: of some baselines none does."""
    return not (is_baseline(config) and config["baseline"].get("seeded") is False)


def digest(decides: Mapping[str, Any]) -> str:
    """Return the ten hexadecimal digits of an `identity`; ValueError for NaN and infinity."""
    return hashlib.sha256(canonical(decides).encode()).hexdigest()[:10]


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a trial's name hashes.

    Left out: devices, threads, workers, logger, paths, where data comes from, and labels. A baseline uses no
    architecture, bottleneck, optimizer, budget, precision, TF32 or CUDA graphs, and of the task's options those of its
    `problem` only; a network uses no baseline.

    Raises:
        KeyError: a class is not in the committed list, and the config keeps no description of it.
    """
    found = {"task": _task(config), "data": _data(config["data"]), "seed": config["seed"]}
    if is_baseline(config):
        return found | {"baseline": _component(config["baseline"], "name", *DESCRIPTIONS["baseline"])}
    architecture, bottleneck = config["architecture"], config["bottleneck"]
    parts = {part: _component(architecture[part]) for part in _PARTS}
    terms = [[name, _component(node)] for name, node in bottleneck["terms"].items()]  # they act in order
    sizes = {key: value for key, value in bottleneck.items() if key not in ("name", "terms")}
    return found | {
        "architecture": {"reconstructs": architecture["reconstructs"], **parts},
        "bottleneck": _section("bottleneck", sizes) | {"terms": terms},
        "optimizer": _optimizer(config["optimizer"]),
        "budget": _section("budget", _decisive(config, "budget")),
        "numbers": _section("numbers", {key: config["trainer"][key] for key in NUMBERS if key in config["trainer"]}),
    }


def decisive(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same part of a config as a user sets it: each value under its own key, with the defaults filled in.

    What the config of somebody else's record lacks, or names without a description, stays as it is.
    """
    chosen = {"task": _filled(_decisive(config, "task")), "data": _with_defaults("data", _decisive(config, "data"))}
    if "metrics" in chosen["task"]:
        chosen["task"]["metrics"] = {name: _filled(node) for name, node in chosen["task"]["metrics"].items()}
    chosen["data"] |= {key: _bare(chosen["data"][key]) for key in ("reader", "tokenizer") if key in chosen["data"]}
    chosen["data"]["options"] = {**_reader_defaults(config["data"]), **_reader_options(config["data"])}
    if is_baseline(config):
        chosen["baseline"] = _filled(_decisive(config, "baseline"))
        read = ("name", "protocol_version", "kind", "primary", "metrics", *config["task"].get("problem", ()))
        chosen["task"] = {key: value for key, value in chosen["task"].items() if key in read}
        return chosen | {"seed": config["seed"]}
    architecture, bottleneck = config["architecture"], config["bottleneck"]
    parts = {part: _filled(architecture[part]) for part in _PARTS if part in architecture}
    terms = {name: _filled(node) for name, node in bottleneck["terms"].items()}
    return chosen | {
        "architecture": {**architecture, **{key: _filled(value) for key, value in _nodes_in(architecture)}, **parts},
        "bottleneck": _with_defaults("bottleneck", bottleneck) | {"terms": terms},
        "optimizer": _optimizer_with_defaults(config["optimizer"]),
        "budget": _with_defaults("budget", _decisive(config, "budget")),
        "seed": config["seed"],
        **{key: config["trainer"].get(key, listed("sections")["numbers"].defaults[key]) for key in NUMBERS},
    }


def components(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nodes of a config that become objects, as far as it has them: dotted key -> node.

    An option of one may be such a node itself, at any depth, as a cell is, and so may what an architecture passes on.
    """
    found = _roots(config)
    if not is_baseline(config):
        architecture = config["architecture"]
        found |= {f"architecture.{key}": value for key, value in _nodes_in(architecture) if key not in _PARTS}
    for where, node in list(found.items()):
        found |= _inner(where, node)
    return found


def _roots(config: Mapping[str, Any]) -> dict[str, Any]:
    found = {"task": config["task"]}
    found |= {f"task.metrics.{name}": node for name, node in config["task"].get("metrics", {}).items()}
    if "_target_" in (config["data"].get("tokenizer") or ()):
        found["data.tokenizer"] = config["data"]["tokenizer"]
    if is_baseline(config):
        return found | {"baseline": config["baseline"]}
    architecture, terms = config["architecture"], config["bottleneck"]["terms"]
    found |= {f"architecture.{part}": architecture[part] for part in _PARTS if part in architecture}
    if "_target_" in config.get("optimizer", {}):
        found["optimizer"] = config["optimizer"]
    return found | {f"bottleneck.terms.{name}": node for name, node in terms.items()}


def _inner(where: str, node: Any) -> dict[str, Any]:
    """The nodes among a node's options, at any depth."""
    found: dict[str, Any] = {}
    for key, value in _nodes_in(node):
        found |= {f"{where}.{key}": value} | _inner(f"{where}.{key}", value)
    return found


def _hashable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of which the nodes are as ids hash them."""
    return {**options, **{key: _component(value) for key, value in _nodes_in(options)}}


def _nodes_in(node: Any) -> list[tuple[str, Mapping[str, Any]]]:
    options = own_options(node).items() if isinstance(node, Mapping) else ()
    return [(key, value) for key, value in options if isinstance(value, Mapping) and "_target_" in value]


def place_of_options(where: str) -> str:
    """Return the dotted key of the mapping that holds a component's options."""
    return "optimizer.options" if where == "optimizer" else where


def titles(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands for each class wherever it lies: the dotted key of its `_target_` -> name@version."""
    found, reader = {}, config["data"].get("reader", "")
    for where, node in {**components(config), **({} if isinstance(reader, str) else {"data.reader": reader})}.items():
        try:
            found[f"{where}._target_"] = component(node).title
        except KeyError:
            continue
    return found


def null_by_default(config: Mapping[str, Any]) -> set[str]:
    """Return the dotted keys of `decisive` whose options are null by default."""
    sections = {name: listed("sections")[name].defaults for name in ("data", "bottleneck", "optimizer", "budget")}
    nodes = components(config)
    sections |= {place_of_options(where): _defaults(node) for where, node in nodes.items()}
    knobs = [_defaults(nodes[f"architecture.{part}"]) for part in _PARTS if f"architecture.{part}" in nodes]
    sections["architecture"] = {key: default for part in knobs for key, default in part.items()}  # that are passed on
    return {
        f"{section}.{key}"
        for section, defaults in sections.items()
        for key, default in defaults.items()
        if default is None
    }


def _decisive(config: Mapping[str, Any], section: str) -> dict[str, Any]:
    return {key: value for key, value in config[section].items() if key not in DESCRIPTIONS[section]}


def _task(config: Mapping[str, Any]) -> dict[str, Any]:
    task = config["task"]
    own = {key: value for key, value in own_options(task).items() if key not in TaskConfig.described}
    found = {key: task[key] for key in ("name", "protocol_version")}
    if is_baseline(config):
        own = {key: value for key, value in own.items() if key in task["problem"]}
    else:
        found["selection"] = _metric(task["selection"])
    extra = {name: _component(node) for name, node in sorted(task.get("metrics", {}).items())}
    found |= {"metrics": extra} if extra else {}
    return found | {"primary": _metric(task["primary"])} | component(task).hashed(_hashable(own))


def _optimizer(node: Mapping[str, Any]) -> dict[str, Any]:
    if "_target_" not in node:
        return _section("optimizer", flat(node))
    own = {key: value for key, value in own_options(node).items() if key not in ("name", "options")}
    return _section("optimizer", flat(own)) | {"class": component(node).hashed(node["options"])}


def _optimizer_with_defaults(node: Mapping[str, Any]) -> dict[str, Any]:
    found = _with_defaults("optimizer", {key: value for key, value in node.items() if key != KEPT})
    if "_target_" in node:
        defaults = {key: value for key, value in _defaults(node).items() if key not in GIVEN_TO_OPTIMIZERS}
        found["options"] = {**defaults, **node["options"]}
    return found


def _metric(metric: Mapping[str, Any]) -> dict[str, Any]:
    return {key: metric[key] for key in ("name", "direction")}  # its unit is a label


def _data(data: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in data.items() if key not in DESCRIPTIONS["data"]}
    for key in ("kind", "reader", "options"):
        del kept[key]
    found = _section("data", kept) | {"reader": component_of(data["reader"]).hashed(_reader_options(data))}
    tokenizer = data["tokenizer"]
    if tokenizer is not None:
        found["tokenizer"] = _component(tokenizer) if "_target_" in tokenizer else _section("tokenizer", tokenizer)
    return found


def _reader_defaults(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of a reader; none where nothing tells of it."""
    try:
        return component_of(data["reader"]).defaults
    except KeyError:
        return {}


def _reader_options(data: Mapping[str, Any]) -> dict[str, Any]:
    return deciding(data.get("reader", ""), data.get("options", {}))


def _component(node: Mapping[str, Any], *without: str) -> dict[str, Any]:
    options = {key: value for key, value in own_options(node).items() if key not in without}
    return component(node).hashed(_hashable(options))


def _filled(node: Mapping[str, Any]) -> dict[str, Any]:
    inner = {key: _filled(value) for key, value in _nodes_in(node)}
    return {**_defaults(node), **_bare(node), **inner}


def _bare(node: Any) -> Any:
    """A component's node without what it keeps for readers of its record; anything else as it is."""
    return {key: node[key] for key in node if key not in (KEPT, VERSION)} if isinstance(node, Mapping) else node


def _defaults(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of a node's class; none where nothing tells of it, as in a record of code that is not here."""
    try:
        return component(node).defaults
    except KeyError:
        return {}


def _section(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return listed("sections")[name].hashed(values)


def _with_defaults(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for key, default in listed("sections")[name].defaults.items():
        first, _, rest = key.partition(".")
        if rest:
            found.setdefault(first, {}).setdefault(rest, default)
        else:
            found.setdefault(key, default)
    return found


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section with the keys of its groups in one level: `supervised.momentum`."""
    groups = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    inner = {f"{group}.{key}": value for group, node in groups.items() for key, value in node.items()}
    return {key: value for key, value in values.items() if key not in groups} | inner

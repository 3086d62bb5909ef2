"""What a composed config must satisfy before any work: types, choices, ranges, no contradictions."""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from unroll.config import idle
from unroll.config.identity import GIVEN_TO_OPTIMIZERS, components, is_baseline, place_of_options
from unroll.config.interpolation import resolved, resolved_value
from unroll.config.parts import parts_of
from unroll.config.schema import NETWORK, SECTIONS, Baseline, BudgetConfig, Config, Data, Network, Optimizer, TaskConfig
from unroll.config.typed import check_seed, config_of
from unroll.config.wandb_names import check_wandb_names
from unroll.config.written import written
from unroll.data import kinds, readers, shape
from unroll.data.catalogue import check_name
from unroll.data.languages import is_code
from unroll.data.tokenizers import Tokenizer
from unroll.errors import UserError, suggest
from unroll.registry.components import SOLVED, accepted, check_options, locate
from unroll.registry.facts import facts, stated
from unroll.registry.fits import fits
from unroll.registry.groups import config_directories, options_where
from unroll.registry.metric import ExtraMetric
from unroll.registry.options import Count, conforms, in_words, schema_of
from unroll.registry.versions import KEPT, VERSION, described, is_listed_name, listed_version, own_options

_TOP_LEVEL = (*SECTIONS, "task", "baseline", "seed")
_PARTS = ("encoder", "decoder")
_ARCHITECTURE_PARTS = ("name", "reconstructs", *_PARTS)
GIVEN = {
    "architecture.encoder": ("shape",),
    "architecture.decoder": ("shape", "code_width", "state_width"),
    "data.tokenizer": ("texts", "language"),
    "optimizer": GIVEN_TO_OPTIMIZERS,
}
GIVEN_TO_CELLS = ("input_width", "width")
_WITHOUT_TRAINING = {"accelerator": "cpu", "precision": "32-true", "tf32": False, "cuda_graphs": False}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_LONGEST_NAME = 50


def validated(raw: Mapping[str, Any], config_dir: str | None = None, recorded: bool = False) -> dict[str, Any]:
    """Return a composed config resolved and plain; UserError for the first thing that is wrong.

    `recorded`: it is a record's, which may hold an option that nothing reads any more.
    """
    _no_unknown_sections(raw)
    _nothing_missing(raw, "")
    check_names(raw)
    raw = _of_its_method(raw, config_dir)
    config = resolved(raw if is_baseline(raw) else _width_to_solve(with_knobs(raw)))
    check_seed(config["seed"])
    _check_task(config["task"])
    found = config_of(config)
    check_wandb_names(found.logger.wandb, os.environ)
    config = found.plain()
    _contradictions(found, config_dir)
    _check_components(config)
    _check_fit(config)
    _finite({"data": {"options": found.data.options}, **components(config)}, "")
    shape.check(config["data"], f"data={found.data.name}")
    if not isinstance(found.data.reader, str):
        _nothing_by_hand(found.data.reader, "data.reader")
    config["data"]["reader"] = readers.described(found.data.reader)
    readers.check(found.data.reader, found.data.options)
    check_name(config["data"], config_directories(config_dir))
    if not recorded:
        idle.check(found)
    _describe_foreign(config)
    _check_extra_metrics(config["task"])
    for key, value in config["paths"].items():
        config["paths"][key] = os.path.expanduser(value) if value is not None else None
    return config


def _no_unknown_sections(raw: Mapping[str, Any]) -> None:
    for key in raw:
        if key not in _TOP_LEVEL:
            raise UserError(f"There is no key '{key}'.{suggest(key, _TOP_LEVEL)}", saw=key, allowed=sorted(_TOP_LEVEL))
    for key in _TOP_LEVEL:
        if key not in raw:
            raise UserError(f"The config has no '{key}'.", allowed=_TOP_LEVEL, run="unroll train --cfg job")
        if key != "seed" and not isinstance(raw[key], Mapping):
            raise UserError(f"'{key}' is a group.", saw=f"{key}={raw[key]}", allowed=f"{key}=NAME")


def _of_its_method(raw: Mapping[str, Any], config_dir: str | None) -> Mapping[str, Any]:
    """Leave out the sections of a network where a baseline takes its place.

    Checked before interpolations: a baseline of another task refers to keys that this one lacks.
    """
    if not is_baseline(raw):
        return raw
    task, baseline = raw["task"]["name"], raw["baseline"]
    if not isinstance(baseline.get("seeded"), bool):
        raise UserError("A baseline says whether a seed changes it.", saw=baseline, allowed="seeded: true|false")
    if task not in (baseline.get("tasks") or ()):
        fitting = options_where("baseline", "tasks", None, config_dir, contains=task)
        raise UserError(
            f"The baseline {baseline['name']} does not serve the task {task}.",
            saw=f"baseline={baseline['name']}",
            allowed=[f"baseline={name}" for name in fitting],
        )
    kept = {key: value for key, value in raw.items() if key not in NETWORK}
    return {**kept, "trainer": {**raw["trainer"], **_WITHOUT_TRAINING}}


def with_knobs(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a composed config whose architecture's knobs reach its parts.

    A knob that the YAML refers to nowhere goes, as a reference, to each part that has an option of its name, unless the
    part states it.

    Raises:
        UserError: no part has one: the knob would be accepted and ignored.
    """
    architecture = dict(raw["architecture"])
    odd = [key for key in architecture if not isinstance(key, str)]
    if odd:
        raise UserError("A key of the architecture is no text.", saw=odd[0], allowed="a name")
    text, knobs = json.dumps(raw, default=str), [key for key in architecture if key not in _ARCHITECTURE_PARTS]
    parts = {part: dict(architecture[part]) for part in _PARTS if isinstance(architecture.get(part), Mapping)}
    options = {
        part: set(accepted(node, where).schemas) - set(GIVEN[where]) if "_target_" in node else set()
        for part, node in parts.items()
        for where in [f"architecture.{part}"]
    }
    for key in knobs:
        if f".{key}}}" in text and re.search(rf"\$\{{(architecture)?\.+{re.escape(key)}\}}", text):
            continue
        takers = [part for part, node in parts.items() if key in options[part] and key not in node]
        if not takers:
            taken = {name for names in options.values() for name in names}
            others = sorted(taken | set(knobs) - {key})
            raise UserError(
                f"No part of this architecture reads '{key}'.{suggest(key, others)}",
                saw=f"architecture.{key}={architecture[key]}",
                allowed=others,
            )
        for part in takers:
            parts[part][key] = f"${{architecture.{key}}}"
    return {**raw, "architecture": {**architecture, **parts}}


def _nothing_missing(value: Any, where: str) -> None:
    if value == "???":
        raise UserError(f"'{where}' has no value yet.", saw="???", allowed=f"{where}=VALUE")
    if isinstance(value, dict):
        for key, item in value.items():
            _nothing_missing(item, f"{where}.{key}" if where else str(key))


def _width_to_solve(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Under budget.parameters no given width decides anything: every part that reads it is told so instead."""
    width = raw["architecture"].get("width")
    if raw["budget"].get("parameters") is None or width is None:
        return raw
    value = resolved_value(raw, "architecture", "width")
    if not conforms(value, schema_of(Count)):
        raise UserError("'architecture.width' is out of range.", saw=written(value), allowed=in_words(schema_of(Count)))
    return {**raw, "architecture": {**raw["architecture"], "width": SOLVED}}


def _describe_foreign(config: dict[str, Any]) -> None:
    """Keep in the config what its id says of classes that the committed list does not have: readers run no code."""
    for where, node in components(config).items():
        _nothing_by_hand(node, where)
        version = listed_version(node.get("_target_"))
        if version is not None:
            if version > 1:
                node[VERSION] = version
            continue
        kind = locate(node, where, _base_of(where))
        found, known = described(kind), stated(kind).plain()
        if is_listed_name(found.name):
            raise UserError(
                f"{where} has the name of a component that ships with Unroll, and its trials would have those ids.",
                saw=f"{found.name}: {node['_target_']}",
                allowed='another name of the class, or component = "NAME" in it',
            )
        node[KEPT] = {**found._asdict(), **({"facts": known} if known else {})}


def _base_of(where: str) -> type:
    """What a class at a place of a config has to be."""
    if where == "data.tokenizer":
        return Tokenizer
    return ExtraMetric if where.startswith("task.metrics.") else object


def _nothing_by_hand(node: Mapping[str, Any], where: str) -> None:
    given = sorted(key for key in node if key.startswith("_") and key != "_target_")
    if given:
        raise UserError(f"'{where}.{given[0]}' is not set by hand.", saw=node[given[0]], allowed="_target_ and options")


def _check_task(task: Mapping[str, Any]) -> None:
    needed = [key for key, field in TaskConfig.model_fields.items() if field.is_required()]
    missing = [key for key in needed if key not in task]
    if missing:
        raise UserError(f"The task has no '{missing[0]}'.", saw=sorted(task), allowed=", ".join(TaskConfig.described))
    if "_target_" not in task:
        raise UserError("The task names no class.", saw=sorted(task), allowed="_target_: package.module.Class")
    options = [key for key in task if key not in TaskConfig.described and not key.startswith("_")]
    for key in task["problem"] if isinstance(task["problem"], list) else ():
        if key not in options:
            raise UserError(
                f"'task.problem' names no option of the task.{suggest(str(key), options)}", saw=key, allowed=options
            )


def _check_extra_metrics(task: Mapping[str, Any]) -> None:
    """A metric of one's own has a name of its own."""
    taken = facts({key: value for key, value in task.items() if key != "metrics"})
    for name in task.get("metrics", {}):
        if not _METRIC.fullmatch(name):
            raise UserError("This cannot name a metric.", saw=f"task.metrics.{name}", allowed="letters, digits and _")
        if taken.metric(name) is not None:
            raise UserError(
                f"The task {task['name']} has a metric '{name}' already.",
                saw=f"task.metrics.{name}",
                allowed=f"another name than {', '.join(metric.name for metric in taken.metrics)}",
            )


def check_names(config: Mapping[str, Any]) -> None:
    """Raise UserError where a name cannot be a part of a directory's name."""
    for section in ("task", "data", "architecture", "baseline"):
        if section not in config:  # of the other method
            continue
        name = config[section].get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UserError(f"'{section}.name' cannot name a directory.", saw=name, allowed="letters, digits, _ and .")
        if len(name) > _LONGEST_NAME:
            raise UserError(
                f"'{section}.name' is too long: such names make a directory's, which holds 255 letters.",
                saw=f"{len(name)} letters",
                allowed=f"at most {_LONGEST_NAME}",
            )


def _check_components(config: Mapping[str, Any]) -> None:
    """Every option of every component is one that its constructor takes, of the type that it states."""
    knobs = set(config.get("architecture", ())) - set(_ARCHITECTURE_PARTS)
    for where, node in components(config).items():
        if not isinstance(node, dict):
            raise UserError(f"'{where}' is no component.", saw=node, allowed="a mapping with _target_ and its options")
        described = {"task": TaskConfig.described, "baseline": Baseline.described}.get(where, ())
        own = node["options"] if where == "optimizer" else own_options(node)
        options = {key: value for key, value in own.items() if key not in described}
        passed = knobs if where in ("architecture.encoder", "architecture.decoder") else ()
        same = [key for key in passed if key in options and options[key] == config["architecture"][key]]
        takes, given = accepted(node, where), GIVEN_TO_CELLS if where.endswith(".cell") else GIVEN.get(where, ())
        if where.count(".") > (2 if where.startswith(("bottleneck.terms.", "task.metrics.")) else 1):
            given = tuple({*given, *takes.required} - set(options))  # what it is inside of gives the rest
        check_options(takes, options, place_of_options(where), given, same)


def _check_fit(config: Mapping[str, Any]) -> None:
    misfit = None if is_baseline(config) else fits(parts_of(config))
    if misfit is not None:
        raise misfit


def _finite(value: Any, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"'{where}' is not a finite number.", saw=value)
    if isinstance(value, dict):
        for key, item in value.items():
            _finite(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for item in value:
            _finite(item, where)


def _contradictions(config: Config, config_dir: str | None) -> None:
    task, data = config.task, config.data
    kind = kinds.get(data.kind)
    if task.kind != data.kind:
        raise UserError(
            f"The task {task.name} works on {task.kind}, and data={data.name} is {data.kind}.",
            saw=f"task={task.name} data={data.name}",
            allowed=[f"data={name}" for name in options_where("data", "kind", task.kind, config_dir)],
        )
    if kind.texts and data.tokenizer is None:
        raise UserError(f"data={data.name} is text and has no tokenizer.", saw="data.tokenizer: null")
    _languages(data, kind.languages)
    if isinstance(config.method, Network):
        _budget(config.method.budget, config.method.optimizer)
        if task.options.get("hold_out") is False and config.method.budget.weights == "best":
            raise UserError(
                "Weights cannot be selected by rows that were trained on.",
                saw="task.hold_out=false budget.weights=best",
                allowed="budget.weights=last, or task.hold_out=true",
                change=["budget.weights=last"],
            )
        _decays(config.method.optimizer)
        _optimizer_class(config.method.optimizer)


def _budget(budget: BudgetConfig, optimizer: Optimizer) -> None:
    kinds = {"epochs": budget.epochs, "steps": budget.steps, "seconds": budget.seconds, "flops": budget.flops}
    given = {key: value for key, value in kinds.items() if value is not None}
    if len(given) != 1:
        raise UserError(
            "A budget is exactly one of epochs, steps, seconds and flops.",
            saw=" ".join(f"budget.{key}={value}" for key, value in given.items()) or "none of them",
            allowed="one of them; set the others to null",
            change=_one_of(given),
        )
    if budget.seconds is not None and optimizer.schedule != "constant":
        raise UserError(
            "A budget in seconds has no number of steps for a learning rate to fall over.",
            saw=f"budget.seconds={budget.seconds} optimizer.schedule={optimizer.schedule}",
            allowed="optimizer.schedule=constant, or budget.epochs, budget.steps or budget.flops",
            change=["optimizer.schedule=constant"],
        )


def _languages(data: Data, wanted: Sequence[str]) -> None:
    """Text is of a language, pairs are of two: tokenisers and scores go by their codes."""
    if wanted and len(data.languages) != len(wanted):
        raise UserError(
            f"data={data.name} is {data.kind}, and data.languages names another number of languages.",
            saw=data.languages,
            allowed=f"{'source and target' if len(wanted) == 2 else 'one'}, e.g. data.languages=[{','.join(wanted)}]",
        )
    for language in data.languages:
        if not is_code(language):
            raise UserError("data.languages holds codes.", saw=language, allowed="e.g. en, de, zh, pt-BR")


def _decays(optimizer: Optimizer) -> None:
    """An exponential schedule divides by the rates at both of its ends, and gradients are clipped in one way."""
    for prefix, phase in (("optimizer", optimizer), ("optimizer.supervised", optimizer.second_phase())):
        lowest = min(phase.learning_rate, phase.embedding_learning_rate or math.inf)
        if phase.schedule == "exponential" and not 0 < phase.final_learning_rate < lowest:
            raise UserError(
                "A learning rate that falls by one factor a step has to end above 0, below where it began.",
                saw=f"{prefix}: exponential, from {lowest} to {phase.final_learning_rate}",
                allowed=f"{prefix}.final_learning_rate above 0 and below {lowest}",
                change=[f"{prefix}.final_learning_rate={lowest / 1000:g}"],
            )
    if optimizer.clip_norm is not None and optimizer.clip_value is not None:
        raise UserError(
            "Gradients are clipped by norm or by value, not by both.",
            saw=f"optimizer.clip_norm={optimizer.clip_norm} optimizer.clip_value={optimizer.clip_value}",
            change=["optimizer.clip_norm=null"],
        )


def _optimizer_class(optimizer: Optimizer) -> None:
    """A class takes the learning rate of each step; its name is none of the shipped optimizers'."""
    if (optimizer.node is None) != (optimizer.name in optimizer.shipped):
        named = "is that of an optimizer that ships with Unroll" if optimizer.node else "names no optimizer"
        raise UserError(
            f"'optimizer.name' {named}.{'' if optimizer.node else suggest(optimizer.name, optimizer.shipped)}",
            saw=optimizer.name,
            allowed="another name beside _target_"
            if optimizer.node
            else f"{', '.join(optimizer.shipped)}, or any with _target_: a class of torch.optim.Optimizer",
        )
    if optimizer.node is None:
        return
    takes = accepted(optimizer.node, "optimizer").schemas
    if "lr" not in takes:
        raise UserError(
            "An optimizer's constructor takes the learning rate as `lr`, and this one's does not.",
            saw=f"{optimizer.node['_target_']}({', '.join(takes)})",
            allowed="(params, lr, weight_decay, and options of its own)",
        )
    decays = {"weight_decay": optimizer.weight_decay, "embedding_weight_decay": optimizer.embedding_weight_decay}
    decays["supervised.weight_decay"] = optimizer.supervised.weight_decay
    given = [f"optimizer.{key}={value}" for key, value in decays.items() if value]
    if given and "weight_decay" not in takes:
        saw = f"{' '.join(given)} with {optimizer.name}"
        raise UserError("This optimizer has no weight decay.", saw=saw, allowed="optimizer.weight_decay=0")


def _one_of(given: Mapping[str, Any]) -> list[str]:
    kept = next((key for key in ("flops", "seconds", "steps", "epochs") if key in given), "epochs")
    dropped = [f"budget.{key}=null" for key in given if key != kept]
    constant = ["optimizer.schedule=constant"] if kept == "seconds" else []
    return [*dropped, f"budget.{kept}={given.get(kept, 1)}", *constant]

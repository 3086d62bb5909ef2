"""A trial again with half its budget: the second of the two points that show how far training went.

The rule:

- The one limit that the budget has is halved: epochs, seconds and operations exactly (3 epochs: 1.5), steps rounded
  down (5: 2). What else counts steps goes with it, rounded down: task.pretrain_steps, optimizer.warmup_steps,
  optimizer.supervised.warmup_steps.
- All else stays: the seed, the width that budget.parameters solves, how often validation is made, and patience, which
  counts validations. Shares of the budget (task.pretrain_share, a term's) follow by themselves.
- So half a budget is a training of its own, whose learning rate ends where that training does, and not the first half
  of the whole one.
- A baseline has no budget, and no half. One step has no half.
"""

from collections.abc import Mapping
from typing import Any

from unroll.config.compose import Make
from unroll.config.identity import is_baseline
from unroll.config.planned import Planned
from unroll.config.trial import Trial, make_trial
from unroll.config.written import written
from unroll.errors import UserError, override_key

NAME = "half"  # of the budget of a trial that was planned as the half of another; no part of its id
_EXACT = ("epochs", "seconds", "flops")
_COUNTED = ("task.pretrain_steps", "optimizer.warmup_steps", "optimizer.supervised.warmup_steps")


def halved(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what half the budget changes of a network's config: dotted key -> value.

    Raises:
        UserError: the budget is one step, or leaves none to one of two phases.
    """
    budget = config["budget"]
    found: dict[str, Any] = {f"budget.{key}": budget[key] / 2 for key in _EXACT if budget.get(key) is not None}
    if budget["steps"] is not None:
        found["budget.steps"] = budget["steps"] // 2
    for key in _COUNTED:
        if steps := _at(config, key):
            found[key] = steps // 2
    steps, first = found.get("budget.steps"), found.get("task.pretrain_steps")
    if steps == 0 or first == 0 or (steps is not None and first is not None and first >= steps):
        keys = [key for key in ("budget.steps", "task.pretrain_steps") if key in found]
        raise UserError(
            "This budget has no half.",
            saw=" ".join(f"{key}={written(_at(config, key))}" for key in keys),
            allowed="2 steps or more" if first is None else "2 steps or more of each of the two phases",
        )
    return {**found, "budget.name": NAME}


def half_of(config: Mapping[str, Any]) -> Trial | None:
    """Return the trial that has half the budget of a config, as a record keeps it, and is the same in all else.

    None of a baseline, of a budget that has no half, and where the code that the config names is not known here.
    """
    if is_baseline(config):
        return None
    try:
        return make_trial(_with(config, halved(config)))
    except (UserError, KeyError):
        return None


def half_planned(item: Planned, make: Make) -> Planned:
    """Return the half of a planned network, which `make` composes; UserError where its budget has none."""
    changes = halved(item.trial.plain)
    kept = [text for text in item.overrides if override_key(text) not in changes]
    texts = (*kept, *(f"{key}={written(value)}" for key, value in changes.items()))
    return Planned(make(texts), texts)


def is_half(config: Mapping[str, Any]) -> bool:
    """Whether a trial was planned as the half of another one."""
    return bool(_at(config, "budget.name") == NAME)


def _at(config: Mapping[str, Any], key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _with(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A config with other values, in new containers where they are."""
    found = dict(config)
    for key, value in changes.items():
        node, parts = found, key.split(".")
        for part in parts[:-1]:
            node[part] = node = dict(node[part])
        node[parts[-1]] = value
    return found

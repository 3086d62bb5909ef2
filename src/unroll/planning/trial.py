"""One training run and its name. The name is a hash of what decides the result, and of nothing else."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unroll.data.readers import GUARDS, first_name

# Keys that name, describe or place a trial, or only stand in for another section's key.
_DESCRIPTIONS = {
    "task": {"baselines", "problem", "quickstart_steps", "width", "learning_rate", "strengths"},
    "data": {"origin", "epochs", "channels"},
    "budget": {"name"},
}

NUMBERS = ("precision", "tf32")  # of the trainer, in the id: what kind of numbers a network computes with

# Options that came after the first records. At these values a trial is what it was without them, and its id leaves
# them out, so that older records keep theirs. A key below `encoder`, `decoder` or a term is named by its last word.
_LATER: dict[str, dict[str, Any]] = {
    "architecture": {
        "nonlinearity": "tanh",
        "biases": 2,
        "reset": "after",
        "initialisation": "default",
        "forget_bias": None,
        "tied": False,
        "truncate": None,
        "weight_deviation": None,
    },
    "bottleneck": {"importance_samples": 1, "first_k": None, "anneal": 0.5},
    "budget": {"flops": None, "parameters": None},
    "task": {
        "likelihood": "gaussian",
        "output": "sigmoid",
        "scale": None,
        "protocol": "joint",
        "pretrain_share": 0.5,
        "pretrain_steps": None,
        "frozen": True,
        "chunk": 1,
        "drop_last": None,
        "word_dropout": None,
        "nodes": False,
        "loss_per": "node",
    },
    "trainer": {"tf32": False},
    "optimizer": {
        "embedding_learning_rate": None,
        "embedding_weight_decay": None,
        "final_learning_rate": 0.0,
        "supervised": dict.fromkeys(
            ("learning_rate", "final_learning_rate", "momentum", "weight_decay", "schedule", "warmup_steps")
        ),
    },
}

# Options that tasks had, at their values then, which ids still say: the terms that read them hold them now.
_WENT = {
    "beta": {
        "unroll.tasks.adding.Adding": 0.001,
        "unroll.tasks.classification.Classification": 0.001,
        "unroll.tasks.compression.Compression": 0.001,
        "unroll.tasks.copying.Copying": 0.001,
        "unroll.tasks.forecasting.Forecasting": 0.001,
        "unroll.tasks.generation.Generation": 1.0,
        "unroll.tasks.sentiment.Sentiment": 0.1,
        "unroll.tasks.translation.Translation": 0.1,
    }
}


@dataclass(frozen=True)
class Trial:
    """A resolved config and the id that it hashes to.

    `config` holds plain containers only, without Hydra's own node and without interpolations.
    """

    config: dict[str, Any]
    trial_id: str

    @property
    def directory(self) -> Path:
        """Everything that the trial writes lies here."""
        return Path(self.config["paths"]["runs"]) / self.trial_id

    @property
    def record_path(self) -> Path:
        return self.directory / "record.json"

    @property
    def row(self) -> str:
        """The name of its row in a table: the baseline's, or else the architecture's."""
        return str(self.config["baseline"]["name"] if is_baseline(self.config) else self.config["architecture"]["name"])


def is_baseline(config: Mapping[str, Any]) -> bool:
    """Whether a config asks for a baseline in place of a network."""
    return bool(config["architecture"]["name"] == "baseline")


def make_trial(config: dict[str, Any]) -> Trial:
    """Name a validated config: `{task}-{data}-{architecture or baseline}-s{seed}-{10 hex digits}`."""
    config = dict(config)
    if is_baseline(config) and config["baseline"].get("seeded") is False:
        config["seed"] = 0
    digest = hashlib.sha256(canonical(identity(config)).encode()).hexdigest()[:10]
    row = config["baseline"]["name"] if is_baseline(config) else config["architecture"]["name"]
    parts = (config["task"]["name"], config["data"]["name"], row, f"s{config['seed']}", digest)
    return Trial(config, "-".join(parts))


def earlier(trial: Trial) -> Iterator[Trial]:
    """The same trial under the task's earlier protocols, the latest first: what its records were named then."""
    task = trial.config["task"]
    for version in range(task["protocol_version"] - 1, 0, -1):
        yield make_trial({**trial.config, "task": {**task, "protocol_version": version}})


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that decides the result.

    Left out: devices, threads, workers, logger, paths, where data comes from, and labels. A baseline uses
    no architecture, bottleneck, optimizer, budget, precision or TF32, and of the task's options those of its `problem`
    only; a network uses no baseline.
    """
    sections = ["task", "data"]
    sections += ["baseline"] if is_baseline(config) else ["architecture", "bottleneck", "optimizer", "budget"]
    chosen: dict[str, Any] = {
        section: _without_later(
            {key: value for key, value in config[section].items() if key not in _DESCRIPTIONS.get(section, ())},
            _LATER.get(section, {}),
        )
        for section in sections
    }
    chosen["task"] = went(config["task"]) | chosen["task"]
    if "reader" in chosen["data"]:
        chosen["data"]["reader"] = first_name(chosen["data"]["reader"])
        chosen["data"]["options"] = {
            key: value for key, value in config["data"]["options"].items() if key not in GUARDS
        }
    if is_baseline(config) and "tasks" in config["baseline"]:
        chosen["baseline"]["tasks"] = [config["task"]["name"]]  # that it serves others as well decides nothing
    problem = config["task"].get("problem")
    if is_baseline(config) and problem is not None:
        read = ("name", "protocol_version", "kind", "primary", *problem)
        chosen["task"] = {key: value for key, value in chosen["task"].items() if key in read}
    chosen["seed"] = config["seed"]
    if not is_baseline(config):
        numbers = {key: config["trainer"][key] for key in NUMBERS if key in config["trainer"]}
        chosen |= _without_later(numbers, _LATER["trainer"])
        order = list(chosen["bottleneck"]["terms"])
        if order != sorted(order):  # terms act in order, which sorted keys would hide
            chosen["bottleneck"]["order"] = order
    return chosen


def went(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a task's class had, at their values then."""
    return {key: was[task["_target_"]] for key, was in _WENT.items() if task.get("_target_") in was}


def _without_later(node: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_later(value, later) if isinstance(value, Mapping) else value
        for key, value in node.items()
        if key not in later or value != later[key]
    }


def neutral(path: Sequence[str]) -> dict[str, Any]:
    """Return the options that came later to the section that a path begins with, at the values that change nothing."""
    return _LATER.get(path[0], {})


def canonical(value: Any) -> str:
    """Return JSON that is equal for equal values: keys sorted, no spaces, 1.0 written as 1.

    Raises ValueError for NaN and infinity, TypeError for what JSON does not have.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value

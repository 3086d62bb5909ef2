"""Whether a record is true to itself: checks that need nothing but the record and the YAML of its data set.

Each check is a small function of a record that yields what it found and what it expected instead; its name is the
check's. They are quick, so that every report makes them.
"""

import functools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from unroll.config.identity import is_baseline
from unroll.config.trial import make_trial
from unroll.config.typed import completed
from unroll.data import kinds
from unroll.errors import UserError
from unroll.records.effort import impossible_times, steps_trained, training_operations, validations
from unroll.records.schema import wrong_config
from unroll.registry.facts import Facts, facts
from unroll.registry.groups import group_value

Record = Mapping[str, Any]
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EXPONENTIALS = {
    "perplexity": "nll_per_token",
    "perplexity_parallel": "nll_per_token_parallel",
    "perplexity_free_running": "nll_per_token_free_running",
    "perplexity_bound": "nll_bound_per_token",
}
_BEYOND = 1e77  # the square of the largest number in single precision, in which networks compute


class Mismatch(NamedTuple):
    """What a check found, and what it expected instead."""

    seen: object
    expected: object


def trial_id(record: Record) -> Iterator[Mismatch]:
    """The id is that of the config."""
    if record["trial_id"] == make_trial(record["config"]).trial_id:
        return
    expected = make_trial(completed(record["config"])).trial_id  # options that came later, and values of other types
    if record["trial_id"] != expected:
        yield Mismatch(record["trial_id"], f"{expected}, by the config")


def config(record: Record) -> Iterator[Mismatch]:
    """The config has the sections of one, of the types that tables read."""
    if found := wrong_config(record["config"]):
        yield Mismatch(" ".join(found.split()), "a whole config")


def protocol(record: Record) -> Iterator[Mismatch]:
    """The protocol is the one that the config names."""
    stated = record["config"]["task"]["protocol_version"]
    if record["protocol_version"] != stated:
        yield Mismatch(record["protocol_version"], f"{stated}, by the config")


def data(record: Record) -> Iterator[Mismatch]:
    """The data are those of the config and, where they are called verified, have the content that a YAML states."""
    found, config = record["data"], record["config"]["data"]
    if found["name"] != config["name"]:
        yield Mismatch(found["name"], f"{config['name']}, by the config")
    if record["result"]["data_sha256"] != found["content_sha256"]:
        yield Mismatch(f"result.data_sha256 {record['result']['data_sha256']}", found["content_sha256"])
    stated = _stated(config, config.get("origin"))
    hashes_then = (
        (config.get("origin") or {}).get("content_sha256") or {}
    ).values()  # options may have had other names
    known = found["content_sha256"] in hashes_then if stated is None else stated == found["content_sha256"]
    if found["verified"] != known and (found["verified"] or stated is not None):
        yield Mismatch(f"verified: {found['verified']}, content {found['content_sha256']}", stated or "no stated hash")
    if record["protocol_version"] == _shipped("task", record["config"]["task"]["name"], "protocol_version"):
        shipped = _stated(config, _shipped("data", config["name"], "origin"))
        if found["verified"] and shipped is not None and shipped != found["content_sha256"]:
            yield Mismatch(found["content_sha256"], f"{shipped}, by {config['name']}.yaml")


@functools.cache
def _shipped(group: str, name: str, key: str) -> Any:
    return group_value(group, name, key)


def _stated(data: Record, origin: Any) -> str | None:
    from unroll.data.readers import variant

    stated = (origin or {}).get("content_sha256")
    try:
        return stated.get(variant(data["reader"], data["options"])) if isinstance(stated, Mapping) else None
    except (UserError, KeyError):
        return None  # a reader that is not here, or had that option


def hashes(record: Record) -> Iterator[Mismatch]:
    """Every hash is one."""
    result = record["result"]
    for name in ("weights_sha256", "predictions_sha256", "scores_sha256", "data_sha256"):
        if result.get(name) is not None and not _SHA256.fullmatch(result[name]):
            yield Mismatch(f"{name} {result[name]!r}", "64 hexadecimal digits")
    if (result["weights_sha256"] is None) != is_baseline(record["config"]):
        yield Mismatch(f"weights_sha256 {result['weights_sha256']}", "a network's weights, and no baseline's")


def primary(record: Record) -> Iterator[Mismatch]:
    """The primary metric is the config's, in its unit and direction."""
    for name, stated in record["config"]["task"]["primary"].items():
        if record["result"]["primary"].get(name) != stated:
            yield Mismatch(f"{name} {record['result']['primary'].get(name)}", stated)


def numbers(record: Record) -> Iterator[Mismatch]:
    """Metrics are in the range that they can have, and those that follow from each other do."""
    known = facts(record["config"]["task"])
    for split, metrics in record["result"]["metrics"].items():
        for name, value in metrics.items():
            low, high = _range(known, name)
            if not low - 1e-9 <= value <= high * (1 + 1e-9):
                yield Mismatch(f"{split}.{name} {value:g}", (low, high))
        if {"accuracy", "error"} <= metrics.keys() and abs(metrics["accuracy"] + metrics["error"] - 100) > 1e-6:
            yield Mismatch(f"{split}: accuracy {metrics['accuracy']:g} and error {metrics['error']:g}", "a sum of 100")
        for name, nats in _EXPONENTIALS.items():
            if {name, nats} <= metrics.keys() and abs(math.log(metrics[name]) - metrics[nats]) > 1e-6:
                yield Mismatch(f"{split}: {name} {metrics[name]:g}", f"e to {nats}, {metrics[nats]:g}")


def _range(known: Facts, name: str) -> tuple[float, float]:
    found = known.metric(name)
    least, most = (None, None) if found is None else (found.least, found.most)
    return -_BEYOND if least is None else least, _BEYOND if most is None else most


def examples(record: Record) -> Iterator[Mismatch]:
    """Splits have the sizes that the data's options state."""
    found = record["result"]["examples"]
    if min(found.values()) < 1:
        yield Mismatch(found, "an example or more in each split")
    for split, (few, most) in _sizes(record).items():
        if not few <= found[split] <= most:
            yield Mismatch(f"{found[split]} in {split}", few if few == most else f"{few} to {most}")


def _sizes(record: Record) -> dict[str, tuple[int, int]]:
    """The fewest and the most examples of each split, where options state rows; readers of texts may leave some out."""
    config = record["config"]
    options, task, kind = config["data"].get("options") or {}, config["task"], kinds.find(config["data"]["kind"])
    stated = options.get("sizes") or options.get("rows")
    if kind is None or not isinstance(stated, list) or [type(number) for number in stated] != [int] * 3:
        return {}
    rows = dict(zip(("train", "validation", "test"), stated, strict=True))
    if "window" in task:
        windows = {split: count - task["horizon"] + 1 for split, count in rows.items()}
        windows["train"] -= task["window"] + (task.get("difference") or 0)
        if task.get("hold_out") is False:
            windows["train"] += rows["validation"]
        channels = 1
        if task.get("channels") == "independent":
            channels = max(1, record["result"]["examples"]["test"] // max(1, windows["test"]))
        rows = {split: count * channels for split, count in windows.items()}
    share = config["data"].get("fraction", 1.0)
    few = {**rows, "train": math.floor(rows["train"] * share)}
    most = {**rows, "train": math.ceil(rows["train"] * share)}
    leaves_out = bool(kind.texts)
    return {split: (1 if leaves_out else few[split], most[split]) for split in rows}


def steps(record: Record) -> Iterator[Mismatch]:
    """Steps and epochs are those of the budget; early stopping may end it sooner."""
    result = record["result"]
    few, most, epochs = steps_trained(record)
    if not few <= result["steps"] <= most:
        yield Mismatch(f"{result['steps']} steps", few if few == most else f"{few} to {most}")
    if not math.isclose(result["epochs"], epochs, rel_tol=1e-9):
        yield Mismatch(f"{result['epochs']:g} epochs", f"{epochs:g}, of {result['steps']} steps")


def operations(record: Record) -> Iterator[Mismatch]:
    """Training's operations are those of so many examples, forward and backward."""
    low, high = training_operations(record)
    found = record["flops"]["training"]
    if not low <= found <= high:
        yield Mismatch(f"{found} training operations", low if low == high else f"{low} to {high}")


def parameters(record: Record) -> Iterator[Mismatch]:
    """Parts are no more than the whole, and a solved width is as near as is said."""
    found = record["parameters"]
    if found["counted"] + found["embeddings"] > found["total"]:
        yield Mismatch(f"{found['counted']} counted + {found['embeddings']} embeddings", f"at most {found['total']}")
    if (found["total"] == 0) != is_baseline(record["config"]):
        yield Mismatch(f"{found['total']} parameters", "a network's, and no baseline's")
    if is_baseline(record["config"]):
        return
    target, sizing = record["config"]["budget"].get("parameters"), found.get("sizing")
    if (sizing and sizing["target"]) != target:
        yield Mismatch(f"a width solved for {sizing and sizing['target']}", f"budget.parameters={target}")
    if sizing and sizing["achieved"] != found["counted"]:
        yield Mismatch(f"{sizing['achieved']} achieved", f"{found['counted']} counted")
    if sizing and abs(sizing["off_per_cent"] - 100 * (sizing["achieved"] / sizing["target"] - 1)) > 1e-3:
        yield Mismatch(f"off by {sizing['off_per_cent']} %", f"{sizing['achieved']} of {sizing['target']}")


def curve(record: Record) -> Iterator[Mismatch]:
    """Validation was where the budget puts it, the last one at the last step."""
    if is_baseline(record["config"]) or (expected := validations(record)) is None:
        return
    found = [point.get("step") for point in record["result"]["curves"].get("validation", [])]
    if found != expected:
        odd = sorted(set(map(str, found)) ^ set(map(str, expected)), key=lambda step: (len(step), step))
        yield Mismatch(f"{len(found)} validations, not at steps {', '.join(odd[:5])}", f"{len(expected)} validations")


def selection(record: Record) -> Iterator[Mismatch]:
    """What was selected is the best of its curve, or the last where the budget says so; what was evaluated is that."""
    result, stated = record["result"], record["config"]["task"]["selection"]
    found = result["selection"]
    if (found is None) != is_baseline(record["config"]):
        yield Mismatch(f"selection {found}", "a network's, and no baseline's")
    if found is None:
        return
    if (found["name"], found["direction"]) != (stated["name"], stated["direction"]):
        yield Mismatch(f"{found['name']}, {found['direction']}", f"{stated['name']}, {stated['direction']}")
        return
    points = [point for point in result["curves"].get("validation", []) if isinstance(point.get(found["name"]), float)]
    if not points or found["value"] is None:
        if points or found["value"] is not None:
            yield Mismatch(f"{found['name']} {found['value']}", f"the best of {len(points)} validations")
        return
    sign = 1 if found["direction"] == "higher" else -1
    last = record["config"]["budget"].get("weights") == "last"
    best = points[-1] if last else max(points, key=lambda point: sign * point[found["name"]])
    if (found["value"], found["step"]) != (best[found["name"]], best["step"]):
        yield Mismatch(
            f"{found['name']} {found['value']:g} at step {found['step']}",
            f"{best[found['name']]:g} at step {best['step']}, the {'last' if last else 'best'} of its curve",
        )
    if "rate_distortion" in result["curves"]:
        return  # evaluated is what the quantised codes give
    for name, value in result["metrics"]["validation"].items():
        if name in best and abs(value - best[name]) > _rounding(record, name, value):
            yield Mismatch(f"validation.{name} {value:g}", f"{best[name]:g}, as at step {best['step']} of its curve")


def _rounding(record: Record, name: str, value: float) -> float:
    """The largest difference of two evaluations of the same weights on one machine; on a GPU, as on two machines."""
    if record["run"]["hardware"].get("gpus"):
        tolerance = facts(record["config"]["task"]).tolerance(name)
        return tolerance.allowed(value, record["result"]["examples"]["validation"])
    return 1e-6 * abs(value) + 1e-9


def gap(record: Record) -> Iterator[Mismatch]:
    """The train-test gap is of the metrics that the record has."""
    train, result = record["result"].get("train"), record["result"]
    if train is None:
        return
    found = train["gap"]
    if not math.isclose(found["value"], found["train"] - found["test"], rel_tol=1e-9, abs_tol=1e-12):
        yield Mismatch(f"a gap of {found['value']:g}", f"{found['train'] - found['test']:g}")
    if found["metric"] == result["primary"]["name"] and found["test"] != result["primary"]["value"]:
        yield Mismatch(f"the gap's test {found['test']:g}", f"{result['primary']['value']:g}, the primary metric")
    if train["metrics"].get(found["metric"]) != found["train"]:
        yield Mismatch(f"the gap's train {found['train']:g}", train["metrics"].get(found["metric"]))
    most = min(result["examples"]["train"], result["examples"]["test"])
    if not 0 < train["examples"] <= max(most, 1):
        yield Mismatch(f"a sample of {train['examples']} train examples", f"1 to {most}")


def seconds(record: Record) -> Iterator[Mismatch]:
    """Times are possible: their parts no longer than the whole, and no machine is that fast."""
    run = record["run"]
    for name in ("seconds", "training_seconds", "evaluation_seconds", "examples_per_second", "padding_share"):
        if run.get(name) is not None and not 0 <= run[name] < 1e12:
            yield Mismatch(f"{name} {run[name]:g}", "0 or more")
    training, evaluation = run.get("training_seconds"), run.get("evaluation_seconds") or 0.0
    parts = evaluation + (training or 0.0) * (run["attempts"] == 1 if "attempts" in run else 1)
    if run["seconds"] < parts * (1 - 1e-9):
        yield Mismatch(f"{run['seconds']:g} s in all", f"at least {parts:g} s, of training and evaluation")
    if training is not None and not is_baseline(record["config"]):
        yield from (Mismatch(*found) for found in impossible_times(record, training))


def reportable(record: Record) -> Iterator[Mismatch]:
    """What must not stand in a table of results is not called reportable."""
    reasons = []
    if not record["data"]["verified"]:
        reasons.append("its data are not verified")
    if record["config"].get("budget", {}).get("name") == "debug":  # of before trainer.reportable
        reasons.append("its budget is debug")
    if record["config"]["trainer"].get("reportable") is False:
        reasons.append("its config says so")
    if record["run"]["code"]["dirty"]:
        reasons.append("its code had changes")
    if record["reportable"] and reasons:
        yield Mismatch("reportable", f"not, since {' and '.join(reasons)}")


OF_FAILED = (trial_id, config, protocol)  # that has no result
CHECKS = (
    *OF_FAILED,
    *(data, hashes, primary, numbers, examples, steps, operations, parameters),
    *(curve, selection, gap, seconds, reportable),
)

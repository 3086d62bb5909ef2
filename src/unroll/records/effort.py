"""What a record's budget comes to: steps, validations, operations and the least time, from its config and counts."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from unroll.config.identity import is_baseline

Record = Mapping[str, Any]
FASTEST_CORE, FASTEST_DEVICE = 1e12, 1e16  # operations a second of a CPU's core and of an accelerator: none reaches it
_BACKWARD_FACTOR = 3  # forward plus backward, by the number of forward passes
_ROUNDING = 1e-6
_APART = 10.0  # seconds: any rank's clock ends training, and the record has the time of the first one's


def per_epoch(record: Record) -> int:
    """Optimizer steps of an epoch."""
    return -(-record["result"]["examples"]["train"] // record["config"]["data"]["batch_size"])


def steps_trained(record: Record) -> tuple[int, int, float]:
    """The fewest and the most steps that the budget allows, and the epochs of the steps that were done."""
    if is_baseline(record["config"]):
        return 0, 0, 0.0
    budget, steps, epoch = record["config"]["budget"], record["result"]["steps"], per_epoch(record)
    if budget["steps"] is not None:
        most = budget["steps"]
    elif budget["epochs"] is not None:
        most = max(1, round(budget["epochs"] * epoch))
    elif budget.get("flops") is not None:
        batch = min(record["config"]["data"]["batch_size"], record["result"]["examples"]["train"])
        step = _BACKWARD_FACTOR * record["flops"]["forward_per_example"] * batch
        most = int(budget["flops"] // step) if step else 0
    else:
        return 1, max(1, steps), steps / epoch  # a budget in seconds
    few = most if budget.get("patience") is None else min(1, most)
    return few, most, steps / epoch


def trained_examples(record: Record) -> tuple[int, int]:
    """How many examples the steps took; the larger one counts an epoch's last batch as full, as older records do."""
    steps, epoch = record["result"]["steps"], per_epoch(record)
    size, whole = record["config"]["data"]["batch_size"], record["result"]["examples"]["train"]
    return steps // epoch * whole + steps % epoch * min(size, whole), steps * size


def training_operations(record: Record) -> tuple[int, int]:
    """Bounds of training's operations: forward and backward of each example; in two phases each may cost less."""
    if is_baseline(record["config"]):
        return 0, 0
    each = _BACKWARD_FACTOR * record["flops"]["forward_per_example"]
    low, high = (number * each for number in trained_examples(record))
    two_phases = record["config"]["task"].get("protocol", "joint") != "joint"
    return (min(1, low) if two_phases else low), high


def validations(record: Record) -> list[int] | None:
    """The steps after which validation was; None where only the clock knows."""
    budget, steps = record["config"]["budget"], record["result"]["steps"]
    every = budget["validate_every"]
    found = [steps]
    if every is not None:
        between = max(1, round(every * per_epoch(record)))
        found = sorted({*range(between, steps + 1, between), steps})
    pretrained = (record["result"].get("pretrained") or {}).get("step", 0)
    return [step for step in found if step > pretrained]


def impossible_times(record: Record, training: float) -> Iterator[tuple[str, str]]:
    """What no machine does: seen and expected."""
    run, operations = record["run"], record["flops"]["training"]
    ranks = run.get("world_size") or 1
    cores = run.get("threads") or record["config"]["trainer"].get("threads") or 1
    device = FASTEST_DEVICE if run["hardware"].get("gpus") else FASTEST_CORE * max(1, cores)
    least = operations / (device * ranks)
    if training < least or (training == 0) != (record["result"]["steps"] == 0):
        yield f"{training:g} s of training", f"at least {least:g} s for {operations} operations"
    speed = run.get("examples_per_second")
    if speed is not None and training > 0:
        low, high = (number / training for number in trained_examples(record))
        if not low * (1 - _ROUNDING) <= speed <= high * (1 + _ROUNDING):
            yield f"{speed:g} examples a second", f"{low:g}, of the examples and the seconds"
    budget = record["config"]["budget"]
    seconds = budget.get("seconds")
    if seconds is None or budget.get("patience") is not None:  # early stopping ends it sooner
        return
    if training < seconds - _APART * (ranks > 1) and math.isfinite(seconds):
        yield f"{training:g} s of training", f"at least budget.seconds={seconds:g}"

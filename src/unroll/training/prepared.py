"""Prepared tasks: a config comes in, a task with its data as tensors goes out.

A warm worker keeps the last few, since trials of a sweep share them. No trial changes a prepared task.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from unroll.config import schema
from unroll.config.parts import parts_of
from unroll.config.trial import Trial
from unroll.data.examples import Examples, load_examples
from unroll.data.readers.columns import further
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.models.sizing import Sizing, solve
from unroll.registry.canonical import canonical
from unroll.registry.components import create
from unroll.registry.metric import ExtraMetric
from unroll.tasks.baselines.views import Baseline
from unroll.tasks.task import Task
from unroll.training.generalisation import SAMPLE, train_sample

KEPT = 8
_kept: dict[str, Task] = {}  # the least recently used first


def task_of(node: Mapping[str, Any]) -> Task:
    """The task that the `task` node of a config describes, whatever is trained on it, without data."""
    options = {key: value for key, value in node.items() if key not in schema.TaskConfig.described}
    task: Task = create(options, "task", Task)
    metrics = node.get("metrics", {})
    task.extra = {name: create(each, f"task.metrics.{name}", ExtraMetric) for name, each in metrics.items()}
    return task


def build_task(trial: Trial) -> Task:
    """The task of a trial, without data."""
    task = task_of(trial.plain["task"])
    task.trees = not trial.is_baseline and parts_of(trial.plain).encoder.says("states") == "nodes"
    return task


def build_baseline(trial: Trial) -> Baseline:
    """The baseline that a trial's config describes.

    Raises:
        UserError: an option that it does not have.
    """
    node = {key: value for key, value in trial.plain["baseline"].items() if key not in schema.Baseline.described}
    baseline: Baseline = create(node, "baseline", Baseline)
    return baseline


def sized(trial: Trial, task: Task) -> tuple[Callable[[], Network], Sizing | None]:
    """What builds a trial's network for its prepared task, and how its width was solved where the budget asks for it.

    Nothing random is drawn before the network is built; solving again gives the same width.

    Raises:
        UserError: no width can be solved.
    """
    nodes: Mapping[str, Any] = {key: trial.plain[key] for key in ("architecture", "bottleneck")}
    target, sizing = trial.plain["budget"].get("parameters"), None
    if target is not None:
        nodes, sizing = solve(nodes, target, lambda tried: task.network(tried["architecture"], tried["bottleneck"]))
    return lambda: task.network(nodes["architecture"], nodes["bottleneck"]), sizing


def prepared_task(trial: Trial, download: bool = True, blind: bool = False) -> tuple[Task, Examples]:
    """The task with its splits, and the examples that they are made of; preprocessing is fitted on train.

    `blind`: in the task validation stands in for test, which stays shut.

    Raises:
        UserError: the data are nowhere, or not on this machine where nothing may be downloaded; or they have further
            test sets, which the task does not read.
    """
    examples = load_examples(trial.plain["data"], trial.plain["paths"], download)
    data = {key: value for key, value in trial.plain["data"].items() if key != "origin"}
    built = build_task(trial)
    key = canonical([trial.plain["task"], data, examples.content_sha256, built.trees, blind])
    task = _kept.pop(key, None)
    if task is None:
        task, more = built, further(examples.splits)
        if more and not task.reads_further:
            raise UserError(
                "This task reads no further test sets.",
                saw=f"task={trial.plain['task']['name']}, and {trial.plain['data']['name']} has {', '.join(more)}",
                allowed="data of train, validation and test, or a task that reads more, such as sentiment",
            )
        task.further = more
        shut = dict.fromkeys(("test", *more), examples.splits["validation"]) if blind else {}
        task.prepare(replace(examples, splits={**examples.splits, **shut}), trial.plain["data"])
        task.splits[SAMPLE] = train_sample(task.splits, task.seen)
    _kept[key] = task
    while len(_kept) > KEPT:
        del _kept[next(iter(_kept))]
    return task, examples

"""Prepared tasks: a config comes in, a task with its data as tensors goes out.

A warm worker keeps the last few, since trials of a sweep share them. No trial changes a prepared task.
"""

from unroll.components import create
from unroll.data.examples import Examples, load_examples
from unroll.planning.schema import TASK_METADATA
from unroll.planning.trial import Trial, canonical
from unroll.tasks.task import Task

KEPT = 8
_kept: dict[str, Task] = {}  # the least recently used first


def build_task(trial: Trial) -> Task:
    """The task that a trial's config describes, without data."""
    options = {key: value for key, value in trial.config["task"].items() if key not in TASK_METADATA}
    return create(options, "task")


def prepared_task(trial: Trial) -> tuple[Task, Examples]:
    """The task with its splits, and the examples that they are made of; preprocessing is fitted on train."""
    examples = load_examples(trial.config["data"], trial.config["paths"])
    data = {key: value for key, value in trial.config["data"].items() if key != "origin"}
    key = canonical([trial.config["task"], data, examples.content_sha256])
    task = _kept.pop(key, None)
    if task is None:
        task = build_task(trial)
        task.prepare(examples, trial.config["data"])
    _kept[key] = task
    while len(_kept) > KEPT:
        del _kept[next(iter(_kept))]
    return task, examples

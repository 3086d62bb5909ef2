"""The result part of a record: bit-identical when the trial is run again."""

from pathlib import Path
from typing import Any

import numpy as np

from unroll.components import create
from unroll.data.examples import Examples
from unroll.planning.schema import TASK_METADATA
from unroll.planning.trial import Trial
from unroll.tasks.task import Final, Task
from unroll.training import predictions
from unroll.training.ranks import rank


def build_task(trial: Trial) -> Task:
    """The task that a trial's config describes, without data."""
    options = {key: value for key, value in trial.config["task"].items() if key not in TASK_METADATA}
    return create(options, "task")


def result_fields(
    config: dict[str, Any], task: Task, final: Final, examples: Examples, directory: Path
) -> dict[str, Any]:
    """Metrics, primary, counts, labels, curves and the predictions' hash; writes the predictions."""
    primary = config["task"]["primary"]
    return {
        "metrics": final.metrics,
        "primary": {**primary, "value": final.metrics["test"][primary["name"]]},
        "examples": {split: len(task.splits[split]) for split in ("train", "validation", "test")},
        "predictions_sha256": predictions.save(directory, final.predictions) if rank() == 0 else "",
        "data_sha256": examples.content_sha256,
        "labels": final.labels,
        "curves": dict(final.curves),
    }


def data_fields(config: dict[str, Any], examples: Examples) -> dict[str, Any]:
    """The record's `data` part."""
    return {
        "name": config["data"]["name"],
        "content_sha256": examples.content_sha256,
        "source": examples.source,
        "verified": examples.verified,
    }


def why_not_reportable(record: dict[str, Any]) -> list[str]:
    """Reasons not to report a finished trial, those found while training first."""
    problems = list(record.pop("why_not_reportable", []))
    if not record["data"]["verified"]:
        problems.append("the data's content hash is not the one stated for this data set")
    if record["config"]["budget"]["name"] == "debug":
        problems.append("budget=debug only shows that the trial runs")
    values = [value for found in record["result"]["metrics"].values() for value in found.values()]
    if not np.isfinite(values).all():
        problems.append("a metric is not finite")
    return problems

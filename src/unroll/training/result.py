"""The result part of a record: bit-identical when the trial is run again."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from unroll.atomic import Replacing, replacing
from unroll.config.schema import Config
from unroll.data.examples import Examples, stated_content_sha256
from unroll.data.profile import in_short
from unroll.errors import UserError
from unroll.records.scores import score_name, scores_sha256
from unroll.tasks.task import Final, Task
from unroll.training import predictions
from unroll.training.ranks import rank


def result_fields(
    config: Config,
    task: Task,
    final: Final,
    examples: Examples,
    directory: Path,
    replacing: Replacing = replacing,
) -> dict[str, Any]:
    """Metrics, primary, counts, labels, curves and the predictions' hash; writes the predictions and images.

    Raises:
        FloatingPointError: a metric is not finite.
    """
    for split, found in final.metrics.items():
        bad = [name for name, value in found.items() if not math.isfinite(value)]
        if bad:
            raise FloatingPointError(f"{', '.join(bad)} of {split} is not finite")
    primary = config.task.primary
    if primary.name not in final.metrics["test"]:
        raise UserError(
            "The task has no such metric on test.",
            saw=f"task.primary.name={primary.name}",
            allowed=sorted(final.metrics["test"]),
        )
    if rank() == 0:
        predictions.save_images(directory, final.images, replacing)
    scored = score_name(primary.name)
    scores = final.predictions["test"].get(scored) if scored is not None else None
    return {
        "metrics": final.metrics,
        "primary": {**primary.model_dump(), "value": final.metrics["test"][primary.name]},
        "examples": {split: len(task.splits[split]) for split in ("train", "validation", "test")},
        "predictions_sha256": predictions.save(directory, final.predictions, replacing) if rank() == 0 else "",
        **({} if scores is None else {"scores_sha256": scores_sha256(str(scored), np.asarray(scores))}),
        "data_sha256": examples.content_sha256,
        "labels": final.labels,
        "curves": dict(final.curves),
    }


def data_fields(config: Config, examples: Examples) -> dict[str, Any]:
    """The record's `data` part."""
    return {
        "name": config.data.name,
        "content_sha256": examples.content_sha256,
        "source": examples.source,
        "files_sha256": examples.files_sha256,
        "verified": examples.verified,
        "profile": in_short(examples.profile),
    }


def why_not_reportable(record: dict[str, Any]) -> list[str]:
    """Reasons not to report a finished trial, those found while training first."""
    problems = list(record.pop("why_not_reportable", []))
    if not record["data"]["verified"]:
        data = record["config"]["data"]
        if stated_content_sha256(data["reader"], data["options"], data["origin"].get("content_sha256")) is None:
            problems.append("no content hash is stated for this data set with these options")
        else:
            problems.append("the data's content hash is not the one stated for this data set")
    if record["config"].get("budget", {}).get("name") == "debug":
        problems.append("budget=debug only shows that the trial runs")
    return problems

"""The result part of a record: bit-identical when the trial is run again."""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from unroll.atomic import Replacing, replacing
from unroll.config.schema import Config
from unroll.data.examples import Examples, stated_content_sha256
from unroll.data.profile import in_short
from unroll.errors import UserError
from unroll.models.sizing import count_parameters
from unroll.records.provenance import code
from unroll.records.scores import scores_sha256
from unroll.registry.facts import facts
from unroll.tasks.task import Final, Task
from unroll.training import predictions
from unroll.training.cluster import rank
from unroll.training.devices import device_fields
from unroll.training.diagnostics.probe import logged_names
from unroll.training.looked_at import keep_looked_at
from unroll.training.run import Run


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
    missing = [name for name in task.extra if any(name not in found for found in final.metrics.values())]
    if missing:
        raise UserError(
            "The task's final evaluation measures no extra metrics.",
            saw=f"task.metrics.{missing[0]} with {type(task).__name__}",
            allowed="self.measure_extra(final, outputs, split) in the task's `finish`",
        )
    if unread := [split for split in task.further if split not in final.metrics]:
        raise UserError(
            "The task's final evaluation leaves out a test set.",
            saw=f"no {unread[0]} from {type(task).__name__}.finish",
            allowed="every split of self.further, or reads_further = False in the class",
        )
    primary = config.task.primary
    if primary.name not in final.metrics["test"]:
        raise UserError(
            "The task has no such metric on test.",
            saw=f"task.primary.name={primary.name}",
            allowed=sorted(final.metrics["test"]),
        )
    if rank() == 0:
        predictions.save_images(directory, final.images, replacing)
    score = facts(config.plain()["task"]).score(primary.name)
    scores = None if score is None else final.predictions["test"].get(score.name)
    return {
        "metrics": final.metrics,
        "primary": {**primary.model_dump(), "value": final.metrics["test"][primary.name]},
        "examples": {split: len(task.splits[split]) for split in ("train", "validation", "test", *task.further)},
        "predictions_sha256": predictions.save(directory, final.predictions, replacing) if rank() == 0 else "",
        **({} if score is None or scores is None else {"scores_sha256": scores_sha256(score, np.asarray(scores))}),
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
    if not record["config"]["trainer"]["reportable"]:
        problems.append("trainer.reportable=false: it only shows that the trial runs")
    return problems


def result(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Step 11: the record's scientific fields, and what was measured on the way."""
    found = result_fields(run.config, run.task, run.final, run.examples, run.trial.directory, run.replacing)
    fields: dict[str, Any] = {
        "data": data_fields(run.config, run.examples),
        "result": found,
        "why_not_reportable": run.problems,
    }
    timing: dict[str, Any] = {"evaluation_seconds": run.evaluation_seconds}
    logged = {f"{split}/{name}": v for split, of_split in run.final.metrics.items() for name, v in of_split.items()}
    if run.trial.is_baseline:
        found |= {"selection": None, "steps": 0, "epochs": 0.0, "weights_sha256": None}
        fields |= {
            "parameters": {"total": 0, "counted": 0, "embeddings": 0},
            "flops": {"forward_per_example": 0, "training": 0},
        }
        timing |= {"training_seconds": run.training_seconds, "world_size": 1}
        run.tracking.log(logged, 0)
    else:
        run.tracking.log({**logged, **logged_names(run.diagnostics or {})}, run.progress.step)
        found |= _trained(run)
        found["curves"]["validation"] = run.progress.validations
        fields |= {
            "parameters": _parameters(run),
            "flops": {"forward_per_example": run.cost.forward, "training": run.known.operations_of(run.progress.step)},
            "diagnostics": run.diagnostics,
        }
        timing |= _timing(run)
    if rank() == 0:
        network = None if run.trial.is_baseline else run.network
        keep_looked_at(run.task, run.final.predictions["test"], network, run.trial.directory, run.replacing)
    return fields, timing


def so_far(run: Run) -> dict[str, Any]:
    """What is known of the record before training begins, for trackers."""
    command = " ".join(["unroll", *sys.argv[1:]])
    return {
        "data": data_fields(run.config, run.examples),
        "run": {"command": command, "code": code()},
        **({} if run.trial.is_baseline else {"parameters": _parameters(run)}),
    }


def _parameters(run: Run) -> dict[str, Any]:
    return count_parameters(run.network) | ({} if run.sizing is None else {"sizing": run.sizing.record()})


def _trained(run: Run) -> dict[str, Any]:
    """The result's fields that only training has."""
    progress, chosen = run.progress, run.config.task.selection
    found = {
        "selection": {**chosen.model_dump(), "value": progress.best_value, "step": progress.best_step},
        "train": run.generalised,
        "steps": progress.step,
        "epochs": progress.step / run.schedule.per_epoch,
        "weights_sha256": predictions.weights_sha256(run.network.state_dict()),
    }
    found |= {} if run.last is None else {"last": run.last}
    return found if progress.pretrained is None else found | {"pretrained": progress.pretrained}


def _timing(run: Run) -> dict[str, Any]:
    """What was measured of training."""
    progress = run.progress
    trained = run.known.examples(progress.step)
    return {
        "training_seconds": progress.seconds,
        "examples_per_second": trained / progress.seconds if progress.seconds else None,
        "attempts": progress.attempts,
        "world_size": run.trainer.world_size,
        "padding_share": run.cost.padding,
        "device": device_fields(run.module.device, run.trainer.precision, run.module.graphed is not None),
    }

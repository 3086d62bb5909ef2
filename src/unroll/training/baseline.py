"""A baseline's trial: fitted on exactly what the networks see, scored by the same metrics, no training steps."""

import time
from typing import Any

from unroll.atomic import Replacing, replacing
from unroll.config.trial import Trial
from unroll.registry.components import create
from unroll.tasks.baselines.views import Baseline, Splits
from unroll.tasks.task import Final
from unroll.training.prepared import prepared_task
from unroll.training.result import data_fields, result_fields

METADATA = ("name", "tasks", "seeded")


def build_baseline(trial: Trial) -> Baseline:
    """The baseline that a trial's config describes.

    Raises:
        UserError: an option that it does not have.
    """
    options = {key: value for key, value in trial.config["baseline"].items() if key not in METADATA}
    return create(options, "baseline", Baseline)


def run_baseline(trial: Trial, replacing: Replacing = replacing) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit and score a baseline. Returns the record's scientific fields, and what was measured on the way."""
    config = trial.config
    task, examples = prepared_task(trial)
    baseline = build_baseline(trial)

    began = time.monotonic()
    baseline.fit(Splits(task.view("train"), task.view("validation")))
    fitted = time.monotonic()
    final = Final()
    for split in ("validation", "test"):
        outputs = baseline.predict(task.view(split))
        final.metrics[split] = task.metrics(outputs, split)
        final.predictions[split] = task.predictions(outputs, split)
        final.labels.update(task.labels(outputs, split))
    final.images = task.shown(outputs, "test")
    evaluated = time.monotonic()

    result = result_fields(config, task, final, examples, trial.directory, replacing)
    result |= {"selection": None, "steps": 0, "epochs": 0.0, "weights_sha256": None}
    found = {
        "data": data_fields(config, examples),
        "parameters": {"total": 0, "counted": 0, "embeddings": 0},
        "flops": {"forward_per_example": 0, "training": 0},
        "result": result,
    }
    timing = {"training_seconds": fitted - began, "evaluation_seconds": evaluated - fitted, "world_size": 1}
    return found, timing

"""Records without training, of trials whose value on validation is a known function of their options."""

import math
from collections.abc import Callable
from typing import Any

from unroll.config.identity import is_baseline
from unroll.config.trial import Trial
from unroll.records.provenance import provenance
from unroll.records.record import write_record


def distance(trial: Trial) -> float:
    """How far a trial is from the best learning rate, 1e-3, in decades, and from the best width, 64, in octaves."""
    config = trial.plain
    rate = math.log10(config["optimizer"]["learning_rate"]) + 3
    return rate**2 + math.log2(config["architecture"].get("width", 64) / 64) ** 2


def write_finished(trial: Trial, value: Callable[[Trial], float | None] = distance) -> None:
    """Write a finished record; the test metric says the opposite of validation."""
    primary, selection = trial.plain["task"]["primary"], trial.plain["task"]["selection"]
    found = 0.0 if is_baseline(trial.plain) else value(trial)
    score = 0.0 if found is None else -found if primary["direction"] == "lower" else found
    write_record(
        trial.directory,
        {
            **_common(trial),
            "status": "finished",
            "data": {"name": "stub", "content_sha256": "0", "source": "stub", "verified": False},
            "parameters": {"total": 1, "counted": 1, "embeddings": 0},
            "flops": {"forward_per_example": 1, "training": 1},
            "result": {
                "metrics": {"validation": {selection["name"]: found or 0.0}, "test": {primary["name"]: score}},
                "primary": {**primary, "value": score},
                "selection": None if is_baseline(trial.plain) else {**selection, "value": found, "step": 1},
                "examples": {"train": 1, "validation": 1, "test": 1},
                "steps": 1,
                "epochs": 1.0,
                "weights_sha256": None,
                "predictions_sha256": "0",
                "data_sha256": "0",
            },
            "reportable": True,
            "why_not_reportable": [],
        },
    )


def write_failed(trial: Trial) -> None:
    error = {"type": "ValueError", "message": "the stub fails here", "traceback": ""}
    record = {"status": "failed", "error": error, "reportable": False, "why_not_reportable": ["failed: ValueError"]}
    write_record(trial.directory, {**_common(trial), **record})


def _common(trial: Trial) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "trial_id": trial.trial_id,
        "config": trial.plain,
        "protocol_version": trial.plain["task"]["protocol_version"],
        "run": {"started": "now", "seconds": 2.0, "command": "stub", **provenance()},
    }

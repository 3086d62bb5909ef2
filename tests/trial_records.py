"""Made-up records of composed trials, valid in every field."""

from typing import Any

from unroll.config.trial import Trial
from unroll.data.readers import variant


def made_up(trial: Trial, **changes: Any) -> dict[str, Any]:
    """A finished record of a trial, valid in every field."""
    primary = {**trial.plain["task"]["primary"], "value": 20.5}
    metrics = {"validation": {primary["name"]: 20.0}, "test": {primary["name"]: 20.5}}
    counts = {"train": 4, "validation": 2, "test": 2}
    record = {
        "schema_version": 1,
        "trial_id": trial.trial_id,
        "status": "finished",
        "config": trial.plain,
        "protocol_version": trial.plain["task"]["protocol_version"],
        "data": {"name": "mnist", "content_sha256": stated_hash(trial), "source": "made up", "verified": True},
        "parameters": {"total": 1, "counted": 1, "embeddings": 0},
        "flops": {"forward_per_example": 1, "training": 1},
        "result": {
            "metrics": metrics,
            "primary": primary,
            "selection": None,
            "examples": counts,
            "steps": 1,
            "epochs": 1.0,
            "weights_sha256": None,
            "predictions_sha256": "0",
            "data_sha256": "0",
        },
        "run": {
            "started": "2026-01-01T00:00:00+00:00",
            "seconds": 1.5,
            "hardware": {},
            "packages": {},
            "code": {"version": "1", "commit": None, "dirty": None},
        },
        "reportable": True,
        "why_not_reportable": [],
        "error": None,
    }
    return {**record, **changes}


def failed(trial: Trial, message: str, trace: str = "") -> dict[str, Any]:
    error = {"type": "RuntimeError", "message": message, "traceback": trace}
    reasons = {"reportable": False, "why_not_reportable": ["failed: RuntimeError"]}
    return made_up(trial, status="failed", error=error, **reasons)


def stated_hash(trial: Trial) -> str:
    data = trial.plain["data"]
    return str(data["origin"]["content_sha256"][variant(data["reader"], data["options"])])

"""Made-up records of a table's rows, with no more fields than tables read."""

from typing import Any


def record(row: str, seed: int, value: float | None, **changes: Any) -> dict[str, Any]:
    """A record of accuracy `value` (None: failed); `changes` are dotted config keys with __ for the dot."""
    baseline = row == "tfidf_lr"
    config: dict[str, Any] = {
        "seed": seed,
        "task": {
            "name": "sentiment",
            "_target_": "unroll.tasks.sentiment.Sentiment",
            "protocol_version": 1,
            "primary": {"name": "accuracy", "direction": "higher", "unit": "%"},
            "selection": {"name": "nll", "direction": "lower"},
            "dropout": 0.5,
        },
        "data": {"name": "sst2", "options": {"classes": 2}},
        "architecture": {
            "name": "baseline" if baseline else row,
            "width": 128,
            "encoder": {"width": 128},
        },
        "bottleneck": {"name": "none", "terms": {}},
        "baseline": {"name": row if baseline else "none", "seeded": False},
        "budget": {"name": "default", "epochs": 4, "steps": None},
        "optimizer": {"name": "adam", "learning_rate": 0.001},
        "trainer": {"precision": "32-true", "threads": 1},
        "paths": {"runs": "runs"},
    }
    for key, changed in changes.items():
        *path, leaf = key.split("__")
        node = config
        for part in path:
            node = node[part]
        node[leaf] = changed
    options = "-".join(str(value) for value in changes.values())
    found: dict[str, Any] = {
        "schema_version": 1,
        "trial_id": f"{config['task']['name']}-{config['data']['name']}-{row}-s{seed}-{options}",
        "status": "failed" if value is None else "finished",
        "config": config,
        "protocol_version": 1,
        "data": {"name": "sst2", "content_sha256": "ab", "source": "local sst", "verified": True},
        "parameters": {"total": 3000, "counted": 1234, "embeddings": 1766},
        "flops": {"forward_per_example": 5, "training": 100},
        "result": None,
        "run": {
            "started": "2026-01-01T00:00:00+00:00",
            "seconds": 12.5,
            "training_seconds": 10.0 + seed,
            "hardware": {},
            "packages": {},
            "code": {"version": "0.1.0", "commit": None, "dirty": None},
        },
        "reportable": value is not None,
        "why_not_reportable": ["the trial failed"] if value is None else [],
        "error": {"type": "E", "message": "", "traceback": ""} if value is None else None,
    }
    if value is not None:
        found["result"] = {
            "metrics": {"validation": {"nll": 0.5}, "test": {"accuracy": value, "nll": 0.45}},
            "primary": {"name": "accuracy", "value": value, "unit": "%", "direction": "higher"},
            "selection": None,
            "examples": {"train": 100, "validation": 10, "test": 10},
            "steps": 4,
            "epochs": 1,
            "weights_sha256": None,
            "predictions_sha256": "ef",
            "data_sha256": "ab",
        }
    return found


FIVE = [
    record("lstm", 0, 81.0),
    record("lstm", 1, 82.0),
    record("rnn", 0, 70.0),
    record("rnn", 1, None),
    record("tfidf_lr", 0, 83.125),
]

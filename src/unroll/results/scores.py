"""Scores of each test example, for paired statistics: read from a trial's predictions, or from committed copies."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

PREDICTIONS = "predictions.npz"  # in a trial's directory
SUFFIX = ".scores.npz"  # beside a committed record <trial_id>.json: the test scores alone

# Primary metric -> the score of one example, and (factor, offset) that bring it into the metric's unit. The mean over
# examples is the metric itself, but for BLEU, which is no mean: sentences are compared by their own.
_SCORES: dict[str, tuple[str, float, float]] = {
    "accuracy": ("correct", 100, 0),
    "error": ("correct", -100, 100),
    "mse": ("mse", 1, 0),
    "nll": ("nll", 1, 0),
    "psnr": ("psnr", 1, 0),
    "sacrebleu": ("sentence_bleu", 1, 0),
}

Scores = Callable[[Mapping[str, Any]], np.ndarray | None]  # of a finished record: [N], None where there are none


def score_name(metric: str) -> str | None:
    """Return the name of the per-example score by which a primary metric's rows are compared, or None."""
    return _SCORES[metric][0] if metric in _SCORES else None


def scores_under(folder: str | Path) -> Scores:
    """Return what reads the primary metric's score of every test example, in the metric's unit, from a folder."""
    folder = Path(folder)

    def read(record: Mapping[str, Any]) -> np.ndarray | None:
        metric = record["result"]["primary"]["name"]
        if metric not in _SCORES:
            return None
        name, factor, offset = _SCORES[metric]
        for path in (folder / record["trial_id"] / PREDICTIONS, folder / f"{record['trial_id']}{SUFFIX}"):
            if path.is_file():
                with np.load(path, allow_pickle=False) as arrays:
                    values = np.asarray(arrays[f"test/{name}"], dtype=np.float64)
                return factor * values + offset
        return None

    return read


def copy_scores(record: Mapping[str, Any], folder: str | Path, out: str | Path) -> Path | None:
    """Copy a trial's test scores out of its predictions, in single precision; return the file, or None without any."""
    name = score_name(record["result"]["primary"]["name"])
    source = Path(folder) / PREDICTIONS
    if name is None or not source.is_file():
        return None
    with np.load(source, allow_pickle=False) as arrays:
        values = np.asarray(arrays[f"test/{name}"])
    kind: type = np.uint8 if name == "correct" else np.float32
    path = Path(out) / f"{record['trial_id']}{SUFFIX}"
    np.savez_compressed(path, allow_pickle=False, **{f"test/{name}": values.astype(kind)})
    return path


def block_of(config: Mapping[str, Any]) -> int:
    """Return how many neighbouring test examples depend on each other: overlapping windows of a series do."""
    task = config["task"]
    return int(task["window"] + task["horizon"]) if "window" in task else 1

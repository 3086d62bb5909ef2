"""Scores of each test example, for paired statistics: read from a trial's predictions, or from committed copies."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unroll.errors import UserError
from unroll.records.arrays import names, read_array

PREDICTIONS = "predictions.npz"  # in a trial's directory
SUFFIX = ".scores.npz"  # beside a committed record <trial_id>.json: the test scores alone
_BYTES = 8  # of a score at most

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
    """Return what reads the primary metric's score of every test example, in the metric's unit, from a folder.

    It raises UserError for a file that is no record's scores, as `score_file` and `raw_scores` do.
    """

    def read(record: Mapping[str, Any]) -> np.ndarray | None:
        path = score_file(record, folder)
        return None if path is None else in_unit(record, raw_scores(record, path))

    return read


def score_file(record: Mapping[str, Any], folder: str | Path) -> Path | None:
    """Return the file under a folder of trials or records that holds a finished record's scores, if it has any."""
    return that_has_scores(
        record, (Path(folder) / record["trial_id"] / PREDICTIONS, Path(folder) / f"{record['trial_id']}{SUFFIX}")
    )


def that_has_scores(record: Mapping[str, Any], places: Iterable[Path]) -> Path | None:
    """Return the first of some files that is there, if a finished record has scores in it.

    A task may keep other arrays than those of a metric of this name. A file that cannot be read is returned.
    """
    name = score_name(record["result"]["primary"]["name"])
    file = next((place for place in places if os.path.lexists(place)), None)
    if name is None or file is None or record["result"].get("scores_sha256") is not None:
        return None if name is None else file
    try:
        return file if f"test/{name}" in names(file) else None
    except UserError:
        return file


def raw_scores(record: Mapping[str, Any], path: str | Path) -> np.ndarray:
    """Return the scores [N] that a file holds of a record, as they are written.

    Raises:
        UserError: the file has no such array, more values than test has examples, or what are no finite numbers.
    """
    name = f"test/{score_name(record['result']['primary']['name'])}"
    values = read_array(path, name, _BYTES * record["result"]["examples"]["test"])
    if values.ndim != 1 or not values.size or values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise UserError(
            f"{path} cannot be used.", saw=f"'{name}' {values.shape} of {values.dtype}", allowed="finite numbers [N]"
        )
    return values


def in_unit(record: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    """Return raw scores in the unit of the record's primary metric, in double precision."""
    _, factor, offset = _SCORES[record["result"]["primary"]["name"]]
    return factor * np.asarray(values, dtype=np.float64) + offset


def published(name: str, values: np.ndarray) -> np.ndarray:
    """Return raw scores as they are committed: right or wrong as bytes, all else in single precision."""
    is_right_or_wrong = name == "correct" and bool(np.isin(values, (0, 1)).all())  # a task's own may be shares
    return values.astype(np.uint8 if is_right_or_wrong else np.float32)


def scores_sha256(name: str, values: np.ndarray) -> str:
    """Return the SHA-256 of scores as they are committed, which is the same of a trial's predictions."""
    kept = published(name, np.asarray(values))
    digest = hashlib.sha256(f"test/{name} {kept.dtype} {kept.shape}".encode())
    digest.update(np.ascontiguousarray(kept).tobytes())
    return digest.hexdigest()


def copy_scores(record: Mapping[str, Any], folder: str | Path, out: str | Path) -> Path | None:
    """Copy a trial's test scores out of its predictions, in single precision; return the file, or None without any."""
    source = that_has_scores(record, [Path(folder) / PREDICTIONS])
    if source is None:
        return None
    name = str(score_name(record["result"]["primary"]["name"]))
    path = Path(out) / f"{record['trial_id']}{SUFFIX}"
    values = published(name, raw_scores(record, source))
    np.savez_compressed(path, allow_pickle=False, **{f"test/{name}": values})
    return path


def block_of(config: Mapping[str, Any]) -> int:
    """Return how many neighbouring test examples depend on each other: overlapping windows of a series do."""
    task = config["task"]
    return int(task["window"] + task["horizon"]) if "window" in task else 1

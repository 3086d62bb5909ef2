"""Scores of each test example, for paired statistics: read from a trial's predictions, or from committed copies."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unroll.errors import UserError
from unroll.records.arrays import names, read_array
from unroll.records.corpus import STATISTICS, pseudo_values
from unroll.registry.facts import facts
from unroll.registry.metric import Score

PREDICTIONS = "predictions.npz"  # in a trial's directory
SUFFIX = ".scores.npz"  # beside a committed record <trial_id>.json: the test scores alone
_BYTES = 8  # of a score at most

# Of a finished record: numbers [N] whose mean is its primary metric; None where there are none.
Scores = Callable[[Mapping[str, Any]], np.ndarray | None]


def primary_score(record: Mapping[str, Any]) -> Score | None:
    """Return the score of an example by which a finished record's primary metric is compared, or None."""
    return facts(record["config"]["task"]).score(record["result"]["primary"]["name"])


def scores_under(folder: str | Path) -> Scores:
    """Return what reads the primary metric's score of every test example, in the metric's unit, from a folder.

    It raises UserError for a file that is no record's scores, as `score_file` and `raw_scores` do.
    """

    def read(record: Mapping[str, Any]) -> np.ndarray | None:
        score = primary_score(record)
        path = score_file(record, folder) if score is not None and score.compares else None
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
    score = primary_score(record)
    file = next((place for place in places if os.path.lexists(place)), None)
    if score is None or file is None or record["result"].get("scores_sha256") is not None:
        return None if score is None else file
    try:
        return file if f"test/{score.name}" in names(file) else None
    except UserError:
        return file


def raw_scores(record: Mapping[str, Any], path: str | Path) -> np.ndarray:
    """Return the scores [N] that a file holds of a record, as they are written, or the counts [N, K].

    Raises:
        UserError: the file has no such array, more values than test has examples, or what are no finite numbers.
    """
    score = _score(record)
    name, counts = f"test/{score.name}", counts_of(score)
    values = read_array(path, name, _BYTES * (counts or 1) * record["result"]["examples"]["test"])
    shape, kinds = ((), "biuf") if counts is None else ((counts,), "iu")
    if values.shape[1:] != shape or not values.size or values.dtype.kind not in kinds or not np.isfinite(values).all():
        raise UserError(
            f"{path} cannot be used.",
            saw=f"'{name}' {values.shape} of {values.dtype}",
            allowed="finite numbers [N]" if counts is None else f"whole numbers [N, {counts}]",
        )
    return values


def counts_of(score: Score) -> int | None:
    """Return how many counts an example has; None where it has one score."""
    return None if score.corpus is None else STATISTICS[score.corpus].counts


def in_unit(record: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    """Return raw scores as numbers [N] in the unit of the record's primary metric, in double precision.

    Their mean is the metric: of a corpus metric they are the examples' pseudo-values.
    """
    score = _score(record)
    if score.corpus is not None:
        values = pseudo_values(values, STATISTICS[score.corpus].value)
    found = score.factor * np.asarray(values, dtype=np.float64) + score.offset
    if score.corpus == "proportional" and found.mean():
        found = found * (record["result"]["primary"]["value"] / found.mean())
    return found


def _score(record: Mapping[str, Any]) -> Score:
    found = primary_score(record)
    assert found is not None, "ask that_has_scores first"
    return found


def published(score: Score, values: np.ndarray) -> np.ndarray:
    """Return raw scores as they are committed: right or wrong as bytes, counts whole, all else in single precision."""
    if counts_of(score) is not None:
        return values.astype(np.uint32)
    is_right_or_wrong = score.most == 1 and bool(np.isin(values, (0, 1)).all())  # a task's own may be shares
    return values.astype(np.uint8 if is_right_or_wrong else np.float32)


def scores_sha256(score: Score, values: np.ndarray) -> str:
    """Return the SHA-256 of scores as they are committed, which is the same of a trial's predictions."""
    kept = published(score, np.asarray(values))
    digest = hashlib.sha256(f"test/{score.name} {kept.dtype} {kept.shape}".encode())
    digest.update(np.ascontiguousarray(kept).tobytes())
    return digest.hexdigest()


def copy_scores(record: Mapping[str, Any], folder: str | Path, out: str | Path) -> Path | None:
    """Copy a trial's test scores out of its predictions, as `published`, or out of such a copy.

    Returns the file, or None without any.
    """
    source = that_has_scores(record, [Path(folder) / PREDICTIONS, Path(folder) / f"{record['trial_id']}{SUFFIX}"])
    if source is None:
        return None
    score = _score(record)
    path = Path(out) / f"{record['trial_id']}{SUFFIX}"
    values = published(score, raw_scores(record, source))
    np.savez_compressed(path, allow_pickle=False, **{f"test/{score.name}": values})
    return path


def block_of(config: Mapping[str, Any]) -> int:
    """Return how many neighbouring test examples depend on each other: overlapping windows of a series do."""
    task = config["task"]
    lengths = [task.get(option) for option in facts(task).overlap]
    return max(1, sum(length for length in lengths if isinstance(length, int)))

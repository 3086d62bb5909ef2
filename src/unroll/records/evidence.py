"""Whether a record agrees with the files beside it: where it lies, its test scores, its predictions."""

import hashlib
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unroll.errors import UserError
from unroll.records.arrays import describe, in_parts, names
from unroll.records.corpus import corpus_value
from unroll.records.pool import Pool
from unroll.records.record import FILE_NAME
from unroll.records.scores import (
    PREDICTIONS,
    SUFFIX,
    Scores,
    in_unit,
    primary_score,
    raw_scores,
    scores_sha256,
    that_has_scores,
)
from unroll.records.truth import Mismatch
from unroll.registry.facts import facts

Record = Mapping[str, Any]
_ID = re.compile(r"[^/]+-s\d+-[0-9a-f]{10}")
_ROUNDING = 1e-5  # relative, of the mean of scores in single precision


def place(record: Record, path: Path) -> Iterator[Mismatch]:
    """A directory or file that is named by a trial's id holds that trial's record."""
    name = path.absolute().parent.name if path.name == FILE_NAME else path.stem
    if name != record["trial_id"] and _ID.fullmatch(name):
        yield Mismatch(record["trial_id"], f"{name}, by where it lies")


def score_path(record: Record, path: Path) -> Path | None:
    """The file of a record's test scores: its trial's predictions, or what was committed of them."""
    committed = f"{record['trial_id']}{SUFFIX}"
    places = [path.with_name(committed)]
    if path.name == FILE_NAME:
        places = [path.with_name(PREDICTIONS), path.parent.with_name(committed)]
    return that_has_scores(record, places)


def scores_of(pool: Pool) -> Scores:
    """Return what reads the scores of the records of a pool that count, each from beside a copy of that very record."""

    def read(record: Record) -> np.ndarray | None:
        run = pool.runs.get(record["trial_id"])
        files = (score_path(record, path) for path in (run[0].paths if run else ()))
        file = next(filter(None, files), None)
        return None if file is None else in_unit(record, raw_scores(record, file))

    return read


def scores(record: Record, path: Path) -> Iterator[Mismatch]:
    """Test scores are those of the record: as many as test has examples, of its hash, with its metrics as their mean.

    Of a corpus metric they are those from which it follows.
    """
    file, score, result = score_path(record, path), primary_score(record), record["result"]
    if file is None or score is None:
        return
    try:
        values = raw_scores(record, file)
    except UserError as error:
        yield Mismatch(f"{error.what} {error.saw}", error.allowed or "the scores of test's examples")
        return
    count = result["examples"]["test"]
    independent = record["config"]["task"].get("channels") == "independent"  # channels share a window's score
    if len(values) != count and not (independent and count % len(values) == 0):
        yield Mismatch(f"{len(values)} scores in {file.name}", f"{count}, of test's examples")
    kept = result.get("scores_sha256")
    if kept is not None and scores_sha256(score, values) != kept:
        yield Mismatch(f"scores of sha256 {scores_sha256(score, values)[:12]} in {file.name}", kept[:12])
    low = -math.inf if score.least is None else score.least
    high = math.inf if score.most is None else score.most
    if values.min() < low or values.max() > high * (1 + 1e-6):
        yield Mismatch(f"scores from {values.min():g} to {values.max():g}", f"{low:g} to {high:g}")
    known, primary, plain = facts(record["config"]["task"]), result["primary"], np.asarray(values, np.float64).mean()
    for name, value in {**result["metrics"]["test"], primary["name"]: primary["value"]}.items():
        of = known.score(name)
        if of is None or of.name != score.name or not of.compares or of.corpus == "proportional":
            continue
        follows = float(plain) if of.corpus is None else corpus_value(of.corpus, values)
        follows = of.factor * follows + of.offset
        if not math.isclose(follows, value, rel_tol=_ROUNDING, abs_tol=1e-9):
            yield Mismatch(f"{name} {value:g}", f"{follows:g}, {of.corpus or 'the mean'} of {file.name}")


def predictions(record: Record, path: Path) -> Iterator[Mismatch]:
    """The predictions beside a trial's record are those that it names."""
    file = path.with_name(PREDICTIONS)
    if path.name != FILE_NAME or not os.path.lexists(file):
        return
    digest = hashlib.sha256()
    try:
        for name in names(file):
            found = describe(file, name)
            digest.update(f"{name} {found.dtype} {found.shape}".encode())
            for part in in_parts(file, name):
                digest.update(part.tobytes())
    except UserError as error:
        yield Mismatch(f"{error.what} {error.saw}", "the arrays that training wrote")
        return
    if digest.hexdigest() != record["result"]["predictions_sha256"]:
        yield Mismatch(f"predictions of sha256 {digest.hexdigest()[:12]}", record["result"]["predictions_sha256"][:12])


QUICK, ALL = (place, scores), (place, scores, predictions)

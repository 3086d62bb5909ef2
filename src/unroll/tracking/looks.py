"""Things to look at of a finished trial, small, the same examples for every run of a problem."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unroll.errors import UserError
from unroll.records.arrays import names, read_array
from unroll.records.looked_at import FILE, LookedAt, looked_at, read_looked_at
from unroll.records.scores import PREDICTIONS, SUFFIX, in_unit, primary_score, raw_scores, that_has_scores
from unroll.tracking import drawing
from unroll.tracking.diagnostic_looks import looks_of_record
from unroll.tracking.look import Look, Picture, Table
from unroll.visible import say

IMAGES = "images.npz"
EXAMPLE = "example"  # the first column of every table of examples: the index in test
_KINDS = 12  # arrays of images at most
_SIDE = 512  # pixels of an image at most
_MOST = 2**26  # bytes of a kind's images
_PLACES = ("seen_steps", "steps", "seen", "truth", "forecast")  # columns of a forecast


def looks(record: Mapping[str, Any], folder: str | Path | None = None) -> list[Look]:
    """Return what can be looked at of a finished record: tables, pictures and curves, each name once.

    Tables of examples have the test index in their first column, `example`, and at most 20 rows. They join across all
    runs of a problem. A failed record has nothing to look at. A file that is missing or broken costs one warning.

    Args:
        record: of the trial.
        folder: the trial's, or the one that holds its committed record; None: the record alone.
    """
    if record["status"] != "finished":
        return []
    found: dict[str, Look] = {look.name: look for look in looks_of_record(record)}
    wrong: list[str] = []
    if folder is not None:
        for look in _of_folder(record, Path(folder), wrong):
            found.setdefault(look.name, look)
    if wrong:
        said = "; ".join(" ".join(each.split()) for each in wrong)
        say(f"Warning: {record['trial_id']} is shown without what is missing or broken: {said}", err=True)
    return list(found.values())


def _of_folder(record: Mapping[str, Any], folder: Path, wrong: list[str]) -> Iterator[Look]:
    kept = None
    try:
        kept = read_looked_at(folder)
        if kept is None and (folder / PREDICTIONS).exists():
            wrong.append(f"no {FILE}, which earlier versions did not write")
    except UserError as error:
        wrong.append(_reason(error))
    parts: tuple[Callable[[], Iterator[Look]], ...] = (
        lambda: _examples(record, folder, kept),
        lambda: _confusion(kept),
        lambda: _forecasts(kept),
        lambda: _images(folder, kept),
    )
    for looked in parts:
        try:
            yield from list(looked())
        except UserError as error:
            wrong.append(_reason(error))
        except (ValueError, TypeError, OverflowError, OSError) as error:  # such as a forecast that is a text
            wrong.append(f"{type(error).__name__}: {error}")


def _examples(record: Mapping[str, Any], folder: Path, kept: LookedAt | None) -> Iterator[Look]:
    """The examples with all that is kept of them; with nothing else their score by the primary metric."""
    columns: dict[str, Any] = {} if kept is None else dict(kept.columns)
    examples = [] if kept is None else list(kept.examples)
    score = primary_score(record)
    places = [folder / PREDICTIONS, folder / f"{record['trial_id']}{SUFFIX}"]
    if not columns and score is not None and score.compares and (file := that_has_scores(record, places)) is not None:
        values = in_unit(record, raw_scores(record, file))
        examples = looked_at(len(values))
        name = record["result"]["primary"]["name"]
        name = name if score.corpus is None else f"{name} (pseudo-value)"  # no metric of an example by itself
        columns = {name: [float(f"{value:.6g}") for value in values[examples]]}
    if columns:
        rows = [[index, *row] for index, row in zip(examples, zip(*columns.values(), strict=True), strict=True)]
        yield Table("examples", [EXAMPLE, *columns], rows)


def _confusion(kept: LookedAt | None) -> Iterator[Look]:
    """A row a pair of classes that occurs, with its share of the true class."""
    if kept is None or kept.confusion is None:
        return
    labels, counts = kept.confusion.names, kept.confusion.counts
    rows = [
        [truth, predicted, number, round(number / sum(row), 6)]
        for truth, row in zip(labels, counts, strict=True)
        for predicted, number in zip(labels, row, strict=True)
        if number
    ]
    yield Table("confusion", ["truth", "predicted", "count", "share of truth"], rows)


def _forecasts(kept: LookedAt | None) -> Iterator[Look]:
    """What was seen, what came, and what was forecast, a panel an example."""
    if kept is None or not {*_PLACES} <= kept.columns.keys():
        return
    seen_steps, steps, seen, truth, forecast = (kept.columns[name] for name in _PLACES)
    lines = []
    for place in range(len(kept.examples)):
        now = (seen_steps[place][-1:], seen[place][-1:])  # where both lines begin
        ahead = {"truth": truth[place], "forecast": forecast[place]}
        panel = {kind: (now[0] + steps[place], now[1] + values) for kind, values in ahead.items()}
        lines.append({"seen": (seen_steps[place], seen[place]), **panel})
    caption = "Grey: seen; black: the truth; orange: the forecast. A panel a test example, each on a scale of its own."
    yield Picture("forecasts", drawing.panels([f"example {index}" for index in kept.examples], lines), caption)


def _images(folder: Path, kept: LookedAt | None) -> Iterator[Look]:
    """Reconstructions below what they reconstruct, and every other kind by itself."""
    path = folder / IMAGES
    if not path.exists():
        return
    images = _read(path)
    pair = [images.pop("original", None), images.pop("reconstruction", None)]
    if pair[0] is not None and pair[1] is not None and pair[0].shape == pair[1].shape:
        ours = kept is not None and len(kept.examples) == len(pair[0])
        which = ", ".join(map(str, kept.examples)) if kept is not None and ours else "the first"
        yield Picture("reconstructions", drawing.mosaic(pair), f"Test examples ({which}), reconstructions below them.")
    for kind, each in images.items():
        yield Picture(kind, drawing.mosaic([each]), kind.replace("_", " ").capitalize() + ".")


def _read(path: Path) -> dict[str, np.ndarray]:
    kinds = names(path)
    if len(kinds) > _KINDS:
        raise UserError(f"{path} cannot be used.", saw=f"{len(kinds)} arrays", allowed=f"{_KINDS} at most")
    found = {}
    for name in kinds:
        images = read_array(path, name, _MOST)
        count, height, width = images.shape if images.ndim == 3 else (0, 0, 0)
        if images.dtype != np.uint8 or not (count and 0 < height <= _SIDE and 0 < width <= _SIDE):
            allowed = f"images [n, H, W] of uint8, {_SIDE} pixels a side at most"
            raise UserError(
                f"{path} cannot be used.", saw=f"'{name}' {images.shape} of {images.dtype}", allowed=allowed
            )
        found[name] = images[: drawing.MOST]
    return found


def _reason(error: UserError) -> str:
    """What is wrong with a file, without where it lies."""
    return f"{error.what} ({error.saw})" if error.saw is not None else error.what

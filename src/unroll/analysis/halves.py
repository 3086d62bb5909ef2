"""Rows beside the same rows trained with half the budget: how far training went, as two points and their difference.

Pure functions of records. The end of a learning curve shows nothing of it: a learning rate that falls to 0 flattens any
curve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unroll.analysis.comparisons import Comparison, Records, compare, sample
from unroll.analysis.standing import equivalence
from unroll.analysis.statistics.summary import Summary, better, summarise
from unroll.config.half import half_of, is_half
from unroll.records.scores import Scores
from unroll.records.stale import Find

# With the whole budget than with half of it; X is the margin that the task's YAML states.
BETTER, WORSE, NONE, UNDECIDED = "surely better", "surely worse", "no different by more than X", "undecided"
CAPTION = (
    "How far training went is shown by each network trained again with half its budget, on the same seeds: a training "
    "of its own, whose learning rate ends where that training does. What the whole budget makes surely better was not "
    "done at half of it. Where it is undecided, the interval says how much more or less the whole one may give; that "
    "is no proof that training was done. What a still longer training would give, none of these runs shows."
)


@dataclass(frozen=True)
class Half:
    """The finished trials of a row beside those of half their budget, on the seeds that have both."""

    records: tuple[Mapping[str, Any], ...]  # of half the budget, in order of seeds
    half: Summary  # the primary metric on test
    whole: Summary
    gain: Comparison  # the whole budget minus half of it
    direction: str

    @property
    def verdict(self) -> str:
        """What the whole budget is to half of it."""
        if not self.gain.is_sure:
            return NONE if self.gain.is_small else UNDECIDED
        return BETTER if better(self.gain.difference, 0.0, self.direction) else WORSE


def beside(rows: Sequence[Records], find: Find, scores: Scores | None) -> list[Half | None]:
    """Return what stands beside each row of finished records, one family of tests; None without a trial of half.

    Args:
        rows: the records of each, a seed each.
        find: gives the record of a trial, or None.
        scores: of test examples; without them the seeds' own values are compared.
    """
    pairs = [[(one, half) for one in row if (half := _partner(one, find)) is not None] for row in rows]
    read = scores or _no_scores
    asked = [[sample(row, read) for row in zip(*pair, strict=True)] for pair in pairs if pair]
    stated = [equivalence([one for one, _ in pair]) for pair in pairs if pair]
    margins = [None if one is None else one.margin for one in stated]
    compared = iter(compare([(whole, half) for whole, half in asked], margins))
    return [_half(pair, next(compared)) if pair else None for pair in pairs]


def rows_alone(records: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return records by id without those that were planned as the halves of others among them."""
    if not any(is_half(record["config"]) for record in records.values()):
        return dict(records)
    halves = {half.trial_id for record in records.values() if (half := half_of(record["config"])) is not None}
    return {key: record for key, record in records.items() if key not in halves or not is_half(record["config"])}


def said(found: Sequence[Half | None], run: str) -> str:
    """Return what a page says below the rows of a table or the comparisons of a claim.

    Args:
        found: of each network that was trained.
        run: the command that trains them with half the budget.
    """
    known = [half.verdict for half in found if half is not None]
    unknown = len(found) - len(known)
    if not known:
        return f"How far training went is not known: no network here was trained with half its budget; `{run}` does so."
    counts = ", ".join(f"{known.count(word)} {word}" for word in (BETTER, WORSE, NONE, UNDECIDED))
    counts = f"with the whole one {counts}"
    networks = f"{len(known)} network{'s' * (len(known) > 1)}"
    told = f"How far training went, of {networks} that had half the budget too: {counts}."
    return told if not unknown else f"{told} Of {unknown} more it is not known; `{run}` trains them with half of it."


def _partner(record: Mapping[str, Any], find: Find) -> Mapping[str, Any] | None:
    """The finished record that is the same but for half the budget; one step, as few epochs may be, has no half."""
    trial = half_of(record["config"])
    found = None if trial is None else find(trial.trial_id)
    if found is None or found["status"] != "finished" or record["result"]["steps"] < 2:
        return None
    return found if found["data"]["content_sha256"] == record["data"]["content_sha256"] else None


def _half(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], gain: Comparison) -> Half:
    whole, half = (summarise([one["result"]["primary"]["value"] for one in row]) for row in zip(*pairs, strict=True))
    halves = sorted((one for _, one in pairs), key=lambda record: record["config"]["seed"])
    return Half(tuple(halves), half, whole, gain, pairs[0][0]["result"]["primary"]["direction"])


def _no_scores(_: Mapping[str, Any]) -> None:
    return None

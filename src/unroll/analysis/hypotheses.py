"""What is said of architectures, answered from records: which comparisons bear it out, and how surely.

Pure functions. A setting is all that a trial's id hashes but the architecture, its bottleneck and the seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unroll.analysis import variants
from unroll.analysis.comparisons import Comparison, Records, compare, compare_values, couples
from unroll.analysis.statistics.summary import better
from unroll.config.identity import is_baseline
from unroll.errors import UserError
from unroll.records import stale
from unroll.records.scores import Scores
from unroll.records.store import flatten

if TYPE_CHECKING:
    from unroll.config.planned import Plan

HOLDS, CONTRADICTED, UNDECIDED = "holds", "contradicted", "undecided"
VERDICTS = (HOLDS, CONTRADICTED, UNDECIDED)


@dataclass(frozen=True)
class Test:
    """One pair of architectures in one setting."""

    pair: tuple[str, str]
    setting: str  # task, data, and what tells it from the hypothesis's other settings
    metric: str
    unit: str
    values: tuple[float, float]  # means over the shared seeds
    comparison: Comparison
    verdict: str


@dataclass(frozen=True)
class Answer:
    """A hypothesis with its tests; its verdict is that of the sure ones: in part where others are undecided."""

    name: str
    says: str
    note: str
    tests: tuple[Test, ...]
    missing: int  # pairs in settings of the hypothesis that lack finished trials
    stale: str | None = None  # what a page says where records are of an earlier protocol

    def count(self, verdict: str) -> int:
        return sum(test.verdict == verdict for test in self.tests)

    @property
    def verdict(self) -> str:
        if not self.tests:
            return "no trials"
        holds, contradicted = self.count(HOLDS), self.count(CONTRADICTED)
        if holds and contradicted:
            return "mixed"
        if not holds and not contradicted:
            return UNDECIDED
        word = HOLDS if holds else CONTRADICTED
        return word if holds + contradicted == len(self.tests) else f"{word} in part"


def answers(plan: "Plan", records: Iterable[Mapping[str, Any]], scores: Scores) -> list[Answer]:
    """Answer a suite's claims from those of the records that are of its trials; finished ones alone count."""
    from unroll.config.filters import keep

    by_id = {record["trial_id"]: record for record in records}
    found = []
    for name, hypothesis in plan.hypotheses.items():
        try:
            asked = [item.trial for item in keep(plan.trials, hypothesis["where"])]
        except UserError:  # the suite was narrowed to trials that the hypothesis does not ask for
            asked = []
        chosen = [
            stale.current_or_earlier(trial, by_id.get) or {"status": "missing", "config": trial.plain}
            for trial in asked
        ]
        found.append(answer(name, hypothesis, chosen, scores))
    return found


def answer(name: str, hypothesis: Mapping[str, Any], records: Iterable[Mapping[str, Any]], scores: Scores) -> Answer:
    """Answer one hypothesis (a `unroll.sweeps.suite.Hypothesis` as a mapping) from the records of its trials.

    A test holds or is contradicted where its p, after Holm's correction over the hypothesis's tests, is below 5 %.
    """
    records = list(records)
    settings: dict[variants.Setting, dict[str, list[Mapping[str, Any]]]] = {}
    for record in records:
        config = record["config"]
        if not is_baseline(config):
            rows = settings.setdefault(variants.setting(config), {})
            rows.setdefault(config["architecture"]["name"], []).append(record)
    named = variants.named_settings(list(settings))
    asked = [
        (pair[0], pair[1], named[key], _finished(rows[pair[0]]), _finished(rows[pair[1]]))
        for key, rows in settings.items()
        for pair in hypothesis["pairs"]
        if pair[0] in rows and pair[1] in rows
    ]
    found = [item for item in asked if couples(item[3], item[4])]
    tests, missing = tuple(_tests(found, hypothesis, scores)), len(asked) - len(found)
    return Answer(name, hypothesis["says"], hypothesis["note"], tests, missing, stale.said(records))


def _finished(records: Records) -> Records:
    return [record for record in records if record["status"] == "finished"]


def _tests(
    asked: Sequence[tuple[str, str, str, Records, Records]], hypothesis: Mapping[str, Any], scores: Scores
) -> Iterable[Test]:
    primary = hypothesis["metric"] == "primary"
    values = [
        [[_value(record, hypothesis["metric"]) for record in row] for row in zip(*couples(one, other), strict=True)]
        for *_, one, other in asked
    ]
    if primary:
        compared = compare([(one, other) for *_, one, other in asked], scores)
    else:
        compared = compare_values([(row[0], row[1]) for row in values])
    for (first, second, setting, one, _), (mine, others), comparison in zip(asked, values, compared, strict=True):
        if comparison is None:
            continue
        described = one[0]["result"]["primary"]
        direction = described["direction"] if primary else hypothesis["direction"]
        means = sum(mine) / len(mine), sum(others) / len(others)
        verdict = UNDECIDED
        if comparison.is_sure:
            verdict = HOLDS if better(comparison.paired.difference, 0.0, direction) else CONTRADICTED
        metric, unit = (
            (f"test {described['name']}", described["unit"]) if primary else (hypothesis["metric"], hypothesis["unit"])
        )
        yield Test((first, second), setting, metric, unit, means, comparison, verdict)


def _value(record: Mapping[str, Any], metric: str) -> float:
    if metric == "primary":
        return float(record["result"]["primary"]["value"])
    return float(flatten(dict(record))[metric])

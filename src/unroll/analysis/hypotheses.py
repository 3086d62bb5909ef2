"""What is said of architectures or of an option, answered from records: which comparisons bear it out, and how surely.

Pure functions. A setting is all that a trial's id hashes but the seed and what is compared: the architecture with its
bottleneck, or one option.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unroll.analysis import variants
from unroll.analysis.comparisons import Comparison, Records, compare, of_values, sample
from unroll.analysis.halves import Half, beside
from unroll.analysis.standing import equivalence
from unroll.analysis.statistics.samples import Sample
from unroll.analysis.statistics.simultaneous import LEVEL
from unroll.analysis.statistics.spending import Look
from unroll.analysis.statistics.summary import better
from unroll.analysis.stopping import Course, OfClaim, follow, looks_of
from unroll.config.identity import is_baseline
from unroll.errors import UserError
from unroll.records import stale
from unroll.records.scores import Scores
from unroll.records.store import flatten
from unroll.verification import replications

if TYPE_CHECKING:
    from unroll.config.planned import Plan

HOLDS, CONTRADICTED, NONE, UNDECIDED = "holds", "contradicted", "no difference", "cannot say"
VERDICTS = (HOLDS, CONTRADICTED, NONE, UNDECIDED)
ENDED = ("finished", "failed")


@dataclass(frozen=True)
class Test:
    """One pair of architectures, or of an option's values, in one setting."""

    pair: tuple[str, str]
    setting: str  # task, data, and what tells it from the hypothesis's other settings
    metric: str
    unit: str
    values: tuple[float, float]  # means over the seeds
    comparison: Comparison
    margin: float | None  # the largest difference that counts as none; None: none is stated for the metric
    verdict: str
    look: Look | None = None  # of a suite with a rule of when to stop: the one that decided it, else the last

    @property
    def is_decided(self) -> bool:
        return self.comparison.is_decided


@dataclass(frozen=True)
class Answer:
    """A hypothesis with its tests; its verdict is that of the sure ones: in part where others are none or unclear."""

    name: str
    says: str
    note: str
    tests: tuple[Test, ...]
    missing: int  # pairs in settings of the hypothesis that lack finished trials
    stale: str | None = None  # what a page says where records are of an earlier protocol, or contradicted
    halves: tuple[Half | None, ...] = ()  # of each network that is compared by what training made of it
    course: Course | None = None  # of a suite with a rule of when to stop
    fixed: tuple[Test, ...] = ()  # of such a suite: all seeds of the last look at once, at 5 %; none while any lacks

    def count(self, verdict: str) -> int:
        return sum(test.verdict == verdict for test in self.tests)

    @property
    def verdict(self) -> str:
        if not self.tests:
            return "no trials"
        if self.count(HOLDS) and self.count(CONTRADICTED):
            return "mixed"
        word = next((word for word in VERDICTS if self.count(word)), UNDECIDED)
        return word if word == UNDECIDED or self.count(word) == len(self.tests) else f"{word} in part"


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
            {**(stale.current_or_earlier(trial, by_id.get) or stale.missing(trial)), "planned": trial.trial_id}
            for trial in asked
        ]
        found.append(answer(name, hypothesis, chosen, scores, by_id.get, plan.stop))
    return found


def courses(answers: Iterable[Answer]) -> list[Course]:
    """Return how far the looks of some answers have come; none of a suite without a rule of when to stop."""
    return [answer.course for answer in answers if answer.course is not None]


def answer(
    name: str,
    hypothesis: Mapping[str, Any],
    records: Iterable[Mapping[str, Any]],
    scores: Scores,
    find: stale.Find = lambda _: None,
    stop: Mapping[str, Any] | None = None,
) -> Answer:
    """Answer one hypothesis (a `unroll.sweeps.claims.Hypothesis` as a mapping) from the records of its trials.

    A test holds or is contradicted where its p, after Holm's correction over the hypothesis's tests, is below 5 %. Of
    the others one shows no difference where two one-sided tests, with a correction of their own, leave none as large as
    the task's margin; no more can be said of the rest. `find` gives the record of a trial, or None: those of half the
    budget are found by it. What a run costs (`run.training_seconds`) does not ask how far training went.

    With `stop`, a `unroll.sweeps.suite.Stop` as a mapping, each of its looks tests the seeds up to its own at its own
    level instead, and the first that decides a test counts; see `unroll.analysis.stopping.follow`. A trial that failed
    is a lost seed.
    """
    records = list(records)
    asked = _asked(hypothesis, records)
    if stop:
        return _by_looks(name, hypothesis, asked, scores, find, stop)
    found = [one for one in map(_finished, asked) if one.rows[0] and one.rows[1]]
    tests, missing = tuple(_tests(found, hypothesis, scores)), len(asked) - len(found)
    halves = _beside(found, hypothesis["metric"], find, scores)
    return Answer(name, hypothesis["says"], hypothesis["note"], tests, missing, _said(records), halves)


@dataclass(frozen=True)
class _Asked:
    """A comparison that a hypothesis asks for: two rows in one setting, each with its trials' records."""

    pair: tuple[str, str]
    setting: str
    rows: tuple[Records, Records]

    @property
    def records(self) -> list[Mapping[str, Any]]:
        return [*self.rows[0], *self.rows[1]]

    def where(self, keep: Callable[[Mapping[str, Any]], bool]) -> "_Asked":
        """The same of those of its trials that `keep` picks."""
        one, other = (list(filter(keep, row)) for row in self.rows)
        return replace(self, rows=(one, other))


def _asked(hypothesis: Mapping[str, Any], records: Records) -> list[_Asked]:
    settings: dict[variants.Setting, dict[str, list[Mapping[str, Any]]]] = {}
    option = hypothesis["option"]
    for record in records:
        if not is_baseline(record["config"]):
            row, setting = variants.apart(record["config"], option)
            settings.setdefault(setting, {}).setdefault(row, []).append(record)
    named = variants.named_settings(list(settings))
    pairs = [[variants.called(option, value) for value in pair] for pair in hypothesis["pairs"]]
    return [
        _Asked((first, second), named[key], (rows[first], rows[second]))
        for key, rows in settings.items()
        for first, second in pairs
        if first in rows and second in rows
    ]


def _beside(asked: Sequence["_Asked"], metric: str, find: stale.Find, scores: Scores) -> tuple[Half | None, ...]:
    """Half the budget beside each row that is compared by what training made of it."""
    sides = {tuple(one["trial_id"] for one in row): row for one in asked for row in one.rows if row}
    return tuple(beside([] if metric.startswith("run.") else list(sides.values()), find, scores))


def _said(records: Records) -> str | None:
    """What a page says of records of an earlier protocol, and of contradicted ones."""
    reopened = dict.fromkeys(one.trial_id for one in replications.of(records) if one.contradicts)
    left_out = f"Left out, since another run contradicts them: {', '.join(reopened)}." if reopened else None
    return " ".join(filter(None, (stale.said(records), left_out))) or None


def _finished(asked: _Asked) -> _Asked:
    one, other = (
        [record for record in replications.settled(row) if record["status"] == "finished"] for row in asked.rows
    )
    return replace(asked, rows=(one, other))


def _by_looks(
    name: str,
    hypothesis: Mapping[str, Any],
    asked: Sequence[_Asked],
    scores: Scores,
    find: stale.Find,
    stop: Mapping[str, Any],
) -> Answer:
    rule = looks_of(stop)
    every = {_planned(record): record for one in asked for record in one.records}

    def count(look: Look, *statuses: str) -> int:
        """How many trials of a look are in a status."""
        return sum(one["status"] in statuses for one in every.values() if one["config"]["seed"] < look.seeds)

    def at(look: Look) -> dict[int, Test] | None:
        if count(look, *ENDED) < count(look, *ENDED, "missing"):
            return None
        seen = [_finished(one.where(lambda record: record["config"]["seed"] < look.seeds)) for one in asked]
        found = {number: one for number, one in enumerate(seen) if one.rows[0] and one.rows[1]}
        tests = _tests(list(found.values()), hypothesis, scores, look.level)
        return {number: replace(test, look=look) for number, test in zip(found, tests, strict=True)}

    found = follow(rule, at, len(asked))
    taken, left = rule[: found.taken], rule[found.taken :]
    course = Course(
        looks=rule,
        spending=stop["spending"],
        taken=found.taken,
        is_decided=found.is_decided,
        lost=count(taken[-1], "failed") if taken else 0,
        lacking=count(left[0], "missing") if left else 0,
        trials={key: OfClaim(one["config"]["seed"], _seconds(one)) for key, one in every.items()},
    )
    return Answer(
        name=name,
        says=hypothesis["says"],
        note=hypothesis["note"],
        tests=tuple(test for _, test in sorted(found.last.items())),
        missing=len(asked) - len(found.last),
        stale=_said(list(every.values())),
        halves=_beside(list(map(_finished, asked)), hypothesis["metric"], find, scores),
        course=course,
        fixed=tuple((at(Look(rule[-1].seeds, LEVEL)) or {}).values()),
    )


def _planned(record: Mapping[str, Any]) -> str:
    """The id of the trial that a record answers for: its own, unless it is of an earlier protocol."""
    return str(record.get("planned") or record["trial_id"])


def _seconds(record: Mapping[str, Any]) -> float | None:
    return record["run"].get("training_seconds") if record["status"] == "finished" else None


def _tests(
    asked: Sequence[_Asked], hypothesis: Mapping[str, Any], scores: Scores, level: float = LEVEL
) -> Iterable[Test]:
    primary = hypothesis["metric"] == "primary"

    def measured(row: Records) -> Sample:
        if primary:
            return sample(row, scores)
        return of_values(row, [_value(record, hypothesis["metric"]) for record in row])

    margins = [_margin(one.records) if primary else None for one in asked]
    pairs = [(measured(one.rows[0]), measured(one.rows[1])) for one in asked]
    for one, pair, margin, comparison in zip(asked, pairs, margins, compare(pairs, margins, level), strict=True):
        described = one.rows[0][0]["result"]["primary"]
        direction = described["direction"] if primary else hypothesis["direction"]
        verdict = NONE if comparison.is_small else UNDECIDED
        if comparison.is_sure:
            verdict = HOLDS if better(comparison.difference, 0.0, direction) else CONTRADICTED
        metric, unit = (
            (f"test {described['name']}", described["unit"]) if primary else (hypothesis["metric"], hypothesis["unit"])
        )
        means = float(pair[0].values.mean()), float(pair[1].values.mean())
        yield Test(one.pair, one.setting, metric, unit, means, comparison, margin, verdict)


def _margin(records: Records) -> float | None:
    stated = equivalence(records)
    return None if stated is None else stated.margin


def _value(record: Mapping[str, Any], metric: str) -> float:
    if metric == "primary":
        return float(record["result"]["primary"]["value"])
    return float(flatten(dict(record))[metric])

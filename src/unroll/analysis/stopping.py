"""When claims are decided, so that no more seeds are trained for them: looks at a growing number of seeds.

Pure functions of records: whatever was killed or trained beyond a look, the same records give the same decisions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from unroll.analysis.statistics.spending import Look, looks
from unroll.records import stale

if TYPE_CHECKING:
    from unroll.config.planned import Plan, Planned


class Decidable(Protocol):
    """A comparison at one look."""

    @property
    def is_decided(self) -> bool: ...


Compared = TypeVar("Compared", bound=Decidable)


@dataclass(frozen=True)
class Found(Generic[Compared]):
    """What looks have found."""

    taken: int  # looks
    last: Mapping[int, Compared]  # comparisons by number, each at the look that decided it, or at the last one
    is_decided: bool  # whether all are


def follow(rule: Sequence[Look], at: Callable[[Look], Mapping[int, Compared] | None], family: int) -> Found[Compared]:
    """Take looks in order until each comparison is decided, or no look is left, or one cannot be taken yet.

    A comparison that a look has decided stays as that look found it. All are tested again until the last is decided,
    so that each look's correction is for the whole family.

    Args:
        rule: the looks.
        at: the comparisons at a look by number, without those that lack trials; None where the look cannot be taken.
        family: how many comparisons there are.
    """
    last: dict[int, Compared] = {}
    for number, look in enumerate(rule):
        now = at(look)
        if now is None:
            return Found(number, last, False)
        last |= {key: one for key, one in now.items() if key not in last or not last[key].is_decided}
        if family and len(last) == family and all(one.is_decided for one in last.values()):
            return Found(number + 1, last, True)
    return Found(len(rule), last, False)


class OfClaim(NamedTuple):
    """A trial that a claim asks for, of any seed of the last look."""

    seed: int
    seconds: float | None  # of training; None without a finished record


@dataclass(frozen=True)
class Course:
    """How far a claim's looks have come."""

    looks: tuple[Look, ...]  # all that the suite's rule has
    spending: str  # one of SPENDING
    taken: int
    is_decided: bool
    lost: int = 0  # trials that failed, of the seeds of the looks taken
    lacking: int = 0  # trials that the next look waits for
    trials: Mapping[str, OfClaim] = field(default_factory=dict)  # by id

    @property
    def has_ended(self) -> bool:
        """Whether the rule asks for no more seeds: the claim is decided, or the last look was taken."""
        return self.is_decided or self.taken == len(self.looks)

    @property
    def seeds(self) -> int:
        """How many seeds of its trials the rule asks for now."""
        return self.looks[self.taken - 1 if self.has_ended else self.taken].seeds


def looks_of(stop: Mapping[str, Any]) -> tuple[Look, ...]:
    """Return the looks of a suite's rule (a `unroll.sweeps.suite.Stop` as a mapping)."""
    return looks(stop["looks"], stop["spending"])


def needed(plan: "Plan", courses: Sequence[Course]) -> list["Planned"]:
    """Return the trials that a suite's rule asks for now: of each claim so many seeds as its course says.

    Trials that no claim compares, such as baselines, get the seeds of the first look.
    """
    assert plan.stop is not None
    first = plan.stop["looks"][0]

    def seeds(trial_id: str) -> int:
        return max([first, *(course.seeds for course in courses if trial_id in course.trials)])

    return [item for item in plan.trials if item.trial.plain["seed"] < seeds(item.trial.trial_id)]


def to_show(plan: "Plan", courses: Sequence[Course], records: Sequence[Mapping[str, Any]]) -> list["Planned"]:
    """Return the trials that a suite's page shows: all, or those that its rule asks for and those with a record."""
    if not plan.stop:
        return list(plan.trials)
    by_id = {record["trial_id"]: record for record in records}
    asked = {item.trial.trial_id for item in needed(plan, courses)}
    return [
        item
        for item in plan.trials
        if item.trial.trial_id in asked or stale.current_or_earlier(item.trial, by_id.get) is not None
    ]

"""What a suite's saved views in W&B show: a suite's plan comes in, panels go out. No wandb here.

`workspace` makes W&B's own objects of them, and tools/draw_dashboard.py draws them from records. All names of the runs
are those of `description` and `history`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unroll.config.planned import Plan
from unroll.config.problem import problem
from unroll.config.trial import Trial
from unroll.tracking.description import group

ARCHITECTURE, GROUP = "architecture", "Group"  # what panels group by: a key of the config, W&B's own group
COSTS = {  # all on a logarithmic axis
    "cost/tflop": "training TFLOPs",
    "cost/seconds": "training seconds",
    "cost/parameters": "parameters",
    "cost/peak_gib": "peak memory in GiB",
}
SKILL_TITLE = "Skill on test: 0 is the weakest baseline, 1 the best (mean ± sd over seeds{})"
LEAST_RUNS = 100  # that a panel shows; more where more were planned
_AXES = {"progress/epoch": "epochs", "progress/tflop": "training TFLOPs"}
_COLUMNS = ("primary", "primary/name", "primary/skill", "generalisation_gap", *COSTS, "status", "reportable", "why_not")


@dataclass(frozen=True)
class Filter:
    """Runs whose config has a value."""

    key: str
    value: str


@dataclass(frozen=True)
class Lines:
    """A metric of the history along an axis: the mean over a group's runs, with a band of one standard deviation."""

    title: str
    x: str
    y: str
    group_by: str
    most_runs: int
    x_title: str
    y_title: str


@dataclass(frozen=True)
class Bars:
    """A number of the summary: the mean over a group's runs, with one standard deviation."""

    title: str
    metric: str
    group_by: str
    most_runs: int


@dataclass(frozen=True)
class Scatter:
    """Two numbers of the summary against each other, a point a run."""

    title: str
    x: str
    y: str
    log_x: bool


Panel = Lines | Bars | Scatter


@dataclass(frozen=True)
class Part:
    """A section: its panels show the runs that all of its filters pick."""

    title: str
    filters: tuple[Filter, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class View:
    """A saved view. W&B filters a view as a whole, so that each problem has one of its own.

    Attributes:
        key: tells it from the other views of a project; the same for the same suite and problem.
        title: as W&B lists it.
        filters: which runs it shows.
        group_by: how its table of runs is folded, outermost first.
        order_by: a number of the summary.
        ascending: whether its smallest value comes first.
        columns: names of the summary that its table shows first.
    """

    key: str
    title: str
    filters: tuple[Filter, ...]
    group_by: tuple[str, ...]
    order_by: str
    ascending: bool
    parts: tuple[Part, ...]
    columns: tuple[str, ...] = _COLUMNS


@dataclass(frozen=True)
class SuiteView:
    """All of a suite: which architecture is better over its problems, and then each of these."""

    suite: str
    description: str
    overall: Part
    problems: tuple[Part, ...]
    views: tuple[View, ...]


def suite_view(plan: Plan) -> SuiteView:
    """Return what a suite's views and its report show.

    Args:
        plan: of the suite; its baselines are runs as well.
    """
    suite = Filter("suite", plan.name)
    trials: dict[str, list[Trial]] = {}
    for item in plan.trials:
        trials.setdefault(problem(item.trial.plain).name, []).append(item.trial)
    # a baseline of one problem would stand beside means over all of them
    networks = (suite, Filter("kind", "network")) if len(trials) > 1 else (suite,)
    overall = Part(f"Which architecture is better: {plan.name}", networks, _overall(len(plan.trials), len(trials)))
    parts = {name: _problem(name, suite, members) for name, members in trials.items()}
    title = f"Unroll: {plan.name}"
    if len(parts) == 1:
        (only,) = parts.values()
        views = [_view(plan.name, title, only.filters, (overall, only), _direction(trials[only.title]))]
    else:
        views = [_view(plan.name, title, networks, (overall,), None)]
        views += [
            _view(f"{plan.name}/{name}", f"{title}, {name}", part.filters, (part,), _direction(trials[name]))
            for name, part in parts.items()
        ]
    return SuiteView(plan.name, plan.description, overall, tuple(parts.values()), tuple(views))


def _overall(runs: int, problems: int) -> tuple[Panel, ...]:
    most = max(LEAST_RUNS, runs)
    over = f" and {problems} problems" if problems > 1 else ""
    return (
        Bars(SKILL_TITLE.format(over), "primary/skill", ARCHITECTURE, most),
        *(Scatter(f"Skill against {said}, a point a run", cost, "primary/skill", True) for cost, said in COSTS.items()),
    )


def _problem(name: str, suite: Filter, trials: Sequence[Trial]) -> Part:
    most, key = max(LEAST_RUNS, len(trials)), _row_key(trials)
    config = trials[0].plain["task"]
    primary, selection = config["primary"], config["selection"]
    measured = f"test {primary['name']}, {primary['unit']} ({primary['direction']} is better)"
    curve = f"validation {selection['name']} ({selection['direction']} is better)"
    return Part(
        name,
        (suite, Filter("problem", name)),
        (
            Bars(f"{measured}: mean ± sd over seeds", "primary", key, most),
            *(
                Lines(f"{curve} by {said}: mean ± sd over seeds", axis, "selection", key, most, said, curve)
                for axis, said in _AXES.items()
            ),
            *(Scatter(f"{measured} against {said}", cost, "primary", True) for cost, said in COSTS.items()),
            Bars("Train − test: mean ± sd over seeds", "generalisation_gap", key, most),
        ),
    )


def _row_key(trials: Iterable[Trial]) -> str:
    """What tells a problem's rows apart: the architecture, where each has but one row; else W&B's group."""
    rows: dict[str, set[str]] = {}
    for trial in trials:
        rows.setdefault(trial.row, set()).add(group(trial.plain))
    return ARCHITECTURE if all(len(groups) == 1 for groups in rows.values()) else GROUP


def _direction(trials: Sequence[Trial]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = trials[0].plain["task"]["primary"]
    return found


def _view(
    key: str, title: str, filters: tuple[Filter, ...], parts: tuple[Part, ...], primary: Mapping[str, Any] | None
) -> View:
    groups = ("problem", GROUP) if primary is None else (GROUP,)
    order, ascending = ("primary/skill", False) if primary is None else ("primary", primary["direction"] == "lower")
    return View(key, title, filters, groups, order, ascending, parts)

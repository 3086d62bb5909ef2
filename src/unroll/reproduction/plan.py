"""A published table's rows as trials: what is trained to choose, and what is trained to compare."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unroll.config.compose import Composer, Make, of_its_method
from unroll.config.half import half_planned
from unroll.config.planned import Planned
from unroll.config.trial import Trial
from unroll.config.typed import check_seed
from unroll.errors import UserError
from unroll.records.stale import current_or_earlier
from unroll.reproduction.published import CPU, PAPER, PublishedRow, Reported

Find = Callable[[str], Mapping[str, Any] | None]  # a trial's id -> its record, or None


@dataclass(frozen=True)
class ChoicePoint:
    """One choice of open hyper-parameters: its overrides, the trial that is trained to judge it, and its record."""

    overrides: tuple[str, ...]
    planned: Planned
    record: Mapping[str, Any] | None = None

    @property
    def loss(self) -> float | None:
        """The validation metric, turned so that less is better; None without a finished record that has one."""
        if self.record is None or self.record["status"] != "finished":
            return None
        selection = self.record["result"]["selection"]
        value = selection["value"]
        return None if value is None else float(-value if selection["direction"] == "higher" else value)

    @property
    def failed(self) -> bool:
        """Whether it was trained and gave nothing to choose by: it ranks behind every other."""
        return self.record is not None and self.loss is None


@dataclass(frozen=True)
class RowPlan:
    """A row's trials, one a seed; none where it is counted, cannot run, or the choice is not made yet."""

    name: str
    row: PublishedRow
    points: tuple[ChoicePoint, ...]
    chosen: int | None  # of the points; None: there are none, some are not trained yet, or all failed
    trials: tuple[Planned, ...]
    share: float | None  # of the published budget; None: it is the published one, or that is not known

    @property
    def is_open(self) -> bool:
        """Whether points have to be trained first."""
        return any(point.record is None for point in self.points)

    @property
    def has_no_choice(self) -> bool:
        """Whether every point failed, so that there is nothing to compare."""
        return bool(self.points) and all(point.failed for point in self.points)


@dataclass(frozen=True)
class TablePlan:
    """All rows of a published table under one budget."""

    table: Reported
    budget: str
    rows: tuple[RowPlan, ...]

    @property
    def choosing(self) -> tuple[Planned, ...]:
        """The trials of points, without repetition."""
        return _once([point.planned for row in self.rows for point in row.points])

    @property
    def comparing(self) -> tuple[Planned, ...]:
        """The trials of rows, without repetition."""
        return _once([planned for row in self.rows for planned in row.trials])

    def halves(self, make: Make) -> tuple[Planned, ...]:
        """The networks of rows with half their budget, which `make` composes; UserError where a budget has no half."""
        return _once([half_planned(item, make) for item in self.comparing if not item.trial.is_baseline])


def plan_table(
    table: Reported,
    find: Find,
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
    budget: str = CPU,
    make: Make | None = None,
    stale: bool = False,
) -> TablePlan:
    """Compose the trials of every row.

    Args:
        table: what was published.
        find: gives the record of a trial, where there is one: points are chosen by their validation metric.
        overrides: go to each trial; `seed=...` takes the place of the table's seeds.
        config_dir: a folder with more YAML in Hydra groups, or None.
        budget: paper | cpu.
        make: composes trials; several tables may share one.
        stale: choose by records of an earlier protocol, too, where there are none of today's.

    Raises:
        UserError: another budget, one that the table has not got, no seed, or a trial that cannot be composed.
    """
    if budget not in table.budgets and table.budgets:
        raise UserError(f"{table.name} has no such budget.", saw=f"budget={budget}", allowed=table.budgets)
    seeds = [_seed(seed) for text in overrides if text.startswith("seed=") for seed in text[5:].split(",")]
    others = [text for text in overrides if not text.startswith("seed=")]
    make = make or Composer(config_dir).trial
    look = (lambda trial: current_or_earlier(trial, find)) if stale else (lambda trial: find(trial.trial_id))
    rows = [_row(table, name, look, budget, seeds, others, make) for name in table.rows]
    return TablePlan(table.under(budget), budget, tuple(rows))


def _seed(text: str) -> int:
    seed = int(text) if text.isdecimal() else text
    check_seed(seed)
    return int(seed)


def _row(
    table: Reported,
    name: str,
    look: Callable[[Trial], Mapping[str, Any] | None],
    budget: str,
    given_seeds: Sequence[int],
    others: Sequence[str],
    make: Make,
) -> RowPlan:
    row = table.rows[name]
    seeds = given_seeds or row.seeds or table.seeds
    if row.overrides is None:
        return RowPlan(name, row, (), None, (), None)
    own, published = row.overrides, table.budgets.get(PAPER)

    def planned(seed: int, *more: str, of: str = budget) -> Planned:
        spent = (*table.budgets[of].overrides, *own, *row.budgets.get(of, ()))
        texts = tuple(of_its_method([*table.overrides, *spent, *more, *others, f"seed={seed}"]))
        return Planned(make(texts), texts)

    points: list[ChoicePoint] = []
    chosen = None
    if row.choose is not None:
        for texts in row.choose.points:
            item = planned(seeds[0], *texts, *row.choose.overrides)
            points.append(ChoicePoint(tuple(texts), item, look(item.trial)))
        chosen = _best(points)
    if points and chosen is None:
        return RowPlan(name, row, tuple(points), None, (), None)
    more: tuple[str, ...] = points[chosen].overrides if chosen is not None else ()
    trials = _once([planned(seed, *more) for seed in seeds])
    share = None
    if published is not None and published.published and not trials[0].trial.is_baseline:
        share = _share(trials[0].trial, planned(seeds[0], *more, of=PAPER).trial)
    return RowPlan(name, row, tuple(points), chosen, trials, share)


def _best(points: Sequence[ChoicePoint]) -> int | None:
    """The point with the best validation metric, the first of equals; None while one lacks a record, or all failed."""
    if any(point.record is None for point in points):
        return None
    losses = [(point.loss, number) for number, point in enumerate(points) if point.loss is not None]
    return min(losses)[1] if losses else None


def _share(trial: Trial, published: Trial) -> float | None:
    """The part of the published budget that a trial takes: of epochs or steps, where both are given in them."""
    for key in ("epochs", "steps"):
        own, theirs = trial.plain["budget"][key], published.plain["budget"][key]
        if own is not None and theirs is not None:
            return None if own == theirs else float(own / theirs)
    return None


def _once(planned: Sequence[Planned]) -> tuple[Planned, ...]:
    found: dict[str, Planned] = {}
    for item in planned:
        found.setdefault(item.trial.trial_id, item)
    return tuple(found.values())

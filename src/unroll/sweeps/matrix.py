"""The grid of every architecture on every task: which cells run, or why not; their parameters; their records.

Cells of what ships, without overrides, run where they compose: the conformance tests train every one of them. All
others are asked of their components, whose import brings torch. How many of a suite's trials have a record is read from
files alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from unroll.config.compose import OF_NETWORKS, Composer
from unroll.config.trial import Trial
from unroll.errors import UserError, suggest
from unroll.records.state import state
from unroll.registry.groups import conf_directory, group_options
from unroll.registry.plugins import troubles
from unroll.sweeps.suite import plan


@dataclass(frozen=True)
class MatrixCell:
    """One architecture on one task."""

    reason: str | None = None  # why it does not run; None where it does
    parameters: dict[str, int] | None = None  # as in a record; None where they were not counted
    finished: int = 0  # of a suite's trials
    planned: int = 0


@dataclass(frozen=True)
class Matrix:
    """Cells by (task, architecture), and what is to be said below them."""

    tasks: tuple[str, ...]
    architectures: tuple[str, ...]
    cells: dict[tuple[str, str], MatrixCell]
    suite: str | None = None
    notes: tuple[str, ...] = ()


def matrix(
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
    tasks: Sequence[str] = (),
    architectures: Sequence[str] = (),
    parameters: bool = False,
) -> Matrix:
    """Check every architecture on every task, each with its default data.

    Args:
        overrides: of every cell, such as `task.attention=additive`; a cell that they do not fit says so.
        config_dir: a folder with more YAML in Hydra groups.
        tasks: only these; empty: all.
        architectures: likewise.
        parameters: count them, in cells whose data lie on this machine; nothing is downloaded.

    Raises:
        UserError: there is no such task or architecture.
    """
    names = _chosen("task", tasks, config_dir)
    rows = _chosen("architecture", architectures, config_dir)
    cells: dict[tuple[str, str], MatrixCell] = {}
    notes: list[str] = []
    composer, tested = Composer(config_dir), not overrides and config_dir is None
    others = [text for text in overrides if not OF_NETWORKS.match(text)]
    posed = _all_refused(composer, {task: [f"task={task}", *others] for task in names})
    fitting = next((task for task, error in posed.items() if error is None), names[0])
    chosen = _all_refused(composer, {row: [f"task={fitting}", f"architecture={row}", *overrides] for row in rows})
    for task in names:
        trials: dict[str, Trial] = {}
        for row in rows:
            error = posed[task] or chosen[row]
            given = [f"task={task}", f"architecture={row}", *overrides]
            ships = tested and _ships("task", task) and _ships("architecture", row)
            found = error.what if error is not None else _checked(composer, given, ships)
            cells[task, row] = MatrixCell(reason=found) if isinstance(found, str) else MatrixCell()
            if isinstance(found, Trial):
                trials[row] = found
        if parameters and trials:
            counted = _counted(trials)
            if isinstance(counted, str):
                notes.append(f"{task}: no parameters, since {counted}")
                continue
            cells.update({(task, row): found for row, found in counted.items()})
    return Matrix(tuple(names), tuple(rows), cells, notes=tuple(notes))


def suite_matrix(
    suite: str,
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
    tasks: Sequence[str] = (),
    architectures: Sequence[str] = (),
) -> Matrix:
    """Count the finished trials among a suite's, from files alone; baselines are left out.

    Raises:
        UserError: an unknown suite, or a task or architecture that it does not have.
    """
    cells: dict[tuple[str, str], MatrixCell] = {}
    for planned in plan([f"suite={suite}", *overrides], config_dir).trials:
        config = planned.trial.plain
        if planned.trial.is_baseline:
            continue
        key = config["task"]["name"], config["architecture"]["name"]
        before = cells.get(key, MatrixCell())
        done = state(planned.trial) == "finished"
        cells[key] = replace(before, planned=before.planned + 1, finished=before.finished + done)
    names = _among("task", tasks, dict.fromkeys(task for task, _ in cells))
    rows = _among("architecture", architectures, dict.fromkeys(row for _, row in cells))
    return Matrix(tuple(names), tuple(rows), cells, suite)


def _chosen(group: str, wanted: Sequence[str], config_dir: str | None) -> list[str]:
    return _among(group, wanted, group_options(group, config_dir))


def _ships(group: str, name: str) -> bool:
    """Whether an option of a group is Unroll's own, and no installed package's."""
    return (conf_directory() / group / f"{name}.yaml").is_file()


def _among(group: str, wanted: Sequence[str], names: Iterable[str]) -> list[str]:
    known = list(names)
    for name in wanted:
        if name not in known:
            what = f"There is no {group} '{name}' here.{suggest(name, known)}{troubles()}"
            raise UserError(what, saw=name, allowed=known)
    return [name for name in known if not wanted or name in wanted]


def _all_refused(composer: Composer, cells: dict[str, list[str]]) -> dict[str, UserError | None]:
    """Why overrides do not compose, by cell; None where they do.

    Raises UserError where the overrides have a mistake, and no cell: none composes, the first and the last for one
    reason.
    """
    several = [cells[name] for name in (next(iter(cells)), next(reversed(cells)))] if len(cells) > 1 else []
    if several and all(composer.needs_hydra("train", overrides) for overrides in cells.values()):
        first, last = (_refused(composer, overrides) for overrides in several)
        if first is not None and last is not None and first.what == last.what:
            raise first
    return {name: _refused(composer, overrides) for name, overrides in cells.items()}


def _refused(composer: Composer, overrides: Sequence[str]) -> UserError | None:
    """Why overrides do not compose, asked once for all cells that they are of: an explanation takes a second."""
    try:
        composer.raw("train", overrides)
    except UserError as error:
        return error
    return None


def _checked(composer: Composer, overrides: Sequence[str], tested: bool) -> Trial | str:
    """A cell's trial, or why it does not run; its components are asked where no test has trained it."""
    try:
        trial = composer.trial(overrides)
        if not tested:
            from unroll.training.train import check

            check(trial)
    except UserError as error:
        return error.what
    return trial


def _counted(trials: dict[str, Trial]) -> dict[str, MatrixCell] | str:
    """One task's cells with their parameters, or why they cannot be counted."""
    from unroll.models.sizing import meta_counts
    from unroll.training.prepared import prepared_task, sized

    found: dict[str, Any] = {}
    for row, trial in trials.items():
        try:
            task, _ = prepared_task(trial, download=False)
        except UserError as error:
            return error.what
        try:
            build, _ = sized(trial, task)
            found[row] = MatrixCell(parameters=meta_counts(build))
        except UserError as error:
            found[row] = MatrixCell(reason=error.what)
    return found

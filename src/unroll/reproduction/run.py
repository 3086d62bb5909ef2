"""`unroll reproduce`: a published table's trials are trained, then each number gets its verdict."""

import fnmatch
import functools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.collection import collecting_nothing
from unroll.config.compose import Composer, compose
from unroll.config.runs_folder import with_runs
from unroll.errors import UserError
from unroll.registry.canonical import canonical
from unroll.reproduction.files import report_path, write_report
from unroll.reproduction.plan import Find, TablePlan, plan_table
from unroll.reproduction.published import (
    BUDGETS,
    COUNTS,
    CPU,
    Reported,
    read_table,
    reported_directory,
    table_files,
    table_names,
)
from unroll.sweeps.suite import plan_of, sorted_out
from unroll.sweeps.sweep import launch
from unroll.visible import say, visible

PUBLISHED = Path("results/records")  # of a checkout

if TYPE_CHECKING:
    from unroll.reproduction.judge import Count, Reproduction


def run_reproduction(
    words: Sequence[str],
    rows: Sequence[str] = (),
    config_dir: str | None = None,
    *,
    train: bool = True,
    half: bool = False,
    runs: str | Path | None = None,
    out: str | Path | None = None,
) -> bool:
    """Reproduce published tables, print and write them; return whether every trial has a finished record.

    Args:
        words: names of tables and overrides: `budget=paper|cpu`, `seed=0,1`, `workers`, `sweep.*`, `hydra*`; all
            others go to each trial.
        rows: names or patterns of rows; none: all.
        config_dir: a folder with more YAML in Hydra groups, or None.
        train: train what has no record; otherwise judge what is there.
        half: also train each row's network with half its budget, which shows how far training went.
        runs: the folder of trials, or of records to judge; None: what the config says.
        out: a file of all tables, in the format of its suffix (.md, .tex, .csv); None: after training a `report.md`
            beside the trials of each.

    Raises:
        UserError: an unknown table, row, budget or format, no such folder to judge, or a trial that is wrong; nothing
            was trained.
    """
    from unroll.analysis.render.columns import paragraphs, width
    from unroll.reproduction.terminal import counts
    from unroll.reproduction.verdicts import RULE, SIMULATED

    names = [word for word in words if "=" not in word]
    overrides = [word for word in words if "=" in word]
    if not names:
        raise UserError("No published table is named.", allowed=table_names(config_dir))
    overrides = with_runs(overrides, runs)
    if not train and runs is not None:
        _existing(runs)
    path = None if out is None else report_path(out)
    if half and not train:
        raise UserError("Where nothing is trained, no half is: those that are there are shown.", saw="--half --judge")
    _known_rows(names, rows, config_dir)
    # every table is planned before any is trained: mistakes are told first
    refused: list[UserError] = []
    plans = [planned_table(name, overrides, rows, config_dir, stale=not train, refused=refused) for name in names]
    _read_by_a_trial(overrides, [plan for plan, _ in plans])
    for plan, _ in plans if half else ():
        plan.halves(shared_composer(config_dir).trial)
    found = [_run(plan, folder, overrides, rows, config_dir, train, half, refused) for plan, folder in plans]
    for line in paragraphs([RULE, SIMULATED], width()):
        say(line)
    if path is not None:
        write_report(found, path)
        print(f"Report: {path}", flush=True)
    whole = all([_is_whole(one) for one in found])
    for line in paragraphs(counts(found), width()):
        say(line)
    for error in refused:
        print(visible(str(error)), file=sys.stderr)
    return whole and not refused


def _known_rows(names: Sequence[str], rows: Sequence[str], config_dir: str | None) -> None:
    known = [row for name in names for row in read_table(name, config_dir).rows]
    unknown = [glob for glob in rows if not fnmatch.filter(known, glob)]
    if unknown:
        raise UserError(f"There is no such row in {', '.join(names)}.", saw=", ".join(unknown), allowed=known)


def _read_by_a_trial(overrides: Sequence[str], plans: Sequence[TablePlan]) -> None:
    own = [text for text in sorted_out(overrides)[2] if not text.startswith(("budget=", "paths."))]
    if own and all(row.row.overrides is None for plan in plans for row in plan.rows):
        raise UserError(
            "No row that was asked for is trained, so these overrides would change nothing.",
            saw=" ".join(own),
            run=f"unroll reproduce {' '.join(plan.table.name for plan in plans)}",
        )


def _existing(folder: str | Path) -> Path:
    if not Path(folder).is_dir():
        raise UserError("The folder of records is not there.", saw=folder)
    return Path(folder)


def planned_table(
    name: str,
    overrides: Sequence[str],
    rows: Sequence[str] = (),
    config_dir: str | None = None,
    records: Path | None = None,
    stale: bool = False,
    refused: list[UserError] | None = None,
) -> tuple[TablePlan, Path]:
    """Return a published table as trials, under the budget that overrides name, and the folder that they lie in.

    What was chosen on validation is read from the records there, and from those in `records` where there are none;
    with `stale`, also from those of an earlier protocol. `refused` is as of `finder`.
    """
    table = _narrowed(read_table(name, config_dir), rows)
    budgets = [text.partition("=")[2] for text in overrides if text.startswith("budget=")]
    budget = budgets[-1] if budgets else CPU
    if budget not in BUDGETS:
        raise UserError("A table is reproduced under one of two budgets.", saw=f"budget={budget}", allowed=BUDGETS)
    others = [text for text in sorted_out(overrides)[2] if not text.startswith("budget=")]
    paths = [text for text in others if text.startswith("paths.")]
    runs = Path(compose(paths, config_dir).plain["paths"]["runs"])
    folders = (runs, records) if records is not None else (runs,)
    return plan_table(table, finder(*folders, refused=refused), others, config_dir, budget, stale=stale), runs


def _narrowed(table: Reported, rows: Sequence[str]) -> Reported:
    if not rows:
        return table
    kept = {name: row for name, row in table.rows.items() if any(fnmatch.fnmatch(name, glob) for glob in rows)}
    if not kept:
        raise UserError(f"{table.name} has no such row.", saw=", ".join(rows), allowed=table.rows)
    orders = [order for order in table.orderings if set(order.rows) <= set(kept)]
    return table.model_copy(update={"rows": kept, "orderings": orders})


def _run(
    plan: TablePlan,
    runs: Path,
    overrides: Sequence[str],
    rows: Sequence[str],
    config_dir: str | None,
    train: bool,
    half: bool,
    refused: list[UserError],
) -> "Reproduction":
    from unroll.analysis.render.columns import width
    from unroll.reproduction.terminal import lines

    own, hydra, _ = sorted_out(overrides)
    folder = f"reproduce-{plan.table.name}"
    if train and any(row.is_open for row in plan.rows):
        launch(plan_of(folder, plan.choosing, own, hydra), plan.choosing, config_dir)
        plan, _ = planned_table(plan.table.name, overrides, rows, config_dir, refused=refused)
    if train and plan.comparing:
        launch(plan_of(folder, plan.comparing, own, hydra), plan.comparing, config_dir)
    if half and (halves := plan.halves(shared_composer(config_dir).trial)):
        launch(plan_of(folder, halves, own, hydra), halves, config_dir)
    found = judged(plan, runs, finder(runs, refused=refused))
    print()
    for line in lines(found, width()):
        say(line)
    if train:
        print(f"Report: {write_report([found], runs / folder / 'report.md')}", flush=True)
    return found


def _is_whole(found: "Reproduction") -> bool:
    """Whether every trial of a table has a finished record; says which have none."""
    unfinished = [trial_id for row in found.outcomes for trial_id in (*row.failed, *row.missing, *row.stale)]
    for trial_id in unfinished:
        print(f"without a finished record: {trial_id}")
    for row in found.plan.rows:
        if row.has_no_choice:
            print(f"without a choice: every point of {row.name} failed")
    return not unfinished and not any(row.is_open or row.has_no_choice for row in found.plan.rows)


def finder(*folders: str | Path, refused: list[UserError] | None = None) -> Find:
    """What finds the record of a trial in folders of trials or of records, the first that has one; else None.

    A record that is damaged or not true to itself is none, with the error in `refused`; without that list it is raised.
    """
    from unroll.records.audit import trusted_record
    from unroll.records.pool import Place, pool
    from unroll.records.record import FILE_NAME

    @functools.cache  # a published table asks for a trial in each of its budgets
    def find(trial_id: str) -> Mapping[str, Any] | None:
        for folder in map(Path, folders):
            paths = [path for path in (folder / trial_id / FILE_NAME, folder / f"{trial_id}.json") if path.is_file()]
            errors: list[UserError] = [] if refused is None else refused
            read = [(Place("", path), trusted_record(path, errors)) for path in paths]
            if errors and refused is None:
                raise errors[0]
            if paths:
                return next(iter(pool((place, one) for place, one in read if one is not None).records), None)
        return None

    return find


def counted(parts: Sequence[Mapping[str, Any]]) -> int:
    """The parameters of a wiring's parts, counted now: torch is imported for those alone."""
    from unroll.reproduction.counting import count_parts

    return count_parts(parts)


def listed_count(parts: Sequence[Mapping[str, Any]]) -> int:
    """The same from the committed list of counts (`tools/count_parts.py`); what is not in it is counted now."""
    listed = _counts()
    found = [listed.get(canonical(part)) for part in parts]
    return counted(parts) if None in found else sum(one for one in found if one is not None)


@functools.cache
def _counts() -> dict[str, int]:
    file = reported_directory() / COUNTS
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def judged(plan: TablePlan, folder: str | Path, find: Find | None = None, count: "Count" = counted) -> "Reproduction":
    """A table's plan with what the records of a folder say, or those that `find` has."""
    from unroll.records.scores import scores_under
    from unroll.reproduction.judge import reproduced

    return reproduced(plan, find or finder(folder), scores_under(folder), count)


def overview(
    folder: str | Path,
    config_dir: str | None = None,
    refused: list[UserError] | None = None,
    find: Find | None = None,
) -> list["Reproduction"]:
    """Every published table, judged by the records of a folder, or those that `find` has, under the budget that has
    more of them."""
    found, find = [], find or finder(folder, refused=refused)
    composer = shared_composer(config_dir)
    for name in table_names(config_dir):
        table = read_table(name, config_dir)
        plans = [
            plan_table(table, find, (), config_dir, budget, composer.trial, stale=True)
            for budget in table.budgets or (CPU,)
        ]
        judgements = [judged(plan, folder, find, listed_count) for plan in plans]
        found.append(max(judgements, key=lambda one: (len(one.trained), one.plan.budget == CPU)))
    return found


shared_composer = functools.cache(Composer)  # published tables share their trials, and are judged again and again


def show_list(runs: str | Path | None = None, config_dir: str | None = None) -> None:
    """Print each published table: its rows, how many can run and were run, and the verdicts of their numbers.

    Of tables that do not ship with Unroll it says where they lie.
    """
    from unroll.analysis.render.columns import width
    from unroll.reproduction.terminal import listed

    folder = _existing(runs) if runs is not None else PUBLISHED if PUBLISHED.is_dir() else Path("runs")
    refused: list[UserError] = []
    with collecting_nothing():
        found = overview(folder, config_dir, refused=refused)
    say(f"Published tables, judged by the records of {folder}")
    for line in listed(found, width()):
        say(line)
    for name, path in table_files(config_dir).items():
        if path.parent != reported_directory():
            print(visible(f"{name} lies in {path}"), flush=True)
    for error in refused:
        print(visible(str(error)), file=sys.stderr)

"""The command that shows trials in W&B after they have ended."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unroll.data_cli import ConfigDir
from unroll.errors import UserError, suggest
from unroll.visible import say

if TYPE_CHECKING:
    from unroll.config.planned import Plan
    from unroll.records.pool import Pool
    from unroll.tracking.replay import Compared
    from unroll.tracking.wandb_runs import Place

Found = list[tuple[dict[str, Any], Path]]


def track(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="A suite, as in report: suite=matrix. Default: all.")
    ] = None,
    runs: Annotated[
        list[str] | None, typer.Option("--runs", help="A folder of records, or LAB=FOLDER; repeatable. Default: runs.")
    ] = None,
    to: Annotated[str, typer.Option("--to", help="offline: a folder that wandb sync reads; or online.")] = "offline",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Holds wandb/. Default: WANDB_DIR, or the first of --runs.")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", help="Default: WANDB_PROJECT, or unroll.")] = None,
    entity: Annotated[str | None, typer.Option("--entity", help="Default: WANDB_ENTITY, or the login's.")] = None,
    artifacts: Annotated[
        list[str] | None, typer.Option("--artifact", help="record, predictions or checkpoint; repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is there, missing, different.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds that one run may take.", min=1)] = 60.0,
    workspace: Annotated[bool, typer.Option("--workspace", help="Save the suite's views instead of runs.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Save the suite's report instead of runs.")] = False,
    json: Annotated[Path | None, typer.Option("--json", help="A folder for both as JSON; no server is asked.")] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Make W&B's runs of all records, or of a suite's, from their files: those that are missing or different."""
    from unroll.config.overrides import refuse_repeated
    from unroll.config.runs_folder import KEY, stated_runs
    from unroll.records.audit import pooled
    from unroll.sweeps.suite import plan
    from unroll.tracking import replay
    from unroll.tracking.artifacts import check_kinds
    from unroll.tracking.skill import FORMULA

    folders = runs or stated_runs(overrides or []) or ["runs"]
    if to not in replay.TARGETS:
        raise UserError(f"Runs go to no '{to}'.{suggest(to, replay.TARGETS)}", saw=f"--to {to}", allowed=replay.TARGETS)
    check_kinds(artifacts or [])
    refuse_repeated(overrides or [])
    suite = [text for text in overrides or [] if not text.startswith(KEY)]
    chosen = plan(overrides or [], config_dir) if suite else None
    if workspace or report or json:
        _save_views(chosen, folders, project, entity, workspace, report, json)
        return
    place = _place(to, folder, folders, project, entity, timeout)
    refused: list[UserError] = []
    pool = pooled(folders, refused)
    found, without = _records(pool, chosen)
    todo = replay.ended(found, pool.records, None if chosen is None else chosen.name)
    compared = replay.compared(todo, place)
    named = "All records" if chosen is None else f"Suite {chosen.name}"
    say(f"{named}: {len(found)} trials with a record, {without} without")
    say(f"{replay.where(place)}: {compared.counts}")
    if not dry_run:
        replay.write(compared.to_write, place, artifacts or [], say)
        _tell_next(compared, place)
    say(f"primary/skill = {FORMULA}")
    for error in refused:
        say(error, err=True)
    if refused:
        raise typer.Exit(1)


def _save_views(
    chosen: "Plan | None",
    folders: list[str],
    project: str | None,
    entity: str | None,
    workspace: bool,
    report: bool,
    json: Path | None,
) -> None:
    """Save a suite's views and its report, or write them as JSON."""
    from unroll.config.schema import Wandb
    from unroll.config.wandb_names import check_wandb_names
    from unroll.records.audit import pooled
    from unroll.sweeps.track_views import track_views
    from unroll.tracking.workspace import Where

    if chosen is None:
        raise UserError("Views and reports are of a suite.", saw="no suite", allowed="suite=NAME before the options")
    if not workspace and not report:
        raise UserError("What is to be written?", saw=f"--json {json}", allowed="--workspace, --report or both")
    check_wandb_names(Wandb(mode="offline", project=project, entity=entity), os.environ)
    where = Where(project or os.environ.get("WANDB_PROJECT") or "unroll", entity or os.environ.get("WANDB_ENTITY"))
    refused: list[UserError] = []
    pool = pooled(folders, refused)
    for line in track_views(chosen, pool, where, refused, workspace=workspace, report=report, out=json):
        say(line)


def _place(
    to: str, folder: Path | None, folders: list[str], project: str | None, entity: str | None, timeout: float
) -> "Place":
    from unroll.config.schema import Wandb
    from unroll.config.wandb_names import check_wandb_names
    from unroll.records.pool import labs_of
    from unroll.tracking.wandb_run import require_login
    from unroll.tracking.wandb_runs import Place

    names = Wandb(mode="offline", project=project, entity=entity)
    check_wandb_names(names, os.environ)
    if to == "online":
        require_login(f"--to {to}", "a login, or WANDB_API_KEY; or --to offline, and wandb sync later")
    first = next(lab.folder for lab in labs_of(folders[:1]))
    return Place(
        folder or Path(os.environ.get("WANDB_DIR") or first),
        to == "online",
        project or os.environ.get("WANDB_PROJECT") or "unroll",
        entity or os.environ.get("WANDB_ENTITY") or None,
        timeout,
    )


def _records(pool: "Pool", chosen: "Plan | None") -> tuple[Found, int]:
    """The records of a plan's trials, or all, each with its folder; and how many trials have none."""
    from unroll.records.stale import planned

    by_id = {name: each[0] for name, each in pool.runs.items()}
    records: Iterable[Any] = [each.record for each in by_id.values()]
    if chosen is not None:
        of_trial = {name: each.record for name, each in by_id.items()}
        records = planned([item.trial for item in chosen.trials], of_trial.get).values()
    there = [record for record in records if record["status"] != "missing"]
    without = 0 if chosen is None else len(chosen.trials) - len(there)
    if not there:
        raise UserError(
            "There is no record to show.",
            saw=", ".join(item.trial.trial_id for item in chosen.trials[:3]) if chosen else "an empty folder",
            allowed="--runs with a folder of records",
        )
    return [(record, by_id[record["trial_id"]].paths[0].parent) for record in there], without


def _tell_next(compared: "Compared", place: "Place") -> None:
    """Say what can be done with runs that are on this machine."""
    if place.online or not (compared.there or compared.to_write):
        return
    folder = shlex.quote(str(place.folder))
    say(f"Look at them: cd {folder} && wandb leet wandb")
    say(f"Send them:    cd {folder} && WANDB_HOST=unroll WANDB_PROGRAM=unroll wandb sync wandb/offline-run-*")

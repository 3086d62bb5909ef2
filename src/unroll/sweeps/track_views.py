"""The options --workspace and --report of `unroll track`: a suite's views and its report, saved or written to files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unroll.analysis.wandb_report import wandb_report
from unroll.config.planned import Plan
from unroll.errors import UserError
from unroll.records.evidence import scores_of
from unroll.records.pool import Pool
from unroll.tracking.suite_view import suite_view
from unroll.tracking.workspace import Where, report_spec, save_report, save_workspace, view_specs
from unroll.verification.replications import with_replications


def track_views(
    plan: Plan,
    pool: Pool,
    where: Where,
    refused: Sequence[UserError],
    *,
    workspace: bool = False,
    report: bool = False,
    out: Path | None = None,
) -> Iterator[str]:
    """Save what is asked for, and yield a line for each thing saved.

    Args:
        plan: of the suite.
        pool: the records, for the report's tables.
        where: the project in W&B.
        refused: what is wrong with records that are not in the pool.
        workspace: whether its views are asked for.
        report: whether its report is.
        out: a folder that takes the JSON that would be sent, in place of a server.

    Raises:
        UserError: the extra is not installed, there is no login or no such project, or W&B does not answer.
    """
    view = suite_view(plan)
    if workspace and out is None:
        for title, url in zip((one.title for one in view.views), save_workspace(view, where), strict=True):
            yield f"{title}: {url}"
    elif workspace and out is not None:
        for key, spec in view_specs(view, where).items():
            yield _written(out / f"view-{_file_name(key)}.json", spec)
    if report:
        made = wandb_report(view, plan, with_replications(pool), scores_of(pool), refused)
        if out is None:
            yield f"{made.title}, a report: {save_report(made, where)}"
        else:
            yield _written(out / f"report-{_file_name(plan.name)}.json", report_spec(made, where))


def _file_name(key: str) -> str:
    return "".join(character if character.isalnum() or character in "._-=" else "-" for character in key)


def _written(path: Path, spec: Mapping[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(spec, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return str(path)

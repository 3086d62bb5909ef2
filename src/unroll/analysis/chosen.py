"""What a report is of: pooled records, of a suite exactly its trials, and of these what filters keep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.analysis.hypotheses import Answer, answers, courses
from unroll.analysis.labels import Labels
from unroll.analysis.stopping import to_show
from unroll.analysis.tables import Table, make_tables
from unroll.config.filters import keep
from unroll.config.planned import Planned
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.audit import pooled
from unroll.records.evidence import scores_of
from unroll.records.pool import Folders, Pool
from unroll.records.record import FILE_NAME
from unroll.records.scores import Scores
from unroll.verification.replications import with_replications

if TYPE_CHECKING:
    from unroll.config.planned import Plan


@dataclass(frozen=True)
class Chosen:
    """Records, and the trials that stand in the tables: None for those of all records."""

    pool: Pool
    records: Sequence[dict[str, Any]]
    scores: Scores
    trials: Sequence[Trial] | None
    plan: "Plan | None" = None
    filters: tuple[str, ...] = ()

    @property
    def suite(self) -> str | None:
        return None if self.plan is None else self.plan.name

    @property
    def title(self) -> str:
        return "Report" if self.plan is None else f"Suite {self.plan.name}"

    @cached_property
    def answers(self) -> Sequence[Answer]:
        """What the suite's claims come to; nothing of a part of its trials, for they are of all."""
        return [] if self.plan is None or self.filters else answers(self.plan, self.records, self.scores)

    @property
    def compared(self) -> Scores | None:
        """What rows are compared by; None where a rule of when to stop allows for claims alone."""
        return None if self.plan is not None and self.plan.stop else self.scores

    def tables(self, labels: Labels | None = None, compared: bool = True) -> list[Table]:
        """Return the tables, with rows called as `labels` say, and where asked compared with each other."""
        return make_tables(self.records, self.trials, self.compared if compared else None, labels)

    @property
    def directories(self) -> dict[str, Path]:
        """Where each trial lies that has a directory of its own, by id."""
        return {
            trial_id: path.parent
            for trial_id, runs in self.pool.runs.items()
            for path in runs[0].paths
            if path.name == FILE_NAME
        }

    @property
    def places(self) -> dict[str, Path]:
        """Where each trial's record lies, by id."""
        return {trial_id: runs[0].paths[0] for trial_id, runs in self.pool.runs.items()}

    @property
    def about(self) -> str:
        """What the suite is, and what the filters leave of it."""
        return " ".join([*([] if self.plan is None else [self.plan.description]), *self.said])

    @property
    def said(self) -> list[str]:
        """What a page says of the filters."""
        if not self.filters:
            return []
        return [f"Only trials with {' and '.join(self.filters)}: rows are compared with these alone, and no claim is."]


def choose(
    folders: Folders,
    plan: "Plan | None" = None,
    filters: Sequence[str] = (),
    refused: list[UserError] | None = None,
) -> Chosen:
    """Return what a report of the records under some folders is of.

    Args:
        folders: of trials or of records; LAB=FOLDER names a lab's.
        plan: a suite, whose trials alone stand in the tables, missing ones too.
        filters: as of `unroll sweep --filter`.
        refused: takes why records were left out.

    Raises:
        UserError: a folder is not there, or a filter is none, or keeps nothing.
    """
    pool = pooled(folders, [] if refused is None else refused)
    records = with_replications(pool)
    found = Chosen(pool, records, scores_of(pool), None, plan)
    if plan is not None:
        claims = courses(found.answers) if plan.stop else ()
        shown = to_show(plan, claims, records)
    else:
        shown = [Planned(Trial(record["config"], record["trial_id"]), ()) for record in records]
    if filters:
        shown = keep(shown, filters)
    trials = [item.trial for item in shown]
    if plan is None:
        kept = {trial.trial_id for trial in trials}
        records = [record for record in records if record["trial_id"] in kept]
    return replace(found, records=records, trials=None if plan is None else trials, filters=tuple(filters))

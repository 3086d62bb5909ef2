"""Runs of W&B made again from records: which are there, which are missing, which hold something else."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unroll.errors import COMMAND, UserError
from unroll.tracking.artifacts import check_kinds
from unroll.tracking.description import Of, described
from unroll.tracking.history import history
from unroll.tracking.skill import Baselines
from unroll.tracking.wandb_pipe import WandbTrouble
from unroll.tracking.wandb_runs import Ended, Place, Sign, sign_of, signs, writing

TARGETS = ("offline", "online")


@dataclass(frozen=True)
class Compared:
    """Runs beside what there is of them already."""

    there: tuple[Ended, ...]
    missing: tuple[Ended, ...]
    different: tuple[Ended, ...]

    @property
    def to_write(self) -> tuple[Ended, ...]:
        return (*self.missing, *self.different)

    @property
    def counts(self) -> str:
        return f"{len(self.there)} there, {len(self.missing)} missing, {len(self.different)} different"


def ended(
    found: Iterable[tuple[Mapping[str, Any], Path | None]], every: Iterable[Mapping[str, Any]], suite: str | None
) -> list[Ended]:
    """Return the runs of some trials.

    Args:
        found: records, each with the folder that it lies in.
        every: records that may be of the same problems' baselines.
        suite: that the runs are of; None: of none.
    """
    baselines, of, runs = Baselines(every), Of(suite), []
    for record, directory in found:
        lines = history(record, directory)
        runs.append(Ended(record, directory, described(record, baselines, of).signed(len(lines)), lines))
    return runs


def compared(runs: Iterable[Ended], place: Place) -> Compared:
    """Hold runs against what a place has of them.

    A run there with more lines of history, as a living trial sends them, holds no less than a record can give. A suite
    that is not asked for stays as it is there.

    Raises:
        UserError: the server does not answer.
    """
    try:
        known = signs(place)
    except WandbTrouble as error:
        raise UserError("W&B does not say which runs it has.", saw=error, allowed="a server that answers") from error
    there, missing, different = [], [], []
    for run in runs:
        before, now = known.get(run.description.id), sign_of(run.description)
        if before is None:
            missing.append(run)
        elif _same(before, now):
            there.append(run)
        elif now.suite is None and before.suite is not None:
            found = replace(run.description, config={**run.description.config, "suite": before.suite})
            different.append(replace(run, description=found))
        else:
            different.append(run)
    return Compared(tuple(there), tuple(missing), tuple(different))


def _same(before: Sign, now: Sign) -> bool:
    return before.digest == now.digest and before.lines >= now.lines and now.suite in (None, before.suite)


def write(runs: Sequence[Ended], place: Place, kinds: Sequence[str], said: Callable[[str], object]) -> None:
    """Write runs, each in the place of what there is of it.

    Args:
        runs: that are missing, or different.
        place: where they go.
        kinds: of artifacts that go along.
        said: takes a line now and then.

    Raises:
        UserError: W&B does not take a run; those before it are there.
    """
    check_kinds(kinds)
    if not runs:
        return
    began = last = time.monotonic()
    with writing(place) as writer:
        for number, run in enumerate(runs):
            try:
                writer.write(run, kinds)
            except WandbTrouble as error:
                raise UserError(
                    f"W&B took {number} of {len(runs)} runs, and not that of {run.description.id}.",
                    saw=error,
                    allowed="a server and a disk that take it; the same command writes what is missing",
                    run=COMMAND,
                ) from error
            if time.monotonic() - last > 10:
                last = time.monotonic()
                said(f"{number + 1} of {len(runs)} runs")
    said(f"{len(runs)} runs in {time.monotonic() - began:.0f} s: {where(place)}")


def where(place: Place) -> str:
    """Say where a place's runs are."""
    if place.online:
        return f"{place.entity}/{place.project}" if place.entity else f"the project {place.project}"
    return str(place.folder / "wandb")

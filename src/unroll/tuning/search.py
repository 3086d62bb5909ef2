"""Tuning: each network of a suite has a study, which tries points of a space and keeps the best on validation.

What a study knows lies in two places, and neither can be left half-written by a process that is killed. The
values of points are the trials' records. The points themselves are files, `optuna/<study>/point-0003.json` in the
sweep's directory, each of which comes into being whole by a hard link. Before a point is asked for, an optuna study is
built in memory from both, and the sampler is seeded by the study's name and the point's number: so a sweep that is
started again asks for the same points. Of two sweeps over one directory, on two hosts, the first to link a point
decides it for both, even where their processors round differently, and they share the training as all sweeps do.
An optuna storage would add no truth, but locks that outlive their owner and running trials of dead processes.
"""

import json
import os
import shlex
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unroll import DISTRIBUTION
from unroll.config.planned import Planned
from unroll.errors import UserError
from unroll.records.state import state
from unroll.seeds import derive
from unroll.tuning.study import Compose, Study, TuningOptions

_REDRAWS = 100  # of a point that the study has already, before it takes the next one that it has not


@dataclass(frozen=True)
class TriedPoint:
    """Values that a study tries, and what became of them."""

    number: int
    values: dict[str, str]
    planned: Planned
    status: str = "open"  # open | finished | failed
    value: float | None = None  # of the selection metric on validation
    seconds: float = 0.0


@dataclass
class Tuned:
    """A study and its points so far."""

    study: Study
    points: list[TriedPoint] = field(default_factory=list)

    @property
    def best(self) -> TriedPoint | None:
        """The best point on validation, the earlier of equals; None where none has a value."""
        sign = -1.0 if self.study.metric["direction"] == "higher" else 1.0
        valued = [(sign * point.value, point.number, point) for point in self.points if point.value is not None]
        return min(valued, key=lambda one: one[:2])[2] if valued else None


def suggest_point(study: Study, options: TuningOptions, before: Sequence[TriedPoint]) -> dict[str, str]:
    """Return the values of a study's next point: a function of its arguments alone, and no point of `before`."""
    tried = [point.values for point in before]
    size = study.space.size
    for draw in range(_REDRAWS):
        values = _drawn(study, options, before, draw)
        if values not in tried:
            return values
    if size is None:
        return values
    return next(point for point in study.space.points() if point not in tried)


def tune(
    studies: Sequence[Study],
    baselines: Sequence[Planned],
    options: TuningOptions,
    folder: Path,
    compose: Compose,
    train: Callable[[Sequence[Planned], str], bool],
    after: Callable[[Sequence[Tuned]], None],
) -> list[Tuned]:
    """Try every study's points, a batch of all studies at a time, and baselines with the first batch.

    Args:
        folder: where the points lie, a folder a study.
        train: trains trials, announced by a line, until each has ended; returns whether to go on.
        after: is told what is known after each batch.
    """
    tuned = [Tuned(study) for study in studies]
    trials = max((study.trials for study in studies), default=0)
    for start in range(0, max(trials, 1), options.parallel):
        batch: list[tuple[Tuned, list[TriedPoint]]] = []
        for one in tuned:
            asked = list(one.points)
            for number in range(start, min(start + options.parallel, one.study.trials)):
                values = _settled(one.study, options, folder, asked, number)
                asked.append(TriedPoint(number, values, one.study.planned(values, one.study.tuning_seed, compose)))
            batch.append((one, asked[len(one.points) :]))
        planned = [point.planned for _, points in batch for point in points]
        end = min(start + options.parallel, trials)
        line = f"Points {start + 1} to {end} of {trials} of {len(studies)} studies" if planned else "Baselines"
        go_on = train([*(baselines if start == 0 else ()), *planned], line)
        for one, points in batch:
            one.points += [ended for ended in (_ended(point, go_on) for point in points) if ended is not None]
        after(tuned)
        if not go_on:
            break
    return tuned


def finals(tuned: Sequence[Tuned], options: TuningOptions, compose: Compose) -> list[list[Planned]]:
    """Return each study's trials of its best point: of all seeds, or of the tuning seed; none without a best point."""
    found: list[list[Planned]] = []
    for one in tuned:
        best, study = one.best, one.study
        if best is None:
            found.append([])
        elif options.final_seeds:
            found.append([study.planned(best.values, seed, compose) for seed in study.seeds])
        else:
            found.append([best.planned])
    return found


def _drawn(study: Study, options: TuningOptions, before: Sequence[TriedPoint], draw: int) -> dict[str, str]:
    """The sampler's point after those before; the first draw is the one asked for, others are random."""
    optuna = _optuna()
    seed = derive(options.seed, f"tuning {study.name}", len(before), draw) % 2**32
    if options.sampler == "random" or draw:
        sampler = optuna.samplers.RandomSampler(seed=seed)
    else:
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=options.random_points)
    direction = "maximize" if study.metric["direction"] == "higher" else "minimize"
    known = optuna.create_study(sampler=sampler, direction=direction)
    distributions = {one.key: one.distribution() for one in study.space.dimensions}
    states = optuna.trial.TrialState
    stands = {"open": states.RUNNING, "failed": states.FAIL, "finished": states.COMPLETE}
    for point in before:
        known.add_trial(
            optuna.trial.create_trial(
                state=stands[point.status],
                value=point.value,
                params={one.key: one.value(point.values[one.key]) for one in study.space.dimensions},
                distributions=distributions,
            )
        )
    asked = known.ask(distributions).params
    return {one.key: one.text(asked[one.key]) for one in study.space.dimensions}


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            "Tuning needs the package optuna.", saw="not installed", run=f"pip install '{DISTRIBUTION}[optuna]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _settled(
    study: Study, options: TuningOptions, folder: Path, before: Sequence[TriedPoint], number: int
) -> dict[str, str]:
    """The point's values as they lie on disk; where they do not yet, they are suggested and put there."""
    path = folder / study.name / f"point-{number:04d}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.parent / f".point-{uuid.uuid4().hex}"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump({"number": number, "values": suggest_point(study, options, before)}, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another sweep was first
        finally:
            draft.unlink()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["values"]
        if sorted(values) != sorted(study.space.keys):
            raise ValueError(f"keys {', '.join(values)}")
        return {key: str(values[key]) for key in study.space.keys}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            "A point of a study cannot be read.", saw=f"{path}: {error}", run=f"rm {shlex.quote(str(path))}"
        ) from error


def _ended(point: TriedPoint, all_ended: bool) -> TriedPoint | None:
    """The point with what its record says; None while it has none and may still get one."""
    from unroll.records.record import read_record

    trial = point.planned.trial
    now = state(trial)
    if now not in ("finished", "failed"):
        return TriedPoint(point.number, point.values, point.planned, "failed") if all_ended else None
    record = read_record(trial.record_path)
    value = (record["result"]["selection"] or {}).get("value") if now == "finished" else None
    status = "failed" if value is None else "finished"
    return TriedPoint(point.number, point.values, point.planned, status, value, record["run"]["seconds"])

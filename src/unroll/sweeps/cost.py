"""`unroll cost`, and what `unroll sweep --dry-run` says of it: what trials without a record will cost, by cell."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unroll.analysis.cost import CellCost, Forecast, History, Machine, Recorded, cell, cells, of_pilot, total
from unroll.config.filters import keep
from unroll.config.overrides import refuse_repeated
from unroll.config.planned import Plan, Planned
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.devices import cpu_name
from unroll.records.provenance import hardware
from unroll.records.record import FILE_NAME, read_record
from unroll.records.schema import wrong_config
from unroll.records.store import folder_bytes, record_paths
from unroll.sweeps.capacity import gpus_for, workers_here
from unroll.sweeps.scheduler import to_launch

PUBLISHED = Path("results/records")  # of a checkout
UNKNOWN = "none"
_NVIDIA = Path("/proc/driver/nvidia/version")
_CPU = Path("/proc/cpuinfo")
_VECTORS = {"AVX512": {"avx512vl", "avx512bw", "avx512dq", "fma"}, "AVX2": {"avx2", "fma"}}  # as torch tells them apart
_SUITE = re.compile(r"\w[\w.-]*")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Costs:
    """What trials will cost by cell, on which machine, in how many workers; `unread` records could not be used."""

    name: str
    cells: list[CellCost]
    machine: Machine
    workers: int
    unread: int


def plan_costs(overrides: Sequence[str], config_dir: str | None, filters: Sequence[str]) -> tuple[Plan, list[Planned]]:
    """Return the trials to forecast: a suite's, by its name or as suite=NAME, or those that overrides describe.

    Raises:
        UserError: no overrides, an unknown suite, or a trial that cannot be composed.
    """
    from unroll.config.compose import Composer
    from unroll.config.overrides import expand
    from unroll.sweeps.suite import plan, plan_of, sorted_out

    words = [f"suite={text}" if _SUITE.fullmatch(text) else text for text in overrides]
    if any(text.startswith("suite=") for text in words):  # of trials, several values are several trials
        refuse_repeated([text for text in words if text.startswith("suite=")])
    if not words:
        raise UserError(
            "Nothing says whose cost is asked for.",
            allowed="a suite, as suite=quickstart, or the overrides of a trial, as task=sentiment architecture=lstm",
        )
    if any(text.startswith("suite=") for text in words):
        todo = plan(words, config_dir)
    else:
        own, hydra, others = sorted_out(words)
        composer = Composer(config_dir)
        made = [Planned(composer.trial(texts), tuple(texts)) for texts in expand(others)]
        todo = plan_of("trials", list({item.trial.trial_id: item for item in made}.values()), own, hydra)
    return todo, keep(todo.trials, filters)


def forecast(
    todo: Plan,
    planned: Sequence[Planned],
    runs: Sequence[Path] = (),
    *,
    retry_failed: bool = False,
    pilots: bool = False,
    say: Say = print,
) -> Costs:
    """Return what trials will cost, from records of their cells and, with `pilots`, from timed steps of the others.

    Args:
        todo: the plan that the trials are of, for its workers.
        planned: the trials.
        runs: folders with records; none: where the trials write, and the published records of a checkout.
        retry_failed: trials with a failed record are trained again.
        pilots: time a few steps of each cell without a record; else it stays unknown.
        say: takes a line before each pilot.

    Raises:
        UserError: a folder is not there; with pilots, a trial to be timed is wrong, or its data are nowhere.
    """
    machine = this_machine()
    waiting = {item.trial.trial_id for item in to_launch(planned, retry_failed)}
    trials = [(item.trial, item.trial.trial_id not in waiting) for item in planned]
    open_cells = {cell(trial.plain): trial for trial, ended in reversed(trials) if not ended}
    found, unread = recorded(list(open_cells.values()), runs)
    history = History(found, machine)
    forecasts = {key: history.forecast(trial.plain) for key, trial in open_cells.items()}
    unknown = {key: trial for key, trial in open_cells.items() if forecasts[key] is None}
    why = dict.fromkeys(unknown, UNKNOWN)
    if pilots and unknown:
        for key, known in _timed(unknown, machine, say):
            if isinstance(known, Forecast):
                forecasts[key] = known
            else:
                why[key] = known
    workers = todo.workers or workers_here(gpus_for(open_cells.values()))
    return Costs(todo.name, cells(trials, forecasts, why), machine, workers, unread)


def recorded(trials: Sequence[Trial], runs: Sequence[Path] = ()) -> tuple[list[Recorded], int]:
    """Return the finished records that may be of the same cells, and how many others could not be read.

    Raises:
        UserError: a folder of `runs` is not there.
    """
    folders = list(runs) or [
        folder
        for folder in dict.fromkeys([*(Path(trial.plain["paths"]["runs"]) for trial in trials), PUBLISHED])
        if folder.is_dir()
    ]
    begin = tuple({trial.trial_id.rpartition("-s")[0] + "-s" for trial in trials})
    found, unread = [], 0
    for path in (path for folder in folders for path in record_paths(folder)):
        alone = path.name != FILE_NAME
        if not (path.stem if alone else path.parent.name).startswith(begin):
            continue
        try:
            record = read_record(path)
        except UserError:
            unread += 1
            continue
        if wrong_config(record["config"]) is not None:
            unread += 1
        elif record["status"] == "finished":
            found.append(Recorded(record, None if alone else folder_bytes(path.parent)))
    return found, unread


def this_machine() -> Machine:
    """Return the names of this machine's processors; torch is loaded only where there is a GPU to ask for."""
    if _NVIDIA.exists():
        import torch  # noqa: F401 - `hardware` asks it for the GPUs' names
    found = hardware()
    return Machine(cpu_name({"cpu_capability": _vectors(), **found}), next(iter(found["gpus"]), None))


def _vectors() -> str | None:
    """What torch calls the CPU's capability, without torch; None where the system does not say."""
    try:
        flags = set(_CPU.read_text(encoding="utf-8").split())
    except OSError:
        return None
    return next((name for name, needed in _VECTORS.items() if needed <= flags), None)


def _timed(unknown: dict[str, Trial], machine: Machine, say: Say) -> Iterator[tuple[str, Forecast | str]]:
    """A cell -> what a pilot of it says, or why there is none. All trials are checked before the first is timed."""
    from unroll.sweeps.sweep import check_all
    from unroll.training.pilot import pilot

    with redirect_stdout(sys.stderr):  # which is for the forecast alone
        check_all(list(unknown.values()))
    for number, (key, trial) in enumerate(unknown.items(), 1):
        say(f"Timing steps of {trial.trial_id} ({number} of {len(unknown)})")
        try:
            with redirect_stdout(sys.stderr):
                found = pilot(trial)
        except UserError:
            raise
        except Exception as error:  # of the trial itself, which would fail in the sweep, too
            yield key, f"its pilot failed: {type(error).__name__}: {error}"
            continue
        here = machine.processor(trial.plain)
        yield key, of_pilot(trial.plain, found.seconds, found.memory_bytes, found.disk_bytes, here)


def as_json(found: Costs, errors: dict[str, Any]) -> str:
    """Return everything that was forecast as one JSON object; bytes and seconds of one trial in `forecast`."""
    each = [{**asdict(one), "to_train": one.to_train} for one in found.cells]
    shown = {"name": found.name, "cells": each, "total": asdict(total(found.cells)), "measured_errors": errors}
    return json.dumps({**shown, "machine": asdict(found.machine), "workers": found.workers}, indent=1)

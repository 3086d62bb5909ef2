"""How far trials are, from their files alone: those of a suite, or all whose directories lie under a folder."""

import functools
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unroll.config.filters import keep
from unroll.config.identity import is_baseline
from unroll.config.planned import Plan, Planned
from unroll.config.runs_folder import stated_runs, with_runs
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.lease import PROGRESS
from unroll.records.state import read_head, state, why_stale
from unroll.registry.groups import group_options, group_value
from unroll.sweeps.stopping import needed_now
from unroll.sweeps.suite import plan
from unroll.visible import visible

STATES = ("finished", "running", "failed", "stale", "damaged", "interrupted", "missing")
ENDED = ("finished", "failed")
_ID = re.compile(r"([\w.]+)-([\w.]+)-([\w.]+)-s(\d+)-[0-9a-f]{10}", re.ASCII)
_THREADS = 16  # where a file system is far away; near, they only take turns
_CHUNK = 250  # trials that a thread gets at a time
_FAR = 4.0  # a file system is far where looking takes so many times the work
_ENDLESS = 10**9  # steps that the trainer counts to where a budget is in seconds


@dataclass(frozen=True)
class Seen:
    """What the files say of one trial; `interrupted`: a directory without a record or a living lease.

    An interrupted trial goes on from its checkpoint when it is launched again; a missing one has no directory.
    """

    trial_id: str
    task: str
    data: str
    row: str
    baseline: bool
    state: str
    error: str | None = None  # of a failed trial: the kind and the message's last line; of a stale one: why
    step: int | None = None
    steps: int | None = None  # None: a budget in seconds
    seconds_left: float | None = None  # of training, as of the last heartbeat


class Watched:
    """Trials to look at again and again. What has finished is not read twice.

    With `sweep.stop=decided` a suite's trials are those that its rule asks for at each look.

    Args:
        overrides: of a suite (`suite=NAME ...`); empty, or `paths.runs=FOLDER` alone: every trial under `runs`.
        runs: the folder of trial directories; None: the suite's own, or else `runs`.
        filters: see `unroll.config.filters.keep`; without a suite they know task, data, row, seed and trial_id.
        config_dir: a folder with more YAML groups.

    Raises:
        UserError: no such suite or folder, or a filter that is wrong or keeps nothing.
    """

    def __init__(
        self,
        overrides: Sequence[str] = (),
        runs: Path | None = None,
        filters: Sequence[str] = (),
        config_dir: str | None = None,
    ):
        folders = stated_runs(overrides)
        if folders and len(overrides) == 1:  # no suite
            overrides, runs = (), runs or Path(folders[0])
        self.runs, self.filters, self.config_dir = runs or Path("runs"), filters, config_dir
        self.suite: str | None = None
        self._deciding: Plan | None = None
        self._planned: list[Trial] = []
        self._seen: dict[str, Seen] = {}
        if overrides:
            todo = plan(with_runs(overrides, runs), config_dir)
            self.suite, self._deciding = todo.name, todo if todo.until_decided else None
            self._planned = [item.trial for item in keep(todo.trials, filters)]

    def look(self) -> list[Seen]:
        """Return what the files say now, in the suite's order, or sorted by directory."""
        if self._deciding is not None:
            self._planned = needed_now(self._deciding)
        trials = self._planned if self.suite is not None else self._under_runs()
        there = _directories({trial.plain["paths"]["runs"] for trial in trials})
        waiting = [trial for trial in trials if not self._has_finished(trial, there)]
        now = {trial.trial_id: one for trial, one in zip(waiting, _look_at_all(waiting, there), strict=True)}
        self._seen = {trial.trial_id: now.get(trial.trial_id) or self._seen[trial.trial_id] for trial in trials}
        return list(self._seen.values())

    def all_ended(self, seen: Iterable[Seen]) -> bool:
        """Whether nothing is left to wait for: a suite's trials have all ended; without a suite, none is running."""
        if self.suite is None:
            return all(one.state != "running" for one in seen)
        return all(one.state in ENDED for one in seen)

    def _has_finished(self, trial: Trial, there: Mapping[str, set[str]]) -> bool:
        before = self._seen.get(trial.trial_id)
        return before is not None and before.state == "finished" and _is_there(trial, there)

    def _under_runs(self) -> list[Trial]:
        found = [Planned(trial, ()) for trial in _trials_under(self.runs, self.config_dir)]
        try:
            return [item.trial for item in (keep(found, self.filters) if self.filters else found)]
        except UserError as error:
            error.run = error.run or "unroll status suite=NAME --filter ...: only a suite knows the trials' configs"
            raise


def look_at(directory: Path, trial_id: str, config: Mapping[str, Any] | None = None) -> Seen:
    """Return what the files of one trial's directory say; without a config, its name tells what it can."""
    stated = []
    if config is not None:
        paths = {**config.get("paths", {}), "runs": str(directory.parent)}
        stated = [Trial({**config, "paths": paths, "trial_id": trial_id}, directory.name)]
    for trial in stated or _trials_under(directory.parent, None):
        if trial.directory == directory:
            return _seen(trial, {str(directory.parent): {directory.name}})
    raise UserError("This directory is no trial's.", saw=directory, allowed="a directory named by a trial's id")


def counts(seen: Iterable[Seen]) -> dict[str, int]:
    """Return how many trials are in each state, in the order of STATES, without zeros."""
    found = Counter(one.state for one in seen)
    return {name: found[name] for name in STATES if found[name]}


def grid(seen: Sequence[Seen]) -> tuple[list[str], dict[str, list[dict[str, int]]]]:
    """Return the columns (tasks; `task data` where a task has several) and each row's counts in them.

    Networks come first, then baselines, each in alphabetical order.
    """
    data: dict[str, set[str]] = {}
    cells: dict[tuple[bool, str], dict[tuple[str, str], list[Seen]]] = {}
    for one in seen:
        data.setdefault(one.task, set()).add(one.data)
        cells.setdefault((one.baseline, one.row), {}).setdefault((one.task, one.data), []).append(one)
    columns = [(task, name) for task in sorted(data) for name in sorted(data[task])]
    rows = {
        f"{row} (baseline)" if baseline else row: [counts(found.get(column, ())) for column in columns]
        for (baseline, row), found in sorted(cells.items())
    }
    return [task if len(data[task]) == 1 else f"{task} {name}" for task, name in columns], rows


def as_json(watched: Watched, seen: Sequence[Seen]) -> str:
    """Return everything that was seen as one JSON object."""
    found = {"suite": watched.suite, "counts": counts(seen), "trials": [asdict(one) for one in seen]}
    return visible(json.dumps(found, indent=1, ensure_ascii=False))


def _look_at_all(trials: Sequence[Trial], there: Mapping[str, set[str]]) -> list[Seen]:
    """Look at some trials, and at the others in threads if that was mostly waiting."""
    began, worked = time.perf_counter(), time.thread_time()
    found = _look_at(trials[:_CHUNK], there)
    far = time.perf_counter() - began > _FAR * (time.thread_time() - worked)
    chunks = [trials[start : start + _CHUNK] for start in range(_CHUNK, len(trials), _CHUNK)]
    with ThreadPoolExecutor(_THREADS if far else 1) as pool:
        for part in pool.map(functools.partial(_look_at, there=there), chunks):
            found += part
    return found


def _look_at(trials: Iterable[Trial], there: Mapping[str, set[str]]) -> list[Seen]:
    return [_seen(trial, there) for trial in trials]


def _seen(trial: Trial, there: Mapping[str, set[str]]) -> Seen:
    config = trial.plain
    place = (config.get("trial_id", trial.trial_id), config["task"]["name"], config["data"]["name"], trial.row)
    now = state(trial) if _is_there(trial, there) else "missing"
    more: dict[str, Any] = {}
    if now == "missing" and _is_there(trial, there):
        now = "interrupted"
    elif now == "running":
        more = _progress(trial.directory)
    elif now == "failed":
        more = {"error": _last_line((read_head(trial.record_path) or {}).get("error"))}
    elif now == "stale":
        more = {"error": why_stale(read_head(trial.record_path) or {}, trial)}
    return Seen(*place, is_baseline(config), now, **more)


def _is_there(trial: Trial, there: Mapping[str, set[str]]) -> bool:
    return trial.trial_id in there[trial.plain["paths"]["runs"]]


def _directories(folders: Iterable[str]) -> dict[str, set[str]]:
    """Return the names in each folder: one question in place of one for each trial that is not there."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        try:
            found[folder] = set(os.listdir(folder))
        except FileNotFoundError:
            found[folder] = set()
        except OSError as error:
            raise UserError("The folder of the runs cannot be read.", saw=f"{folder}: {error.strerror}") from error
    return found


def _progress(directory: Path) -> dict[str, Any]:
    """The step, the steps and the training time left; nothing before the first heartbeat."""
    try:
        found = json.loads((directory / PROGRESS).read_bytes())
        step, steps, seconds = int(found["step"]), int(found["steps"]), float(found["seconds"])
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    if steps >= _ENDLESS:
        budget = _seconds_of_budget(directory)
        return {"step": step, "seconds_left": None if budget is None else max(0.0, budget - seconds)}
    return {"step": step, "steps": steps, "seconds_left": seconds / step * (steps - step) if step else None}


def _seconds_of_budget(directory: Path) -> float | None:
    import yaml

    try:
        return float(yaml.safe_load((directory / "config.yaml").read_bytes())["budget"]["seconds"])
    except (OSError, yaml.YAMLError, TypeError, KeyError, ValueError):
        return None


def _last_line(error: Any) -> str:
    if not isinstance(error, dict):
        return "no error is stated"
    lines = str(error.get("message") or "").strip().splitlines()
    return ": ".join(filter(None, [str(error.get("type") or ""), lines[-1].strip() if lines else ""]))


def _trials_under(runs: Path, config_dir: str | None) -> Iterator[Trial]:
    """Make a trial of each directory, with as much of a config as its name tells.

    A directory of another name is a trial's where it holds a record.
    """
    try:
        with os.scandir(runs) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        raise UserError(
            "There is no folder of runs to look at.", saw=f"{runs}: {error.strerror}", allowed="--runs FOLDER"
        ) from error
    baselines = set(group_options("baseline", config_dir))
    protocols: dict[str, Any] = {}
    for name in names:
        match, stated = _ID.fullmatch(name), None
        if match is None:
            stated = read_head(runs / name / "record.json")
            match = _ID.fullmatch(str((stated or {}).get("trial_id")))
            if stated is None or match is None:
                continue
        task, data, row, seed = match.groups()
        if task not in protocols:
            protocols[task] = group_value("task", task, "protocol_version", config_dir)
        protocol = protocols[task]
        if protocol is None:  # a task that is not in these folders: what its record says counts
            protocol = (stated or read_head(runs / name / "record.json") or {}).get("protocol_version")
        config = {
            "trial_id": match[0],
            "task": {"name": task, "protocol_version": protocol},
            "data": {"name": data, "origin": {}},
            "architecture": {"name": row},
            "baseline": {"name": row if row in baselines else "none"},
            "seed": int(seed),
            "paths": {"runs": str(runs)},
        }
        yield Trial(config, name)

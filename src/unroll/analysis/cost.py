"""What trials will cost, forecast from records of the same cell, or from a pilot's timed steps; no training, no files.

A cell is what decides a trial's result but for its seed and the task's protocol, which rises where a metric changes.
"""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from statistics import median
from typing import Any

from unroll.analysis.variants import differences, name, named_settings, own_options, setting
from unroll.config.identity import identity, is_baseline
from unroll.config.trial import Trial
from unroll.records.devices import cpu_name
from unroll.records.effort import steps_trained
from unroll.registry.canonical import canonical

RECORDS, AWAY = "records", "records of another processor"  # where a forecast comes from
SCALED, PILOT = "records of another budget", "a pilot"
WEIGHT_BYTES = 4  # of a trained number in a checkpoint


@dataclass(frozen=True)
class Recorded:
    """A finished record, and the bytes that its directory holds; None where the record stands alone."""

    record: Mapping[str, Any]
    disk_bytes: int | None = None


@dataclass(frozen=True)
class Machine:
    """The names of a machine's CPU and, where it has one, of its GPU."""

    cpu: str
    gpu: str | None = None

    def processor(self, config: Mapping[str, Any]) -> str:
        """Return what a trial would be computed on."""
        on_cpu = is_baseline(config) or config["trainer"].get("accelerator") == "cpu"
        return self.cpu if on_cpu or self.gpu is None else self.gpu


@dataclass(frozen=True)
class Forecast:
    """What one trial of a cell will cost.

    Attributes:
        seconds: from its start to its record: of the wall as records have them, or a pilot's.
        cores: CPU threads that it holds all that time, of all ranks.
        memory_bytes: largest resident memory of a rank; None where it is not known.
        disk_bytes: what it leaves.
        disk_is_least: the weights alone, since no record says what else there is.
        source: RECORDS, AWAY, SCALED or PILOT.
        count: records that it comes from; 1 pilot.
        processors: that those ran on.
        is_most: early stopping may end the trial sooner.
    """

    seconds: float
    cores: int
    memory_bytes: float | None
    disk_bytes: float
    disk_is_least: bool
    source: str
    count: int
    processors: tuple[str, ...]
    is_most: bool = False

    @property
    def hours(self) -> float:
        return self.seconds / 3600

    @property
    def core_hours(self) -> float:
        return self.hours * self.cores


@dataclass(frozen=True)
class CellCost:
    """The trials of a cell that are still to be trained, and what each of them will cost.

    `forecast` is None, and `why` says why, where nothing is known of the cell.
    """

    problem: str
    row: str
    trials: int
    ended: int
    forecast: Forecast | None
    why: str = ""

    @property
    def to_train(self) -> int:
        return self.trials - self.ended


@dataclass(frozen=True)
class Total:
    """Of all trials to train whose cost is known: their sums, and the largest memory; `unknown` are the others.

    `hours` are those of one worker that trains them one after the other.
    """

    hours: float
    core_hours: float
    disk_bytes: float
    disk_is_least: bool
    memory_bytes: float | None
    is_most: bool
    known: int
    unknown: int
    ended: int


def cores(config: Mapping[str, Any]) -> int:
    """Return the CPU threads that a trial holds, of all its ranks; a baseline has one rank."""
    trainer = config["trainer"]
    ranks = 1 if is_baseline(config) else trainer.get("devices", 1) * trainer.get("num_nodes", 1)
    return int(trainer.get("threads") or 1) * int(ranks)


def processor(record: Mapping[str, Any]) -> str:
    """Return what a record's trial was computed on: the GPU's name, else the CPU's."""
    run = record["run"]
    return cpu_name(run["hardware"]) if _on_cpu(record) else str(run["device"]["name"])


def _on_cpu(record: Mapping[str, Any]) -> bool:
    return bool((record["run"].get("device") or {"kind": "cpu"})["kind"] == "cpu")


def cell(config: Mapping[str, Any], budget: bool = True) -> str:
    """Return what names a trial's cell; without its budget, but for the parameters, which make another network.

    Raises:
        KeyError: a class of the config is not known here.
    """
    if "seed" in config.get("baseline", {}):  # some have it as an option of their own
        config = {**config, "baseline": {**config["baseline"], "seed": 0}}
    found = {key: value for key, value in identity(config).items() if key != "seed"}
    found["task"] = {key: value for key, value in found["task"].items() if key != "protocol_version"}
    if not budget and "budget" in found:
        found["budget"] = {key: value for key, value in found["budget"].items() if key == "parameters"}
    return canonical([found, cores(config)])


class History:
    """Finished records by cell.

    Args:
        recorded: records; one trial's may be there twice, as it was trained and as it was published.
        machine: this one; records of its processor count alone, where there are some.
    """

    def __init__(self, recorded: Iterable[Recorded], machine: Machine):
        self.machine = machine
        self._exact: dict[str, list[Recorded]] = {}
        self._loose: dict[str, list[Recorded]] = {}
        once: dict[tuple[str, str], Recorded] = {}
        for one in recorded:
            key = one.record["trial_id"], one.record["run"]["started"]
            if key not in once or once[key].disk_bytes is None:
                once[key] = one
        for one in once.values():
            try:
                exact, loose = (cell(one.record["config"], budget) for budget in (True, False))
            except KeyError:  # of code that is not here
                continue
            self._exact.setdefault(exact, []).append(one)
            self._loose.setdefault(loose, []).append(one)

    def forecast(self, config: Mapping[str, Any]) -> Forecast | None:
        """Return what a trial will cost: the median of its cell's records, or else of those with another budget,
        scaled by its steps; None where there is neither."""
        same = self._near(self._exact.get(cell(config), ()), config)
        if same:
            here = all(processor(one.record) == self.machine.processor(config) for one in same)
            return _summary([(seconds(one.record), one) for one in same], config, RECORDS if here else AWAY)
        others = [
            (found, one)
            for one in self._near(self._loose.get(cell(config, budget=False), ()), config)
            if (found := scaled_seconds(one.record, config)) is not None
        ]
        if not others:
            return None
        return replace(_summary(others, config, SCALED), is_most=_may_stop(config))

    def _near(self, found: Sequence[Recorded], config: Mapping[str, Any]) -> Sequence[Recorded]:
        """Those of the kind of device that a trial asks for, and of them this machine's, where there are some."""
        kind = "auto" if is_baseline(config) else config["trainer"].get("accelerator", "auto")
        asked = [one for one in found if kind == "auto" or (kind == "cpu") == _on_cpu(one.record)]
        return [one for one in asked if processor(one.record) == self.machine.processor(config)] or asked


def seconds(record: Mapping[str, Any]) -> float:
    """Return what a trial took, of the wall. One that went on from a checkpoint has its last start-up alone."""
    run = record["run"]
    return float(max(run["seconds"], (run.get("training_seconds") or 0.0) + (run.get("evaluation_seconds") or 0.0)))


def scaled_seconds(record: Mapping[str, Any], config: Mapping[str, Any]) -> float | None:
    """Return what a network's trial will take by a record of another budget: its training by the number of steps, all
    else as it was. None where the record has no steps."""
    trained, steps = record["run"].get("training_seconds"), record["result"]["steps"]
    if not trained or not steps or is_baseline(config):
        return None
    training = config["budget"].get("seconds")
    if training is None:
        _, most, _ = steps_trained({**record, "config": config})
        training = trained / steps * most
    return seconds(record) - trained + float(training)


def of_pilot(config: Mapping[str, Any], taken: float, memory: int, disk: int, here: str) -> Forecast:
    """Return a pilot as a forecast: the seconds of the whole trial, and the bytes of memory and disk."""
    return Forecast(taken, cores(config), memory, disk, False, PILOT, 1, (here,), _may_stop(config))


def _may_stop(config: Mapping[str, Any]) -> bool:
    return not is_baseline(config) and config["budget"].get("patience") is not None


def _summary(found: Sequence[tuple[float, Recorded]], config: Mapping[str, Any], source: str) -> Forecast:
    records = [one.record for _, one in found]
    memory = [peak for record in records if (peak := record["run"].get("peak_memory_bytes"))]
    disk = [held for _, one in found if (held := one.disk_bytes or one.record["run"].get("disk_bytes")) is not None]
    kept = config["trainer"].get("keep_after") != "none"
    weights = [WEIGHT_BYTES * record["parameters"]["total"] * kept for record in records]
    return Forecast(
        median(taken for taken, _ in found),
        cores(config),
        median(memory) if memory else None,
        median(disk or weights),
        not disk,
        source,
        len(found),
        tuple(sorted(set(map(processor, records)))),
    )


def cells(
    trials: Sequence[tuple[Trial, bool]], forecasts: Mapping[str, Forecast | None], why: Mapping[str, str]
) -> list[CellCost]:
    """Return the costs by cell, in the trials' order.

    Args:
        trials: each with whether it has ended and so costs nothing.
        forecasts: cell -> what a trial of it costs; an absent one is not known.
        why: cell -> why it is not known.
    """
    groups: dict[str, list[tuple[Trial, bool]]] = {}
    for trial, ended in trials:
        groups.setdefault(cell(trial.plain), []).append((trial, ended))
    labels = _labels({key: members[0][0].plain for key, members in groups.items()})
    return [
        CellCost(*labels[key], len(members), sum(e for _, e in members), forecasts.get(key), why.get(key, ""))
        for key, members in groups.items()
    ]


def _labels(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """A cell -> its problem and its row, with the options that tell them apart; baselines for themselves."""
    found: dict[str, tuple[str, str]] = {}
    for baselines in (False, True):
        chosen = {key: config for key, config in configs.items() if is_baseline(config) == baselines}
        settings = {key: setting(config) for key, config in chosen.items()}
        names = named_settings(list(dict.fromkeys(settings.values())))
        for wanted, problem in names.items():
            members = [key for key in chosen if settings[key] == wanted]
            own = differences([(name(chosen[key]), own_options(chosen[key])) for key in members])
            for key, different in zip(members, own, strict=True):
                found[key] = problem, " ".join([name(chosen[key]), *different])
    return found


def total(found: Iterable[CellCost]) -> Total:
    """Return the costs of all trials that are still to be trained."""
    each = list(found)
    known = [(one.to_train, one.forecast) for one in each if one.forecast is not None and one.to_train]
    peaks = [forecast.memory_bytes for _, forecast in known if forecast.memory_bytes is not None]
    return Total(
        sum(count * forecast.hours for count, forecast in known),
        sum(count * forecast.core_hours for count, forecast in known),
        sum(count * forecast.disk_bytes for count, forecast in known),
        any(forecast.disk_is_least for _, forecast in known),
        max(peaks, default=None),
        any(forecast.is_most for _, forecast in known),
        sum(count for count, _ in known),
        sum(one.to_train for one in each if one.forecast is None),
        sum(one.ended for one in each),
    )


def relative_error(forecast: float, measured: float) -> float:
    """Return |forecast - measured| / measured."""
    return abs(forecast - measured) / measured


@functools.cache
def measured_errors() -> dict[str, Any]:
    """Return how far forecasts were off, as benchmarks/cost_forecast.py measured it: see `cost_errors.json`."""
    text = resources.files("unroll.analysis").joinpath("cost_errors.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found

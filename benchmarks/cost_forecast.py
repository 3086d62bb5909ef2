"""How far forecasts of `unroll cost` are off, by where they come from.

From records, without training: each committed record in turn is left out, and its seconds are forecast from the other
records of its cell, or from those of another budget, of the same processor. A suite's total is forecast from the first
seed of each cell, as if the other seeds were still to be trained.

From pilots (--train): for CELLS of suite=matrix on this machine, a pilot's seconds beside those of the trial trained
whole, one after the other in one process. Both are CPU seconds of one thread: other work on the machine stretches the
wall's more. Where committed records of these cells are of another processor, they forecast what was trained here, too;
what they are off by is of that processor, and of the other work, together.

    UNROLL_DATA=<folder with mnist/ ett/ ...> python benchmarks/cost_forecast.py --train    # minutes
    python benchmarks/cost_forecast.py                                                  # seconds: records alone

Writes src/unroll/analysis/cost_errors.json, which `unroll cost` prints from, and benchmarks/cost_forecast.md.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from unroll.analysis.cost import (
    AWAY,
    PILOT,
    RECORDS,
    SCALED,
    History,
    Machine,
    Recorded,
    cell,
    processor,
    relative_error,
    seconds,
)
from unroll.config.identity import is_baseline
from unroll.config.trial import Trial
from unroll.records.stale import current_or_earlier
from unroll.records.store import finished, read_records
from unroll.sweeps.cost import this_machine
from unroll.sweeps.suite import plan
from unroll.visible import say

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "src" / "unroll" / "analysis" / "cost_errors.json"
PAGE = ROOT / "benchmarks" / "cost_forecast.md"
SUITES = ("matrix", "claims", "words", "reference")
CELLS = (  # of seed 0, the shorter ones of each task
    ("task=compression", "architecture=ae,ae_variational"),
    ("task=forecasting", "architecture=ae,lstm"),
    ("task=generation", "architecture=ae,ae_variational"),
    ("task=sentiment", "architecture=vecavg,mlp"),
    ("task=translation", "architecture=lstm", "budget.steps=150"),
)

Pair = tuple[float, float]  # seconds forecast, seconds measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="measure pilots again; else those of the data file stand")
    options = parser.parse_args()
    records = finished(read_records(ROOT / "results" / "records"))
    pilots = measure(records) if options.train else json.loads(DATA.read_text("utf-8"))["pilots"]
    pairs = from_records(records)
    pairs[AWAY] = [(one["recorded"], one["trained"]) for one in pilots["trials"] if one["recorded"] is not None]
    pairs[PILOT] = [(one["pilot"], one["trained"]) for one in pilots["trials"]]
    found = {
        "sources": {name: summary(each) for name, each in pairs.items() if each},
        "suites": {name: of_suite(name, records) for name in SUITES},
        "records_on": sorted({processor(record) for record in records}),
        "pilots": pilots,
    }
    DATA.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


def from_records(records: Sequence[dict[str, Any]]) -> dict[str, list[Pair]]:
    """Each source -> what it forecasts of each committed network's record without that record, of one processor."""
    cells: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        if not is_baseline(record["config"]):
            cells[cell(record["config"], budget=False), processor(record)].append(record)
    found: dict[str, list[Pair]] = {RECORDS: [], SCALED: []}
    for (_, on), members in cells.items():
        for record in members:
            exact = cell(record["config"])
            others = [one for one in members if one is not record]
            for source, same in ((RECORDS, True), (SCALED, False)):
                part = [Recorded(one) for one in others if (cell(one["config"]) == exact) == same]
                forecast = History(part, Machine(on)).forecast(record["config"])
                if forecast is not None:
                    found[source].append((forecast.seconds, seconds(record)))
    return found


def of_suite(name: str, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The hours that a suite's networks took, and those forecast, but for the first seed of each cell.

    Records of an earlier protocol stand in, as they do on pages.
    """
    by_id = {record["trial_id"]: record for record in records}
    own = [current_or_earlier(item.trial, by_id.get) for item in plan([f"suite={name}"]).trials]
    cells: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in sorted(filter(None, own), key=lambda record: int(record["config"]["seed"])):
        if not is_baseline(record["config"]):
            cells[cell(record["config"]), processor(record)].append(seconds(record))
    forecast = sum(first * len(rest) for first, *rest in cells.values()) / 3600
    taken = sum(sum(rest) for _, *rest in cells.values()) / 3600
    return {"trials": sum(len(each) - 1 for each in cells.values()), "forecast_hours": forecast, "hours": taken}


def summary(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The median and the 90th percentile of the relative errors, and the median of forecast by measured."""
    errors = [relative_error(forecast, taken) for forecast, taken in pairs]
    median, p90 = np.quantile(errors, [0.5, 0.9]).tolist()
    ratio = float(np.median([forecast / taken for forecast, taken in pairs]))
    return {"n": len(pairs), "median": median, "p90": p90, "ratio": ratio}


def measure(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Pilots of some cells, and the same trials trained whole."""
    from unroll.training.pilot import pilot
    from unroll.training.train import train

    machine = this_machine()
    history = History(map(Recorded, records), machine)
    trials: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for trial in chosen(folder):
            marks = [time.process_time()]
            forecast = pilot(trial).seconds
            marks.append(time.process_time())
            train(trial)
            marks.append(time.process_time())
            spent, trained = (later - earlier for earlier, later in pairwise(marks))
            known = history.forecast(trial.plain)
            recorded = known.seconds if known is not None and known.source == AWAY else None
            found = {"trial_id": trial.trial_id, "pilot": forecast, "recorded": recorded}
            trials.append({**found, "trained": trained, "spent": spent})
            say(trials[-1])
    return {"trials": trials, "processor": machine.cpu, "measured": datetime.now(UTC).date().isoformat()}


def chosen(folder: str) -> Iterator[Trial]:
    """The trials of CELLS."""
    for overrides in CELLS:
        own = ["suite=matrix", "suite.baselines=false", *overrides, "seed=0", f"paths.runs={folder}"]
        for item in plan(own).trials:
            yield item.trial


def page(found: dict[str, Any]) -> str:
    """The page, from the data file alone."""
    pilots = found["pilots"]
    spent, trained = (sum(one[key] for one in pilots["trials"]) for key in ("spent", "trained"))
    lines = [
        "# How far forecasts of cost are off",
        "",
        "Made by `python benchmarks/cost_forecast.py`, whose docstring says how. The figures are those of",
        "`src/unroll/analysis/cost_errors.json`, from which `unroll cost` prints its own error. Errors are relative,",
        "|forecast - measured| / measured, of the seconds of one trial. A ratio above 1: forecasts are too high.",
        "",
        "| forecast from | trials | median error | 90th percentile | median of forecast / measured |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {source} | {each['n']:,} | {each['median']:.1%} | {each['p90']:.1%} | {each['ratio']:.2f} |"
            for source, each in found["sources"].items()
        ),
        "",
        "Committed records hold seconds of the wall, on machines that did other work, too: a part of the error is",
        f"theirs. They are of {'; '.join(found['records_on'])}.",
        "",
        "The total of a suite, when the first seed of each cell is there and the others are still to be trained:",
        "",
        "| suite | trials | hours forecast | hours taken | error |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {name} | {each['trials']} | {each['forecast_hours']:.2f} | {each['hours']:.2f} | "
            f"{relative_error(each['forecast_hours'], each['hours']):.1%} |"
            for name, each in found["suites"].items()
        ),
        "",
        f"Pilots and the trials that they are of, in CPU seconds of one thread on {pilots['processor']},",
        f"{pilots['measured']}; the pilots took {spent:.0f} s together, the trials {trained:.0f} s. The first trial",
        "of a task prepares its data, too, which no pilot counts. Records, where there is a number, are of another",
        "processor, their seconds the wall's:",
        "",
        "| trial | pilot, s | records, s | trained, s |",
        "| --- | ---: | ---: | ---: |",
    ]
    for one in pilots["trials"]:
        recorded = "" if one["recorded"] is None else f"{one['recorded']:.2f}"
        lines.append(f"| {one['trial_id']} | {one['pilot']:.2f} | {recorded} | {one['trained']:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

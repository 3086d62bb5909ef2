"""Choose the learning rates of suite=decisive: of what suite=rates tried with half the budget, the best on validation.

    python tools/choose_rates.py

Reads the published records of `suite=half suite.of=rates` and writes conf/suite/part/rates.yaml. A network of which a
rate has no record stops it; a rate whose trial failed, or gave no number on validation, was tried and is not chosen.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from unroll.errors import UserError
from unroll.records.store import read_records
from unroll.sweeps.suite import plan

HERE = Path(__file__).resolve().parents[1]
CHOSEN = HERE / "conf" / "suite" / "part" / "rates.yaml"
HEAD = """# Learning rates of suite=decisive by validation, half the budget, seed 0: written by tools/choose_rates.py
# from the records of `suite=half suite.of=rates`.
"""
RATE = "optimizer.learning_rate"


def rates(records: Path, only: Sequence[str] = ()) -> dict[str, dict[str, float]]:
    """Part of the suite -> architecture -> rate; of some parts alone where they are named.

    Raises:
        UserError: a trial has no record.
    """
    parts = yaml.safe_load((CHOSEN.parent / "decisive.yaml").read_text())["parts"]
    known = {record["trial_id"]: record for record in read_records(records)}
    found: dict[str, dict[str, float]] = {}
    for name in only or parts:
        others = [f"~suite.parts.{other}" for other in parts if other != name]
        tried: dict[str, list[tuple[float, float]]] = {}
        for item in plan(["suite=half", "suite.of=rates", *others]).trials:
            tried.setdefault(item.trial.plain["architecture"]["name"], []).append(_of(item.trial, known))
        found[name] = {architecture: min(values)[1] for architecture, values in tried.items()}
    return found


def _of(trial: Any, known: Mapping[str, Any]) -> tuple[float, float]:
    """How bad a trial was on validation, and its rate."""
    if trial.trial_id not in known:
        what, run = "A learning rate was not tried yet.", "unroll sweep suite=half suite.of=rates"
        raise UserError(what, saw=f"no record of {trial.trial_id}", run=run)
    selection = (known[trial.trial_id]["result"] or {}).get("selection") or {}
    value = selection.get("value")
    if value is None or not math.isfinite(value):
        value = math.inf
    elif selection["direction"] == "higher":
        value = -value
    return value, trial.plain["optimizer"]["learning_rate"]


def text(records: Path, only: Sequence[str] = ()) -> str:
    """What part/rates.yaml has to hold."""
    parts = {
        name: {"when": {f"architecture={each}": [f"{RATE}={rate}"] for each, rate in found.items()}}
        for name, found in rates(records, only).items()
    }
    return HEAD + yaml.safe_dump({"parts": parts}, sort_keys=False, width=120)


if __name__ == "__main__":
    try:
        CHOSEN.write_text(text(HERE / "results" / "records"), encoding="utf-8")
    except UserError as error:
        sys.exit(str(error))

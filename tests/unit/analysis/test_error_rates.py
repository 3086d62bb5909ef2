"""The page of simulated error rates is what the committed data give, and the rates are as low as pages say."""

import json
import runpy
from pathlib import Path

import pytest

from unroll.analysis.render.page import FEW

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "error_rates.py"))
DONE = json.loads(SCRIPT["DATA"].read_text(encoding="utf-8"))


def rate(key: str) -> float:
    return 100 * DONE[key]["wrong"] / (DONE[key].get("tables") or DONE[key]["pairs"])


def test_the_page_follows_from_the_data() -> None:
    assert SCRIPT["PAGE"].read_text(encoding="utf-8") == SCRIPT["page"](DONE)


def test_the_chance_that_pages_state_for_three_seeds_is_that_of_the_data() -> None:
    of_three = [DONE[one.key] for one in SCRIPT["ASKED"] if one.seeds == 3]
    seen = [round(100 * found["seen"] / found["powered"]) for found in of_three]
    assert f"{min(seen)} to {max(seen)} %" in FEW


@pytest.mark.parametrize(("conditions", "most"), [("ASKED", 6.0), ("TWO", 6.0), ("BEYOND", 8.0)])
def test_every_condition_is_there_and_errs_no_more_than_is_said(conditions: str, most: float) -> None:
    rates = {condition.key: rate(condition.key) for condition in SCRIPT[conditions]}
    assert max(rates.values()) <= most

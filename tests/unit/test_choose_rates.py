"""The learning rates that validation chooses for the suite that decides, from made-up records of what was tried."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import choose_rates
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.sweeps.suite import plan

PARTS = ("sentences", "tags")
RATES = (0.0005, 0.0015, 0.005, 0.015)
Tried = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Tried:
    """(value of a trial on validation, direction) -> records of two parts' trials, which the tool reads."""
    every = yaml.safe_load((choose_rates.CHOSEN.parent / "decisive.yaml").read_text())["parts"]
    others = [f"~suite.parts.{name}" for name in every if name not in PARTS]
    trials = [item.trial for item in plan(["suite=half", "suite.of=rates", *others]).trials]

    def make(value: Callable[[Trial], float | None], direction: str = "lower") -> list[dict[str, Any]]:
        records = []
        for trial in trials:
            result = {"selection": {"value": value(trial), "direction": direction}}
            records.append({"trial_id": trial.trial_id, "result": None if value(trial) is None else result})
        monkeypatch.setattr(choose_rates, "read_records", lambda folder: records)
        return records

    return make


def rate(trial: Trial) -> float:
    return float(trial.plain["optimizer"]["learning_rate"])


def test_the_best_on_validation_is_chosen_by_its_direction(tried: Tried) -> None:
    tried(lambda trial: abs(math.log(rate(trial) / 0.005)))
    found = choose_rates.rates(Path(), PARTS)
    assert set(found) == set(PARTS)
    assert {value for chosen in found.values() for value in chosen.values()} == {0.005}
    assert {"lstm", "tree_lstm", "vecavg"} <= set(found["sentences"])
    tried(rate, direction="higher")
    assert {value for chosen in choose_rates.rates(Path(), PARTS).values() for value in chosen.values()} == {max(RATES)}


def test_a_rate_that_failed_was_tried_and_is_not_chosen(tried: Tried) -> None:
    tried(lambda trial: None if rate(trial) == min(RATES) else math.nan if rate(trial) == 0.0015 else rate(trial))
    assert {value for chosen in choose_rates.rates(Path(), PARTS).values() for value in chosen.values()} == {0.005}


def test_a_rate_without_a_record_stops_it(tried: Tried) -> None:
    tried(rate).pop()
    with pytest.raises(UserError, match="not tried yet") as error:
        choose_rates.rates(Path(), PARTS)
    assert error.value.run == "unroll sweep suite=half suite.of=rates"


def test_what_it_writes_gives_each_network_its_rate(tried: Tried, tmp_path: Path) -> None:
    tried(lambda trial: rate(trial) if trial.plain["architecture"]["name"] == "lstm" else -rate(trial))
    written = choose_rates.text(Path(), PARTS)
    (tmp_path / "suite" / "part").mkdir(parents=True)
    (tmp_path / "suite" / "part" / "chosen.yaml").write_text(written, encoding="utf-8")
    suite = "defaults: [part/decisive@_here_, part/chosen@_here_, _self_]\nname: chosen\nbaselines: false\n"
    (tmp_path / "suite" / "chosen.yaml").write_text(suite, encoding="utf-8")
    trials = [item.trial for item in plan(["suite=chosen", "seed=0"], str(tmp_path)).trials]
    rates = {(trial.plain["data"]["name"], trial.plain["architecture"]["name"]): rate(trial) for trial in trials}
    assert rates["rt_polarity", "lstm"] == 0.0005
    assert rates["rt_polarity", "gru"] == rates["ud_english_lines", "gru"] == 0.015

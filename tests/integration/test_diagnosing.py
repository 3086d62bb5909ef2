"""Diagnosing a trial changes no bit of its training, and is logged and recorded as often as asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.records.record import read_record
from unroll.training.train import train

TRIALS = {
    "dropout": ["sentiment", "architecture=deep_bilstm", "architecture.dropout=0.3"],
    "sampling": ["generation", "architecture=ae_variational"],
}


def ended(trial: Trial) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    train(trial)
    lines = (trial.directory / "metrics.jsonl").read_text().splitlines()
    return read_record(trial.directory), [json.loads(line) for line in lines]


def without(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if not name.startswith("diagnostics/")}


@pytest.mark.parametrize("name", TRIALS)
def test_diagnosing_changes_no_bit(name: str, tiny: Tiny, tmp_path: Path) -> None:
    task, *options = TRIALS[name]
    found = {}
    for when in ("never", "end", "validations"):
        trial = tiny.trial(task, tmp_path / when, *options, "trainer.log_every=1", f"trainer.diagnose={when}")
        found[when] = (*ended(trial), trial.trial_id)
    never, log, trial_id = found["never"]
    assert never["diagnostics"] is None
    assert not any("diagnostics/" in name for line in log for name in line)
    for record, lines, same_id in (found["end"], found["validations"]):
        assert same_id == trial_id
        assert record["result"] == never["result"]
        assert [without(line) for line in lines if len(without(line)) > 1] == log
        assert record["diagnostics"] == found["end"][0]["diagnostics"]
    assert [line["step"] for line in found["end"][1] if "diagnostics/gradient/norm" in line] == [8]
    diagnosed = [line for line in found["validations"][1] if "diagnostics/gradient/norm" in line]
    assert [line["step"] for line in diagnosed] == [0, 4, 8, 8]  # the start, two validations, the best weights
    norms = [line["diagnostics/gradient/norm"] for line in diagnosed]
    assert norms[-1] == found["end"][0]["diagnostics"]["gradient"]["norm"]
    assert len(set(norms)) > 2

"""Half the budget, trained on tiny data: an ordinary trial, which the whole one's report shows beside it."""

from pathlib import Path

import pytest
from sweeping import write_suite
from tiny_data import Tiny

from unroll import api
from unroll.records.audit import audit
from unroll.records.record import read_record
from unroll.sweeps.suite import plan
from unroll.sweeps.sweep import run_sweep


def test_the_half_is_trained_by_its_own_schedule_and_stands_beside_the_whole(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    conf = str(write_suite(tiny, runs, "budget.epochs=2", "optimizer.schedule=cosine"))
    chosen = ["architecture=gru", "workers=1"]
    assert run_sweep(["suite=half", "suite.of=six", *chosen], conf)
    assert f"Beside the whole budget: unroll report suite=six --runs {runs}" in capsys.readouterr().out
    assert run_sweep(["suite=six", *chosen], conf)
    wholes, halves = (
        [read_record(item.trial.directory) for item in plan([*words, *chosen], conf).trials]
        for words in (["suite=six"], ["suite=half", "suite.of=six"])
    )
    for whole, half in zip(wholes, halves, strict=True):
        (last,), (middle, _) = (record["result"]["curves"]["validation"] for record in (half, whole))
        assert last["step"] == middle["step"] == half["result"]["steps"] == whole["result"]["steps"] / 2
        assert last["mse"] != middle["mse"], "its learning rate has come to its end there, and the whole one's has not"
        command = half["run"]["command"].split()
        assert api.compose(command[2:-2], conf).trial_id == half["trial_id"]
    report = (runs / "six" / "report.md").read_text()
    assert "### Half the budget" in report
    assert all(f"`{half['trial_id']}` (half the budget)" in report for half in halves)
    assert "How far training went" not in (runs / "six-half" / "report.md").read_text()
    assert not audit(runs).failures

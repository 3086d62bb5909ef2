"""history.jsonl: the axes, one name for what selects, and line for line what metrics.jsonl has."""

import json
from pathlib import Path
from typing import Any

import pytest

from unroll.records.store import read_records
from unroll.tracking.history import AXES, History, Known, history, history_line, known_of, read_lines

RECORDS = Path(__file__).resolve().parents[3] / "results" / "records"
KNOWN = Known(per_epoch=10, train=95, batch=10, boundary=0, operations=(1e11, 1e11), selection="nll")


def test_axes_and_selection() -> None:
    line = history_line({"step": 25, "train/task": 1.5, "validation/nll": 0.5, "validation/error": 3.0}, KNOWN, 12.5)
    assert line == {
        "progress/step": 25,
        "progress/epoch": 2.5,
        "progress/examples": 240,
        "progress/tflop": pytest.approx(24.0),
        "progress/seconds": 12.5,
        "selection": 0.5,
        "train/task": 1.5,
        "validation/nll": 0.5,
        "validation/error": 3.0,
    }
    assert list(line)[:5] == list(AXES)


def test_a_line_without_a_validation_selects_nothing() -> None:
    assert "selection" not in history_line({"step": 1, "train/task": 1.0}, KNOWN)
    assert "progress/seconds" not in history_line({"step": 1, "train/task": 1.0}, KNOWN)


def test_the_second_phase_costs_something_else() -> None:
    known = Known(per_epoch=10, train=100, batch=10, boundary=5, operations=(1e12, 3e12), selection="nll")
    costs = [history_line({"step": step}, known)["progress/tflop"] for step in (0, 5, 6)]
    assert costs == [0, 50, 80]


def test_of_diagnostics_five_names_that_all_have() -> None:
    found = {
        "diagnostics/gradient/norm": 1.0,
        "diagnostics/gradient/growth_per_step": 2.0,
        "diagnostics/gradient/by_distance/4": 3.0,
        "diagnostics/code/dead_share": 4.0,
        "diagnostics/code/jacobian_norm": 5.0,
        "diagnostics/gates/encoder.layers.0/forget/open": 6.0,
    }
    line = history_line({"step": 0, **found}, KNOWN)
    assert {name: value for name, value in line.items() if name.startswith("diagnostics")} == {
        "diagnostics/grad_norm": 1.0,
        "diagnostics/growth_per_step": 2.0,
        "diagnostics/dead_share": 4.0,
        "diagnostics/jacobian_norm": 5.0,
    }


def written(tmp_path: Path, *steps: int) -> list[dict[str, Any]]:
    """A history of these steps, a second each; returns metrics.jsonl's lines."""
    kept = History(tmp_path / "history.jsonl", KNOWN, [])
    for step in steps:
        kept.log({"train/task": step / 10}, step, float(step))
    return [{"step": step, "train/task": step / 10} for step in steps]


def test_it_goes_on_where_metrics_do(tmp_path: Path) -> None:
    lines = written(tmp_path, 10, 20, 30)
    History(tmp_path / "history.jsonl", KNOWN, lines[:2]).log({"train/task": 3.0}, 30, 31.0)
    found = list(read_lines(tmp_path / "history.jsonl"))
    assert [(line["progress/step"], line["progress/seconds"]) for line in found] == [(10, 10.0), (20, 20.0), (30, 31.0)]


@pytest.mark.parametrize("damage", [b"", b'{"progress/step": 1', b"[]\n", b'{"progress/step": 99}\n'])
def test_what_is_not_there_is_made_up(tmp_path: Path, damage: bytes) -> None:
    """A process that was killed between two files, or a tracker that was asked for later: no line is missing."""
    lines = written(tmp_path, 10, 20)
    path = tmp_path / "history.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + damage)
    History(path, KNOWN, lines)
    found = list(read_lines(path))
    assert [(line["progress/step"], line["train/task"]) for line in found] == [(10, 1.0), (20, 2.0)]
    assert [line.get("progress/seconds") for line in found] == [10.0, None]


def test_the_final_evaluation_is_no_line(tmp_path: Path) -> None:
    lines = [*written(tmp_path, 10), {"step": 10, "test/nll": 1.0}]
    History(tmp_path / "history.jsonl", KNOWN, lines)
    assert len(list(read_lines(tmp_path / "history.jsonl"))) == 1


def test_a_committed_record_gives_its_validations(tmp_path: Path) -> None:
    """And metrics.jsonl beside it all its lines."""
    record = next(
        one for one in read_records(RECORDS) if len((one["result"]["curves"] or {}).get("validation", [])) > 3
    )
    points = record["result"]["curves"]["validation"]
    found = history(record, None)
    assert [line["progress/step"] for line in found] == [point["step"] for point in points]
    selection = record["result"]["selection"]
    best = max if selection["direction"] == "higher" else min
    assert best(line["selection"] for line in found) == selection["value"]
    last = history_line({"step": record["result"]["steps"]}, known_of(record) or KNOWN)
    assert last["progress/epoch"] == pytest.approx(record["result"]["epochs"])
    assert last["progress/tflop"] == pytest.approx(record["flops"]["training"] / 1e12)
    assert last["progress/seconds"] == pytest.approx(record["run"]["training_seconds"])
    lines = [{"step": 1, "train/task": 2.0}, {"step": 2, "train/task": 1.0}, {"step": 2, "test/x": 1.0}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [line["train/task"] for line in history(record, tmp_path)] == [2.0, 1.0]


def test_a_history_of_another_training_is_not_told(tmp_path: Path) -> None:
    """history.jsonl of a trial that was trained again without trackers: metrics.jsonl is the truth."""
    record = next(one for one in read_records(RECORDS) if one["result"]["steps"])
    metrics = [{"step": 1, "train/task": 2.0}, {"step": 2, "train/task": 1.0}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics))
    old = [{"progress/step": 1, "progress/seconds": 7.0, "train/task": 2.0}, {"progress/step": 2, "train/task": 9.0}]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    found = history(record, tmp_path)
    assert [line["train/task"] for line in found] == [2.0, 1.0]
    assert found[0]["progress/seconds"] == 7.0
    assert found[1]["progress/seconds"] != 7.0

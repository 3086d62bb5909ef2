"""Exported records: a row each, all or nothing, and what is said when they cannot be written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars
import pytest

from unroll.api import records
from unroll.errors import UserError
from unroll.records.export import export
from unroll.records.record import read_record, write_record
from unroll.records.schema import SCHEMA_VERSION
from unroll.records.seal import sealed

pytestmark = pytest.mark.usefixtures("believed")


def record(seed: int, accuracy: float | None) -> dict[str, Any]:
    """A record; without an accuracy, a failed trial's."""
    made: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "trial_id": f"sentiment-sst2-lstm-s{seed}-0123456789",
        "status": "failed",
        "config": {"seed": seed, "task": {"name": "sentiment", "baselines": ["majority"]}},
        "protocol_version": 1,
        "data": {"name": "sst2", "content_sha256": "ab", "source": "local sst", "verified": True},
        "parameters": {"total": 30, "counted": 10, "embeddings": 20},
        "flops": None,
        "result": None,
        "run": {
            "started": "2026-01-01T00:00:00+00:00",
            "seconds": 12.5,
            "hardware": {"cores": 2},
            "packages": {"torch": "2.13.0"},
            "code": {"version": "0.1.0", "commit": None, "dirty": None},
        },
        "reportable": False,
        "why_not_reportable": ["failed"],
        "error": {"type": "ValueError", "message": 'said "no",\nthen left', "traceback": "Traceback ..."},
    }
    if accuracy is None:
        return made
    result = {
        "metrics": {"validation": {"nll": 0.5}, "test": {"accuracy": accuracy, "nll": 0.45}},
        "primary": {"name": "accuracy", "value": accuracy, "unit": "%", "direction": "higher"},
        "selection": {"name": "nll", "value": 0.5, "direction": "lower", "step": 4},
        "examples": {"train": 100, "validation": 10, "test": 10},
        "steps": 4,
        "epochs": 1,
        "weights_sha256": "cd",
        "predictions_sha256": "ef",
        "data_sha256": "ab",
    }
    ends = {"status": "finished", "result": result, "flops": {"forward_per_example": 5, "training": 100}}
    return made | ends | {"reportable": True, "why_not_reportable": [], "error": None}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for made in (record(0, 81.5), record(1, None), record(2, 80.25)):
        write_record(tmp_path / "runs" / made["trial_id"], made)
    return tmp_path / "runs"


READERS: dict[str, Any] = {".csv": polars.read_csv, ".parquet": polars.read_parquet}


@pytest.mark.parametrize("suffix", READERS)
def test_a_row_a_record_a_column_a_field(runs: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / "made" / f"all{suffix}"
    assert export(runs, out) == 3
    table = READERS[suffix](out)
    assert table["config.seed"].to_list() == [0, 1, 2]
    assert table["result.primary.value"].to_list() == [81.5, None, 80.25]
    assert table["status"].to_list() == ["finished", "failed", "finished"]
    assert table["error.message"].to_list() == [None, 'said "no",\nthen left', None]
    assert json.loads(table["config.task.baselines"][0]) == ["majority"]
    assert table.columns == records(runs).columns
    assert [file.name for file in out.parent.iterdir()] == [out.name]


def test_diagnostics_are_columns_but_for_each_layer_and_distance(tmp_path: Path) -> None:
    gradient = {"norm": 0.5, "growth_per_step": 0.9, "by_distance": [1.0], "layers": {"encoder": 0.5}}
    code = {"jacobian_norm": 2.0, "dead_share": 0.25, "zero_share": 0.0, "kl_per_dimension": [0.5]}
    gates = {"encoder.layers.0.ahead": {"forget": {"closed": 0.0, "open": 0.5}}}
    found = {"examples": 32, "gradient": gradient, "gates": gates, "code": code}
    for made in (record(0, 81.5), record(1, 80.5) | {"diagnostics": found}):  # the first is older than diagnostics
        write_record(tmp_path / made["trial_id"], made)
    table = records(tmp_path)
    assert table["diagnostics.gradient.growth_per_step"].to_list() == [None, 0.9]
    assert [name.removeprefix("diagnostics.") for name in table.columns if name.startswith("diagnostics.")] == [
        "examples",
        "gradient.norm",
        "gradient.growth_per_step",
        "code.jacobian_norm",
        "code.dead_share",
        "code.zero_share",
    ]


@pytest.mark.parametrize(("status", "seeds"), [("finished", [0, 2]), ("failed", [1])])
def test_one_status(runs: Path, tmp_path: Path, status: str, seeds: list[int]) -> None:
    assert export(runs, tmp_path / "some.csv", status) == len(seeds)
    assert polars.read_csv(tmp_path / "some.csv")["config.seed"].to_list() == seeds


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("all.xlsx", None, [".csv, .parquet", "all.xlsx", "--out"]),
        ("all", None, [".csv, .parquet"]),
        ("all.csv", "done", ["finished, failed", "done"]),
    ],
)
def test_what_is_not_known_says_what_is(
    runs: Path, tmp_path: Path, name: str, status: str | None, words: list[str]
) -> None:
    with pytest.raises(UserError) as raised:
        export(runs, tmp_path / name, status)
    assert [word for word in words if word not in str(raised.value)] == []
    assert not (tmp_path / name).exists()


def test_nothing_to_export_is_said(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no record to export"):
        export(tmp_path / "empty", tmp_path / "all.csv")
    (runs / record(1, None)["trial_id"] / "record.json").unlink()
    with pytest.raises(UserError, match="no failed record") as raised:
        export(runs, tmp_path / "all.csv", "failed")
    assert "2 records" in str(raised.value)


def test_a_write_that_fails_leaves_the_old_file(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out" / "all.csv"
    export(runs, out)
    before = out.read_bytes()

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="cannot be written") as raised:
        export(runs, out, "failed")
    assert "No space left" in str(raised.value)
    assert out.read_bytes() == before
    assert list(out.parent.iterdir()) == [out]


def test_a_folder_in_the_way(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "all.csv").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        export(runs, tmp_path / "all.csv")
    assert not list(tmp_path.glob(".all.csv*"))


def test_the_command(tmp_path: Path) -> None:
    """One cut record and one forged one are refused with their reasons; the others are exported all the same."""
    committed = sorted((Path(__file__).resolve().parents[3] / "results" / "records").glob("adding-adding-gru-*.json"))
    runs = tmp_path / "runs"
    runs.mkdir()
    for path in committed[:4]:
        shutil.copy(path, runs)
        shutil.copy(path.with_suffix(".scores.npz"), runs)
    command = [sys.executable, "-m", "unroll", "export", "--runs", str(runs), "--status", "finished", "--out"]
    wrong = subprocess.run([*command, str(tmp_path / "all.doc")], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "allowed: .csv, .parquet" in wrong.stderr
    cut, forged = (runs / path.name for path in committed[:2])
    cut.write_bytes(cut.read_bytes()[:-300])
    record = read_record(forged)
    record["result"]["primary"]["value"] = record["result"]["metrics"]["test"]["mse"] = 1e-9
    forged.write_bytes(sealed(record))
    done = subprocess.run([*command, str(tmp_path / "all.csv")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, f"{tmp_path / 'all.csv'}: 2 records\n"), done.stderr
    assert f"The record {cut} cannot be read." in done.stderr
    assert f"The record {forged} is not true to itself." in done.stderr
    assert "scores: mse 1e-09" in done.stderr
    assert "Traceback" not in wrong.stderr + done.stderr

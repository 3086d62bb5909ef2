"""A person's own series from its file to a record: what is wrong in it is said before training, what helps works."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from unroll import api
from unroll.cli import app

UNROLL = Path(sys.executable).with_name("unroll")
SMALL = ["task=forecasting", "data=river", "task.window=24", "task.horizon=6"]
BASELINE = [*SMALL, "baseline=last_value"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where data, YAML, cache and runs lie."""
    monkeypatch.setenv("UNROLL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("UNROLL_CACHE", str(tmp_path / "cache"))
    return tmp_path


def write(place: Path, rows: list[str], header: str = "date,a,b") -> None:
    node = {
        "name": "river",
        "kind": "series",
        "reader": "series",
        "channels": "joint",
        "origin": {"sources": [{"local": "river", "files": {"river.csv": None}}]},
    }
    for file, text in (
        ("mine/data/river.yaml", yaml.safe_dump(node)),
        ("data/river/river.csv", "\n".join([header, *rows])),
    ):
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(text)


def hours(level: float = 0.0) -> list[str]:
    steps = np.arange(600)
    stamps = np.datetime64("2020-01-01T00") + steps
    wave = np.sin(steps / 4) + np.random.default_rng(7).normal(0, 0.3, 600)
    return [
        f"{stamp},{a + level:.4f},{b + level:.4f}"
        for stamp, a, b in zip(stamps, wave, np.cos(steps / 4) * 3, strict=True)
    ]


def result(place: Path, runs: str, *overrides: str) -> dict[str, Any]:
    chosen = [*SMALL, *overrides, f"paths.runs={place / runs}"]
    return api.train(api.compose(chosen, config_dir=str(place / "mine")))["result"]


def test_a_level_changes_no_score_of_a_trained_network(place: Path) -> None:
    scores = []
    for level in (0.0, 1e9):
        write(place, hours(level))
        found = result(
            place, f"runs{level:g}", "architecture=gru", "architecture.width=8", "budget.epochs=null", "budget.steps=3"
        )
        scores.append(found["metrics"]["test"])
    for name in ("mse", "mae"):
        assert scores[0][name] == pytest.approx(scores[1][name], abs=1e-6)
    assert scores[0]["mse_original"] == pytest.approx(scores[1]["mse_original"], rel=1e-5)
    assert scores[0]["mse"] > 0.01


def test_rows_out_of_order_are_refused_and_the_command_that_is_named_trains(place: Path) -> None:
    rows = hours()
    write(place, [*rows[:300], *rows[290:300], *rows[300:]])
    typed = [str(UNROLL), "train", "--config-dir", str(place / "mine"), *BASELINE, f"paths.runs={place / 'runs'}"]
    refused = subprocess.run(typed, capture_output=True, text=True, cwd=place)
    assert refused.returncode == 2, refused.stderr
    assert "river.csv, line 302, column date: the series goes back in time" in refused.stderr
    assert list(place.glob("runs/*/record.json")) == []
    (command,) = (line.split("run:")[1] for line in refused.stderr.splitlines() if "run:" in line)
    path = f"{UNROLL.parent}{os.pathsep}{os.environ['PATH']}"
    trained = subprocess.run(
        shlex.split(command), capture_output=True, text=True, cwd=place, env={**os.environ, "PATH": path}
    )
    assert trained.returncode == 0, trained.stderr
    assert "note: 10 rows repeat the time of the row before" in trained.stderr
    (record,) = place.glob("runs/*/record.json")
    profile = json.loads(record.read_text())["data"]["profile"]
    assert (profile["rows"]["read"], profile["series"]["repeats"], profile["series"]["step"]) == (610, 10, "1 h")
    assert profile["series"]["moved"] > 0


def test_data_check_and_data_show_tell_what_a_series_is(place: Path) -> None:
    rows = hours()
    rows[50] = rows[50].split(",")[0] + ",,1.5"
    write(place, [f"{row},14.62" for row in [*rows[:400], *rows[410:]]], header="date,a,b,c")
    where = ["river", "--config-dir", str(place / "mine")]
    check = CliRunner().invoke(app, ["data", "check", *where])
    assert check.exit_code == 0, check.output
    for said in ("column a: 1 missing cells", "column c: constant in train", "1 steps in time are longer"):
        assert f"note: {said}" in check.output
    show = CliRunner().invoke(app, ["data", "show", *where, "--rows", "1"])
    assert show.exit_code == 0, show.output
    for said in (
        "rows:      590 read, 0 left out; train 413, validation 59, test 118",
        "2020-01-01T00 to 2020-01-25T23; a step is 1 h; 1 steps are longer, up to 11 h",
        "constant in train, 1 values, 0 missing",
        "train: timestamp '2020-01-01T00', a ",
    ):
        assert said in show.output
    unknown = CliRunner().invoke(app, ["data", "show", "rivre", "--config-dir", str(place / "mine")])
    assert "Did you mean 'river'" in str(unknown.output) + str(unknown.exception)

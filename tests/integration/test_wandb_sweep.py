"""The sweep that ships, by a real `wandb agent`: Hydra takes what it says, and a finished trial reports, too."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_data import Tiny, small_overrides
from wandb_server import KEY, Sweep, wandb_server

import unroll
from unroll.records.record import read_record

SHIPPED = Path(__file__).resolve().parents[2] / "sweeps" / "learning_rate.yaml"
RATES = [0.01, 0.003, 0.01]  # the last one's trial is there by then


def small(tiny: Tiny, runs: Path) -> str:
    """The sweep as it ships, of a small trial in place of its own."""
    sweep: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    at = sweep["command"].index("train") + 1
    own = [word for word in sweep["command"][at:] if not word.startswith(("task=", "architecture="))]
    trial = [*tiny.overrides("sentiment", runs), *small_overrides("sentiment", "architecture=gru"), "architecture=gru"]
    options = ["--config-dir", tiny.config_dir, "budget.epochs=1"]
    sweep["command"] = [*sweep["command"][:at], *trial, *options, *own]
    return yaml.safe_dump(sweep, sort_keys=False)


def test_every_run_of_an_agent_ends_with_what_it_is_judged_by(tiny: Tiny, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    source = str(Path(unroll.__file__).parents[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": source, "OMP_NUM_THREADS": "1", "WANDB_API_KEY": KEY}
    with wandb_server() as server:
        own["WANDB_BASE_URL"] = server.url
        server.sweep = Sweep(small(tiny, runs), [{"optimizer.learning_rate": rate, "seed": 0} for rate in RATES])
        command = [sys.executable, "-m", "wandb", "agent", "--count", str(len(RATES)), "local/unroll/sweep"]
        done = subprocess.run(
            command, cwd=tmp_path, env=kept | own, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        records = {read_record(path)["trial_id"]: read_record(path) for path in runs.glob("*/record.json")}
        assert len(records) == 2
        found = [server.runs[Sweep.run_id(number)] for number in range(len(RATES))]
        assert set(server.runs) == {Sweep.run_id(number) for number in range(len(RATES))}
    for run, rate in zip(found, RATES, strict=True):
        record = records[run.config["trial_id"]]
        assert record["config"]["optimizer"]["learning_rate"] == rate
        assert run.config["optimizer.learning_rate"] == rate
        assert run.summary["selection/best"] == record["result"]["selection"]["value"]
        assert (run.exit_code, run.about["sweep"]) == (0, "sweep")
    assert found[2].summary["selection/best"] == found[0].summary["selection/best"]
    assert [line.get("selection") for line in found[2].history] == [line.get("selection") for line in found[0].history]


def test_it_is_what_the_page_says() -> None:
    sweep = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    assert sweep["metric"]["name"] == "selection/best"
    assert sweep["command"][-1] == "${args_no_hyphens}", "W&B's own form has hyphens, which Hydra does not take"
    assert "logger=wandb" in sweep["command"]


@pytest.mark.parametrize("variable", ["WANDB_RUN_ID", "WANDB_SWEEP_ID"])
def test_half_an_agent_is_none(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from unroll.tracking.wandb_run import agents_run

    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "x")
    assert agents_run() is None

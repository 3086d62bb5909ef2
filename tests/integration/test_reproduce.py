"""`unroll reproduce` on the real ETTh1: Repeat is computed from the CSV, and judged."""

import csv
import hashlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.trial import earlier
from unroll.errors import UserError
from unroll.reproduction.plan import plan_table
from unroll.reproduction.published import read_table
from unroll.reproduction.run import finder, judged, run_reproduction
from unroll.reproduction.verdicts import REPRODUCED, RULE, SIMULATED, WORSE

TABLE = "ltsf_linear_etth"
COMMITTED = Path(__file__).parents[2] / "results" / "records"


def repeat(folder: Path, rows: list[str], *overrides: str) -> dict[str, Any]:
    """Run rows of the table in this process; row -> its outcome."""
    paths = [f"paths.runs={folder}", f"paths.cache={folder}/cache"]
    assert run_reproduction([TABLE, *paths, *overrides, "hydra/launcher=basic"], rows)
    found = judged(plan_table(read_table(TABLE), finder(folder), [*paths, *overrides]), folder)
    return {row.plan.name: row for row in found.outcomes}


def test_repeat_has_the_eight_published_numbers_to_three_decimals(benchmark_data: Path, tmp_path: Path) -> None:
    found = repeat(tmp_path, ["repeat_*"], f"paths.data={benchmark_data}")
    cells = [cell for name, row in found.items() if name.startswith("repeat_") for cell in row.cells if cell.reported]
    assert len(cells) == 8
    for cell in cells:
        assert round(cell.values[0], 3) == cell.reported.value
        assert cell.verdict.word == REPRODUCED
    report = (tmp_path / f"reproduce-{TABLE}" / "report.md").read_text()
    assert report.count("**reproduced**") == 8


def test_one_changed_row_of_the_csv_moves_the_figure(benchmark_data: Path, tmp_path: Path) -> None:
    lines = (benchmark_data / "ett" / "ETTh1.csv").read_text().splitlines()
    row = 1 + 8640 + 2880 + 1000  # in test
    lines[row] = ",".join([lines[row].split(",")[0], *["500.0"] * 7])
    changed = tmp_path / "data" / "ett" / "ETTh1.csv"
    changed.parent.mkdir(parents=True)
    changed.write_text("\n".join(lines) + "\n")
    sha256 = hashlib.sha256(changed.read_bytes()).hexdigest()
    sources = f"data.origin.sources=[{{local:ett,files:{{ETTh1.csv:{sha256}}}}}]"
    origin = [sources, "data.origin.content_sha256=null", "data.name=changed", f"paths.data={tmp_path / 'data'}"]
    cell = repeat(tmp_path, ["repeat_96"], *origin)["repeat_96"].cells[0]
    assert cell.values[0] > 2 * 1.295
    assert cell.verdict.word == WORSE


def test_nothing_is_trained_where_tables_are_only_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("unroll.reproduction.run.table_names", lambda *_: [TABLE])
    found = CliRunner().invoke(app, ["reproduce", "--list"])
    assert found.exit_code == 0, found.output
    assert TABLE in found.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["md", "tex", "csv"])
def test_what_is_judged_is_written_where_it_is_said_and_nothing_else(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table without any records of one row: judged from the others, exit code 1, and nothing is trained."""
    monkeypatch.setenv("COLUMNS", "200")
    records = tmp_path / "records"
    records.mkdir()
    judge = ["reproduce", TABLE, "--row", "repeat_96", "--row", "rnn_96", "--judge", "--runs", str(records)]
    for trial in plan_table(read_table(TABLE), lambda trial_id: None, []).comparing:
        if trial.trial.row == "last_value" and trial.trial.plain["task"]["horizon"] == 96:
            names = [f"{one.trial_id}.json" for one in (trial.trial, *earlier(trial.trial))]
            name = next(name for name in names if (COMMITTED / name).is_file())  # of an earlier protocol, if need be
            (records / name).write_bytes((COMMITTED / name).read_bytes())
    report = tmp_path / f"table.{suffix}"
    found = CliRunner().invoke(app, [*judge, "--out", str(report)])
    assert found.exit_code == 1, found.output
    assert found.output.count("without a finished record: forecasting-etth1-rnn") == 3
    assert " ".join(found.output.split()).count(f"{RULE} {SIMULATED}") == 1
    text = report.read_text()
    if suffix == "csv":
        lines = {line["metric"]: line for line in csv.DictReader(text.splitlines()) if line["row"] == "repeat_96"}
        assert set(lines) == {"mse", "mae", "mse_all", "mae_all"}
        assert (lines["mse"]["reported"], lines["mse"]["verdict"], lines["mse_all"]["verdict"]) == (
            "1.295",
            REPRODUCED,
            "",
        )
        assert float(lines["mse"]["reproduced"]) == pytest.approx(1.295, abs=5e-4)
    else:
        assert {"md": "| Repeat, 96 steps |", "tex": r"\toprule"}[suffix] in text
    assert {path.name for path in tmp_path.iterdir()} == {"records", report.name}
    assert [path.suffix for path in records.iterdir()] == [".json"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([TABLE, "seed=abc"], "'seed' is not a seed"),
        ([TABLE, "seed="], "'seed' is not a seed"),
        ([TABLE, "--row", "repeat_96", "--row", "typo*"], "typo*"),
        ([TABLE, "keras_parameter_counts", "--row", "repeat_96"], "keras_parameter_counts has no such row"),
        ([TABLE, "tai2015_sst", "--row", "repeat_96", "--row", "typo*"], "no such row in"),
        (["keras_parameter_counts", "optimizer.learning_rte=0.1"], "would change nothing"),
        ([TABLE, "--judge", "--runs", "nowhere"], "not there"),
        (["--list", "--runs", "nowhere"], "not there"),
        ([TABLE, "--out", "table.pdf"], "no such format"),
        ([TABLE, "--out", "/proc/table.md"], "No report can be written there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_told_before_anything_is_trained(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, ["reproduce", *words])
    assert found.exit_code != 0
    assert isinstance(found.exception, UserError)
    assert said in str(found.exception)
    assert list(tmp_path.iterdir()) == []

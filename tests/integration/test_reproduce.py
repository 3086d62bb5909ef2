"""`unroll reproduce` on the real ETTh1: Repeat is computed from the CSV, and judged."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unroll.cli import app
from unroll.planning.reported import read_table
from unroll.planning.reproduce import finder, judged, run_reproduction
from unroll.planning.reproduction import plan_table
from unroll.results.verdicts import REPRODUCED, WORSE

TABLE = "ltsf_linear_etth"


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
    origin = [sources, "data.origin.content_sha256=null", f"paths.data={tmp_path / 'data'}"]
    cell = repeat(tmp_path, ["repeat_96"], *origin)["repeat_96"].cells[0]
    assert cell.values[0] > 2 * 1.295
    assert cell.verdict.word == WORSE


@pytest.mark.parametrize("command", ["--list", "--judge"])
def test_nothing_is_trained_where_records_are_only_judged(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("unroll.planning.reproduce.table_names", lambda: ["keras_parameter_counts", TABLE])
    words = [command] if command == "--list" else ["keras_parameter_counts", "--judge"]
    found = CliRunner().invoke(app, ["reproduce", *words])
    assert found.exit_code == 0, found.output
    assert ("ltsf_linear_etth" in found.output) == (command == "--list")
    assert list(tmp_path.glob("**/record.json")) == []

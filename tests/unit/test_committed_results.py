"""What is committed agrees with itself: tables and README are made from the records, and every number has a unit."""

import runpy
from pathlib import Path

import pytest

from unroll.results.report import write_tables
from unroll.results.store import read_records
from unroll.results.tables import make_tables
from unroll.results.units import unit

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "results" / "records"


@pytest.fixture(scope="module")
def records() -> list[dict]:
    return read_records(RECORDS) if RECORDS.is_dir() else []


def test_tables_are_what_the_records_give(records: list[dict], tmp_path: Path) -> None:
    made = {path.name: path.read_text() for path in write_tables(records, tmp_path)}
    committed = {path.name: path.read_text() for path in (ROOT / "results" / "tables").glob("*.md")}
    assert committed == made, "run: unroll report --runs results/records --out results/tables"


def test_the_readme_shows_the_records() -> None:
    readme = (ROOT / "README.md").read_text()
    filled = runpy.run_path(str(ROOT / "scripts" / "fill_readme.py"))["filled"]
    assert filled(readme) == readme, "run: python scripts/fill_readme.py"


def test_committed_trials_are_reportable_or_failed_and_their_metrics_have_units(records: list[dict]) -> None:
    finished = [record for record in records if record["status"] == "finished"]
    assert [record["trial_id"] for record in finished if not record["reportable"]] == []
    for table in make_tables(records):
        for row in table.rows:
            assert [name for name in row.metrics if not unit(table.task, name)] == []

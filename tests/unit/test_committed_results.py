"""What is committed agrees with itself: tables and README are made from the records, and every number has a unit."""

import runpy
from pathlib import Path

import pytest

from unroll.planning.suites import plan
from unroll.results.report import report
from unroll.results.scores import score_name, scores_under
from unroll.results.store import read_records
from unroll.results.tables import make_tables
from unroll.results.units import unit

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "results" / "records"


@pytest.fixture(scope="module")
def records() -> list[dict]:
    return read_records(RECORDS)


PAGES = sorted((ROOT / "results" / "tables").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_suites_page_is_what_the_records_give(page: Path, tmp_path: Path) -> None:
    (made,) = report(RECORDS, plan([f"suite={page.stem}"]), tmp_path / page.name)
    assert page.read_text() == made.read_text(), f"run: python scripts/publish.py suite={page.stem}"


def test_every_committed_record_stands_on_a_page(records: list[dict]) -> None:
    shown = "".join(page.read_text() for page in PAGES)
    assert [record["trial_id"] for record in records if record["trial_id"] not in shown] == []


def test_scores_of_examples_are_those_of_the_records(records: list[dict]) -> None:
    """Their mean is the primary metric, but for BLEU, which is no mean over sentences."""
    read = scores_under(RECORDS)
    for record in records:
        scores = read(record) if record["status"] == "finished" else None
        if scores is None:
            continue
        assert len(scores) == record["result"]["examples"]["test"], record["trial_id"]
        if score_name(record["result"]["primary"]["name"]) != "sentence_bleu":
            assert scores.mean() == pytest.approx(record["result"]["primary"]["value"], rel=1e-4), record["trial_id"]


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

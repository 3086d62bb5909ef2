"""Disputes: what is filed, what is refused as one, and what a page makes of them."""

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
from table_records import record

from unroll.errors import UserError
from unroll.records.audit import trusted
from unroll.records.seal import sealed
from unroll.verification.disputes import dispute, disputed, filed, finder, wrong
from unroll.verification.replications import of

Record = dict[str, Any]
PUBLISHED = record("lstm", 0, 81.0)
TRIAL = PUBLISHED["trial_id"]

pytestmark = pytest.mark.usefixtures("believed")


def again(value: float | None, started: str = "2026-02-01T00:00:00+00:00", **changes: Any) -> Record:
    found = copy.deepcopy(record("lstm", 0, value))
    found["run"]["started"] = started
    return found | changes


def write(folder: Path, found: Record) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found['trial_id']}.json"
    path.write_bytes(sealed(found))
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write(tmp_path / "results" / "records", PUBLISHED)
    return tmp_path / "results"


def test_a_contradicting_record_is_copied_into_its_labs_folder(results: Path, tmp_path: Path) -> None:
    mine = again(40.0)
    mine["config"]["paths"]["runs"] = "/home/me/runs"
    path = dispute(write(tmp_path / "mine", mine), "MIT", results=results)
    assert path == results / "disputes" / "MIT" / f"{TRIAL}.json"
    assert "/home/me" not in path.read_text()
    assert wrong(results) == []
    (found,) = of(disputed(trusted(results / "records", []), filed(results)))
    assert (found.counts, found.labs, found.contradicts) == (("published",), ("MIT",), True)


def test_the_published_record_counts_even_where_the_disputing_one_is_older(results: Path, tmp_path: Path) -> None:
    dispute(write(tmp_path / "mine", again(40.0, "2020-01-01T00:00:00+00:00")), "MIT", results=results)
    (found,) = disputed(trusted(results / "records", []), filed(results))
    assert found["result"]["primary"]["value"] == 81.0
    assert [one.contradicts for one in of([found])] == [True]
    find = finder({TRIAL: PUBLISHED}.get, filed(results))
    assert [one.labs for one in of([find(TRIAL) or {}])] == [("MIT",)]
    assert find("another") is None


@pytest.mark.parametrize(
    ("mine", "why"),
    [
        (again(81.5), "it is a replication of the published record, within tolerance, largest gap 0.61 %"),
        (again(81.0), "it is a replication of the published record, bit-identical"),
        (PUBLISHED, "it is a copy of the published record"),
        (again(None), "its trial failed, which contradicts no number"),
        (again(40.0, reportable=False, why_not_reportable=["its code had changes"]), "it is not reportable, because"),
    ],
)
def test_what_contradicts_nothing_is_refused_and_nothing_is_written(
    mine: Record, why: str, results: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="disputes nothing: " + why) as error:
        dispute(write(tmp_path / "mine", mine), "MIT", results=results)
    assert error.value.run == (f"unroll report --runs {results}/records --runs MIT={tmp_path}/mine --out report.md")
    assert not (results / "disputes").exists()
    path = write(results / "disputes" / "MIT", mine)  # by hand
    assert [line.partition(" disputes nothing: ")[0] for line in wrong(results)] == [str(path)]


def test_a_trial_that_is_not_published_has_nothing_to_dispute(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to dispute"):
        dispute(write(tmp_path / "mine", record("rnn", 0, 40.0)), "MIT", results=results)
    write(results / "disputes" / "MIT", record("rnn", 0, 40.0))
    (line,) = wrong(results)
    assert line.endswith("disputes nothing: no such trial is published")


def test_a_labs_name_leads_nowhere_else(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no name of a lab"):
        dispute(write(tmp_path / "mine", again(40.0)), "../records", results=results)


def test_no_folder_and_an_empty_one_are_no_dispute(results: Path) -> None:
    assert filed(results).runs == {}
    (results / "disputes").mkdir()
    (results / "disputes" / "README.md").write_text("how to")
    (results / "disputes" / "MIT").mkdir()
    assert filed(results).runs == {}
    assert wrong(results) == []
    records = trusted(results / "records", [])
    assert disputed(records, filed(results)) == records


def test_a_record_in_no_labs_folder_is_told_of(results: Path) -> None:
    path = write(results / "disputes", again(40.0))
    assert wrong(results) == [f"{path} lies in no lab's folder: {results}/disputes/LAB/"]


def test_a_damaged_dispute_is_an_error(results: Path) -> None:
    path = write(results / "disputes" / "MIT", again(40.0))
    path.write_text(path.read_text().replace("40.0", "41.0"))
    with pytest.raises(UserError, match="cannot be read"):
        filed(results)


def test_two_labs_may_dispute_one_trial(results: Path, tmp_path: Path) -> None:
    for lab, value in (("MIT", 40.0), ("ETH", 50.0)):
        dispute(write(tmp_path / lab, again(value)), lab, results=results)
    assert [one.labs for one in of(disputed([PUBLISHED], filed(results)))] == [("MIT",), ("ETH",)]
    shutil.rmtree(results / "disputes" / "MIT")
    assert [one.labs for one in of(disputed([PUBLISHED], filed(results)))] == [("ETH",)]

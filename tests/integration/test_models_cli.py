"""The commands that use a trained model, as a user types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_data import write_tiny

from unroll import api
from unroll.config.trial import Trial
from unroll.records.record import read_record


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A tiny sentiment trial, trained for a few steps."""
    folder = tmp_path_factory.mktemp("models")
    tiny = write_tiny(folder / "data")
    trial = tiny.trial("sentiment", folder / "runs", "architecture=gru", "budget.epochs=1")
    api.train(trial)
    return trial


def unroll(*words: str | Path, cwd: Path, code: int = 0, said: str | None = None, data: Path | None = None) -> str:
    """What a command prints; on stderr where it must fail."""
    command = [sys.executable, "-m", "unroll", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **({} if data is None else {"UNROLL_DATA": str(data)})}
    done = subprocess.run(command, cwd=cwd, env=environment, input=said, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def test_a_folder_that_was_exported_says_what_its_trial_says(trial: Trial, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("a good film\na bad one\n")
    first = unroll("predict", trial.directory, texts, cwd=tmp_path).splitlines()
    assert first[0] == "label,probabilities_0,probabilities_1"
    assert len(first) == 3
    unroll("export-model", trial.directory, tmp_path / "sent", cwd=tmp_path)
    assert unroll("predict", "sent", "-", cwd=tmp_path, said=texts.read_text()).splitlines() == first
    unroll("predict", "sent", texts, "--out", "found.jsonl", cwd=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert [str(row["label"]) for row in rows] == [line.partition(",")[0] for line in first[1:]]


def test_its_own_test_split_gives_the_recorded_metrics(trial: Trial, tmp_path: Path) -> None:
    found = json.loads(unroll("evaluate", trial.directory, "--json", cwd=tmp_path))
    assert found == pytest.approx(read_record(trial.record_path)["result"]["metrics"]["test"])


def test_other_data_lie_where_this_machine_says(trial: Trial, tmp_path: Path) -> None:
    other = write_tiny(tmp_path / "other")
    (data,) = [word for word in other.overrides("sentiment", tmp_path) if word.startswith("data=")]
    words = ("evaluate", trial.directory, data, "--json", "--config-dir", other.config_dir)
    found = json.loads(unroll(*words, cwd=tmp_path, data=other.folder / "data"))
    assert set(found) == set(read_record(trial.record_path)["result"]["metrics"]["test"])


def test_a_network_is_summed_up_before_it_is_trained(trial: Trial, tmp_path: Path) -> None:
    said = unroll("summary", trial.directory, cwd=tmp_path)
    total = read_record(trial.record_path)["parameters"]["total"]
    assert f"{total:,} parameters" in said
    assert "parameters" in unroll("summary", "task=adding", "architecture=gru", cwd=tmp_path)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["predict", "nowhere", "-"], "There is no record of this trial"),
        (["predict", "TRIAL", "nothing.txt"], "nothing.txt"),
        (["predict", "TRIAL", "-", "--out", "found.xls"], "found.xls"),
        (["evaluate", "TRIAL", "seed=1"], "Only the data can be others"),
        (["evaluate", "TRIAL", "--split", "tset"], "test"),
        (["summary"], "Of which network?"),
    ],
)
def test_mistakes_are_one_message(words: list[str], what: str, trial: Trial, tmp_path: Path) -> None:
    given = [str(trial.directory) if word == "TRIAL" else word for word in words]
    said = unroll(*given, cwd=tmp_path, code=2, said="a film\n")
    assert what in said
    assert "Traceback" not in said

"""A record answers only for the data it saw: what makes it stale, and what does not."""

import gzip
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from unroll.api import compose, load_model, train
from unroll.cli import app
from unroll.config.planned import Planned
from unroll.config.trial import Trial
from unroll.data import digests
from unroll.errors import UserError
from unroll.records.record import read_record, write_record
from unroll.records.state import read_head, state, why_stale
from unroll.sweeps.scheduler import to_launch
from unroll.sweeps.show import show
from unroll.sweeps.status import Watched
from unroll.training import checkpoint

pytestmark = pytest.mark.usefixtures("believed")

SMALL = ["task=forecasting", "task.window=8", "task.horizon=2"]
BASELINE = ["baseline=last_value"]


def csv(rows: int, level: str = "level", salt: int = 7) -> bytes:
    lines = [f"2020-01-{1 + n // 24:02} {n % 24:02}:00:00,{(n * salt) % 11}.5" for n in range(rows)]
    return "\n".join([f"date,{level}", *lines, ""]).encode()


class Own:
    """A data set of one's own, in a folder of its own, and its trials."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "mine" / "data").mkdir(parents=True)
        self.file("river.csv", csv(200))
        self.yaml("river", {"local": str(folder / "files"), "files": ["river.csv"]})

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def yaml(self, name: str, source: dict[str, Any], **keys: Any) -> None:
        node = {"name": name, "kind": "series", "reader": "series", "channels": "joint"}
        node |= {"options": {"timestamp": "date"}, "origin": {"sources": [source]}, **keys}
        (self.folder / "mine" / "data" / f"{name}.yaml").write_text(yaml.safe_dump(node))

    def trial(self, *overrides: str, data: str = "river") -> Trial:
        paths = [f"paths.{key}={self.folder / key}" for key in ("runs", "cache")]
        what = [] if any(text.startswith("architecture=") for text in overrides) else BASELINE
        return compose([*SMALL, *what, f"data={data}", *paths, *overrides], str(self.folder / "mine"))


@pytest.fixture
def own(tmp_path: Path) -> Own:
    return Own(tmp_path)


def value(record: dict[str, Any]) -> float:
    return float(record["result"]["primary"]["value"])


def test_a_file_that_grew_makes_the_record_stale_and_the_trial_is_trained_again(own: Own) -> None:
    before = train(own.trial())
    assert train(own.trial()) == before
    own.file("river.csv", csv(300))
    trial = own.trial()
    assert state(trial) == "stale"
    assert why_stale(read_head(trial.record_path) or {}, trial) == "the data changed"
    seen = Watched(runs=own.folder / "runs").look()
    assert [(one.state, one.error) for one in seen] == [("stale", "the data changed")]
    assert show(trial.trial_id, own.folder / "runs", str(own.folder / "mine"))["stale"] == "the data changed"
    assert len(to_launch([Planned(trial, ())], retry_failed=False)) == 1
    after = train(trial)
    assert after["result"]["examples"]["test"] > before["result"]["examples"]["test"]
    assert state(trial) == "finished"


def test_a_renamed_column_is_another_content(own: Own) -> None:
    train(own.trial())
    own.file("river.csv", csv(200, level="height"))
    assert state(own.trial()) == "stale"


def test_the_folder_of_another_set_with_that_name_is_stale(own: Own, tmp_path: Path) -> None:
    train(own.trial())
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "river.csv").write_bytes(csv(200, salt=5))
    own.yaml("river", {"local": str(other), "files": ["river.csv"]})
    assert state(own.trial()) == "stale"


@pytest.mark.parametrize(
    "how", ["touched", "written again", "compressed", "renamed", "moved away", "no longer readable"]
)
def test_the_same_bytes_and_the_same_examples_are_not_stale(own: Own, how: str) -> None:
    train(own.trial())
    path = own.folder / "files" / "river.csv"
    if how == "touched":
        os.utime(path, (0, 0))
    elif how == "written again":
        path.unlink()
        path.write_bytes(csv(200))
    elif how in ("compressed", "renamed"):
        name = "river.csv.gz" if how == "compressed" else "stream.csv"
        own.file(name, gzip.compress(csv(200)) if how == "compressed" else csv(200))
        path.unlink()
        own.yaml("river", {"local": str(own.folder / "files"), "files": [name]})
        train(own.trial())  # the examples of these files are not known before they are read once
    else:
        path.rename(path.with_name("away")) if how == "moved away" else path.parent.rename(own.folder / "gone")
    assert state(own.trial()) == "finished"


def test_bytes_changed_under_the_same_size_and_time_are_seen(own: Own) -> None:
    path = own.folder / "files" / "river.csv"
    os.utime(path, (10**9, 10**9))
    train(own.trial())
    path.write_bytes(csv(200, salt=5))
    os.utime(path, (10**9, 10**9))
    assert state(own.trial()) == "stale"


def test_a_record_of_before_the_hash_of_its_files_still_answers(own: Own) -> None:
    record = train(own.trial())
    del record["data"]["files_sha256"]
    write_record(own.trial().directory, record)
    assert state(own.trial()) == "finished"
    own.file("river.csv", csv(300))
    assert state(own.trial()) == "finished", "the examples of the new file are not known, those of the old one's were"
    train(own.trial("seed=1", "architecture=mlp", "budget.epochs=null", "budget.steps=1"))
    assert state(own.trial()) == "stale", "now they are"


def test_a_file_that_is_not_the_one_stated_is_told_of(own: Own) -> None:
    content = csv(200)
    import hashlib

    files = {"river.csv": hashlib.sha256(content).hexdigest()}
    own.yaml("river", {"local": str(own.folder / "files"), "files": files})
    train(own.trial())
    own.file("river.csv", csv(300))
    assert state(own.trial()) == "stale"
    with pytest.raises(UserError, match="is not the file"):
        train(own.trial())


def test_a_checkpoint_of_other_data_is_not_gone_on_from(own: Own, capsys: pytest.CaptureFixture[str]) -> None:
    network = [
        "architecture=mlp",
        "budget.epochs=null",
        "budget.steps=3",
        "trainer.keep_after=all",
        "trainer.accelerator=cpu",
    ]
    train(own.trial(*network))
    own.file("river.csv", csv(300))
    with pytest.raises(UserError, match="The data changed since"):
        load_model(own.trial(*network))
    again = train(own.trial(*network))
    assert "the data changed" in capsys.readouterr().out
    own.folder.joinpath("runs").rename(own.folder / "old")
    fresh = train(own.trial(*network))
    assert again["result"] == fresh["result"]
    assert checkpoint.load(own.trial(*network).directory / checkpoint.BEST, again["trial_id"])["progress"][
        "data_sha256"
    ]


def test_a_failed_read_leaves_no_trial(own: Own) -> None:
    own.file("river.csv", b"date,level\n2020-01-01,high\n")
    with pytest.raises(UserError):
        train(own.trial())
    assert not (own.folder / "runs").exists()


def test_a_file_is_read_once_as_long_as_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, cache = tmp_path / "file", tmp_path / "cache"
    file.write_bytes(b"one")
    first = digests.file_sha256(file, cache)
    assert not (cache / "digests").exists(), "it may be written again within this tick of the clock"
    monkeypatch.setattr(digests, "_SETTLED", -1)
    digests._sha256.cache_clear()
    assert digests.file_sha256(file, cache) == first
    digests._sha256.cache_clear()
    monkeypatch.setattr("hashlib.file_digest", None)  # nothing is hashed again
    assert digests.file_sha256(file, cache) == first


@pytest.mark.parametrize("place", range(0, 130, 17))
def test_a_wrong_bit_in_a_kept_hash_is_noticed(place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_SETTLED", -1)
    file, cache = tmp_path / "file", tmp_path / "cache"
    file.write_bytes(b"one")
    first = digests.file_sha256(file, cache)
    (note,) = (cache / "digests").iterdir()
    content = bytearray(note.read_bytes())
    content[place % len(content)] ^= 1
    note.write_bytes(content)
    digests._sha256.cache_clear()
    assert digests.file_sha256(file, cache) == first


def test_a_record_tells_the_hash_of_its_files(own: Own) -> None:
    import hashlib

    record = train(own.trial())
    digest = hashlib.sha256(csv(200)).hexdigest()
    assert record["data"]["files_sha256"] == hashlib.sha256(f"{digest}  river.csv\n".encode()).hexdigest()
    assert read_record(own.trial().directory) == json.loads(json.dumps(record))


def said(own: Own, *words: str) -> str:
    places = [f"paths.{key}={own.folder / key}" for key in ("runs", "cache")]
    done = CliRunner().invoke(app, [*words, "--config-dir", str(own.folder / "mine"), *places])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_a_record_that_is_reused_says_so_and_when_it_was_made(own: Own) -> None:
    command = ["train", *SMALL, *BASELINE, "data=river"]
    words = "nothing trained; trainer.again=true trains it again"
    assert words not in said(own, *command)
    record = read_record(own.trial().directory)
    ended = datetime.fromisoformat(record["run"]["started"]) + timedelta(seconds=record["run"]["seconds"])
    assert f"finished at {ended:%Y-%m-%d %H:%M} UTC, {words}" in said(own, *command)
    assert words in said(own, "train", "-m", *command[1:])
    resumable = said(own, "train", "-m", "hydra/sweeper=resumable", *command[1:])
    assert "1 of 1 trials have ended before and are not trained" in resumable
    assert words not in said(own, *command, "trainer.again=true")
    own.file("river.csv", csv(300))
    assert words not in said(own, *command)


def test_a_sweep_counts_what_it_does_not_train_and_says_why_a_record_is_stale(own: Own) -> None:
    (own.folder / "mine" / "suite").mkdir()
    grid = {"task": ["forecasting"], "data": ["river"], "architecture": ["mlp"]}
    suite = {"name": "mine", "overrides": SMALL[1:], "grid": grid}
    (own.folder / "mine" / "suite" / "mine.yaml").write_text(json.dumps(suite))
    train(own.trial())
    assert "Suite mine: 3 trials (1 finished, 2 missing)" in said(own, "sweep", "--dry-run", "suite=mine")
    own.file("river.csv", csv(300))
    found = said(own, "sweep", "--dry-run", "suite=mine")
    assert "1 stale" in found
    assert "the data changed" in found


@pytest.mark.parametrize(("again", "launched"), [("true", 1), ("false", 0)])
def test_trainer_again_holds_for_many_trials_too(own: Own, again: str, launched: int) -> None:
    train(own.trial())
    assert len(to_launch([Planned(own.trial(f"trainer.again={again}"), ())], retry_failed=False)) == launched


def test_what_is_trained_again_begins_anew_where_all_checkpoints_are_kept(own: Own) -> None:
    network = ["architecture=mlp", "budget.epochs=null", "budget.steps=2", "trainer.keep_after=all"]
    network += ["trainer.accelerator=cpu"]
    train(own.trial(*network))
    again = train(own.trial(*network, "trainer.again=true"))
    assert again["run"]["attempts"] == 1


def test_names_in_the_data_are_shown_and_not_obeyed(own: Own) -> None:
    lines = [f"2020-01-{1 + n // 24:02} {n % 24:02}:00:00,{n % 7},1" for n in range(200)]
    own.file("river.csv", "\n".join(["date,level,still\x1b[2J", *lines, ""]).encode())
    told = said(own, "train", *SMALL, *BASELINE, "data=river")
    assert "note: column still\\u001b[2J: constant in train and everywhere" in told
    assert "\x1b" not in told

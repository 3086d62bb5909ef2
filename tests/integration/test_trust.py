"""What somebody else's files may do: their records and folders are read, and what they name is not run."""

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_data import Tiny
from typer.testing import CliRunner

from unroll import api
from unroll.cli import app
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.record import read_record, write_record
from unroll.training import checkpoint
from unroll.training.train import train
from unroll.verification.verify import verify

MINE = """
from pathlib import Path
from unroll.models.recurrent import RecurrentEncoder
Path(__file__).with_suffix(".ran").touch()
class Encoder(RecurrentEncoder): ...
"""


@pytest.fixture(scope="module")
def trained(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    trial = tiny.trial("forecasting", tmp_path_factory.mktemp("runs"), "architecture=gru", "budget.epochs=1")
    train(trial)
    return trial


@pytest.fixture
def theirs(trained: Trial, tmp_path: Path) -> Path:
    """A copy of a trial's directory, as one gets it from somebody else."""
    return Path(shutil.copytree(trained.directory, tmp_path / trained.trial_id))


def change(directory: Path, node: str, value: dict[str, Any]) -> dict[str, Any]:
    record = read_record(directory / "record.json")
    section, _, key = node.partition(".")
    record["config"][section][key] = value
    write_record(directory, record)
    return record


def test_a_network_is_that_of_the_record(trained: Trial, theirs: Path) -> None:
    ours, copied = api.load_model(trained).state_dict(), api.load_model(theirs).state_dict()
    assert all(torch.equal(ours[name], copied[name]) for name in ours)
    (theirs / "config.yaml").write_text("not: this")  # the record says what was trained
    api.load_model(theirs)
    best = theirs / checkpoint.BEST
    content = checkpoint.load(best, trained.trial_id)
    next(iter(content["network"].values())).view(-1)[0] += 1
    checkpoint.save(best, content)
    with pytest.raises(UserError, match="not those that the record is of"):
        api.load_model(theirs)
    content["network"] = {}
    checkpoint.save(best, content)
    with pytest.raises(UserError, match="not of the network"):
        api.load_model(theirs)
    best.unlink()
    with pytest.raises(UserError, match="There is no checkpoint"):
        api.load_model(theirs)
    with pytest.raises(UserError, match="holds no trial"):
        api.load_model(theirs.parent)


@pytest.mark.parametrize("target", ["os.system", "posix.system", "builtins.eval", "unroll.records.export.export"])
def test_a_record_that_names_a_command_runs_nothing(target: str, theirs: Path) -> None:
    marker = theirs / "RAN"
    term = {"_target_": target, "command": f"touch {marker}", "folder": str(theirs.parent), "out": str(marker)}
    record = change(theirs, "bottleneck.terms", {"bad": term})
    for doing in (lambda: verify(record), lambda: verify(record, trust=True), lambda: api.load_model(theirs)):
        with pytest.raises(UserError):
            doing()
    with pytest.raises(UserError):
        api.load_model(theirs, trust=True)
    if target == "os.system":
        runner, page = CliRunner(), theirs.parent / "x.md"
        for command in (["show", str(theirs)], ["report", "--runs", str(theirs.parent), "--out", str(page)]):
            runner.invoke(app, command)
    assert not marker.exists()


def test_somebody_elses_code_is_run_once_it_is_trusted(
    theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_to_trust.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    encoder = read_record(theirs / "record.json")["config"]["architecture"]["encoder"]
    record = change(theirs, "architecture.encoder", encoder | {"_target_": "mine_to_trust.Encoder"})
    with pytest.raises(UserError, match="names code that Unroll does not come with") as caught:
        verify(record)
    assert "with --trust" in str(caught.value.allowed)
    with pytest.raises(UserError, match="names code that Unroll does not come with"):
        api.load_model(theirs)
    assert not (tmp_path / "mine_to_trust.ran").exists()
    found = verify(copy.deepcopy(record), trust=True)
    assert found is not None
    assert found.identical
    assert (tmp_path / "mine_to_trust.ran").exists()
    api.load_model(theirs, trust=True)


@pytest.mark.parametrize("name", ["../../out", "/tmp/out", ".."])
def test_a_record_cannot_name_where_it_is_written(name: str, theirs: Path) -> None:
    record = read_record(theirs / "record.json")
    with pytest.raises(UserError, match="trial_id cannot name a file"):
        write_record(theirs, {**record, "trial_id": name})
    with pytest.raises(UserError, match="no name of a trial"):
        verify({**record, "trial_id": name})
    record["config"]["data"]["name"] = name
    with pytest.raises(UserError, match=r"'data\.name' cannot name a directory"):
        verify(record)

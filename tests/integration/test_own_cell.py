"""Trials with a cell of one's own, the recipe's minGRU: audited, shown, verified, and told apart by their ids."""

import re
from pathlib import Path

import pytest
from recipes import recipe
from tiny_data import Tiny, latest, small_overrides, write_tiny
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.audit import audit
from unroll.training.train import train
from unroll.verification.verify import verify

STEPS = ["budget.epochs=null", "budget.steps=2"]


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tiny = write_tiny(tmp_path_factory.mktemp("mine") / "data")
    for place, text in recipe("A cell").files.items():
        path = Path(tiny.config_dir) / place.removeprefix("mine/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tiny


def chosen(mine: Tiny, task: str, runs: Path, *options: str) -> Trial:
    small = [*mine.overrides(task, runs), *small_overrides(task), "architecture=mingru"]
    more = ["task.attention=additive"] if task == "translation" else []
    return compose(latest(*small, *STEPS, *more, *options), mine.config_dir)


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("language_modelling", ["architecture.depth=2", "architecture.dropout=0.2"]),
        (
            "translation",
            [f"architecture.{key}" for key in ("bidirectional=true", "tied=true", "merge=max", "truncate=2")],
        ),
    ],
)
def test_its_record_is_one_like_any(task: str, options: list[str], mine: Tiny, tmp_path: Path) -> None:
    trial = chosen(mine, task, tmp_path, *options)
    record = train(trial)
    assert record["status"] == "finished"
    found = audit(tmp_path)
    assert (found.failures, len(found.records)) == ([], 1)
    again = verify(record, trust=True)
    assert again is not None
    assert again.identical
    with pytest.raises(UserError, match="None of it was run"):
        verify(record)
    shown = CliRunner().invoke(
        app, ["show", record["trial_id"], "--runs", str(tmp_path), "--config-dir", mine.config_dir]
    )
    assert shown.exit_code == 0, shown.output
    (command,) = re.findall(r"^run it again\n  unroll train (.*)", shown.output, re.MULTILINE)
    assert "architecture=mingru" in command
    overrides = [word.strip("'") for word in command.split() if "=" in word]
    assert compose(overrides, mine.config_dir).trial_id == record["trial_id"]


def test_a_stream_in_other_chunks_gives_the_same_numbers(mine: Tiny, tmp_path: Path) -> None:
    found = []
    for block in (8, 16):
        trial = chosen(mine, "language_modelling", tmp_path, f"task.block={block}")
        found.append(train(trial)["result"]["metrics"]["test"]["nll_per_token"])
    assert found[0] == pytest.approx(found[1], rel=1e-6)

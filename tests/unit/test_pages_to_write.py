"""What docs/own-data.md and docs/extending.md tell users to write works as it is printed there."""

import hashlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from recipes import recipe, recipes, table
from tiny_data import SIZES, TASKS, misfit, small_overrides, write_tiny
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.compose import compose
from unroll.training.prepared import prepared_task
from unroll.training.train import train

LONGEST = 40  # lines of a recipe's code and YAML together
OWN_DATA = (Path(__file__).resolve().parents[2] / "docs" / "own-data.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The code block of the page whose first line is the comment `# name`."""
    (found,) = re.findall(rf"^```\w+\n# {re.escape(name)}\n(.*?)^```", OWN_DATA, re.DOTALL | re.MULTILINE)
    return str(found)


def test_a_data_set_is_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command writes is the YAML that is printed, and what it prints trains on it."""
    rows = np.random.default_rng(0).normal(size=(10_000, 2)).cumsum(axis=0)
    start = datetime(2020, 1, 1)
    lines = [f"{start + timedelta(hours=hour)},{a:.3f},{b:.3f}" for hour, (a, b) in enumerate(rows)]
    content = "\n".join(["date,level,flow", *lines, ""]).encode()
    (tmp_path / "river").mkdir()
    (tmp_path / "river" / "river.csv").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNROLL_DATA", str(tmp_path))
    monkeypatch.setenv("UNROLL_CACHE", str(tmp_path / "cache"))
    done = CliRunner().invoke(app, ["data", "add", "river/river.csv"])
    assert done.exit_code == 0, done.output
    (printed,) = re.findall(r"^(unroll train --config-dir mine .*)$", OWN_DATA, re.MULTILINE)
    assert printed in done.output
    written = yaml.safe_load((tmp_path / "mine" / "data" / "river.yaml").read_text())
    (examples,) = written["origin"]["content_sha256"].values()
    text = block("mine/data/river.yaml").replace("<sha256 of the examples>", examples)
    assert written == yaml.safe_load(text.replace("<sha256>", hashlib.sha256(content).hexdigest()))
    task, _ = prepared_task(compose(printed.split()[4:], "mine"))
    assert [len(task.splits[name]) for name in ("train", "validation", "test")] == [6881, 977, 1977]


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    """The architecture of docs/extending.md in a folder of its own."""
    recipe("An architecture").write(tmp_path)
    yield tmp_path / "mine"
    sys.modules.pop("attentive", None)


def test_every_recipe_is_short() -> None:
    assert {one.title: one.lines for one in recipes() if one.lines > LONGEST} == {}
    assert len(recipes()) > 5
    assert all(one.files and one.commands for one in recipes())


def test_the_table_is_that_of_the_recipes() -> None:
    of_page = {one.title: ([name.split("/", 1)[1] for name in one.files], one.lines) for one in recipes()}
    assert table() == of_page


@pytest.mark.parametrize("task", [task for task in TASKS if misfit(task, "bilstm") is None])
def test_an_architecture_is_one_file_and_one_yaml(task: str, mine: Path, tmp_path: Path) -> None:
    tiny = write_tiny(mine)
    (mine / "architecture").rename(mine / "conf" / "architecture")  # beside the data: --config-dir takes one folder
    (mine / "attentive.py").rename(mine / "conf" / "attentive.py")
    small = [*tiny.overrides(task, tmp_path / "runs"), *small_overrides(task), "architecture=attentive"]
    record = train(compose([*small, "budget.epochs=null", "budget.steps=2"], tiny.config_dir))
    assert (record["status"], record["result"]["examples"], record["result"]["steps"]) == ("finished", SIZES, 2)
    attention = ["task.attention=additive"] if task == "translation" else []
    assert compose([f"task={task}", "architecture=attentive", *attention], tiny.config_dir).row == "attentive"


def test_yaml_folders_shadow_no_package(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `bottleneck` of YAML was a package to whoever looks for the library of that name, as pandas does."""
    (mine / "bottleneck" / "term").mkdir(parents=True)
    (mine / "bottleneck" / "term" / "mine.yaml").write_text("mine: {_target_: mine.Term}\n")
    monkeypatch.syspath_prepend(mine)
    assert importlib.util.find_spec("bottleneck") is not None
    compose(["architecture=attentive"], str(mine))
    assert importlib.util.find_spec("bottleneck") is None
    assert importlib.util.find_spec("attentive") is not None


def test_processes_that_are_started_find_the_code_beside_the_yaml(mine: Path) -> None:
    compose(["architecture=attentive"], str(mine))
    node = {"_target_": "attentive.AttentiveEncoder"}
    look = f"from unroll.registry.components import locate; print(locate({node}, 'encoder').__name__)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "AttentiveEncoder"

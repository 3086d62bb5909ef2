"""Installed packages: their YAML is found wherever YAML is looked for, and their code runs when a config names it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packages import install
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.by_hydra import compose_node
from unroll.config.compose import compose
from unroll.doctor import software
from unroll.doctor.line import Settings
from unroll.errors import UserError
from unroll.registry.components import foreign
from unroll.registry.groups import config_directories, group_options
from unroll.registry.plugins import PLUGINS, plugins
from unroll.sweeps.matrix import matrix
from unroll.sweeps.suite import plan

NET = """
from unroll.models.recurrent import RecurrentEncoder
from unroll.registry.options import Count


class TheirEncoder(RecurrentEncoder):
    def __init__(self, shape, width: Count, depth: Count = 1):
        super().__init__(shape, cell="gru", width=width, depth=depth)
"""
STEP = """
import torch


class Step(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.sub_(group["lr"] * weight.grad)
        return loss
"""
FILES = {
    "theirs/nets.py": NET,
    "theirs/steps.py": STEP,
    "theirs/conf/architecture/their_gru.yaml": """
defaults: [/bottleneck@_global_.bottleneck: none, _self_]
name: their_gru
reconstructs: false
width: ${task.width}
depth: 1
encoder: {_target_: theirs.nets.TheirEncoder}
decoder: {_target_: unroll.models.recurrent.RecurrentDecoder, cell: gru}
""",
    "theirs/conf/optimizer/their_step.yaml": """
defaults: [adam, _self_]
name: their_step
_target_: theirs.steps.Step
""",
    "theirs/conf/data/their_copying.yaml": "defaults: [copying, _self_]\nname: their_copying\n",
    "theirs/conf/suite/their_suite.yaml": "name: their_suite\ngrid: {task: [copying], architecture: [gru, lstm]}\n",
    "theirs/conf/reported/their_table.yaml": """
name: their_table
title: Theirs
citation: One, 2026
link: none
source: {read: there, primary: true}
data: none
split: test
protocol: none
metrics: {mse: {field: result.metrics.test.mse, unit: none, direction: lower}}
tolerance: {decimals: 2}
rows: {one: {says: One, reported: {mse: 1.0}, cannot: there is no code}}
""",
}


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package on the path; what is imported of it is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    yield install(tmp_path, "theirs", FILES)
    for name in [name for name in sys.modules if name.partition(".")[0] == "theirs"]:
        del sys.modules[name]


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command in a process that finds the packages of a folder."""
    return subprocess.run(
        [sys.executable, "-m", "unroll", *words],
        env=os.environ | {"PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_yaml_comes_between_the_shipped_and_the_users(theirs: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    assert config_directories(str(mine))[1:] == [theirs / "conf", mine]
    assert "their_gru" in group_options("architecture")
    assert config_directories(str(theirs / "conf"))[1:] == [theirs / "conf"]


def test_what_it_brings_composes_as_what_ships(theirs: Path) -> None:
    words = ["task=copying", "data=their_copying", "architecture=their_gru", "optimizer=their_step"]
    trial = compose(words)
    assert trial.plain["architecture"]["encoder"]["_component_"]["name"] == "TheirEncoder"
    assert trial.decides["optimizer"]["class"] == {"is": "Step@1"}
    assert foreign(trial.plain) == {}
    assert len([item for item in plan(["suite=their_suite"]).trials if not item.trial.is_baseline]) == 2
    found = matrix(architectures=["their_gru"], tasks=["copying", "sentiment"])
    assert [cell.reason for cell in found.cells.values()] == [None, None]


def test_looking_for_its_yaml_runs_none_of_its_code(theirs: Path, tmp_path: Path) -> None:
    (theirs / "__init__.py").write_text("raise RuntimeError('looked at')\n")
    assert "their_gru" in group_options("architecture")
    assert compose(["data=their_copying", "task=copying"]).plain["data"]["name"] == "their_copying"
    assert "theirs" not in sys.modules
    with pytest.raises(UserError, match="of the installed package theirs cannot be imported: RuntimeError: looked at"):
        compose(["architecture=their_gru"])
    (finding,) = software.plugins(Settings())
    assert (finding.state, finding.seen.partition(":")[0]) == ("warning", "theirs")


def test_a_module_that_is_not_there_is_told_of_where_something_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "broken", {}, module="broken.part")
    monkeypatch.syspath_prepend(tmp_path)
    assert compose([]).row == "lstm"
    assert [plugin.conf for plugin in plugins()] == [None]
    with pytest.raises(UserError, match=r"package broken is broken: there is no module broken\.part"):
        compose(["architecture=their_gru"])
    with pytest.raises(UserError, match=r"broken\.part"):
        matrix(architectures=["their_gru"])


@pytest.mark.parametrize("module", ["no module at all", "", ".", "os.path.", "broken:part:of"])
def test_an_entry_that_is_no_module_breaks_nothing(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "broken", {})
    (tmp_path / "broken-1.0.dist-info" / "entry_points.txt").write_text(f"[{PLUGINS}]\nodd = {module}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert compose([]).row == "lstm"
    assert all(plugin.conf is None for plugin in plugins())


@pytest.mark.parametrize("module", ["plain", "plain.deep.inner"])
def test_a_package_needs_no_yaml(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "plain", {"plain/deep/inner.py": "", "plain/deep/__init__.py": "1/0"}, module=module)
    monkeypatch.syspath_prepend(tmp_path)
    ((_, _, conf, trouble),) = plugins()
    assert (conf, trouble) == (None, None)


def test_a_module_inside_a_package_has_the_folder_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"deep/a/__init__.py": "1/0", "deep/a/b.py": "", "deep/a/conf/data/x.yaml": "", "deep/conf/data/y.yaml": ""}
    install(tmp_path, "deep", files, module="deep.a.b")
    monkeypatch.syspath_prepend(tmp_path)
    assert [plugin.conf for plugin in plugins()] == [tmp_path / "deep" / "a" / "conf"]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("architecture/gru", None, r"theirs/conf/architecture/gru.yaml has the name of a file that ships with Unroll"),
        ("suite/one", "suite/one", r"others/conf/suite/one.yaml has .* comes with the installed package"),
        ("hydra/launcher/slurm", None, "ships with Unroll"),
    ],
)
def test_a_name_that_two_folders_have_is_refused(
    first: str, second: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    if second is not None:
        install(tmp_path, "others", {f"others/conf/{second}.yaml": "name: one\n"})
        install(tmp_path, "astheirs", {f"astheirs/conf/{first}.yaml": "name: one\n"})
    else:
        install(tmp_path, "theirs", {f"theirs/conf/{first}.yaml": "name: one\n"})
    with pytest.raises(UserError, match=message):
        compose([])
    with pytest.raises(UserError, match=message):
        compose_node("train", [])


def test_a_users_file_that_a_package_has_is_refused(theirs: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "optimizer"
    mine.mkdir(parents=True)
    (mine / "their_step.yaml").write_text("name: mine\n")
    with pytest.raises(UserError, match="comes with the installed package theirs") as caught:
        compose([], str(mine.parent))
    assert caught.value.run is not None
    assert caught.value.run.startswith("mv ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--cfg", "job", "data=their_copying", "task=copying"], "name: their_copying"),
        (["train", "--info", "searchpath"], "unroll.plugins"),
        (["train", "-m", "architecture=their_gru", "architecture.depth=0", "seed=0,1"], "architecture.depth"),
        (["data", "list"], "their_copying"),
        (["matrix", "--architecture", "their_gru", "--task", "copying"], "their_gru"),
        (["sweep", "suite=their_suite", "--dry-run"], "copying-copying-gru"),
        (["status", "suite=their_suite"], "missing"),
        (["reproduce", "their_table", "--judge"], "there is no code"),
        (["train", "architecture=their_lstm"], "Did you mean"),
    ],
)
def test_every_command_finds_it(words: list[str], said: str, theirs: Path, tmp_path: Path) -> None:
    done = run(tmp_path, *words)
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_shell_completes_its_names(theirs: Path, tmp_path: Path) -> None:
    line = {"COMP_LINE": "unroll train architecture=their", "COMP_POINT": "31", "COMP_TYPE": "9"}
    done = subprocess.run(
        [sys.executable, "-m", "unroll", "-sc", "query=bash"],
        env=os.environ | line | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "architecture=their_gru" in done.stdout


def test_other_applications_of_hydra_are_left_alone(theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text("a: 1\n")
    code = (
        "import hydra, sys\n"
        "with hydra.initialize_config_dir(sys.argv[1], version_base='1.3'):\n"
        "    from hydra.core.global_hydra import GlobalHydra\n"
        "    print(GlobalHydra.instance().config_loader().get_search_path())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "other")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "theirs" not in done.stdout


def test_the_list_of_published_tables_says_where_one_lies(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.reproduction.run.table_names", lambda *_: ["their_table"])
    done = CliRunner().invoke(app, ["reproduce", "--list", "--runs", str(theirs)])
    assert f"their_table lies in {theirs / 'conf' / 'reported' / 'their_table.yaml'}" in done.output

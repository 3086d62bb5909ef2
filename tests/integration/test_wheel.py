"""A wheel built from the repository, installed elsewhere, does what the checkout does."""

import zipfile
from pathlib import Path

from installed import run, succeed

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "src" / "unroll" / "analysis" / "webpage"
WEIGHTS = "unroll/tasks/metrics/mnist_classifier.npz"


def test_the_wheel_carries_configs_weights_and_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    configs = {f"unroll/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    tables = {f"unroll/reported/{path.name}" for path in (ROOT / "results" / "reported").glob("*.yaml")}
    assert tables
    assert configs | tables <= set(names)
    plugins = {f"hydra_plugins/{path.name}" for path in (ROOT / "src" / "hydra_plugins").glob("*.py")}
    assert plugins
    assert plugins | {WEIGHTS, "unroll/constraints.txt"} <= set(names)
    pages = {
        f"unroll/{path.relative_to(ROOT / 'src' / 'unroll')}" for path in PAGE.rglob("*.*") if path.suffix != ".pyc"
    }
    assert any(name.endswith("plotly-basic.min.js") for name in pages)
    assert pages <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "src/"))]


def test_the_command_works_outside_the_repository(elsewhere: Path) -> None:
    command = elsewhere / "venv" / "bin" / "unroll"
    where = succeed(elsewhere / "venv/bin/python", "-c", "import unroll; print(unroll.__file__)", cwd=elsewhere)
    assert Path(where.strip()).is_relative_to(elsewhere)
    assert "train" in succeed(command, "--help", cwd=elsewhere)
    assert "name: lstm" in succeed(command, "train", "--cfg", "job", cwd=elsewhere)
    assert "rotten_tomatoes_snippets" in succeed(command, "data", "list", cwd=elsewhere)
    chosen = ("hydra/launcher=local", "hydra/sweeper=resumable")
    plugins = succeed(command, "train", *chosen, "--cfg", "hydra", cwd=elsewhere)
    assert "LocalLauncher" in plugins
    assert "ResumableSweeper" in plugins


def test_published_tables_are_reproduced_outside_the_repository(elsewhere: Path) -> None:
    command = elsewhere / "venv" / "bin" / "unroll"
    counted = succeed(command, "reproduce", "keras_parameter_counts", cwd=elsewhere)
    assert "164,106" in counted
    assert "reproduced" in counted
    assert (elsewhere / "runs" / "reproduce-keras_parameter_counts" / "report.md").is_file()


def test_users_add_their_own_yaml(elsewhere: Path) -> None:
    own = elsewhere / "mine" / "architecture"
    own.mkdir(parents=True)
    (own / "wide.yaml").write_text("defaults: [lstm, _self_]\nname: wide\nwidth: 777\n")
    command = (elsewhere / "venv" / "bin" / "unroll", "train", "--config-dir", "mine", "--cfg", "job")
    shown = succeed(*command, "architecture=wide", cwd=elsewhere)
    assert "name: wide" in shown
    assert "width: 777" in shown
    wrong = run(*command, "architecture=wdie", cwd=elsewhere)
    assert wrong.returncode != 0
    assert "wide" in wrong.stderr
    assert "Traceback" not in wrong.stderr

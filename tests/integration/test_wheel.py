"""A wheel built from the repository, installed elsewhere, does what the checkout does."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = "unroll/tasks/metrics/mnist_classifier.npz"


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=kept | {"COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def succeed(*command: str | Path, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    succeed(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, str(ROOT), cwd=folder)
    (built,) = folder.glob("unroll_bench-*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment outside the repository: the wheel, and by a .pth file this one's dependencies."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    succeed(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        wheel,
        cwd=folder,
    )
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder


def test_the_wheel_carries_configs_weights_and_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    configs = {f"unroll/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    tables = {f"unroll/reported/{path.name}" for path in (ROOT / "results" / "reported").glob("*.yaml")}
    assert tables
    assert configs | tables <= set(names)
    plugins = {f"hydra_plugins/{path.name}" for path in (ROOT / "src" / "hydra_plugins").glob("*.py")}
    assert plugins
    assert plugins | {WEIGHTS, "unroll/constraints.txt"} <= set(names)
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

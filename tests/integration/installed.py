"""Commands in an environment outside of the repository, which holds a wheel built from it."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=kept | {"COLUMNS": "200", "OMP_NUM_THREADS": "1"} | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def succeed(*command: str | Path, cwd: Path, **more: str) -> str:
    """Run a command, `more` being variables of its environment; return its output."""
    done = run(*command, cwd=cwd, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(folder: Path) -> Path:
    """Build the wheel of the repository into a folder; return its path."""
    succeed(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, str(ROOT), cwd=folder)
    (built,) = folder.glob("unroll_bench-*.whl")
    return built


def environment(folder: Path) -> Path:
    """Make a virtual environment, this one's packages in it by a .pth file; return its folder of programs."""
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    places = [entry for entry in sys.path if Path(entry).name == "site-packages"]
    (packages / "dependencies.pth").write_text("\n".join([*places, ""]))
    return folder / "bin"


def install(programs: Path, what: str | Path, cwd: Path) -> None:
    """Install a wheel, or a project's folder, into an environment; nothing is fetched."""
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    succeed(sys.executable, "-m", "pip", "--python", programs / "python", "install", "-q", *offline, what, cwd=cwd)

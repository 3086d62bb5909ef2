"""The peers' virtual environment, apart from Unroll's, with the same build of torch.

Each file in requirements/ is of one peer. Its first line is the peer itself, installed without what its metadata asks
for: joeynmt wants a protobuf of 2022 and linters, neuralforecast all of Ray's extras. The other lines are what its
training imports, by hand; a version that stands there nowhere is the one in Unroll's constraints.txt.
"""

import subprocess
import venv
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS, CONSTRAINTS = HERE / "requirements", HERE.parents[1] / "constraints.txt"


def requirements(peer: str) -> tuple[str, list[str]]:
    """The peer's own pin, and those of what it needs."""
    own, *others = (REQUIREMENTS / f"{peer}.txt").read_text(encoding="utf-8").split()
    return own, others


def environment(folder: Path, peers: list[str]) -> str:
    """Make the environment in a folder, or add to it what it lacks; returns its Python.

    Raises:
        subprocess.CalledProcessError: pip failed, whose output says why.
    """
    python, done = folder / "bin" / "python", folder / "installed.txt"
    wanted = {peer: requirements(peer) for peer in peers}
    text = f"torch=={version('torch')}\n" + "".join(f"{own} {others}\n" for own, others in wanted.values())
    if done.exists() and done.read_text(encoding="utf-8") == text:
        return str(python)
    done.unlink(missing_ok=True)
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "-q"]
    needed = {line for _, others in wanted.values() for line in others}
    subprocess.run([*pip, "-c", str(CONSTRAINTS), f"torch=={version('torch')}", *sorted(needed)], check=True)
    subprocess.run([*pip, "--no-deps", *(own for own, _ in wanted.values())], check=True)
    done.write_text(text, encoding="utf-8")
    return str(python)

"""Check what would be released: wheel and sdist built, checked, installed elsewhere and run; pinned versions audited.

python tools/release_check.py
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "constraints.txt"
SMALL = ["task=copying", "architecture=gru", "data.options.length=5", "budget.epochs=null", "budget.steps=2"]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; its output. Ends the program where it fails."""
    print("$", *command, flush=True)
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nrelease-check: this command failed: {command}")
    return done.stdout


def built(folder: Path) -> list[Path]:
    """Build the sdist, and the wheel from the sdist; check both."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    files = sorted(folder.iterdir())
    print(run(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=folder), end="")
    return files


def works_elsewhere(file: Path, folder: Path) -> None:
    """Install a file with its dependencies in a new environment, and train two steps there."""
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    programs = folder / "venv" / "bin"
    run(programs / "python", "-m", "pip", "install", "-q", "--no-compile", "-c", PINS, file, cwd=folder)
    where = run(programs / "python", "-c", "import unroll; print(unroll.__file__)", cwd=folder).strip()
    if not Path(where).is_relative_to(folder):
        sys.exit(f"release-check: {file.name} was not what ran: {where}")
    run(programs / "unroll", "train", *SMALL, cwd=folder)
    (record,) = (folder / "runs").glob("*/record.json")
    if json.loads(record.read_text(encoding="utf-8"))["status"] != "finished":
        sys.exit(f"release-check: the trial did not finish: {record}")
    print(f"{file.name}: installed in {programs.parent}, trained two steps")


def audited(pins: Path) -> str:
    """Ask pip-audit for known weaknesses of pinned versions; what it says. Ends the program where there are some."""
    options = ["-r", str(pins), "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return f"pip-audit: the advisory service was not reached: {done.stderr.strip().splitlines()[-1:]}"
    return verdict(packages)


def verdict(packages: list[dict[str, object]]) -> str:
    """What an audit's list comes to: packages with a weakness end the program, none that was found is no answer."""
    weak = [str(each["name"]) for each in packages if each.get("vulns")]
    if weak:
        sys.exit(f"release-check: known weaknesses in {', '.join(weak)}; for what they are, run pip-audit")
    skipped = sum("skip_reason" in each for each in packages)
    if skipped == len(packages):
        return f"pip-audit: the advisory service was not reached, so none of {skipped} pinned versions was audited"
    return f"pip-audit: {len(packages) - skipped} pinned versions without a known weakness, {skipped} not audited"


def main() -> None:
    """Check a release in a temporary folder."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="unroll-release-") as name:
        folder = Path(name)
        (folder / "dist").mkdir()
        for file in built(folder / "dist"):
            place = folder / file.name.replace(".", "-")
            place.mkdir()
            works_elsewhere(file, place)
    print(audited(PINS))


if __name__ == "__main__":
    main()

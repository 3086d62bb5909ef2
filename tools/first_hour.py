"""Run the commands of docs/first-hour.md in a folder of their own and write what each prints below it.

python tools/first_hour.py

Blocks of Python, YAML and text that begin with `# NAME` are files. What stands in a block of `console` behind `$ ` is
run, in order; commands that set up (git, make) are left as they are: `.ci/run` runs quickstart.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "first-hour.md"
HOME = "/home/me/unroll"  # what the folder is called on the page
SET_UP = ("git ", "cd ", "make ", "source ")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"\b\d[\d.,]* ?(?:h|min|s)\b(?: \d+ ?(?:min|s)\b)*")


def filled(text: str, folder: Path) -> str:
    """The page with the files written into a folder, its commands run there, and their outputs in the place of old."""
    return _BLOCK.sub(lambda found: _block(found.group(1), found.group(2), folder), text)


def _block(language: str, body: str, folder: Path) -> str:
    if language == "console":
        body = "".join(f"$ {command}\n{_said(command, old, folder)}" for command, old in exchanges(body))
    elif body.startswith("# "):
        name, _, content = body[2:].partition("\n")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return f"```{language}\n{body}```"


def exchanges(body: str) -> Iterator[tuple[str, str]]:
    """The commands of a block with what stands below each."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, said = part.partition("\n")
        yield command, said


def _said(command: str, old: str, folder: Path) -> str:
    if command.startswith(SET_UP):
        return old
    print("$", command, flush=True)
    own = {"PYTHONUNBUFFERED": "1", "COLUMNS": "80", "UNROLL_CACHE": str(folder / "cache")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    left = {name: value for name, value in os.environ.items() if name != "UNROLL_DATA"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=left | own | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    shown = done.stdout.replace(str(folder), HOME)
    return "".join(f"{line.rstrip()}\n" for line in shown.splitlines() if line.strip())


def likeness(said: str) -> str:
    """What must be the same on every machine: words without numbers, spans of time and the order of finishing."""
    waited = re.compile(r"\d+ of \d+ runs$")  # said after some seconds
    lines = [_SPAN.sub("T", line) for line in said.splitlines() if not waited.match(line)]
    lines = [re.sub(r",? +(?:about )?T left", "", line) for line in lines]
    steps = sorted(re.sub(r"^\[ *\d+/\d+\]", "[]", line) for line in lines if line.startswith("["))
    text = " ".join([*(line for line in lines if not line.startswith("[")), *steps])
    text = re.sub(r"Not reportable:.*?committed\.|, (?:not )?reportable", "", " ".join(text.split()))
    text = re.sub(r"threads?\b", "threads", re.sub(r"─+|\d[\d.,]*(?:e[+-]?\d+)?", "#", text))
    return " ".join(text.split())


def main() -> None:
    """Write the page anew."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = filled(PAGE.read_text(encoding="utf-8"), Path(folder).resolve())
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The first hour goes as its page says: each command prints what stands below it, but for numbers and times."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

from tools.first_hour import PAGE, SET_UP, exchanges, filled, likeness

ROOT = Path(__file__).resolve().parents[2]


def told(page: str) -> list[tuple[str, str]]:
    return [
        (command, likeness(said))
        for block in page.split("```console\n")[1:]
        for command, said in exchanges(block.partition("```")[0])
        if not command.startswith(SET_UP)
    ]


def test_each_command_prints_what_the_page_says(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert told(filled(text, tmp_path.resolve())) == told(text)


def test_the_end_of_quickstart_is_what_the_committed_records_give(tmp_path: Path) -> None:
    runs = f"paths.runs={tmp_path / 'runs'}"
    runpy.run_path(str(ROOT / "tools" / "restore.py"))["main"](["suite=quickstart", runs])
    sweep, own = [sys.executable, "-m", "unroll", "sweep", "suite=quickstart", runs], {**os.environ, "COLUMNS": "80"}
    assert "(45 finished)" in subprocess.run([*sweep, "--dry-run"], capture_output=True, text=True, check=True).stdout
    done = subprocess.run(sweep, capture_output=True, text=True, env=own, check=True)
    said = done.stdout.replace(str(tmp_path / "runs"), "runs")
    said = said[said.index("Every architecture x task") :]
    assert "\n".join(line.rstrip() for line in said.splitlines() if line.strip()) in PAGE.read_text(encoding="utf-8")


def test_words_that_differ_are_noticed() -> None:
    said = "[1/2] finished  a acc 71.33 % (135.3 s), about 17 min 39 s left\n[2/2] finished  b acc 7 % (2 s)\n"
    same = "[ 1/2] finished  b acc 71 % (1.3 s)\n[ 2/2] finished  a acc 0.3 % (1 min 2 s)\n"
    assert likeness(said) == likeness(same)
    assert likeness(said) != likeness(said.replace("finished  b", "failed  b"))

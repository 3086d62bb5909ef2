"""Text out of records and files is shown: a terminal does not obey it, a page does not load it, no cell computes it."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stub_records import write_failed, write_finished
from typer.testing import CliRunner

from unroll.analysis.render.cells import Grid
from unroll.analysis.render.markdown import grid, page, plain
from unroll.analysis.render.page import Section
from unroll.analysis.report import write_report
from unroll.cli import app
from unroll.config.compose import compose
from unroll.config.planned import Plan
from unroll.config.trial import make_trial
from unroll.errors import TrialFailed, UserError
from unroll.records.record import read_record, write_record
from unroll.visible import as_cell, visible

pytestmark = pytest.mark.usefixtures("believed")

HOSTILE = (
    "=cmd|'x'!A0 \x1b[2J\x1b]0;title\x07 <img src=x onerror=alert(1)> [text](https://evil.example) \x9b2J \u202e é"
)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trials, a finished one and a failed one, in whose records hostile text stands where text can."""
    runs = tmp_path_factory.mktemp("runs")
    composed = compose(["task=compression", "data=mnist", "architecture=mlp", f"paths.runs={runs}"]).plain
    for seed, write in enumerate((write_finished, write_failed)):
        trial = make_trial({**composed, "seed": seed})
        write(trial)
        record = read_record(trial.record_path)
        record["config"]["data"]["channels"] = HOSTILE
        record["why_not_reportable"], record["reportable"] = [HOSTILE], False
        record["run"]["command"] = HOSTILE
        if record["status"] == "failed":
            record["error"] = dict.fromkeys(("type", "message", "traceback"), HOSTILE)
        else:
            record["result"]["labels"] = {"a": HOSTILE}
            record["result"]["primary"]["unit"] = HOSTILE
        write_record(trial.directory, record)
        runs.with_name(f"{runs.name}-hostile{seed}").symlink_to(trial.directory)
    return runs


@pytest.mark.parametrize(
    "command",
    [["status"], ["status", "--json"], ["show", "{}-hostile0"], ["show", "{}-hostile1"], ["show", "{}/x\x1b[2J"]],
)
def test_a_terminal_gets_no_control_characters(command: list[str], folder: Path) -> None:
    arguments = [part.format(folder) for part in command]
    done = CliRunner().invoke(app, [*arguments, "--runs", str(folder)])
    said = done.output + str(done.exception or "")
    assert "\\u001b[2J" in said
    assert not CONTROL.search(said)
    if "--json" in command:
        json.loads(done.output)


def test_a_page_shows_what_it_would_have_loaded(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    CliRunner().invoke(app, ["report", "--runs", str(folder), "--out", str(page)])
    text = page.read_text(encoding="utf-8")
    assert "&lt;img src=x" in text
    assert not re.search(r"<[A-Za-z]", text)
    assert "](https://evil" not in text.replace("\\]", "")
    assert not CONTROL.search(text)


@pytest.mark.parametrize("command", ["export", "report"])
def test_no_cell_of_a_spreadsheet_is_a_formula(command: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    CliRunner().invoke(app, [command, "--runs", str(folder), "--out", str(out)])
    text = out.read_text(encoding="utf-8")
    assert "'=cmd" in text
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
            assert not cell.startswith("-") or float(cell) < 0
    assert not CONTROL.search(text)


@pytest.mark.parametrize("value", ["-0.5", "+3", "-1e-9", "-inf", -0.5, 7, None, True, "lstm", "a=b"])
def test_what_is_no_formula_stays(value: object) -> None:
    assert as_cell(value) == value


@pytest.mark.parametrize("value", ["=1", "+a", "-a", "@SUM(A1)", "\ta", "\ra", "-1+1"])
def test_a_formula_becomes_text(value: str) -> None:
    assert str(as_cell(value)).startswith("'")


def test_lines_and_tabs_and_letters_are_shown_as_they_are() -> None:
    assert visible("a\tb\nç ± ▁█ 中 👍") == "a\tb\nç ± ▁█ 中 👍"
    assert visible("\x1b\r\x7f\x85\u2066\0") == "\\u001b\\u000d\\u007f\\u0085\\u2066\\u0000"


def test_messages_of_errors_are_shown() -> None:
    assert (
        str(UserError("a\x1b[2J", saw="\x07", allowed=["\x9b"]))
        == "a\\u001b[2J\n  seen:    \\u0007\n  allowed: \\u009b"
    )
    assert "\x1b" not in str(TrialFailed("a", Path("b"), "\x1b[2J"))


@pytest.mark.parametrize(
    "ours",
    ["p < 0.05", "**lstm** `a < b`", "[0](../records/a-b.json)", "[m](tables/m.md)", "a [b] (c)", "x<=3", "6: a"],
)
def test_our_own_marks_stay(ours: str) -> None:
    assert plain(ours) == ours


@pytest.mark.parametrize(
    ("theirs", "shown"),
    [
        ("![x](//evil.example/t.png)", r"![x\](//evil.example/t.png)"),
        ("[x](/etc)", r"[x\](/etc)"),
        (r"[x\](https://evil.example)", r"[x\\\](https&#58;//evil.example)"),
        ("[x]: //evil.example", r"[x\]: //evil.example"),
        ("<https://evil.example>", "&lt;https&#58;//evil.example>"),
        ("<mailto:a@evil.example>", "&lt;mailto:a@evil.example>"),
        ("<1@evil.example>", "&lt;1@evil.example>"),
        ("see http://evil.example or www.evil.example", "see http&#58;//evil.example or www&#46;evil.example"),
    ],
)
def test_no_image_and_no_address_of_theirs_comes_alive(theirs: str, shown: str) -> None:
    assert plain(theirs) == shown


def test_a_link_that_a_section_calls_ours_lives() -> None:
    text = "Paper, <https://arxiv.org/abs/1>, not <https://evil.example>."
    found = page([Section(text=(text,), links=("https://arxiv.org/abs/1", "img src=x"), notes=("<img src=x>",))])
    assert found == "Paper, <https://arxiv.org/abs/1>, not &lt;https&#58;//evil.example>.\n\n- &lt;img src=x>\n"


def test_a_refused_record_shows_what_it_holds_and_loads_nothing(tmp_path: Path) -> None:
    told = UserError("The record x is not true to itself.", saw="hashes: weights_sha256 '![x](//evil.example/t.png)'")
    text = write_report([], tmp_path / "report.md", refused=[told]).read_text(encoding="utf-8")
    assert text.endswith("Seen: hashes: weights_sha256 '![x\\](//evil.example/t.png)'\n")


def test_a_cell_stays_in_its_column() -> None:
    found = grid(Grid(("a", "b"), (("x | y\n# z", "<b>"), ("x \\| y", "z")), None)).splitlines()
    assert found[-2:] == ["| x \\| y # z | &lt;b> |", "| x \\\\\\| y | z |"]


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", ".."])
def test_a_suite_lies_in_a_folder_of_its_own(name: str) -> None:
    with pytest.raises(UserError, match="no name of a suite"):
        Plan(name, "", (), None, {}, ())


def test_an_ascii_locale_gets_escapes(folder: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LC_ALL": "C",
        "PYTHONIOENCODING": "ascii:strict",
    }
    done = subprocess.run(
        [sys.executable, "-m", "unroll", "status", "--runs", str(folder)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\\xe9" in done.stdout

"""`--runs FOLDER` is one option of every command, and the key `paths.runs` where a command takes overrides."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.compose import compose
from unroll.config.runs_folder import runs_as_override, stated_runs, with_runs
from unroll.errors import UserError

WITHOUT = {"train", "audit"}  # a Hydra app; its folders are its arguments


def test_every_command_about_trials_has_the_option() -> None:
    commands = {name: one for name, one in typer.main.get_command(app).commands.items() if name != "data"}
    having = {name for name, one in commands.items() if any("--runs" in option.opts for option in one.params)}
    assert set(commands) - having == WITHOUT


def test_a_folder_becomes_the_key_whatever_its_name() -> None:
    for name in ("runs", "/a b/it's", "a=b,c", "null"):
        (text,) = with_runs([], name)
        assert compose([text, "task=copying"]).plain["paths"]["runs"] == name


def test_hydras_command_line_takes_the_option_in_both_spellings() -> None:
    line = ["task=copying", "--runs", "here", "-m", "seed=0,1"]
    assert runs_as_override(line) == ["task=copying", "-m", "seed=0,1", "paths.runs=here"]
    assert runs_as_override(["--runs=here", "--cfg", "job"]) == ["--cfg", "job", "paths.runs=here"]
    assert runs_as_override(["task=copying"]) == ["task=copying"]
    assert runs_as_override(["paths.runs='here'", "--runs", "here"]) == ["paths.runs=here"]


@pytest.mark.parametrize("wrong", [["--runs"], ["--runs", "-m"], ["--runs="], ["--runs", "a", "paths.runs=b"]])
def test_no_folder_and_two_folders_are_refused(wrong: list[str]) -> None:
    with pytest.raises(UserError, match=r"A folder of trials follows|Two folders of trials"):
        runs_as_override(wrong)


def test_train_shows_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["train", "task=copying", "--runs", str(tmp_path), "--cfg", "job"])
    assert found.exit_code == 0, found.output
    assert f"runs: {tmp_path}" in found.output


def test_commands_that_read_records_take_the_key_too(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    assert stated_runs([f"paths.runs={tmp_path}/runs", "seed=1"]) == [f"{tmp_path}/runs"]
    found = CliRunner().invoke(app, ["report", f"paths.runs={tmp_path}/runs"])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "runs" / "report.md").is_file()

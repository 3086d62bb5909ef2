"""What docs/extending.md tells users to write works as it is printed there, with the installed wheel."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
from installed import install, succeed
from recipes import Recipe, recipes, write_data
from tiny_data import KINDS, Tiny, small_overrides

PIP = ["pip", "install"]


def short(words: list[str], tiny: Tiny, runs: Path) -> list[str]:
    """A printed command on tiny data and a tiny budget."""
    task = next((word.partition("=")[2] for word in words if word.startswith("task=")), "copying")
    _, data, *places = tiny.overrides(task if task in KINDS else "copying", runs)
    if task in KINDS:
        own = any(word.startswith("data=") for word in words)
        words = [*words, *([] if own else [data]), *(text for text in small_overrides(task) if "task." in text)]
    words = [*words, *places]
    if not any(word.startswith("baseline=") for word in words):
        words += ["budget.epochs=null", "budget.steps=2"]
    if words[0] == "sweep":
        words += ["workers=1"]
    return words if "--config-dir" in words else [*words, "--config-dir", tiny.config_dir]


@pytest.mark.parametrize("one", recipes(), ids=lambda one: one.title)
def test_a_recipe_trains(one: Recipe, elsewhere: Path, tiny: Tiny, tmp_path: Path) -> None:
    one.write(tmp_path)
    write_data(tiny.folder / "data")
    shutil.copytree(Path(tiny.config_dir) / "data", tmp_path / "mine" / "data", dirs_exist_ok=True)
    places = {"UNROLL_DATA": f"{tiny.folder}/data", "UNROLL_CACHE": f"{tiny.folder}/cache"}
    programs, wanted = elsewhere / "venv" / "bin", 0
    for line in one.commands:
        words = shlex.split(line)
        if words[:2] == PIP:
            install(programs, words[2], tmp_path)
        else:
            assert words[0] == "unroll", line
            wanted += words[1] != "data"
            more = words[1:] if words[1] == "data" else short(words[1:], tiny, tmp_path / "runs")
            said = succeed(programs / "unroll", *more, cwd=tmp_path, **places)
            assert words[1] != "data" or "train 48, validation 16, test 16" in said
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/record.json")]
    assert len(records) >= wanted
    assert {record["status"] for record in records} <= {"finished"}

"""Names out of files stay inside their folders."""

from pathlib import Path
from typing import Any

import pytest

from unroll.data.examples import load_examples
from unroll.errors import UserError
from unroll.names import check_id, inside

OUTSIDE = ["../x", "/etc/passwd", "a/../../x", "..", "", "a\0b"]


@pytest.mark.parametrize("name", [*OUTSIDE, "a/b", ".hidden", "a b", "\x1b[2J", None, 3, "é"])
def test_a_name_that_is_no_name(name: Any) -> None:
    with pytest.raises(UserError, match="no name of a suite"):
        check_id(name, "a suite")


def test_names_of_trials() -> None:
    assert check_id("sentiment-sst2-lstm-s0-0123456789") == "sentiment-sst2-lstm-s0-0123456789"


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_that_leads_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leads out"):
        inside(tmp_path, name, "a file")


def test_a_path_inside(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b..c", "a file") == tmp_path / "a" / "b..c"


def node(source: dict[str, Any], name: str = "river") -> dict[str, Any]:
    origin = {"sources": [source]}
    return {"name": name, "kind": "series", "reader": "series", "options": {}, "origin": origin}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (node({"local": "river", "files": {"../../secret.csv": None}}), "a file of source.local leads out"),
        (node({"local": "river", "files": {"/secret.csv": None}}), "a file of source.local leads out"),
        (node({"local": "../river", "files": {"a.csv": None}}), "source.local leads out"),
        (node({"hub": "../..", "files": {"a.csv": "a.csv"}}), "source.hub leads out"),
        (node({"hub": "a/b", "files": {"a.csv": "../../secret.csv"}}), "a file of source.hub leads out"),
        (node({"wheel": "--index-url=http://x", "sha256": "ab", "member": "*"}), "source.wheel"),
        (node({"wheel": "x @ file:///secret.whl", "sha256": "ab", "member": "*"}), "source.wheel"),
        (node({"wheel": "x==1.!0", "sha256": "ab", "member": "*"}), "source.wheel"),
        (node({"local": "river", "files": {}}, "../../river"), "no name of a data set"),
    ],
)
def test_data_comes_from_inside_its_folders(
    found: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "river").mkdir(parents=True)
    (tmp_path / "secret.csv").write_text("date,y\n")
    monkeypatch.setenv("UNROLL_HUB", str(tmp_path / "data"))
    with pytest.raises(UserError, match=message):
        load_examples(found, {"cache": str(tmp_path / "cache"), "data": str(tmp_path / "data")})
    assert not (tmp_path / "cache").exists()

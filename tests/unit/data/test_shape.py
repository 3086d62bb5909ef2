"""A YAML of a data set that is written wrongly: one message where it is composed, listed and read."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.compose import compose
from unroll.data import catalogue, freshness, sources
from unroll.errors import UserError

LOCAL = {"local": "river", "files": ["river.csv"]}
HUB = {"hub": "a/b", "files": {"river.csv": "x/river.csv"}}
WHEEL = {"wheel": "river==1.0", "sha256": "ab", "member": "river.csv"}
GOOD = {
    "name": "river",
    "kind": "series",
    "reader": "series",
    "channels": "joint",
    "options": {"timestamp": "date"},
    "origin": {"sources": [LOCAL]},
}


def write(folder: Path, file: str, **keys: Any) -> Path:
    path = folder / "data" / f"{file}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({**GOOD, "name": file, **keys}))
    return path


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"local": "river"}, "'files' of a local source has a value that it cannot hold.*seen:    nothing"),
        ({**LOCAL, "files": "river.csv"}, "a list of names, or a mapping from names to SHA-256"),
        ({**LOCAL, "files": [1]}, "'files' of a local source"),
        ({**LOCAL, "files": {"river.csv": 3}}, "'files' of a local source"),
        ({**LOCAL, "files": {}}, "'files' of a local source"),
        ({**LOCAL, "files": None}, "'files' of a local source"),
        ({**LOCAL, "local": None}, "'local' of a local source.*a folder under paths.data"),
        ({**LOCAL, "file": "x"}, "a local source has no key 'file'. Did you mean 'files'"),
        ({"hub": "a/b"}, "'files' of a hub source"),
        ({**HUB, "files": {"x.csv": None}}, "'files' of a hub source"),
        ({**HUB, "files": {"x.csv": {"column": "a"}}}, "{path:, column:, sha256:}"),
        ({**HUB, "files": {"x.csv": {"path": "a", "colum": "a"}}}, "'files' of a hub source"),
        ({**HUB, "revision": 1.0}, "'revision' of a hub source"),
        ({"wheel": "river==1.0", "member": "x"}, "'sha256' of a wheel source"),
        ({**WHEEL, "member": 3}, "'member' of a wheel source"),
        ({**WHEEL, "member_sha": "ab"}, "Did you mean 'member_sha256'"),
        ({"generated": [1]}, "'generated' of a generated source"),
        ({"generated": {"train": "one"}}, "which are whole numbers"),
        ({"url": "http://x"}, "a source has no known kind.*{local: ..., files: ...}"),
        ("/x", "a source has no known kind.*seen:    '/x'"),
        (None, "a source has no known kind"),
    ],
)
def test_a_source_that_is_none_is_one_message_everywhere(source: Any, says: str, tmp_path: Path) -> None:
    write(tmp_path, "river", origin={"sources": [source]})
    with pytest.raises(UserError, match=f"(?s)data=river: .*{says}"):
        compose(["task=forecasting", "data=river", "architecture=gru"], str(tmp_path))
    paths = {"cache": str(tmp_path / "cache"), "data": str(tmp_path)}
    for look in (sources.locate, sources.here):
        with pytest.raises(UserError, match=f"(?s)data set 'river': .*{says}"):
            look("river", [source], paths)
    assert freshness.changed({**GOOD, "origin": {"sources": [source]}}, paths, {"content_sha256": "ab"})
    listed, wrong = catalogue.list_data([tmp_path])
    assert (listed, len(wrong)) == ([], 1)


@pytest.mark.parametrize("found", [{"local": "river"}, "/x"])
def test_sources_that_are_no_list_are_refused(found: Any, tmp_path: Path) -> None:
    write(tmp_path, "river", origin={"sources": found})
    with pytest.raises(UserError, match=r"data\.origin\.sources|Cannot merge DictConfig with ListConfig"):
        compose(["task=forecasting", "data=river", "architecture=gru"], str(tmp_path))
    with pytest.raises(UserError, match=r"data set 'river': data\.origin\.sources is no list"):
        sources.locate("river", found, {"cache": str(tmp_path), "data": None})


BROKEN = {
    "options": {"options": {"seperator": ";"}},
    "a_list": {"options": ["separator"]},
    "a_hash": {"origin": {"content_sha256": "abc", "sources": [LOCAL]}},
    "a_source": {"origin": {"sources": LOCAL}},
    "a_number": {"name": 2020},
    "a_reader": {"reader": "sreies"},
    "an_origin": {"origin": "mine"},
    "a_parent": {"defaults": ["a_parent"]},
    "a_default": {"defaults": "etth1"},
}
SAYS = {
    "options": "unknown option 'data.options.seperator' of reader 'series'. Did you mean 'separator'",
    "a_list": "'options' has a value that it cannot hold",
    "a_hash": "'origin.content_sha256' has a value that it cannot hold",
    "a_source": "data.origin.sources is no list",
    "a_number": "'name' has a value that it cannot hold",
    "a_reader": "unknown reader 'sreies' (data.reader). Did you mean 'series'",
    "an_origin": "'origin' has a value that it cannot hold",
    "a_parent": "builds on a data set that is not there",
    "a_default": "'defaults' is no list",
}


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """One good YAML among many that describe no data set."""
    for name, keys in BROKEN.items():
        write(tmp_path, name, **keys)
    (tmp_path / "data" / "no_yaml.yaml").write_text("{")
    (tmp_path / "data" / "no_text.yaml").write_bytes(b"name: \xff")
    (tmp_path / "data" / "no_mapping.yaml").write_text("- 1")
    (tmp_path / "data" / "no_file.yaml").symlink_to(tmp_path / "gone")
    write(tmp_path, "one", defaults=["two"])
    write(tmp_path, "two", defaults=["one"])
    write(tmp_path, "river", options={"timestamp": "date", "missing": ["2020-01-01"]})
    return tmp_path


def said(folder: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["data", *words, "--config-dir", str(folder)])
    assert done.exception is None or isinstance(done.exception, SystemExit | UserError), done.exception
    return done.exit_code, done.stdout, done.stderr + str(done.exception or "")


def test_a_yaml_that_describes_none_is_named_and_the_others_are_listed(broken: Path) -> None:
    code, listed, wrong = said(broken, "list")
    assert code == 1
    assert "river (series)\n  sources:  local river" in listed
    assert "etth1 (series)" in listed
    for name, says in SAYS.items():
        assert f"{broken}/data/{name}.yaml" in wrong
        assert says in wrong
    for name in ("no_yaml", "no_text", "no_mapping", "no_file", "one", "two"):
        assert f"{broken}/data/{name}.yaml" in wrong
    assert len(catalogue.list_data([broken])[1]) == len(BROKEN) + 6


def test_a_yaml_that_describes_none_stops_no_other(broken: Path) -> None:
    paths = {"cache": str(broken / "cache"), "data": str(broken)}
    for do in (catalogue.check, catalogue.fetch):
        assert [(row.name, row.state) for row in do(["river"], paths, [broken])] == [("river", "absent")]
        assert {row.name: row.state for row in do([], paths, [broken])}["a_hash"] == "damaged"
        with pytest.raises(UserError, match="seperator"):
            do(["options"], paths, [broken])
    with pytest.raises(UserError, match="'origin' has a value"):
        catalogue.show("an_origin", paths, [broken])
    with pytest.raises(UserError, match=r"unknown data set 'rivr'\. Did you mean 'river'"):
        catalogue.show("rivr", paths, [broken])


def test_two_files_of_one_name_are_both_left_out(tmp_path: Path) -> None:
    for file in ("a", "b"):
        write(tmp_path, file, name="river")
    listed, wrong = catalogue.list_data([tmp_path])
    assert (listed, len(wrong)) == ([], 1)
    with pytest.raises(UserError, match="Two files describe a data set of the name 'river'"):
        catalogue.check(["river"], {}, [tmp_path])

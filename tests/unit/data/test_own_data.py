"""A data set of one's own: its YAML may leave out what has a default, its name tells it from all others."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.registry.groups import conf_directory

SERIES = {
    "name": "river",
    "kind": "series",
    "reader": "series",
    "channels": "joint",
    "origin": {"sources": [{"local": "river", "files": ["river.csv"]}]},
}
TEXT = {
    "name": "notes",
    "kind": "labelled_text",
    "reader": "labelled_text",
    "options": {"labels": ["good", "bad"]},
    "tokenizer": {"kind": "word"},
    "languages": ["en"],
    "origin": {"sources": [{"local": "notes", "files": ["notes.csv"]}]},
}


def write(folder: Path, node: dict[str, Any], file: str | None = None, **keys: Any) -> Path:
    place = folder / "data" / f"{file or node['name']}.yaml"
    place.parent.mkdir(exist_ok=True)
    place.write_text(yaml.safe_dump({**node, **keys}))
    return place


def series(folder: Path, *overrides: str, data: str = "river") -> Trial:
    return compose(["task=forecasting", f"data={data}", "architecture=gru", *overrides], str(folder))


def text(folder: Path, *overrides: str) -> Trial:
    return compose(["task=sentiment", "data=notes", *overrides], str(folder))


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("data.fraction=0.5", "fraction", 0.5),
        ("data.batch_size=3", "batch_size", 3),
        ("data.epochs=3", "epochs", 3),
        ("data.languages=[en]", "languages", ["en"]),
        ("data.options.validation=0.2", "options", {"validation": 0.2}),
        ("+data.options.test=0.3", "options", {"test": 0.3}),
        ("data.origin.licence=mine", "origin", {"licence": "mine"}),
    ],
)
def test_what_a_yaml_leaves_out_can_be_overridden(tmp_path: Path, override: str, key: str, value: Any) -> None:
    write(tmp_path, SERIES)
    found = series(tmp_path, override).plain["data"][key]
    assert found == value or {**found, **value} == found


@pytest.mark.parametrize(
    "override", ["data.max_length=9", "data.tokenizer.vocabulary_size=9", "data.tokenizer.kind=bpe"]
)
def test_parts_of_what_it_has_in_part_can_be_overridden(tmp_path: Path, override: str) -> None:
    write(tmp_path, TEXT)
    key, _, value = override.removeprefix("data.").partition("=")
    found: Any = text(tmp_path, override).plain["data"]
    for part in key.split("."):
        found = found[part]
    assert str(found) == value


def test_what_is_said_and_what_is_left_to_its_default_are_one_trial(tmp_path: Path) -> None:
    write(tmp_path, SERIES)
    plain = series(tmp_path)
    said = series(tmp_path, "data.fraction=1.0", "data.max_length=null", "data.origin.citation=somebody")
    assert plain.trial_id == said.trial_id
    write(tmp_path, SERIES, fraction=1.0, batch_size=64, epochs=10, options={})
    assert series(tmp_path).trial_id == plain.trial_id


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.fractoin=0.5", "Did you mean 'fraction'"),
        ("data.options.vaildation=0.2", "Did you mean 'validation'"),
        ("data.origin.license=mine", "Did you mean 'licence'"),
        ("data.fraction=half", "data.fraction"),
        ("data.tokenizer.kind=word", "data.tokenizer of series"),
        ("data.max_length=5", "data.max_length of series"),
    ],
)
def test_what_nothing_reads_is_refused(tmp_path: Path, override: str, words: str) -> None:
    write(tmp_path, SERIES)
    with pytest.raises(UserError, match=r"There is no key|unknown option|cannot hold|change nothing") as error:
        series(tmp_path, override)
    assert words in str(error.value)


@pytest.mark.parametrize("kind", ["bpe", "character"])
def test_what_a_word_is_is_nothing_to_tokens_that_are_none(kind: str, tmp_path: Path) -> None:
    write(tmp_path, TEXT)
    text(tmp_path, f"data.tokenizer.kind={kind}")
    with pytest.raises(UserError, match=rf"(?s)change nothing.*words=moses of {kind}.*words=whitespace"):
        text(tmp_path, f"data.tokenizer.kind={kind}", "+data.tokenizer.words=moses")


def test_a_tokenizer_that_is_no_mapping_is_one_message(tmp_path: Path) -> None:
    write(tmp_path, TEXT, tokenizer=3)
    with pytest.raises(UserError, match=r"(?s)'data.tokenizer' has a value that it cannot hold.*a mapping or null"):
        text(tmp_path)


def test_the_name_of_a_shipped_set_is_reserved(tmp_path: Path) -> None:
    write(tmp_path, {**SERIES, "name": "etth1"}, file="mine")
    with pytest.raises(UserError, match="'etth1' is that of a data set that ships") as error:
        series(tmp_path, data="mine")
    assert "my_etth1" in str(error.value)
    assert series(tmp_path, "data.name=my_etth1", data="mine").plain["data"]["name"] == "my_etth1"


@pytest.mark.parametrize(
    "override",
    [
        "data.origin.sources=[]",
        "data.origin.content_sha256={default: abc}",
        "data.reader=language_pack",
        "data.name=etth2",
    ],
)
def test_a_shipped_set_with_another_origin_is_not_that_set(override: str) -> None:
    with pytest.raises(UserError, match=r"ships with Unroll|needs data.options|unknown option"):
        compose(["task=forecasting", "data=etth1", "architecture=gru", override])


def test_a_shipped_set_with_other_options_is_still_that_set() -> None:
    assert compose(["task=forecasting", "data=etth1", "data.options.channels=[OT]", "data.fraction=0.5"])


def test_two_files_of_one_name_are_refused_and_others_beside_them_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, SERIES)
    (tmp_path / "data" / "broken.yaml").write_text("{")
    (tmp_path / "data" / "odd.yaml").write_text("- 1\n")
    assert series(tmp_path)
    write(tmp_path, SERIES, file="copy", origin={"sources": [{"local": "elsewhere", "files": ["river.csv"]}]})
    with pytest.raises(UserError, match="Two files describe a data set of the name 'river'") as error:
        series(tmp_path)
    assert "copy.yaml" in str(error.value)
    assert "river.yaml" in str(error.value)


def test_a_set_that_builds_on_a_shipped_one_needs_a_name_of_its_own(tmp_path: Path) -> None:
    place = tmp_path / "data" / "short.yaml"
    place.parent.mkdir()
    more = "defaults: [etth1, _self_]\norigin: {sources: [{local: mine, files: [ETTh1.csv]}]}\n"
    place.write_text(f"{more}name: short\n")
    assert series(tmp_path, data="short").plain["data"]["origin"]["sources"][0]["local"] == "mine"
    place.write_text(more)
    with pytest.raises(UserError, match="ships with Unroll"):
        series(tmp_path, data="short")


@pytest.mark.parametrize("group", ["data/etth1", "architecture/lstm", "bottleneck/term/denoising"])
def test_a_file_that_a_shipped_one_hides_is_refused(tmp_path: Path, group: str) -> None:
    place = tmp_path / f"{group}.yaml"
    place.parent.mkdir(parents=True)
    place.write_text("name: mine\n")
    with pytest.raises(UserError, match="ships with Unroll, which is read in its place"):
        compose(["task=forecasting", "architecture=gru"], str(tmp_path))


def test_a_name_has_a_length(tmp_path: Path) -> None:
    write(tmp_path, SERIES)
    assert len(series(tmp_path, f"data.name={'a' * 50}").trial_id) < 200
    with pytest.raises(UserError, match="too long") as error:
        series(tmp_path, f"data.name={'a' * 51}")
    assert "at most 50" in str(error.value)


def test_a_set_that_only_lies_in_a_folder_is_not_to_be_fetched(tmp_path: Path) -> None:
    from unroll.data.examples import load_examples

    with pytest.raises(UserError, match="none of its 1 sources is there") as error:
        load_examples(SERIES, {"cache": str(tmp_path / "cache"), "data": str(tmp_path)})
    assert "unroll data check river" in str(error.value)
    assert "UNROLL_DATA=FOLDER with river/ holding river.csv" in str(error.value)


def test_shipped_sets_are_named_as_their_files_are() -> None:
    files = sorted((conf_directory() / "data").glob("*.yaml"))
    assert [yaml.safe_load(file.read_text())["name"] for file in files] == [file.stem for file in files]


@pytest.mark.parametrize("typed", [["--config-dir", "my folder"], ["--config-dir=my folder"], []])
def test_what_is_to_be_run_looks_into_the_same_folder(typed: list[str]) -> None:
    error = UserError("what", run="unroll data check river   # says why")
    error.mend(["train", "data=river", *typed])
    folder = " --config-dir 'my folder'" if typed else ""
    assert error.run == f"unroll data check river{folder}   # says why"


def test_the_shipped_folder_may_be_named_itself() -> None:
    assert compose(["task=forecasting", "data=etth1"], str(conf_directory())) == compose(
        ["task=forecasting", "data=etth1"]
    )

"""Kinds of data: what ships is whole, and what is not there is told of."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unroll.config.compose import compose
from unroll.data import kinds
from unroll.data.cache import prepare
from unroll.data.profile import profile
from unroll.data.readers.columns import SPLITS, content_sha256, require_columns
from unroll.errors import UserError
from unroll.registry.groups import group_value

CONF = Path(__file__).parents[3] / "conf"


@pytest.mark.parametrize("name", kinds.names())
def test_the_command_of_every_kind_composes(name: str) -> None:
    found = kinds.get(name)
    if found.train:
        assert compose(found.train).config.data.kind == name


def test_every_data_set_and_task_is_of_a_kind() -> None:
    for group in ("data", "task"):
        for file in (CONF / group).glob("*.yaml"):
            assert group_value(group, file.stem, "kind") in kinds.names(), file


def test_words_are_apart_by_what_the_kind_says() -> None:
    assert kinds.get("tagged_words").items("a b\tc") == ["a b", "c"]
    assert kinds.get("tagged_words").items("") == []
    assert kinds.get("running_text").items(" a b\tc ") == ["a", "b", "c"]


def test_a_kind_that_is_not_here_is_one_message() -> None:
    assert kinds.find("../data/sst2") is None
    assert not kinds.has_texts("of_somebody_else")
    with pytest.raises(UserError, match=r"(?s)no kind of data 'serie'.*Did you mean 'series'.*kind/serie.yaml"):
        kinds.get("serie")


def test_sequences_of_numbers_are_kept_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_folders", lambda: [tmp_path])
    (tmp_path / "kind").mkdir()
    (tmp_path / "kind" / "paths.yaml").write_text("columns: {steps: floats}\ninput: steps\n")
    rows = [[[1, 2], [3, 4.5]], [[1, 2]], [[1, 2]]]

    def made(values: list[Any]) -> dict[str, Any]:
        return {split: {"steps": values} for split in SPLITS}

    arrays = [np.array(row, np.float32) for row in rows]
    for values in (rows, arrays):
        require_columns("paths", made(values), "any")
    assert content_sha256(made(rows)) == content_sha256(made(arrays))
    flat = [[1, 2, 3, 4.5], [1, 2], [1, 2]]
    require_columns("paths", made(flat), "any")
    cut = [[[1, 2]], [[3, 4.5], [1, 2]], [[1, 2]]]
    assert len({content_sha256(made(each)) for each in (rows, flat, cut)}) == 3
    found = profile("paths", made(arrays))
    assert found["lengths"]["steps"]["train"] == [1, 1, 1, 2, 2]
    assert found["repeated"] == {"within": dict.fromkeys(SPLITS, 1), "in_train": {"validation": 3, "test": 3}}
    kept = prepare(tmp_path / "cache" / "paths", lambda: made(arrays), lambda splits: {}).splits["test"]["steps"][:]
    assert kept == [[[1.0, 2.0], [3.0, 4.5]], [[1.0, 2.0]], [[1.0, 2.0]]]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([[1.0], []], r"numbers \[0\] in row 1"),
        ([[1.0], 2.0], r"numbers \[\] in row 1"),
        ([[1.0], [[1.0]]], r"numbers \[1, 1\] in row 1"),
        ([[[1.0, 2.0]], [[1.0]]], r"numbers \[1, 1\] in row 1"),
        ([[[1.0, 2.0], [1.0]]], "in row 0"),
        ([["a"]], r"\['a'\] in row 0"),
        (["12"], "'12' in row 0"),
        ([["1", "2"]], "in row 0"),
        ([[True]], "in row 0"),
        ([[float("inf")]], "not finite in row 0"),
        ([None], "in row 0"),
    ],
)
def test_what_is_no_sequence_of_numbers_is_one_message(
    values: list[Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "_folders", lambda: [tmp_path])
    (tmp_path / "kind").mkdir()
    (tmp_path / "kind" / "paths.yaml").write_text("columns: {steps: floats}\n")
    with pytest.raises(UserError, match=f"(?s)column steps of train is not of floats.*{says}"):
        require_columns("paths", {split: {"steps": values} for split in SPLITS}, "any")

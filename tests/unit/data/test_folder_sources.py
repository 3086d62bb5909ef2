"""A folder of files as one entry of a source: IMDB's layout, read, hashed as one, and noticed when it changes."""

from pathlib import Path
from typing import Any

import pytest

from unroll.data.examples import load_examples
from unroll.errors import UserError


@pytest.fixture
def node(tmp_path: Path) -> dict[str, Any]:
    for split in ("train", "test"):
        for label in ("neg", "pos"):
            folder = tmp_path / "aclImdb" / split / label
            folder.mkdir(parents=True)
            for number in range(10):
                (folder / f"{number}_{number}.txt").write_text(f"{split} {label} {number}", encoding="utf-8")
    (tmp_path / "aclImdb" / "train" / "urls_pos.txt").write_text("http://example.org", encoding="utf-8")
    (tmp_path / "aclImdb" / "train" / ".DS_Store").write_bytes(b"\0")
    return {
        "name": "imdb",
        "kind": "labelled_text",
        "reader": "labelled_text",
        "options": {"labels": ["neg", "pos"], "train": "train", "validation": 0.25, "test": "test"},
        "origin": {"sources": [{"local": str(tmp_path / "aclImdb"), "files": ["train", "test"]}]},
    }


def paths(tmp_path: Path, cache: str = "cache") -> dict[str, Any]:
    return {"cache": str(tmp_path / cache), "data": None}


def test_a_folder_is_one_file_to_its_source(node: dict[str, Any], tmp_path: Path) -> None:
    examples = load_examples(node, paths(tmp_path))
    assert {split: len(table) for split, table in examples.splits.items()} == {"train": 15, "validation": 5, "test": 20}
    assert sorted(examples.splits["test"]["text"]) == sorted(f"test {b} {n}" for b in ("neg", "pos") for n in range(10))
    assert examples.profile["classes"]["test"] == {"neg": 10, "pos": 10}


def test_a_folder_that_changed_is_other_data(node: dict[str, Any], tmp_path: Path) -> None:
    first = load_examples(node, paths(tmp_path))
    text = tmp_path / "aclImdb" / "test" / "pos" / "3_3.txt"
    text.write_text("test pos X", encoding="utf-8")
    changed = load_examples(node, paths(tmp_path))
    assert changed.content_sha256 != first.content_sha256
    text.rename(text.with_name("4_3.txt"))
    text.with_name("4_3.txt").write_text("test pos 3", encoding="utf-8")
    assert load_examples(node, paths(tmp_path)).files_sha256 != first.files_sha256  # the same texts by other names
    text.with_name("4_3.txt").rename(text)
    (tmp_path / "aclImdb" / "test" / ".cache").write_text("hidden", encoding="utf-8")
    assert load_examples(node, paths(tmp_path)).files_sha256 == first.files_sha256
    node["origin"]["sources"][0]["files"] = {"train": "0" * 64, "test": None}
    with pytest.raises(UserError, match="train is not the file that was published"):
        load_examples(node, paths(tmp_path, "other"))


def test_a_class_without_a_folder_is_refused(node: dict[str, Any], tmp_path: Path) -> None:
    node["options"]["labels"] = ["neg", "pos", "neutral"]
    with pytest.raises(UserError, match=r"column 'label' holds no 'neutral'"):
        load_examples(node, paths(tmp_path))

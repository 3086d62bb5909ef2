"""Sentence pairs as people have them: byte-order marks, empty sides, tables of two columns."""

import gzip
import json
from typing import Any

import pytest

from unroll.data import readers
from unroll.data.profile import profile
from unroll.data.readers.columns import Read, content_sha256
from unroll.data.readers.pairs import parallel_lines, parallel_table
from unroll.data.sources import uncompressed
from unroll.errors import UserError

NAMES = {"train": "train", "validation": "dev", "test": "test"}
DE, EN = ["Ein Hund", "", "Zwei", "\u200b", "Drei"], ["A dog", "One", "", "Two", "Three"]


def lines_of(sources: list[str], targets: list[str], encoding: str = "utf-8", end: str = "\n") -> dict[str, bytes]:
    sides = {"de": sources, "en": targets}
    return {
        f"{name}.{language}": "".join(line + end for line in sides[language]).encode(encoding)
        for name in NAMES.values()
        for language in sides
    }


def read_lines(files: dict[str, bytes], **options: Any) -> Read:
    return parallel_lines(files, source="de", target="en", **NAMES, **options)


def test_pairs_with_an_empty_side_are_for_evaluation_alone() -> None:
    splits = read_lines(lines_of(DE, EN))
    assert splits["train"] == {"source": ["Ein Hund", "Drei"], "target": ["A dog", "Three"]}
    assert splits["validation"] == splits["test"] == {"source": DE, "target": EN}
    assert splits.notes.left_out == {("a side of the pair is empty", None): [3, "train.de, line 2"]}
    assert profile("pairs", splits)["rows"] == {"read": 15, "left_out": 3, "train": 2, "validation": 5, "test": 5}


@pytest.mark.parametrize(
    ("files", "options"),
    [
        (lines_of(DE, EN, "utf-8-sig"), {}),
        (lines_of(DE, EN, end="\r\n"), {}),
        (lines_of(DE, EN, "utf-16"), {"encoding": "utf-16"}),
        ({f"{name}.xz": content for name, content in lines_of(DE, EN).items()}, {}),
    ],
)
def test_the_same_pairs_whatever_the_bytes(files: dict[str, bytes], options: dict[str, Any]) -> None:
    assert content_sha256(read_lines(files, **options)) == content_sha256(read_lines(lines_of(DE, EN)))


def test_lines_of_another_encoding_are_refused() -> None:
    with pytest.raises(UserError, match=r"train\.de is encoded in UTF-16(?s:.*)data\.options\.encoding=utf-16"):
        read_lines(lines_of(DE, EN, "utf-16"))
    with pytest.raises(UserError, match=r"train\.de, line 2: byte \d+ is not utf-8"):
        read_lines(lines_of(["a", "ü"], ["a", "b"], "latin-1"))


ROWS = [(f"Satz {number}", f"sentence {number}") for number in range(20)]


def table(rows: list[tuple[str, str]]) -> dict[str, bytes]:
    return {
        "a.csv": "\n".join(["de,en", *(f'"{de}","{en}"' for de, en in rows)]).encode(),
        "a.tsv": "\n".join(["en\tde\tby", *(f"{en}\t{de}\tme" for de, en in rows)]).encode(),
        "a.jsonl": "\n".join(json.dumps({"de": de, "en": en, "id": 1}) for de, en in rows).encode(),
    }


def test_pairs_from_a_table_of_any_format() -> None:
    found = [parallel_table({name: content}, source="de", target="en") for name, content in table(ROWS).items()]
    assert [len(columns["source"]) for columns in found[0].values()] == [16, 2, 2]
    assert len({content_sha256(splits) for splits in found}) == 1
    for columns in found[0].values():
        assert all(
            target == source.replace("Satz", "sentence") for source, target in zip(*columns.values(), strict=True)
        )
    headless = b"\n".join(table(ROWS)["a.tsv"].split(b"\n")[1:])
    numbered = parallel_table({"deu.txt": headless}, source="2", target="1", header=False, separator="tab")
    assert content_sha256(numbered) == content_sha256(found[0])
    compressed = gzip.compress(table(ROWS)["a.csv"])
    again = parallel_table({"a.csv.gz": uncompressed("a.csv.gz", compressed)}, source="de", target="en")
    assert content_sha256(again) == content_sha256(found[0])


def test_repeated_pairs_go_and_equal_sources_stay_together() -> None:
    rows = [*ROWS, *ROWS, *((source.upper(), "again") for source, _ in ROWS), ("", "x"), ("y", " ")]
    splits = parallel_table({"a.csv": table(rows)["a.csv"]}, source="de", target="en", validation=0.3, test=0.3)
    assert splits.notes.left_out[("the pair was there before", None)] == [20, "a.csv, line 22"]
    sources = {split: {text.casefold() for text in columns["source"]} for split, columns in splits.items()}
    assert not sources["train"] & sources["test"]
    assert not sources["train"] & sources["validation"]
    assert not sources["validation"] & sources["test"]
    assert "" not in sources["train"]


def test_tables_a_split_are_kept_whole() -> None:
    files = {
        "tr.csv": table([*ROWS, *ROWS, ("", "x")])["a.csv"],
        "te.csv": table([("", "x"), ("Satz 1", "z")])["a.csv"],
    }
    splits = parallel_table(files, source="de", target="en", train="tr.csv", validation=0.25, test="te.csv")
    assert [len(columns["source"]) for columns in splits.values()] == [15, 5, 2]
    assert splits["test"] == {"source": ["", "Satz 1"], "target": ["x", "z"]}


def test_a_column_that_is_not_there_is_named() -> None:
    readers.check("parallel_table", {"source": "de", "target": "en"})
    with pytest.raises(UserError, match=r"data\.options\.target: a\.csv has no column 'eng'. Did you mean 'en'"):
        parallel_table({"a.csv": table(ROWS)["a.csv"]}, source="de", target="eng")

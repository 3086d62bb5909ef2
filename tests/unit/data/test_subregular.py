"""Strings of subregular languages: which lines make which split, on literals, and what the real files hold."""

import re
from pathlib import Path

import pytest

from unroll.data.readers.columns import further, require_columns
from unroll.data.readers.subregular import subregular
from unroll.errors import UserError


def files(training: str = "") -> dict[str, bytes]:
    lines = training or "".join(f"{'a' * number}\t{'TRUE' if number % 2 else 'FALSE'}\n" for number in range(1, 23))
    return {
        "SP4-1k-Training.txt": lines.encode(),
        "SP4-1k-Test1.txt": b"ab\tTRUE\nba\tFALSE\nab\tTRUE\n",
        "SP4-1k-Test2.txt": b"abcd\tFALSE\n",
    }


def test_every_tenth_line_from_the_first_on_is_validation() -> None:
    splits = subregular(files(), language="SP4")
    require_columns("labelled_text", splits, "subregular")
    assert [len(text) for text in splits["validation"]["text"]] == [1, 11, 21]
    assert [len(text) for text in splits["train"]["text"]] == [*range(2, 11), *range(12, 21), 22]
    assert splits["validation"]["label"] == [1, 1, 1]
    assert splits["train"]["label"][:3] == [0, 1, 0]


def test_the_tests_are_whole_files_and_repeated_lines_stay() -> None:
    splits = subregular(files(), language="SP4")
    assert splits["test"]["text"] == ["ab", "ba", "ab"]
    assert (splits["test_long"]["text"], splits["test_long"]["label"]) == (["abcd"], [0])
    assert further(splits) == ("test_long",)
    assert (splits.notes.rows, list(splits.notes.classes)) == (26, ["FALSE", "TRUE"])


@pytest.mark.parametrize("line", ["abba", "abba\tMAYBE", "ab ba\tTRUE"])
def test_a_line_that_is_no_string_with_its_class_is_refused(line: str) -> None:
    with pytest.raises(UserError, match=re.escape("SP4-1k-Training.txt, line 2")):
        subregular(files(f"a\tTRUE\n{line}\n"), language="SP4")


@pytest.mark.parametrize("strings", ["1k", "10k"])
@pytest.mark.parametrize("language", ["SL2", "SL4", "SL8", "SP2", "SP4", "SP8"])
def test_the_published_files(language: str, strings: str, benchmark_data: Path) -> None:
    """As many strings as their names say, half of each class; those of test_long are longer than all others."""
    contents = {path.name: path.read_bytes() for path in (benchmark_data / "subregular").iterdir()}
    splits = subregular(contents, language=language, strings=strings)  # type: ignore[arg-type]
    count = int(strings.removesuffix("k")) * 1000
    sizes = {"train": 0.9 * count, "validation": 0.1 * count, "test": count, "test_long": count}
    assert {name: len(columns["text"]) for name, columns in splits.items()} == sizes
    lengths = {name: [*map(len, columns["text"])] for name, columns in splits.items()}
    for name, columns in splits.items():
        assert sum(columns["label"]) == sizes[name] / 2
        assert set("".join(columns["text"])) == set("abcd")
        if name != "test_long":
            assert max(lengths[name]) == 25
    assert min(lengths["test_long"]) == 26
    assert max(lengths["test_long"]) <= 50

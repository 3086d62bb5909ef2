"""Treebanks in CoNLL-U: words and their tags, and what is said of a damaged line."""

import io
import json
from typing import Any

import polars
import pyarrow
import pyarrow.parquet
import pytest

from unroll.data.profile import profile
from unroll.data.readers.columns import require_columns
from unroll.data.readers.conllu import conllu
from unroll.errors import UserError


def row(number: object, word: str, upos: str = "NOUN", xpos: str = "NN", feats: str = "_") -> str:
    return "\t".join([str(number), word, word.lower(), upos, xpos, feats, "0", "root", "_", "_"])


def sentence(*words: str) -> str:
    return "\n".join(row(number, word) for number, word in enumerate(words, 1)) + "\n\n"


WHOLE = "\n".join(
    [
        "# sent_id = 1",
        "# text = Don't go home",
        row("1-2", "Don't", "_", "_"),
        row(1, "Do", "AUX", "VBP", "Mood=Imp"),
        row(2, "n't", "PART", "RB"),
        row("2.1", "ghost", "VERB"),
        row(3, "go", "VERB", "VB"),
        row(4, "10 000", "NUM", "CD"),
        "",
        "# sent_id = 2",
        row(1, "Yes", "INTJ", "UH"),
        "",
    ]
)
NAMED: dict[str, Any] = {"train": "a.conllu", "validation": "b.conllu", "test": "b.conllu"}


def read(content: str | bytes, **options: Any) -> list[tuple[list[str], list[str]]]:
    content = content.encode() if isinstance(content, str) else content
    train = conllu({"a.conllu": content, "b.conllu": WHOLE.encode()}, **{**NAMED, **options})["train"]
    return [(words.split("\t"), tags.split("\t")) for words, tags in zip(train["words"], train["tags"], strict=True)]


def test_words_and_tags_without_ranges_empty_nodes_and_comments() -> None:
    first = (["Do", "n't", "go", "10 000"], ["AUX", "PART", "VERB", "NUM"])
    assert read(WHOLE) == [first, (["Yes"], ["INTJ"])]
    assert read(WHOLE, tag="xpos")[0][1] == ["VBP", "RB", "VB", "CD"]
    assert read(WHOLE, tag="feats")[0][1] == ["Mood=Imp", "_", "_", "_"]


@pytest.mark.parametrize(
    "content",
    [
        WHOLE.replace("\n", "\r\n"),
        "\ufeff" + WHOLE,
        WHOLE.rstrip("\n"),
        WHOLE + "\n\n\n",
        "\n\n" + WHOLE.replace("\n\n", "\n \n\n"),
        WHOLE.replace("\n", "\r"),
    ],
)
def test_line_ends_marks_and_blank_lines_do_not_matter(content: str) -> None:
    assert read(content) == read(WHOLE)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1\tgo\tgo\tVERB", r"a.conllu, line 4 is no line of CoNLL-U: 4 columns.*10 columns, apart by tabs"),
        (row(1, "go").replace("\t", " "), "line 4 is no line of CoNLL-U: no tab"),
        (row(1, "go") + "\tmore", "line 4 .*11 columns"),
        (row("one", "go"), "line 4 .*the id 'one'"),
        (row(2, "go"), "line 4 .*the id 2 after the beginning of a sentence.*allowed: 1; a blank line"),
        (row(1, "go") + "\n" + row(1, "on"), "line 5 .*the id 1 after 1.*allowed: 2"),
        (row(1, "go") + "\n# text = on", "line 5 .*a comment within a sentence"),
        (row(1, ""), "line 4 .*nothing in column FORM"),
        (row(1, "go", upos=""), "line 4 .*nothing in column UPOS"),
    ],
)
def test_a_damaged_line_is_named_with_what_stands_there(line: str, says: str) -> None:
    with pytest.raises(UserError, match=f"(?s){says}"):
        read(f"{sentence('Yes')}# sent_id = 2\n{line}\n")


def test_sentences_without_words_are_left_out_and_counted() -> None:
    found = conllu({"a.conllu": (row("1.1", "ghost") + "\n\n" + sentence("Yes")).encode(), "b.conllu": b""}, **NAMED)
    assert found["train"] == {"words": ["Yes"], "tags": ["NOUN"]}
    assert found.notes.left_out == {("the sentence has no word", None): [1, "a.conllu, line 1"]}


def test_a_column_that_says_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"(?s)Column FEATS says nothing.*data.options.tag=feats"):
        read(sentence("Yes", "no"), tag="feats")
    with pytest.raises(UserError, match="is not utf-8"):
        read("1\tß".encode("latin-1"))


def test_shares_are_cut_by_sentences_and_equal_ones_lie_on_one_side() -> None:
    files = {f"{name}.conllu": "".join(sentence(f"w{n % 50}", name) for n in range(100)).encode() for name in "ab"}
    found = conllu(files, validation=0.2, test=0.3)
    sizes = {split: len(columns["words"]) for split, columns in found.items()}
    assert sizes == {"train": 100, "validation": 40, "test": 60}
    sides = [set(columns["words"]) for columns in found.values()]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert conllu(dict(reversed(files.items())), validation=0.2, test=0.3) == found


@pytest.mark.parametrize("numbers", [False, True])
def test_a_table_of_lists_gives_the_same(numbers: bool) -> None:
    tags = [["_", "AUX", "PART", "VERB", "NUM"], ["INTJ"]]
    tokens = [["Don't", "Do", "n't", "go", "10 000"], ["Yes"]]
    names = ["AUX", "INTJ", "NUM", "PART", "VERB", "_"]
    upos = [[names.index(tag) for tag in each] for each in tags] if numbers else tags
    table = pyarrow.table({"tokens": tokens, "upos": upos})
    features = {"upos": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    assert read(buffer.getvalue()) == read(WHOLE)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"tokens": [["a"]]}, "has no column 'upos'"),
        ({"tokens": [["a", "b"]], "upos": [["X"]]}, "row 1: tokens and upos are not lists of as many texts"),
        ({"tokens": [["a"]], "upos": [[3]]}, "row 1: tokens and upos"),
    ],
)
def test_another_table_is_refused(columns: dict[str, Any], says: str) -> None:
    buffer = io.BytesIO()
    polars.DataFrame(columns).write_parquet(buffer)
    with pytest.raises(UserError, match=says):
        read(buffer.getvalue())
    with pytest.raises(UserError, match="is not a Parquet table"):
        read(b"PAR1 and no more")


def test_its_profile_counts_words_and_tags() -> None:
    found = conllu({"a.conllu": WHOLE.encode(), "b.conllu": WHOLE.encode()}, **NAMED)
    require_columns("tagged_words", found, "conllu")
    told = profile("tagged_words", found)
    assert told["classes"]["train"] == {"AUX": 1, "INTJ": 1, "NUM": 1, "PART": 1, "VERB": 1}
    assert told["lengths"]["words"]["train"] == [1, 1, 1, 4, 4]
    assert told["words"]["words"] == {"train": 5, "validation": 5, "test": 5}
    assert told["repeated"]["in_train"] == {"validation": 2, "test": 2}

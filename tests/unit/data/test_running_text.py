"""Running text: lines and documents of plain files, WikiText, and articles of a wiki's dump."""

from typing import Any
from xml.sax.saxutils import escape

import pytest

from unroll.data.profile import profile
from unroll.data.readers import markup
from unroll.data.readers.columns import require_columns
from unroll.data.readers.mediawiki import mediawiki_dump
from unroll.data.readers.running_text import text_files, wikitext
from unroll.errors import UserError

THREE = {"train": "a.txt", "validation": "b.txt", "test": "c.txt"}


def files(**texts: str) -> dict[str, bytes]:
    return {f"{name}.txt": text.encode() for name, text in texts.items()}


def test_a_line_is_a_line_and_a_file_a_document() -> None:
    found = text_files(files(a="  one two \r\n\r\nthree\n", b="four", c="\ufefffive\n"), **THREE)
    assert found["train"] == {"text": ["one two", "three"], "document": [0, 0]}
    assert found["validation"] == {"text": ["four"], "document": [0]}
    assert found["test"]["text"] == ["five"]
    assert found.notes.left_out == {("the line is blank", None): [1, None]}
    assert profile("running_text", found)["warnings"] == []


def test_blank_lines_end_documents_where_they_are_meant_to() -> None:
    text = "\none\ntwo\n\n\nthree\n\n"
    found = text_files(files(a=text, b="x", c="y"), **THREE, blank_lines="document")
    assert found["train"] == {"text": ["one", "two", "three"], "document": [0, 0, 1]}


def test_one_document_is_cut_into_parts_that_follow_each_other() -> None:
    lines = [f"line {n}" for n in range(20)]
    found = text_files(files(book="\n".join(lines)), validation=0.1, test=0.25)
    assert [found[split]["text"] for split in found] == [lines[:13], lines[13:15], lines[15:]]
    assert {number for columns in found.values() for number in columns["document"]} == {0}


def test_whole_documents_are_cut_by_their_text_and_not_by_their_names() -> None:
    texts = [f"first of {n}\nsecond of {n}" for n in range(20)]
    found = text_files({f"{n:02}.txt": text.encode() for n, text in enumerate(texts)}, validation=0.2, test=0.2)
    assert {split: len(set(columns["document"])) for split, columns in found.items()} == {
        "train": 12,
        "validation": 4,
        "test": 4,
    }
    for columns in found.values():
        pairs = list(zip(columns["text"][::2], columns["text"][1::2], strict=True))
        assert all(one.replace("first", "second") == other for one, other in pairs)
        assert columns["document"] == sorted(columns["document"])
    renamed = text_files({f"x{n:02}.txt": text.encode() for n, text in enumerate(texts)}, validation=0.2, test=0.2)
    assert renamed == found


def test_a_named_file_goes_with_a_share() -> None:
    found = text_files(files(a="1\n2\n3\n4", b="5\n6"), train="a.txt", validation=0.25, test="b.txt")
    assert [found[split]["text"] for split in found] == [["1", "2", "3"], ["4"], ["5", "6"]]


def test_encodings_are_stated() -> None:
    content = {name: "Grüße".encode("cp1252") for name in ("a.txt", "b.txt", "c.txt")}
    assert text_files(content, **THREE, encoding="cp1252")["train"]["text"] == ["Grüße"]
    with pytest.raises(UserError, match=r"data.options.encoding"):
        text_files(content, **THREE)


WIKI = " \n = First = \n \n A line of = it = . \n = = Part = = \n Another . \n = Second = \n Third . \n"
TOKENS = dict.fromkeys(("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"), WIKI.encode())


def test_titles_of_wikitext_begin_documents() -> None:
    found = wikitext(TOKENS)
    lines = ["= First =", "A line of = it = .", "= = Part = =", "Another .", "= Second =", "Third ."]
    assert found["train"] == {"text": lines, "document": [0, 0, 0, 0, 1, 1]}
    dropped = wikitext(TOKENS, titles="dropped")["test"]
    assert dropped == {"text": ["A line of = it = .", "Another .", "Third ."], "document": [0, 0, 1]}


def test_a_column_of_the_hub_joined_by_lines_gives_the_same() -> None:
    rows = [f" {line.strip()} \n" if line.strip() else "" for line in WIKI.split("\n")]
    joined = "\n".join(row.replace("\n", " ") for row in rows).encode()
    assert wikitext(dict.fromkeys(TOKENS, joined)) == wikitext(TOKENS)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("'''Bold''' and ''slanted'' words.", ["Bold and slanted words."]),
        ("A [[link]], a [[page|word]] and [[Plural]]s.", ["A link, a word and Plurals."]),
        ("Seen.[[File:a.jpg|thumb|A [[nested]] caption.]] It is.[[Category:Things]] [[de:Ding]]", ["It is."]),
        ("Two words.<ref>A note. Two.</ref> More words.<ref name=a/> Two.", ["Two words.", "More words."]),
        ("{{Infobox|a={{b}}|c=d.}}\nIt begins here.", ["It begins here."]),
        ("It is {{convert|5|km}} long. It is short.{{sfn|A}} Short it is{{cn}}.", ["It is short.", "Short it is."]),
        ("A name ({{lang|el|x}}; died) is here.", ["A name is here."]),
        ("It is <math>x^2</math> here. It was.", ["It was."]),
        ("{| class=x\n| a cell.\n{|\n| deeper.\n|}\n|}\nAfter all.", ["After all."]),
        ("== Heading ==\n* An item.\n# Another one.\n: Indented.\n; A term.\n A code.\nA line.", ["A line."]),
        ("Dr. A. Smith of the U.S. Navy met St. John.", ["Dr. A. Smith of the U.S. Navy met St. John."]),
        ('He said "Go." Then went! Did he? 3 (did so.)', ['He said "Go."', "Then went!", "Did he?", "3 (did so.)"]),
        ("See [http://x.org the page] or http://y.org now.", ["See the page or now."]),
        ("One&nbsp;&amp; two &lt;3.<!-- hidden. --> Three<br/>four.", ["One & two <3.", "Three four."]),
        ("A fragment without an end\nlower case begins.\nEnd.", []),
        ("It is {{unclosed here. And that is all.", ["And that is all."]),
        ("A note.<ref>never closed. And more text.", ["A note."]),
        ("", []),
    ],
)  # fmt: skip
def test_markup_becomes_plain_sentences(text: str, sentences: list[str]) -> None:
    assert list(markup.sentences(text)) == sentences


def dump(*pages: str) -> bytes:
    return f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">{"".join(pages)}</mediawiki>'.encode()


def page(title: str, text: str, ns: int = 0, more: str = "") -> str:
    return f"<page><title>{title}</title><ns>{ns}</ns>{more}<revision><text>{escape(text)}</text></revision></page>"


ARTICLES = [page(f"Title {n}", f"This is '''{n}'''.<ref>x</ref> It has [[a|two]] sentences.") for n in range(10)]
OTHERS = [page("Talk", "Not an article.", ns=1), page("Away", "#REDIRECT [[A]]", more='<redirect title="A" />')]


def test_whole_articles_are_placed_and_what_is_none_is_counted() -> None:
    found = mediawiki_dump({"d.xml": dump(*ARTICLES, *OTHERS, page("Short", "* An item."))}, validation=0.2, test=0.2)
    require_columns("running_text", found, "mediawiki_dump")
    told = profile("running_text", found)
    assert told["documents"] == {"train": 6, "validation": 2, "test": 2}
    assert told["rows"] == {"read": 13, "left_out": 3, "train": 12, "validation": 4, "test": 4}
    assert told["warnings"][0] == "1 of 13 rows were left out", "of the others nobody is to be warned"
    assert found["train"]["text"][0].startswith("This is ")
    assert found["train"]["text"][1] == "It has two sentences."


def test_articles_can_be_limited_and_damage_is_named() -> None:
    few = mediawiki_dump({"d.xml": dump(*ARTICLES)}, articles=4, validation=0.25, test=0.25)
    assert [len(columns["text"]) for columns in few.values()] == [4, 2, 2]
    assert not any(mediawiki_dump({"d.xml": dump(*ARTICLES)}, shortest=3)["train"]["text"])
    with pytest.raises(UserError, match=r"d.xml, line 1 is no XML of MediaWiki"):
        mediawiki_dump({"d.xml": dump(*ARTICLES)[:300]})
    with pytest.raises(UserError, match="articles"):
        mediawiki_dump({"d.xml": dump(*ARTICLES)}, articles=0)


@pytest.mark.parametrize("broken", ["document", "text"])
def test_columns_are_of_the_kinds_types(broken: str) -> None:
    columns: dict[str, Any] = {"text": ["a"], "document": [0]}
    columns[broken] = [None]
    with pytest.raises(UserError, match=f"column {broken} of train is not of"):
        require_columns("running_text", dict.fromkeys(("train", "validation", "test"), columns), "mine")

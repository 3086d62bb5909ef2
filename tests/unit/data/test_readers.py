"""Readers, on literals: what is kept, what is dropped, and that splits depend on nothing but the bytes."""

import bz2
import io
import json
from typing import Any

import numpy
import pytest

from unroll.data import readers
from unroll.data.readers.columns import content_sha256, hash_order, hash_share, require_columns
from unroll.data.readers.images import images_csv, mnist
from unroll.data.readers.labelled_text import labelled_text
from unroll.data.readers.pairs import language_pack, parallel_lines
from unroll.data.readers.sst import nodes, sst
from unroll.data.sources import uncompressed
from unroll.errors import UserError

GOOD = "(4 (2 a) (3 (4 good) (2 film)))"
BAD = "(1 (2 a) (1 (0 bad) (2 film)))"
FLAT = "(2 (2 a) (2 film))"


def treebank(train: str) -> dict[str, bytes]:
    return {
        "train.txt": train.encode(),
        "dev.txt": f"{GOOD}\n{FLAT}\n".encode(),
        "test.txt": f"{BAD}\n{FLAT}\n".encode(),
    }


def test_a_tree_yields_its_nodes_root_first():
    assert [(node.label, node.text, node.tree) for node in nodes(GOOD)] == [
        (4, "a good film", GOOD),
        (2, "a", "(2 a)"),
        (3, "good film", "(3 (4 good) (2 film))"),
        (4, "good", "(4 good)"),
        (2, "film", "(2 film)"),
    ]


@pytest.mark.parametrize("line", ["(2 a", "(2 a))", "(7 a)", "(2 (2 ))", "a", "(2 a) (2 b)"])
def test_a_bad_tree_is_refused_with_its_line_number(line: str):
    with pytest.raises(UserError, match=r"train\.txt, line 2"):
        sst(treebank(f"{GOOD}\n{line}\n"))


def test_binary_sentiment_drops_neutral_nodes_and_keeps_each_phrase_once():
    splits = sst(treebank(f"{GOOD}\n{BAD}\n{GOOD}\n{FLAT}\n"))
    train = splits["train"]
    assert list(zip(train["text"], train["label"], train["phrase"], strict=True)) == [
        ("a good film", 1, False),
        ("good film", 1, True),
        ("good", 1, True),
        ("a bad film", 0, False),
        ("bad film", 0, True),
        ("bad", 0, True),
        ("a good film", 1, False),
    ]
    assert train["tree"][1] == "(3 (4 good) (2 film))"
    assert (splits["validation"]["text"], splits["test"]["text"]) == (["a good film"], ["a bad film"])


def test_fine_sentiment_keeps_five_labels_and_sentences_alone_when_asked():
    splits = sst(treebank(f"{GOOD}\n{BAD}\n{FLAT}\n"), classes=5, phrases=False)
    assert splits["train"]["label"] == [4, 1, 2]
    assert splits["test"]["text"] == ["a bad film", "a film"]


def test_a_phrase_with_two_labels_is_kept_with_both():
    splits = sst(treebank("(4 (3 odd) (2 film))\n(0 (1 odd) (2 mess))\n"))
    phrases = [(text, label) for text, label in zip(splits["train"]["text"], splits["train"]["label"], strict=True)]
    assert ("odd", 1) in phrases
    assert ("odd", 0) in phrases


def review_file(films: int) -> bytes:
    lines = ["category,text,movie_name"]
    for film in range(films):
        lines += [f"plot,the plot of {film},f{film}", f'fresh,"so  good,\n film {film}",f{film}']
        lines += [f"rotten,so bad {film},f{film}", f"fresh,shared by all,f{film}", f"rotten,,f{film}"]
    return "\n".join(lines).encode()


def test_labelled_text_is_split_by_film_after_duplicates_are_dropped():
    files = {"corpus.csv": review_file(20)}
    splits = labelled_text(files, label="category", labels=["rotten", "fresh"], others="left_out", group="movie_name")
    texts = {split: set(columns["text"]) for split, columns in splits.items()}
    assert {split: len(found) for split, found in texts.items()} in (
        {"train": 33, "validation": 4, "test": 4},
        {"train": 32, "validation": 5, "test": 4},
        {"train": 32, "validation": 4, "test": 5},
    )
    everything = [text for columns in splits.values() for text in columns["text"]]
    assert len(everything) == len(set(everything)) == 41
    assert "so good, film 3" in everything
    films = {split: {text.rsplit(" ", 1)[1] for text in found} - {"all"} for split, found in texts.items()}
    assert not films["train"] & films["test"]
    assert not films["train"] & films["validation"]
    for columns in splits.values():
        for text, label in zip(columns["text"], columns["label"], strict=True):
            assert label == (0 if "bad" in text else 1)


def test_labelled_text_names_a_missing_column():
    with pytest.raises(UserError, match="Did you mean 'category'"):
        labelled_text({"c.csv": review_file(2)}, label="catgory", labels=["rotten", "fresh"])


def catalogue() -> bytes:
    entries: dict[str, Any] = {"": {"domain": "x", "plural_forms": "nplurals=2"}}
    entries |= {f"Open file {number}": [f"Ouvrir {number}"] for number in range(200)}
    entries |= {"menu\u0004Save  as": ["Enregistrer\xa0sous"], "Save as": ["another"]}
    entries |= {"%1 cell": ["%1 cellule", "%1 cellules"], "Empty": [""]}
    return json.dumps(entries).encode()


def test_a_language_pack_is_cleaned_then_split_by_the_english_side():
    splits = language_pack({"a.json": catalogue()})
    pairs = [pair for columns in splits.values() for pair in zip(columns["source"], columns["target"], strict=True)]
    assert len(pairs) == 202
    assert ("Save as", "Enregistrer sous") in pairs
    assert ("%1 cell", "%1 cellule") in pairs
    assert 10 <= len(splits["test"]["source"]) <= 32

    more = language_pack({"a.json": catalogue(), "b.json": b'{"Quite new": ["Nouveau"]}'})
    assert set(splits["test"]["source"]) - {"Quite new"} == set(more["test"]["source"]) - {"Quite new"}
    other_way = language_pack({"a.json": catalogue()}, source="fr", target="en")
    assert other_way["test"]["target"] == splits["test"]["source"]


def lines(**files: str) -> dict[str, bytes]:
    return {name.replace("__", "."): content.encode() for name, content in files.items()}


PARALLEL = lines(
    train__de="Ein Hund .\nZwei \n", train__en="A dog .\nTwo\n",
    val__de="Drei\n", val__en="Three\n", test_2016_flickr__de="Vier\n", test_2016_flickr__en="Four\n",
)  # fmt: skip


def test_parallel_lines_in_either_direction():
    there = parallel_lines(PARALLEL, source="de", target="en")
    back = parallel_lines(PARALLEL, source="en", target="de")
    assert there["train"] == {"source": ["Ein Hund .", "Zwei"], "target": ["A dog .", "Two"]}
    assert there["test"]["source"] == back["test"]["target"] == ["Vier"]


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({}, {"target": "fr"}, "no file in that language"),
        ({}, {"target": "de"}, "are the same"),
        ({}, {"test": "test_2016_flikr"}, "Did you mean 'test_2016_flickr.de'"),
        ({"train.en": b"A dog .\n"}, {}, "same number of lines"),
    ],
)
def test_parallel_lines_refuse(change: dict[str, bytes], options: dict[str, str], says: str):
    with pytest.raises(UserError, match=says):
        parallel_lines(PARALLEL | change, **({"source": "de", "target": "en"} | options))


def archive(images: int, tests: int) -> bytes:
    generator, file = numpy.random.default_rng(0), io.BytesIO()
    numpy.savez(
        file,
        x_train=generator.integers(0, 256, (images, 28, 28), dtype=numpy.uint8),
        y_train=numpy.arange(images, dtype=numpy.uint8) % 10,
        x_test=generator.integers(0, 256, (tests, 28, 28), dtype=numpy.uint8),
        y_test=numpy.zeros(tests, dtype=numpy.uint8),
    )
    return file.getvalue()


def test_mnist_cuts_validation_from_train_and_leaves_test_alone():
    content = archive(60, 7)
    splits = mnist({"mnist.npz": content}, validation=10)
    assert [len(columns["label"]) for columns in splits.values()] == [50, 10, 7]
    original = numpy.load(io.BytesIO(content))
    train = {image.tobytes() for image in original["x_train"]}
    assert train == set(splits["train"]["pixels"]) | set(splits["validation"]["pixels"])
    assert splits["test"]["pixels"] == [image.tobytes() for image in original["x_test"]]
    with pytest.raises(UserError, match="validation"):
        mnist({"mnist.npz": content}, validation=60)


def test_digits_come_out_of_their_sorted_file_mixed():
    table = b"".join(b",".join([b"7"] * 784) + f",{row // 30}\n".encode() for row in range(300))
    splits = images_csv({"d.csv": table}, sizes=[200, 50, 50])
    assert [len(set(columns["label"])) for columns in splits.values()] == [10, 10, 10]
    assert len(set(splits["train"]["label"][:20])) > 5
    with pytest.raises(UserError, match="not 784 grey values"):
        images_csv({"d.csv": b"1,2,3\n"}, sizes=[1, 1, 1])


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("sst", {"clases": 2}, "Did you mean 'classes'"),
        ("sst", {"classes": 3}, "data.options.classes"),
        ("sst", {"classes": True}, "data.options.classes"),
        ("ssst", {}, "Did you mean 'sst'"),
        ("parallel_lines", {"source": "de"}, "needs data.options.target"),
        ("series", {"chanels": None}, "Did you mean 'channels'"),
        ("series", {"sort": "yes"}, "true or false"),
        ("series", {"missing": -999}, r"data.options.missing=\[-999\]"),
        ("series", {"columns": "a,b"}, r"data.options.columns=\[a,b\]"),
    ],
)
def test_options_are_checked_against_the_signature(name: str, options: dict[str, Any], says: str):
    with pytest.raises(UserError, match=says):
        readers.check(name, options)


def test_options_of_every_type_that_a_reader_takes():
    readers.check("series", {"timestamp": ["day", "clock"], "columns": None, "missing": [-999, "NA"], "sort": True})
    readers.check("series", {"timestamp": "day", "rows": [3, 2, 1], "validation": 0.1})
    readers.check("labelled_text", {"text": 2, "label": 1, "labels": ["a", 1], "header": False})


def test_a_variant_is_named_by_what_differs_from_the_defaults():
    assert readers.variant("sst", {"classes": 2, "phrases": True}) == "default"
    assert readers.variant("sst", {"phrases": False, "classes": 5}) == "classes=5,phrases=false"


def test_the_content_hash_sees_values_and_order_but_not_containers():
    splits = {"train": {"text": ["ab", "c"], "label": [0, 1]}}
    reference = content_sha256(splits)
    assert reference == content_sha256({"train": {"text": ("ab", "c"), "label": numpy.array([0, 1])}})
    others = [["a", "bc"], ["c", "ab"], ["ab", "d"]]
    assert reference not in [content_sha256({"train": {"text": text, "label": [0, 1]}}) for text in others]
    assert content_sha256({"train": {"y": [1.0, 2.0]}}) != content_sha256({"train": {"y": [1, 2]}})


def test_hashed_orders_are_fixed_for_ever():
    assert hash_share("Inception", "reviews") == 0.47393293470236086
    assert hash_order("abcdef", "one") == hash_order("fedcba", "one") == ["b", "f", "e", "a", "c", "d"]
    assert hash_order("abcdef", "one") != hash_order("abcdef", "two")


def test_columns_that_do_not_fit_the_kind_are_refused():
    columns = {"source": ["a"], "target": ["b"]}
    with pytest.raises(UserError, match="column text is missing"):
        require_columns("labelled_text", dict.fromkeys(("train", "validation", "test"), columns), "parallel_lines")


def test_a_broken_compressed_file_is_named():
    assert uncompressed("a.bz2", bz2.compress(b"x")) == b"x"
    with pytest.raises(UserError, match=r"a\.gz cannot be uncompressed"):
        uncompressed("a.gz", b"not gzip")

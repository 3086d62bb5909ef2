"""Tokenisers and ragged token tensors: vocabularies of train, round trips, truncation counted."""

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data.fields import Ragged
from unroll.data.tokenizers import BEGIN, END, PAD, SPECIALS, UNKNOWN, Tokenizer, build_tokenizer, until_end

WORD = {
    "kind": "word",
    "words": "whitespace",
    "lowercase": False,
    "vocabulary_size": 100,
    "min_count": 1,
}
LINES = ["the film is good", "the film is bad", "a film", "the end"]


def build(texts: list[str] = LINES, language: str = "en", **changed: Any) -> Tokenizer:
    return build_tokenizer({**WORD, **changed}, texts, language)


def test_words_are_ordered_by_count_and_then_by_spelling() -> None:
    tokenizer = build()
    assert tokenizer.words == [*SPECIALS, "film", "the", "is", "a", "bad", "end", "good"]
    assert build(LINES[::-1]).words == tokenizer.words
    assert tokenizer.encode(["the film", "unseen film"]) == [[5, 4], [UNKNOWN, 4]]


def test_vocabulary_size_counts_the_special_ones_and_min_count_drops_rare_words() -> None:
    assert build(vocabulary_size=6).words == [*SPECIALS, "film", "the"]
    assert build(min_count=2).words == [*SPECIALS, "film", "the", "is"]


def test_lowercase_happens_before_counting() -> None:
    assert build(["Film FILM film a"], lowercase=True).words == [*SPECIALS, "film", "a"]
    assert build(["Film FILM film a"]).words == [*SPECIALS, "FILM", "Film", "a", "film"]


@pytest.mark.parametrize("kind", ["word", "bpe", "character"])
def test_an_empty_text_is_one_unknown_word(kind: str) -> None:
    assert build(kind=kind).encode(["", "a film"])[0] == [UNKNOWN]


@pytest.mark.parametrize("kind", ["word", "bpe", "character"])
def test_decoding_stops_at_the_end_and_leaves_special_ones_out(kind: str) -> None:
    tokenizer = build(kind=kind)
    (ids,) = tokenizer.encode(["the film"])
    assert tokenizer.decode([BEGIN, *ids, PAD, END, *ids]) == "the film"
    assert tokenizer.decode([END]) == ""


def test_characters_are_ordered_as_words_are_and_a_space_is_one() -> None:
    tokenizer = build(["ab a", "b b"], kind="character")
    assert tokenizer.characters == [*SPECIALS, "b", " ", "a"]
    assert tokenizer.encode(["a bx"]) == [[6, 5, 4, UNKNOWN]]
    assert tokenizer.decode([6, 5, 4, END, 4]) == "a b"
    assert tokenizer.split("a b") == ["a", " ", "b"]
    assert len(build(["ab a", "b b"], kind="character", vocabulary_size=5)) == 5
    assert build(["aA", "a"], kind="character", lowercase=True).characters == [*SPECIALS, "a"]
    assert build(["aab"], kind="character", min_count=2).characters == [*SPECIALS, "a"]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
@settings(max_examples=50)
def test_characters_of_train_come_back_as_they_were(texts: list[str]) -> None:
    tokenizer = build([*texts, "a"], kind="character", vocabulary_size=1000)
    for text, ids in zip(texts, tokenizer.encode(texts), strict=True):
        assert tokenizer.decode(ids) == (text or "<unk>")


def test_special_ids_are_the_same_in_both_kinds() -> None:
    bpe = build(kind="bpe")
    assert [bpe.model.token_to_id(word) for word in SPECIALS] == [PAD, UNKNOWN, BEGIN, END] == [0, 1, 2, 3]
    assert build(kind="word").words[:4] == list(SPECIALS)


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "It's a man's dog, isn't it?", ["It", "'s", "a", "man", "'s", "dog", ",", "isn", "'t", "it", "?"]),
        ("de", "Zwei Männer, z.B. im Park.", ["Zwei", "Männer", ",", "z.B.", "im", "Park", "."]),
        ("fr", "L'homme s'assied.", ["L'", "homme", "s'", "assied", "."]),
    ],
)
def test_moses_words_and_back(language: str, text: str, words: list[str]) -> None:
    tokenizer = build([text], language, words="moses")
    assert tokenizer.split(text) == words
    assert tokenizer.decode(tokenizer.encode([text])[0]) == text


@settings(max_examples=40)
@given(
    st.lists(st.text("abcdefg ", min_size=1, max_size=20).map(lambda t: " ".join(t.split())), min_size=1, max_size=5)
)
def test_byte_pairs_round_trip_on_trains_letters(texts: list[str]) -> None:
    tokenizer = build([*texts, "a b c d e f g abcdefg"], kind="bpe", vocabulary_size=60)
    for text in filter(None, texts):
        (ids,) = tokenizer.encode([text])
        assert tokenizer.decode([*ids, END]) == text


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_byte_pairs_round_trip_on_multi30k(benchmark_data: Path, language: str) -> None:
    lines = gzip.decompress((benchmark_data / "multi30k" / f"val.{language}.gz").read_bytes()).decode().splitlines()
    tokenizer = build(lines, language, kind="bpe", vocabulary_size=1000, min_count=2)
    assert len(tokenizer) <= 1000
    decoded = [tokenizer.decode(ids) for ids in tokenizer.encode(lines)]
    assert decoded == [" ".join(line.split(" ")).strip() for line in lines]


def test_byte_pairs_obey_the_size_and_lowercase() -> None:
    tokenizer = build(["Film FILM film"] * 3, kind="bpe", lowercase=True, vocabulary_size=9)
    assert len(tokenizer) == 9
    assert tokenizer.encode(["FILM"]) == tokenizer.encode(["film"])


def test_until_end() -> None:
    assert until_end([5, 6, END, 7]) == [5, 6]
    assert until_end([5, 6]) == [5, 6]


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=8), min_size=1, max_size=6),
    st.integers(1, 9),
    st.data(),
)
def test_ragged_keeps_every_sequence_and_counts_the_cut_ones(
    sequences: list[list[int]], longest: int, data: st.DataObject
) -> None:
    ragged = Ragged.pack(sequences, longest)
    assert len(ragged) == len(sequences)
    assert ragged.truncated == sum(len(ids) > longest for ids in sequences)
    assert ragged.lengths.tolist() == [min(len(ids), longest) for ids in sequences]
    index = data.draw(st.lists(st.integers(0, len(sequences) - 1), min_size=1, max_size=6))
    ids, lengths = ragged.take(torch.tensor(index))
    assert ids.shape == (len(index), int(lengths.max()))
    for row, which in enumerate(index):
        kept = sequences[which][:longest]
        assert ids[row].tolist() == kept + [PAD] * (ids.shape[1] - len(kept))

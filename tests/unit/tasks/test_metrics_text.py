"""Translation scores against sacrebleu's own command and literals."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sacrebleu.metrics.bleu import BLEU

from unroll.tasks.metrics.text import corpus_bleu, corpus_chrf, corpus_counts, detokenise, tokenise

HYPOTHESES = [
    "A man in an orange hat stares at something.",
    "a Boston terrier runs on lush green grass",
    "Two.",
]
REFERENCES = [
    "A man in an orange hat starring at something.",
    "A Boston Terrier is running on lush green grass in front of a white fence.",
    "Two men are standing.",
]


@pytest.mark.parametrize("lowercase", [False, True])
def test_scores_and_signatures_equal_the_sacrebleu_command(tmp_path: Path, lowercase: bool) -> None:
    (tmp_path / "hypotheses").write_text("\n".join(HYPOTHESES))
    (tmp_path / "references").write_text("\n".join(REFERENCES))
    flags = ["--lowercase", "--chrf-lowercase"] if lowercase else []
    command = [sys.executable, "-m", "sacrebleu", "references", "-i", "hypotheses", "-m", "bleu", "chrf"]
    printed = subprocess.run(
        [*command, "-w", "8", *flags], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    bleu, chrf = json.loads(printed)
    for ours, theirs in (
        (corpus_bleu(HYPOTHESES, REFERENCES, lowercase), bleu),
        (corpus_chrf(HYPOTHESES, REFERENCES, lowercase), chrf),
    ):
        assert ours.value == pytest.approx(theirs["score"], abs=1e-6)
        assert ours.signature == theirs["signature"].split("|", 1)[1] or ours.signature == theirs["signature"]


def test_bleu_by_hand() -> None:
    # Precisions 5/5, 4/4, 3/3, 2/2; brevity penalty exp(1 - 6/5).
    score = corpus_bleu(["the cat sat on the"], ["the cat sat on the mat"])
    assert score.value == pytest.approx(100 * 2.718281828**-0.2, abs=1e-3)
    assert "tok:13a" in score.signature
    assert "case:mixed" in score.signature


def test_lowercasing_is_in_the_signature_and_counts() -> None:
    upper, lower = ["THE CAT SAT ON THE MAT"], ["the cat sat on the mat"]
    assert corpus_bleu(upper, lower).value < 1
    assert corpus_bleu(upper, lower, lowercase=True).value == pytest.approx(100)
    assert "case:lc" in corpus_bleu(upper, lower, lowercase=True).signature


def test_every_sentence_has_its_own_counts() -> None:
    """Of 13a "Two dogs." is three words, and "Two." two of which both are there; of chrF no spaces count."""
    counts = corpus_counts(["Two.", "TWO dogs."], ["Two dogs.", "Two dogs."])
    assert counts["bleu_counts"].tolist() == [
        [2, 3, *[2, 0, 0, 0], *[2, 1, 0, 0]],
        [3, 3, *[2, 1, 0, 0], *[3, 2, 1, 0]],
    ]
    assert counts["chrf_counts"][:, :3].tolist() == [[4, 8, 4], [8, 8, 6]]
    lower = corpus_counts(["TWO dogs."], ["Two dogs."], lowercase=True)
    assert lower["bleu_counts"].tolist() == [[3, 3, 3, 2, 1, 0, 3, 2, 1, 0]]
    assert lower["chrf_counts"][:, :3].tolist() == [[8, 8, 8]]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Don't the dogs' owners, e.g. \"Bob\", mind?"),
        ("de", "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt."),
        ("fr", "L'homme n'est pas là, dit-il."),
    ],
)
def test_detokenising_undoes_tokenising(language: str, sentence: str) -> None:
    tokens = tokenise(sentence, language)
    assert len(tokens) > len(sentence.split())
    assert detokenise(tokens, language) == sentence


@pytest.mark.parametrize(
    ("language", "sentences", "tokeniser"),
    [
        ("zh", ["我喜欢你的猫。", "她在公园里跑步。"], "zh"),
        ("zh_Hant-TW", ["我喜歡你的貓。", "她在公園裡跑步。"], "zh"),
        ("ja", ["猫が好きです。", "彼女は公園を走る。"], "char"),
        ("kor", ["나는 고양이를 좋아한다.", "그녀는 공원을 달린다."], "char"),
        ("th", ["ผมชอบแมวของคุณ", "เธอวิ่งในสวนสาธารณะ"], "char"),
        ("km", ["ខ្ញុំចូលចិត្តឆ្មា", "នាងរត់ក្នុងសួន"], "char"),
        ("ru", ["Мне очень нравится твоя кошка.", "Она бегает каждый день."], "13a"),
    ],
)
def test_bleu_is_by_the_tokeniser_of_the_language(language: str, sentences: list[str], tokeniser: str) -> None:
    score = corpus_bleu(sentences, sentences, language=language)
    assert score.value == pytest.approx(100)
    assert f"tok:{tokeniser}|" in score.signature
    nearly = [sentences[0][:-2], sentences[1]]
    by_hand = BLEU(tokenize=tokeniser).corpus_score(nearly, [sentences]).score
    assert corpus_bleu(nearly, sentences, language=language).value == pytest.approx(by_hand)
    assert 0 < by_hand < 100
    counts = corpus_counts(sentences, sentences, language=language)["bleu_counts"]
    assert (counts[:, 2:6] == counts[:, 6:]).all()
    assert counts[:, 0].tolist() == counts[:, 1].tolist() == counts[:, 6].tolist()


@pytest.mark.parametrize(
    ("language", "sentence", "words"),
    [
        ("zh", "我喜欢iPhone 12你。", ["我", "喜", "欢", "iPhone", "12", "你", "。"]),
        ("ja", "猫が好き。", ["猫", "が", "好", "き", "。"]),
        ("it", "L'acqua è buona.", ["L'", "acqua", "è", "buona", "."]),
        ("zh", "", []),
    ],
)
def test_words_of_other_languages(language: str, sentence: str, words: list[str]) -> None:
    assert tokenise(sentence, language) == words
    assert detokenise(words, language) == sentence


def test_uneven_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="pair up"):
        corpus_bleu(["a"], ["a", "b"])

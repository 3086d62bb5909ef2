"""Translation scores, by sacreBLEU on detokenised text, with the signature that makes them comparable.

Hypotheses and references are plain sentences (lists of str, one reference each, in data-set order). sacreBLEU
tokenises them itself, by the target language; never hand it tokens joined by spaces: detokenise first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacremoses import MosesDetokenizer, MosesTokenizer

from unroll.data.languages import primary, without_spaces

BLEU_TOKENISERS = {"zh": "zh", **dict.fromkeys(("ja", "ko", "th", "lo", "km", "my", "bo", "dz"), "char")}
"""sacreBLEU's tokeniser of a language, where it is not 13a. Its own ones for Japanese and Korean are packages apart: a
score must not depend on whether they are installed."""


@dataclass(frozen=True)
class CorpusScore:
    """A score of a whole set in 0..100 and the signature under which it may be compared."""

    value: float
    signature: str


def _checked(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[list[str], list[str]]:
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(f"hypotheses and references must pair up; got {len(hypotheses)} and {len(references)}")
    return list(hypotheses), list(references)


def corpus_bleu(
    hypotheses: Sequence[str], references: Sequence[str], lowercase: bool = False, language: str = "en"
) -> CorpusScore:
    """BLEU of the set in a language (Papineni et al. 2002, as standardised by Post 2018), 0..100.

    Raises ValueError when the two lists do not pair up or are empty.
    """
    hypotheses, references = _checked(hypotheses, references)
    metric = BLEU(lowercase=lowercase, tokenize=_bleu_tokeniser(language))
    value = metric.corpus_score(hypotheses, [references]).score
    return CorpusScore(value, str(metric.get_signature()))


def corpus_chrf(hypotheses: Sequence[str], references: Sequence[str], lowercase: bool = False) -> CorpusScore:
    """chrF2 of the set (Popović 2015), 0..100. Raises ValueError as `corpus_bleu` does."""
    hypotheses, references = _checked(hypotheses, references)
    metric = CHRF(lowercase=lowercase)
    value = metric.corpus_score(hypotheses, [references]).score
    return CorpusScore(value, str(metric.get_signature()))


def corpus_counts(
    hypotheses: Sequence[str], references: Sequence[str], lowercase: bool = False, language: str = "en"
) -> dict[str, np.ndarray]:
    """What every sentence adds to the sums that make BLEU and chrF: `bleu_counts` [N, 10], `chrf_counts` [N, 18].

    As sacreBLEU's own paired tests have them; `records.corpus.bleu` and `chrf` say which is which, and turn their sums
    into `corpus_bleu` and `corpus_chrf`. Raises ValueError as `corpus_bleu`.
    """
    hypotheses, references = _checked(hypotheses, references)
    metrics = {
        "bleu_counts": BLEU(lowercase=lowercase, tokenize=_bleu_tokeniser(language)),
        "chrf_counts": CHRF(lowercase=lowercase),
    }
    return {
        name: np.array(metric._extract_corpus_statistics(hypotheses, [references]), np.int64)
        for name, metric in metrics.items()
    }


def sentence_scores(
    hypotheses: Sequence[str], references: Sequence[str], lowercase: bool = False, language: str = "en"
) -> dict[str, list[float]]:
    """BLEU and chrF2 of each sentence by itself, in 0..100, to look at: their means are not those of the set.

    Of BLEU the orders that a sentence is too short for are left out (sacreBLEU's `effective_order`). Raises ValueError
    as `corpus_bleu`.
    """
    hypotheses, references = _checked(hypotheses, references)
    bleu = BLEU(lowercase=lowercase, tokenize=_bleu_tokeniser(language), effective_order=True)
    chrf = CHRF(lowercase=lowercase)
    pairs = list(zip(hypotheses, references, strict=True))
    return {
        "sentence_bleu": [bleu.sentence_score(said, [wanted]).score for said, wanted in pairs],
        "sentence_chrf": [chrf.sentence_score(said, [wanted]).score for said, wanted in pairs],
    }


def tokenise(sentence: str, language: str) -> list[str]:
    """A sentence's words: Moses tokens, unescaped; of a language without spaces its characters, and Latin words."""
    if without_spaces(language):
        return re.findall(r"[A-Za-z0-9]+|\S", sentence)
    tokens: list[str] = _tokenizer(primary(language)).tokenize(sentence, escape=False)
    return tokens


def detokenise(tokens: Sequence[str], language: str) -> str:
    """What `tokenise` gave as a plain sentence; of a language without spaces, these stand between Latin words alone."""
    if without_spaces(language):
        return re.sub(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])", "", " ".join(tokens))
    sentence: str = _detokenizer(primary(language)).detokenize(list(tokens), unescape=False)
    return sentence


def _bleu_tokeniser(language: str) -> str:
    return BLEU_TOKENISERS.get(primary(language), "13a")


@cache
def _tokenizer(language: str) -> MosesTokenizer:
    return MosesTokenizer(lang=language)


@cache
def _detokenizer(language: str) -> MosesDetokenizer:
    return MosesDetokenizer(lang=language)

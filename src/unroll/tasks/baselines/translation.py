"""Translation without a network: the source itself, one sentence for all, and word by word by a dictionary."""

import math
from collections import Counter
from typing import Any

import numpy as np

from unroll.registry.options import Count
from unroll.tasks.baselines.views import FitData, PairView
from unroll.tasks.metrics.text import detokenise, tokenise

ORDERS = (1, 2, 3, 4)  # of the n-grams that BLEU counts


class Copy:
    """The source sentence as its own translation."""

    def fit(self, data: FitData) -> None:
        """Nothing to learn."""

    def predict(self, split: PairView) -> dict[str, Any]:
        """`hypotheses`: the sources."""
        return {"hypotheses": list(split.sources)}


class Constant:
    """One sentence of train as the translation of every source: the one with the highest BLEU on train as that.

    That BLEU (Papineni et al. 2002, section 2.3) follows from the share of train's targets that hold each n-gram; an
    n-gram that the sentence repeats counts as right once. Of lower-cased Moses tokens.
    """

    def fit(self, data: FitData) -> None:
        """Find the sentence; of equal ones the first."""
        view: PairView = data.train
        rows = [tuple(_words(target, view.target_language)) for target in view.targets]
        holding = Counter(gram for row in rows for gram in _grams(row))
        length = sum(map(len, rows)) / len(rows)

        def bleu(row: tuple[str, ...]) -> float:
            if len(row) < ORDERS[-1]:
                return 0.0
            right = Counter[int]()
            for gram in _grams(row):
                right[len(gram)] += holding[gram]
            precision = math.prod(right[n] / (len(row) - n + 1) / len(rows) for n in ORDERS)
            return math.exp(min(0.0, 1 - length / len(row))) * precision ** (1 / len(ORDERS))

        self.sentence = view.targets[max(range(len(rows)), key=lambda index: bleu(rows[index]))]

    def predict(self, split: PairView) -> dict[str, Any]:
        """`hypotheses`: the sentence, once for each source."""
        return {"hypotheses": [self.sentence] * len(split)}


class Dictionary:
    """Each source word replaced by its likeliest translation, in the source's order.

    Word translation probabilities by IBM model 1 (Brown et al. 1993, "The mathematics of statistical machine
    translation", section 4.2) without the empty word, from lower-cased Moses tokens. Words that train lacks
    are copied. Option `iterations`: steps of expectation-maximisation, from uniform; deterministic.
    """

    def __init__(self, iterations: Count = 5):
        self.iterations = iterations

    def fit(self, data: FitData) -> None:
        """Learn the dictionary from train's pairs."""
        view: PairView = data.train
        sources, source_words = _numbered(view.sources, view.source_language)
        targets, target_words = _numbered(view.targets, view.target_language)
        lengths = [(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
        source_of = np.concatenate([np.tile(s, m) for s, (_, m) in zip(sources, lengths, strict=True)])
        target_of = np.concatenate([np.repeat(t, n) for t, (n, _) in zip(targets, lengths, strict=True)])
        # One number for each target position: its alignment probabilities sum to one.
        position = np.repeat(np.arange(sum(m for _, m in lengths)), [n for n, m in lengths for _ in range(m)])

        pair, entry = np.unique(source_of * len(target_words) + target_of, return_inverse=True)
        pair_source = pair // len(target_words)
        translation = np.ones(len(pair))
        for _ in range(self.iterations):
            weights = translation[entry]
            weights /= np.bincount(position, weights)[position]
            expected = np.bincount(entry, weights, minlength=len(pair))
            translation = expected / np.bincount(pair_source, expected, minlength=len(source_words))[pair_source]

        # Sorted by source, then probability, then word number: the last of each source is its translation.
        order = np.lexsort((-(pair % len(target_words)), translation, pair_source))
        last = np.flatnonzero(np.diff(pair_source[order], append=len(source_words)))
        best = pair[order[last]]
        self.translations = {
            source_words[row // len(target_words)]: target_words[row % len(target_words)] for row in best
        }

    def predict(self, split: PairView) -> dict[str, Any]:
        """`hypotheses`: lower-cased, detokenised sentences."""
        return {
            "hypotheses": [
                detokenise(
                    [self.translations.get(word, word) for word in _words(source, split.source_language)],
                    split.target_language,
                )
                for source in split.sources
            ]
        }


def _grams(row: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {row[start : start + n] for n in ORDERS for start in range(len(row) - n + 1)}


def _words(sentence: str, language: str) -> list[str]:
    return tokenise(sentence.lower(), language)


def _numbered(sentences: list[str], language: str) -> tuple[list[np.ndarray], list[str]]:
    """Each sentence as word numbers (none of an empty one), and the words in order of number."""
    numbers: dict[str, int] = {}
    rows = [
        np.array([numbers.setdefault(word, len(numbers)) for word in _words(s, language)], dtype=np.int64)
        for s in sentences
    ]
    return rows, list(numbers)

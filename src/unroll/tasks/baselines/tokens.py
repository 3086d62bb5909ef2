"""Baselines of tagging, masked words and language modelling: counts of words, of pairs of them, of five in a row."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unroll.data.tokenizers import BEGIN, SPECIALS
from unroll.registry.options import Count, Fraction
from unroll.tasks.baselines.views import FitData, MaskedView, TaggedView, TokenView

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # of the shorter context, in counts; chosen on validation


class MajorityTag:
    """Tags each word by the shares of train's tags, whatever the word."""

    def fit(self, data: FitData) -> None:
        """Count train's tags."""
        view: TaggedView = data.train
        counts = np.bincount(np.concatenate(view.tags), minlength=view.tags_known)
        self.shares = counts / counts.sum()

    def predict(self, split: TaggedView) -> dict[str, Any]:
        """`probabilities`: [T, tags] of each sentence, all alike."""
        return {"probabilities": [np.tile(self.shares, (len(row), 1)) for row in split.words]}


class CommonestTag:
    """Tags each word by the tags that it has in train, and unknown words by those of all of train's words.

    The likeliest is a word's commonest tag, the first of equals.
    """

    def fit(self, data: FitData) -> None:
        """Count train's tags, by word."""
        view: TaggedView = data.train
        counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(view.tags_known))
        for row, tags in zip(view.words, view.tags, strict=True):
            for word, tag in zip(row, tags, strict=True):
                counts[word][tag] += 1
        self.by_word = {word: row / row.sum() for word, row in counts.items()}
        everything = np.sum(list(counts.values()), axis=0)
        self.of_all = everything / everything.sum()

    def predict(self, split: TaggedView) -> dict[str, Any]:
        """`probabilities`: [T, tags] of each sentence."""
        return {
            "probabilities": [np.stack([self.by_word.get(word, self.of_all) for word in row]) for row in split.words]
        }


class CommonestWord:
    """Guesses each known word for a masked one as often as it stands in train: unknown ones are never masked."""

    def fit(self, data: FitData) -> None:
        """Count train's words; each known one has one more."""
        view: MaskedView = data.train
        shares = _shares(np.concatenate(view.words), view.vocabulary)
        shares[: len(SPECIALS)] = 0.0
        self.probabilities = shares / shares.sum()

    def predict(self, split: MaskedView) -> dict[str, Any]:
        """Of each sentence's masked words `predicted` and `nats`."""
        guess = int(self.probabilities.argmax())
        masked = [words[flags] for words, flags in zip(split.words, split.masked, strict=True)]
        return {
            "predicted": [np.full(len(words), guess) for words in masked],
            "nats": [-np.log(self.probabilities[words]) for words in masked],
        }


class Neighbours:
    """Guesses a masked word w from the words a, b on its two sides: p(w | a, b) is as p(w | a) p(b | w).

    p(w | a) = (c(a w) + k p(w)) / (c(a) + k): the counts of pairs, and k counts of what the word alone says (Dirichlet
    smoothing, MacKay & Peto 1995); the other side likewise. k is chosen on validation. Beside a masked word or an end
    of the sentence that side says nothing.
    """

    def fit(self, data: FitData) -> None:
        """Count train's words and pairs, and choose k by validation's nats."""
        view: MaskedView = data.train
        size = view.vocabulary
        self.alone = _shares(np.concatenate(view.words), size)
        pairs = Counter(
            pair for words in view.words for pair in zip(words[:-1].tolist(), words[1:].tolist(), strict=True)
        )
        self.after: dict[int, tuple[np.ndarray, np.ndarray]] = _grouped(pairs, by=0)
        self.before = _grouped(pairs, by=1)
        self.firsts = np.bincount(np.concatenate([words[:-1] for words in view.words]), minlength=size)
        nats = []
        for self.strength in STRENGTHS:
            nats.append(np.concatenate(self.predict(data.validation)["nats"]).sum())
        self.strength = STRENGTHS[int(np.argmin(nats))]

    def predict(self, split: MaskedView) -> dict[str, Any]:
        """Of each sentence's masked words `predicted` and `nats`."""
        found: dict[str, list[np.ndarray]] = {"predicted": [], "nats": []}
        for words, masked in zip(split.words, split.masked, strict=True):
            rows = [self._log(words, masked, place) for place in np.flatnonzero(masked).tolist()]
            found["predicted"].append(np.array([int(row.argmax()) for row in rows], np.int64))
            true = zip(rows, words[masked], strict=True)
            found["nats"].append(np.array([float(np.logaddexp.reduce(row) - row[word]) for row, word in true]))
        return found

    def _log(self, words: np.ndarray, masked: np.ndarray, place: int) -> np.ndarray:
        """log p of each word at a place [V], but for what makes them sum to one."""
        k, total = self.strength, np.log(self.alone)
        if place > 0 and not masked[place - 1]:
            left = k * self.alone
            others, counts = self.after.get(int(words[place - 1]), _NONE)
            left[others] += counts
            total = np.log(left)
        if place + 1 < len(words) and not masked[place + 1]:
            right = np.full(len(total), k * self.alone[words[place + 1]])
            others, counts = self.before.get(int(words[place + 1]), _NONE)
            right[others] += counts
            total = total + np.log(right) - np.log(self.firsts + k)
        total[: len(SPECIALS)] = -np.inf  # which are never masked
        return total


class Unigram:
    """Expects each token as often as it stands in train; each known one has one more."""

    def fit(self, data: FitData) -> None:
        """Count train's tokens."""
        view: TokenView = data.train
        self.nats = -np.log(_shares(np.concatenate(view.sequences), view.vocabulary))

    def predict(self, split: TokenView) -> dict[str, Any]:
        """`nll` and `tokens` of each example."""
        return split.summed([self.nats[sequence] for sequence in split.sequences])


class KneserNey:
    """Interpolated Kneser-Ney smoothing of n-grams (Kneser & Ney 1995; Chen & Goodman 1999, section 3, eq. 22 to 24).

    p(w | h) = max(c(h w) - D, 0) / c(h) + D n(h) / c(h) p(w | h'), n(h) being how many words follow h, and h' the
    context h without its first word. Below the highest order c(h w) counts the words that stand before h w; below the
    lowest all tokens are equally likely. D = n_1 / (n_1 + 2 n_2) of each order, from the n-grams that occur once and
    twice; 0.5 where none do. Each sequence begins with <bos>.

    Args:
        order: words of an n-gram.
        discount: D of every order; None: by the counts.
    """

    def __init__(self, order: Count = 5, discount: Fraction | None = None):
        self.order, self.discount = order, discount

    def fit(self, data: FitData) -> None:
        """Count train's n-grams of every order."""
        view: TokenView = data.train
        self.vocabulary = view.vocabulary
        highest: Counter[tuple[int, ...]] = Counter()
        for sequence in view.sequences:
            highest.update(self._grams(sequence))
        self.levels: list[dict[tuple[int, ...], tuple[float, float, dict[int, int]]]] = []
        counts = highest
        for order in range(self.order, 0, -1):
            self.levels.insert(0, self._level(counts))
            counts = Counter(gram[1:] for gram in counts) if order > 1 else counts

    def _grams(self, sequence: np.ndarray) -> Iterator[tuple[int, ...]]:
        """Every token with as many before it as the order says; <bos> stands before the first."""
        padded = [BEGIN] * (self.order - 1) + sequence.tolist()
        return (tuple(padded[place : place + self.order]) for place in range(len(sequence)))

    def _level(self, counts: "Counter[tuple[int, ...]]") -> dict[tuple[int, ...], tuple[float, float, dict[int, int]]]:
        """context -> (D, its count, counts of the tokens behind it)."""
        once, twice = (sum(count == wanted for count in counts.values()) for wanted in (1, 2))
        discount = (
            self.discount if self.discount is not None else (once / (once + 2 * twice) if once and twice else 0.5)
        )
        following: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        for gram, count in counts.items():
            following[gram[:-1]][gram[-1]] = count
        return {context: (discount, float(sum(row.values())), row) for context, row in following.items()}

    def probability(self, context: Sequence[int], token: int) -> float:
        """p(token | context), of which the last `order` - 1 tokens are read."""
        found, context = 1 / self.vocabulary, tuple(context)
        for length, level in enumerate(self.levels):
            row = level.get(context[len(context) - length :])
            if row is not None:
                discount, total, counts = row
                found = (max(counts.get(token, 0) - discount, 0.0) + discount * len(counts) * found) / total
        return found

    def predict(self, split: TokenView) -> dict[str, Any]:
        """`nll` and `tokens` of each example."""
        rows = [
            np.array([-np.log(self.probability(gram[:-1], gram[-1])) for gram in self._grams(sequence)])
            for sequence in split.sequences
        ]
        return split.summed(rows)


_NONE = (np.zeros(0, np.int64), np.zeros(0))


def _shares(tokens: np.ndarray, vocabulary: int) -> np.ndarray:
    counts = np.bincount(tokens, minlength=vocabulary) + 1.0
    return counts / counts.sum()


def _grouped(pairs: "Counter[tuple[int, int]]", by: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """The words beside each word, and how often they stand there."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pair, count in pairs.items():
        found[pair[by]].append((pair[1 - by], count))
    return {word: (np.array([w for w, _ in row]), np.array([float(c) for _, c in row])) for word, row in found.items()}

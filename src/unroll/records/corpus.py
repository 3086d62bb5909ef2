"""Metrics of a whole set that are no mean over its examples: their value from summed counts, what each example adds.

Two systems are compared by numbers of each example whose mean is the metric. A corpus metric has none of its own; the
jackknife's pseudo-values stand for them (Tukey 1958; Efron & Tibshirani 1993, chapter 11).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from unroll.registry.metric import Statistic

ORDERS = 4  # of BLEU's n-grams
CHARACTERS = 6  # of chrF's
BETA = 2  # how many times recall counts more than precision in chrF2

Value = Callable[[np.ndarray, int], np.ndarray]  # sums over the examples [..., K], their number -> values [...]


class Corpus(NamedTuple):
    """How the sums of an example's K counts become the metric of the whole set."""

    counts: int | None  # K; None: one number an example, [N]
    value: Value


def bleu(sums: np.ndarray, examples: int = 1) -> np.ndarray:
    """Return BLEU in 0..100 of summed counts, as sacreBLEU has it for a corpus (smooth:exp, eff:no).

    Papineni et al. 2002, section 2.3; the smoothing is method 3 of Chen & Cherry 2014: the k-th order without a match
    counts 1 / 2^k matches.

    Args:
        sums: [..., 10], in sacreBLEU's order: system length, reference length, matches and totals of orders 1 to 4.
        examples: not needed.
    """
    sums = np.asarray(sums, np.float64)
    system, reference = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    smoothed = 0.5 ** np.cumsum(matches == 0, axis=-1)
    some = (matches[..., 0] > 0) & (totals > 0).all(axis=-1)  # no word right, or no sentence of four words: 0
    precisions = np.where(matches > 0, matches, smoothed) / np.where(totals > 0, totals, 1)
    brevity = np.minimum(0.0, 1 - reference / np.where(system > 0, system, 1))
    return np.where(some, 100 * np.exp(brevity + np.log(precisions).mean(axis=-1)), 0.0)


def chrf(sums: np.ndarray, examples: int = 1) -> np.ndarray:
    """Return chrF2 in 0..100 of summed counts, as sacreBLEU has it (nc:6, nw:0, eff:yes; Popović 2015, equation 1).

    Args:
        sums: [..., 18]: for each order of characters what the hypothesis has, what the reference has, what both have.
        examples: not needed.
    """
    sums = np.asarray(sums, np.float64).reshape(*np.shape(sums)[:-1], CHARACTERS, 3)
    there, wanted, both = sums[..., 0], sums[..., 1], sums[..., 2]
    counted = (there > 0) & (wanted > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = np.where(counted, both / np.where(counted, there, 1), 0).sum(axis=-1) / orders
    recall = np.where(counted, both / np.where(counted, wanted, 1), 0).sum(axis=-1) / orders
    weighted = BETA**2 * precision + recall
    return 100 * (1 + BETA**2) * precision * recall / np.where(weighted > 0, weighted, 1)


def exponential(sums: np.ndarray, examples: int) -> np.ndarray:
    """Return e to the mean of scores, from their sums [..., 1]: perplexity, of nats."""
    return np.exp(np.asarray(sums, np.float64)[..., 0] / examples)


def proportional(sums: np.ndarray, examples: int) -> np.ndarray:
    """Return the mean of scores, from their sums [..., 1], to which the metric is proportional: bits a character."""
    mean: np.ndarray = np.asarray(sums, np.float64)[..., 0] / examples
    return mean


STATISTICS: dict[Statistic, Corpus] = {
    "bleu": Corpus(2 + 2 * ORDERS, bleu),
    "chrf": Corpus(3 * CHARACTERS, chrf),
    "exponential": Corpus(None, exponential),
    "proportional": Corpus(None, proportional),
}


def corpus_value(statistic: Statistic, counts: np.ndarray) -> float:
    """Return a statistic of a whole set from its examples' counts [N, K], or their scores [N]."""
    table = _table(counts)
    return float(STATISTICS[statistic].value(table.sum(axis=0), len(table)))


def pseudo_values(counts: np.ndarray, value: Value) -> np.ndarray:
    """Return what each example adds to a metric of the whole set [N]; their mean is the metric.

    The jackknife's N v - (N - 1) v_i, where v_i is the metric without example i, all moved by one number so that their
    mean is v. What a difference of two systems varies by over the examples is that of the difference of these.

    Args:
        counts: of each example [N, K], or one score of each [N].
        value: sums [..., K] over so many examples -> the metric [...].
    """
    table = _table(counts)
    total, examples = table.sum(axis=0), len(table)
    whole = float(value(total, examples))
    if examples == 1:
        return np.array([whole])
    found = -(examples - 1) * np.asarray(value(total - table, examples - 1), np.float64)
    return found - found.mean() + whole


def _table(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts, np.float64)
    return counts[:, None] if counts.ndim == 1 else counts

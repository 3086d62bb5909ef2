"""Scores of tokens, gathered by the examples that they stand in: sentences, or blocks of a stream."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from unroll.registry.metric import Score

CORRECT_TOKENS = Score(name="correct_tokens", factor=100, least=0)
NLL_TOKENS = Score(name="nll_tokens")
"""A score of each example whose mean over examples is the mean over all tokens: see `by_token`."""


def by_token(sums: ArrayLike, counts: ArrayLike) -> np.ndarray:
    """Scores [N] whose mean is the mean over all tokens: an example's sum over its tokens, by the mean number of them.

    Examples with more tokens weigh more in the mean over tokens, and so here. Tables compare rows by these scores.

    Args:
        sums: of each example's tokens [N].
        counts: how many each example has [N].
    """
    return np.asarray(sums, np.float64) / np.asarray(counts, np.float64).mean()


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Whole numbers of each example, of any number each, as one array [N, most] with -1 behind them."""
    found = np.full((len(rows), max(map(len, rows))), -1, np.int64)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
    return found

"""Sentiment without a network: class shares, and TF-IDF with logistic regression."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from unroll.registry.options import Count, Positive, Some
from unroll.tasks.baselines.logistic import LogisticRegression
from unroll.tasks.baselines.views import FitData, ImageView, TextView


class Majority:
    """The classes' shares of train for every example: predicts the commonest class."""

    def fit(self, data: FitData) -> None:
        """Count train's labels."""
        labels = np.asarray(data.train.labels)
        classes = int(max(labels.max(), np.asarray(data.validation.labels).max())) + 1
        self.shares = np.bincount(labels, minlength=classes) / len(labels)

    def predict(self, split: TextView | ImageView) -> dict[str, Any]:
        """`probabilities` [N, K], all rows alike."""
        return {"probabilities": np.tile(self.shares, (len(split), 1))}


class TfidfLogisticRegression:
    """TF-IDF of word n-grams, then logistic regression with an L2 penalty, by scikit-learn.

    Options: `longest` n-gram; `minimum` number of texts that an n-gram occurs in; `strengths`, the inverse
    penalties tried: the one with the best validation log-likelihood is kept.
    """

    def __init__(self, longest: Count = 2, minimum: Count = 1, strengths: Some[Positive] = (1, 3, 10)):
        self.longest, self.minimum = longest, minimum
        self.regression = LogisticRegression(strengths)

    def fit(self, data: FitData) -> None:
        """Vocabulary, weights and coefficients from train; the penalty by validation."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectorizer = TfidfVectorizer(
            analyzer=self._ngrams, min_df=self.minimum, sublinear_tf=True, dtype=np.float64
        )
        train = self.vectorizer.fit_transform(data.train.texts)
        validation = self.vectorizer.transform(data.validation.texts)
        self.regression.fit(train, data.train.labels, validation, data.validation.labels)

    def predict(self, split: TextView) -> dict[str, Any]:
        """`probabilities` [N, K]; a class that train lacks has 0."""
        return {"probabilities": self.regression.probabilities(self.vectorizer.transform(split.texts))}

    def _ngrams(self, tokens: Sequence[str]) -> list[str]:
        spans = range(1, self.longest + 1)
        return [" ".join(tokens[i : i + n]) for n in spans for i in range(len(tokens) - n + 1)]

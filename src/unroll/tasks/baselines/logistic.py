"""Logistic regression with an L2 penalty, by scikit-learn, the penalty chosen on validation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

TOLERANCE = 1e-7  # of the gradient: at scikit-learn's 1e-4 the end depends on the CPU's kernels in the third digit


class LogisticRegression:
    """Fitted once for each of `strengths` (inverse penalties); the best by validation's log-likelihood is kept."""

    def __init__(self, strengths: Sequence[float], iterations: int = 1000):
        self.strengths, self.iterations = list(strengths), iterations

    def fit(self, train: Any, labels: np.ndarray, validation: Any, validation_labels: np.ndarray) -> None:
        """Learn from rows [N, D], dense or sparse, and labels [N], integers from 0."""
        from sklearn.linear_model import LogisticRegression as Model

        self.classes = int(max(np.max(labels), np.max(validation_labels))) + 1
        best = -np.inf
        for strength in self.strengths:
            model = Model(C=strength, max_iter=self.iterations, tol=TOLERANCE)
            model.fit(train, labels)
            shown = self._probabilities(model, validation)
            likelihood = np.log(shown[np.arange(len(shown)), validation_labels].clip(min=1e-12)).mean()
            if likelihood > best:
                best, self.model, self.strength = likelihood, model, strength

    def probabilities(self, rows: Any) -> np.ndarray:
        """[N, K]; a class that train lacks has 0."""
        return self._probabilities(self.model, rows)

    def _probabilities(self, model: Any, rows: Any) -> np.ndarray:
        probabilities = np.zeros((rows.shape[0], self.classes))
        probabilities[:, model.classes_] = model.predict_proba(rows)
        return probabilities

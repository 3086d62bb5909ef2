"""Adding and copying by one who looks at no sequence: the mean of train's sums, the shares of train's symbols."""

from typing import Any

import numpy as np

from unroll.tasks.baselines.views import FitData, SequenceView


class Mean:
    """The mean of train's targets for every sequence."""

    def fit(self, data: FitData) -> None:
        """Average train's targets."""
        self.mean = float(np.mean(data.train.targets, dtype=np.float64))

    def predict(self, split: SequenceView) -> dict[str, Any]:
        """`prediction` [N], all alike."""
        return {"prediction": np.full(len(split), self.mean)}


class Memoryless:
    """The shares of train's symbols at every recalled place (Arjovsky, Shah, Bengio 2016, section 4.1)."""

    def fit(self, data: FitData) -> None:
        """Count train's symbols."""
        counts = np.bincount(np.ravel(data.train.targets))
        self.shares = counts / counts.sum()

    def predict(self, split: SequenceView) -> dict[str, Any]:
        """`probabilities` [N, R, K], all alike."""
        return {"probabilities": np.broadcast_to(self.shares, (*split.targets.shape, len(self.shares)))}

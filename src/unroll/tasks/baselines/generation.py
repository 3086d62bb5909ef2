"""Generation without a network: a Gaussian mixture on principal components of the pixels, sampled."""

from typing import Any

import numpy as np

from unroll.registry.options import Count
from unroll.seeds import derive
from unroll.tasks.baselines.views import FitData, ImageView


class GaussianMixture:
    """A mixture of full-covariance Gaussians over train's leading principal components, by scikit-learn.

    Options: `seed` of the start and of the samples; `samples` drawn (null = as many as the split has);
    `components` of the mixture; `dimensions` kept by PCA; `iterations` of expectation-maximisation at most.
    """

    def __init__(
        self,
        seed: int,
        samples: Count | None = None,
        components: Count = 20,
        dimensions: Count = 40,
        iterations: Count = 50,
    ):
        self.seed, self.samples = seed, samples
        self.components, self.dimensions, self.iterations = components, dimensions, iterations

    def fit(self, data: FitData) -> None:
        """Axes and mixture from train; validation is not looked at."""
        from sklearn.decomposition import PCA
        from sklearn.mixture import GaussianMixture as Mixture

        pixels = np.asarray(data.train.pixels, np.float64)
        dimensions = min(*pixels.shape, self.dimensions)
        self.axes = PCA(n_components=dimensions, svd_solver="covariance_eigh").fit(pixels)
        self.mixture = Mixture(
            n_components=min(self.components, len(pixels)),
            max_iter=self.iterations,
            reg_covar=1e-4,
            random_state=derive(self.seed, "gmm/fit") % 2**32,
        )
        self.mixture.fit(self.axes.transform(pixels))

    def predict(self, split: ImageView) -> dict[str, Any]:
        """`samples` [n, H * W], clipped to [0, 1]; the same at every call."""
        self.mixture.random_state = derive(self.seed, "gmm/sample") % 2**32
        codes, _ = self.mixture.sample(len(split) if self.samples is None else self.samples)
        order = np.random.default_rng(derive(self.seed, "gmm/order")).permutation(len(codes))
        return {"samples": self.axes.inverse_transform(codes[order]).clip(0, 1)}

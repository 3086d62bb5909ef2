"""Generation without a network: pixels by themselves, a Gaussian mixture on their principal components, real images."""

from typing import Any

import numpy as np

from unroll.registry.options import Count
from unroll.seeds import derive, generator
from unroll.tasks.baselines.views import FitData, ImageView


class IndependentPixels:
    """Each pixel drawn by itself from the values that it has in train, as if no pixel depended on another.

    Options: `seed` of the draw; `samples` drawn (null = as many as the split has).
    """

    def __init__(self, seed: int, samples: Count | None = None):
        self.seed, self.samples = seed, samples

    def fit(self, data: FitData) -> None:
        """Keep train's pixels; validation is not looked at."""
        self.pixels = np.asarray(data.train.pixels)

    def predict(self, split: ImageView) -> dict[str, Any]:
        """`samples` [n, H * W] in [0, 1]; the same at every call."""
        rows, columns = self.pixels.shape
        count = len(split) if self.samples is None else self.samples
        drawn = generator(self.seed, "independent pixels").integers(rows, size=(count, columns))
        return {"samples": self.pixels[drawn, np.arange(columns)]}


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


class RealImages:
    """Images of train, drawn without putting back: what a generator would reach that knew the data's distribution.

    The distance between two finite sets of real images is not zero, and grows as they shrink. Where more are asked for
    than train has, each is given as often as another, but for one.

    Options: `seed` of the draw; `samples` drawn (null = as many as the split has).
    """

    def __init__(self, seed: int, samples: Count | None = None):
        self.seed, self.samples = seed, samples

    def fit(self, data: FitData) -> None:
        """Shuffle train; validation is not looked at."""
        pixels = np.asarray(data.train.pixels)
        self.shuffled = pixels[generator(self.seed, "real images").permutation(len(pixels))]

    def predict(self, split: ImageView) -> dict[str, Any]:
        """`samples` [n, H * W] in [0, 1]; the same at every call."""
        count = len(split) if self.samples is None else self.samples
        return {"samples": self.shuffled[np.arange(count) % len(self.shuffled)]}

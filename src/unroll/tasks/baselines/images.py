"""Images without a network: their mean, principal components through the coder, PNG files, a linear classifier."""

from typing import Any

import numpy as np

from unroll.registry.options import Count, Positive, Some
from unroll.tasks.baselines.logistic import LogisticRegression
from unroll.tasks.baselines.views import FitData, ImageView
from unroll.tasks.metrics import coding
from unroll.tasks.metrics.images import psnr


class MeanImage:
    """The mean of train's images for every image, coded as the networks' codes are, by a code of no numbers."""

    def fit(self, data: FitData) -> None:
        """Average train's images; validation is not looked at."""
        self.mean = np.mean(data.train.pixels, axis=0, dtype=np.float64)

    def predict(self, split: ImageView) -> dict[str, Any]:
        """`reconstruction` [N, H * W], all alike, and the stream's `bytes`, which are its header's."""
        stream = coding.encode(np.zeros((len(split), 0)), 1.0)
        return {"reconstruction": np.broadcast_to(self.mean, split.pixels.shape), "bytes": len(stream)}


class PCA:
    """Principal components of train as the code; quantised and entropy-coded as the networks' codes are.

    Options: `rate` in bits per pixel; `components`, the code sizes tried (capped at what train allows): the
    one with the best validation PSNR at the rate is kept, with the step that fits there.
    """

    def __init__(self, rate: Positive, components: Some[Count] = (16, 24, 32, 48, 64, 96, 128, 192, 256)):
        self.rate, self.components = rate, sorted(components)

    def fit(self, data: FitData) -> None:
        """Mean and axes from train; code size and quantiser step by validation."""
        from sklearn.decomposition import PCA as PrincipalComponents

        train = np.asarray(data.train.pixels, np.float64)
        most = min(*train.shape, self.components[-1])
        fitted = PrincipalComponents(n_components=most, svd_solver="covariance_eigh").fit(train)
        self.mean, self.axes = fitted.mean_, fitted.components_
        pixels = np.asarray(data.validation.pixels, np.float64)
        codes = self._codes(pixels)
        best = -np.inf
        for size in sorted({min(size, most) for size in self.components}):
            step = coding.choose_step(codes[:, :size], self.rate, pixels.shape[1])
            shown = self._images(coding.quantise(codes[:, :size], step) * step)
            quality = float(psnr(shown, pixels).mean())
            if quality > best:
                best, self.size, self.step = quality, size, step

    def predict(self, split: ImageView) -> dict[str, Any]:
        """`reconstruction` [N, H * W] in [0, 1], decoded from the bytes, and the stream's `bytes`."""
        stream = coding.encode(self._codes(np.asarray(split.pixels, np.float64))[:, : self.size], self.step)
        return {"reconstruction": self._images(coding.decode(stream)), "bytes": len(stream)}

    def _codes(self, pixels: np.ndarray) -> np.ndarray:
        codes: np.ndarray = (pixels - self.mean) @ self.axes.T
        return codes

    def _images(self, codes: np.ndarray) -> np.ndarray:
        images: np.ndarray = (codes @ self.axes[: codes.shape[1]] + self.mean).clip(0, 1)
        return images


class PNG:
    """Each image as its own optimised 8-bit grey PNG file: lossless, at a rate of its own."""

    def fit(self, data: FitData) -> None:
        """Nothing to learn."""

    def predict(self, split: ImageView) -> dict[str, Any]:
        """`reconstruction` [N, H * W], exact to 1/255, and the sum of the files' `bytes`."""
        side = round(split.pixels.shape[1] ** 0.5)
        return {
            "reconstruction": np.rint(np.asarray(split.pixels) * 255) / 255,
            "bytes": int(coding.png_bytes(split.pixels, side).sum()),
        }


class PixelsLogisticRegression:
    """Logistic regression on the pixels, with an L2 penalty, by scikit-learn.

    Option `strengths`: the inverse penalties tried; the one with the best validation log-likelihood is kept.
    """

    def __init__(self, strengths: Some[Positive] = (0.01, 0.1, 1)):
        self.regression = LogisticRegression(strengths)

    def fit(self, data: FitData) -> None:
        """Coefficients from train; the penalty by validation."""
        train, validation = (np.asarray(part.pixels, np.float64) for part in (data.train, data.validation))
        self.regression.fit(train, data.train.labels, validation, data.validation.labels)

    def predict(self, split: ImageView) -> dict[str, Any]:
        """`probabilities` [N, K]; a class that train lacks has 0."""
        return {"probabilities": self.regression.probabilities(np.asarray(split.pixels, np.float64))}

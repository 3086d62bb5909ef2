"""Distortion of reconstructed images, per image. Pixels lie in [0, 1]; arrays are [N, H * W]."""

import numpy as np

PSNR_CAP = 100.0
"""dB given to an image without error, which has no finite PSNR."""
SSIM_WINDOW = 11  # pixels a side, of which the Gaussian's deviation is 1.5
KEPT = 16
"""Images kept of each kind to look at."""


def to_look_at(images: np.ndarray) -> np.ndarray:
    """Square images as 8-bit grey values, [N, side, side]."""
    side = round(images.shape[1] ** 0.5)
    grey: np.ndarray = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8).reshape(-1, side, side)
    return grey


def spread_out(count: int) -> np.ndarray:
    """Indices of at most KEPT of `count` images at equal distances: a mixture's samples come component by component."""
    return np.unique(np.linspace(0, count - 1, min(KEPT, count)).round().astype(int))


def squared_error(reconstruction: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Mean squared error over the pixels of each image, [N]."""
    difference = np.asarray(reconstruction, np.float64) - np.asarray(images, np.float64)
    error: np.ndarray = (difference**2).mean(1)
    return error


def psnr(reconstruction: np.ndarray, images: np.ndarray, cap: float = PSNR_CAP) -> np.ndarray:
    """Peak signal-to-noise ratio of each image in dB for a range of 1: -10 log10(MSE), at most `cap`, [N].

    The data set's PSNR is the mean of these, not the PSNR of the mean error.
    """
    floor = 10 ** (-cap / 10)
    return -10 * np.log10(np.maximum(squared_error(reconstruction, images), floor))


def gradient_magnitude(images: np.ndarray) -> np.ndarray:
    """Mean over the pixels of the length of each image's gradient (central differences), [N]; images are square."""
    side = round(images.shape[1] ** 0.5)
    square = np.asarray(images, np.float64).reshape(-1, side, side)
    magnitude: np.ndarray = np.hypot(np.gradient(square, axis=1), np.gradient(square, axis=2)).mean(axis=(1, 2))
    return magnitude


def sharpness(reconstruction: np.ndarray, images: np.ndarray) -> float:
    """Mean gradient magnitude of reconstructions by that of the images: 1 is as sharp, less is blurred.

    Of all images together, since a flat one has no edges to compare with; 1 where no image has any.
    """
    edges = gradient_magnitude(images).mean()
    return float(gradient_magnitude(reconstruction).mean() / edges) if edges > 0 else 1.0


def ssim(reconstruction: np.ndarray, images: np.ndarray, side: int | None = None, chunk: int = 500) -> np.ndarray:
    """Structural similarity of each image, [N]: Gaussian window of 11 pixels and sigma 1.5, K1 0.01, K2 0.03.

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", equation 13, the mean
    over the places where the window lies within the image, as scikit-image and tf.image have it. Images are square, or
    `side` gives their height. Raises ValueError for images that are not `side` rows, or smaller than the window.
    """
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    pixels = images.shape[1]
    height = side or round(pixels**0.5)
    if pixels % height or (side is None and height * height != pixels):
        raise ValueError(f"images of {pixels} pixels do not have {height} equal rows")
    if min(height, pixels // height) < SSIM_WINDOW:
        raise ValueError(f"a window of {SSIM_WINDOW} pixels does not fit into {height} x {pixels // height}")
    scores = []
    for start in range(0, len(images), chunk):
        shown, real = (
            torch.from_numpy(np.ascontiguousarray(part[start : start + chunk], dtype=np.float32)).reshape(
                -1, 1, height, pixels // height
            )
            for part in (reconstruction, images)
        )
        _, similar = structural_similarity_index_measure(
            shown, real, data_range=1.0, reduction="none", return_full_image=True
        )
        edge = SSIM_WINDOW // 2
        scores.append(torch.as_tensor(similar)[..., edge:-edge, edge:-edge].mean(dim=(1, 2, 3)).numpy())
    return np.concatenate(scores).astype(np.float64)

"""Image distortion by hand, and SSIM against its published formula."""

from typing import Any

import numpy as np
import pytest

from unroll.tasks.metrics.images import gradient_magnitude, psnr, sharpness, squared_error, ssim


def test_psnr_is_the_mean_over_images_not_of_the_mean_error() -> None:
    images = np.zeros((3, 4))
    shown = np.array([[0.1] * 4, [0.01] * 4, [0, 0, 0, 1.0]])
    np.testing.assert_allclose(squared_error(shown, images), [0.01, 0.0001, 0.25])
    np.testing.assert_allclose(psnr(shown, images), [20, 40, 10 * np.log10(4)])


def test_identical_images_get_the_cap() -> None:
    images = np.random.default_rng(0).random((2, 784))
    assert psnr(images, images).tolist() == [100.0, 100.0]
    np.testing.assert_allclose(ssim(images, images), 1.0, atol=1e-6)


def test_ssim_of_flat_images_is_the_luminance_term() -> None:
    dark, light = np.full((2, 784), 0.2), np.full((2, 784), 0.6)
    expected = (2 * 0.2 * 0.6 + 0.01**2) / (0.2**2 + 0.6**2 + 0.01**2)
    np.testing.assert_allclose(ssim(light, dark), expected, rtol=3e-4)


def test_ssim_scores_each_image_by_itself() -> None:
    random = np.random.default_rng(0)
    images, shown = random.random((5, 784)), random.random((5, 784))
    together = ssim(shown, images, chunk=2)
    alone = [ssim(shown[i : i + 1], images[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_images_that_are_not_square_need_a_side() -> None:
    images = np.zeros((1, 20 * 30))
    with pytest.raises(ValueError, match="equal rows"):
        ssim(images, images)
    assert ssim(images, images, side=20).shape == (1,)


@pytest.mark.parametrize(
    ("shown", "height", "expected"),
    [
        (lambda real, x, y: 0.7 * real + 0.2 * ((x // 4 + y // 4) % 2), 28, 0.2256943255),
        (lambda real, x, y: (real + 0.1 * np.sin(x)).clip(0, 1), 20, 0.5747282399),
    ],
)
def test_ssim_is_that_of_scikit_image(shown: Any, height: int, expected: float) -> None:
    """scikit-image 0.26.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1."""
    width = {28: 28, 20: 24}[height]
    y, x = np.mgrid[:height, :width]
    real = (x + y) / 54 if height == 28 else x * y / (19 * 23)
    found = ssim(shown(real, x, y).reshape(1, -1), real.reshape(1, -1), side=height)
    assert found == pytest.approx([expected], abs=2e-5)


def test_ssim_is_the_mean_over_the_places_where_the_window_fits() -> None:
    """Of 11 x 12 pixels these are two: by the formula, each window by itself."""
    lot = np.random.default_rng(1)
    shown, real = lot.random((11, 12)), lot.random((11, 12))
    gauss = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = np.outer(gauss, gauss) / gauss.sum() ** 2

    def similar(a: np.ndarray, b: np.ndarray) -> float:
        means = [(weights * each).sum() for each in (a, b)]
        (aa, ab), (_, bb) = [
            [(weights * (u - m) * (v - n)).sum() for v, n in zip((a, b), means, strict=True)]
            for u, m in zip((a, b), means, strict=True)
        ]
        c1, c2 = 0.01**2, 0.03**2
        luminance = (2 * means[0] * means[1] + c1) / (means[0] ** 2 + means[1] ** 2 + c1)
        return luminance * (2 * ab + c2) / (aa + bb + c2)

    expected = np.mean([similar(shown[:, start : start + 11], real[:, start : start + 11]) for start in (0, 1)])
    found = ssim(shown.reshape(1, -1), real.reshape(1, -1), side=11)
    assert found == pytest.approx([expected], abs=2e-5)


def test_images_smaller_than_the_window_have_no_ssim() -> None:
    with pytest.raises(ValueError, match="11 pixels does not fit into 10 x 28"):
        ssim(np.zeros((1, 280)), np.zeros((1, 280)), side=10)


def test_gradients_by_hand() -> None:
    """A ramp of 0.1 a column, and one of 0.3 a row and 0.4 a column: their gradients are the same everywhere."""
    rows, columns = np.mgrid[0:4, 0:4]
    images = np.stack([0.1 * columns, 0.3 * rows + 0.4 * columns, np.ones((4, 4))]).reshape(3, 16)
    np.testing.assert_allclose(gradient_magnitude(images), [0.1, 0.5, 0.0], atol=1e-12)


def test_sharpness_is_relative_to_the_images() -> None:
    """Half the contrast has half the gradients; a blur has less; flat images have none to compare with."""
    images = np.random.default_rng(0).random((6, 64))
    assert sharpness(images, images) == 1.0
    assert sharpness(0.5 * images + 0.2, images) == pytest.approx(0.5)
    square = images.reshape(6, 8, 8)
    assert sharpness(((square + np.roll(square, 1, 2)) / 2).reshape(6, 64), images) < 0.8
    assert sharpness(images, np.full((6, 64), 0.5)) == 1.0

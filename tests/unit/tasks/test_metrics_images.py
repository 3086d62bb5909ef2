"""Image distortion by hand, and SSIM against its published formula."""

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

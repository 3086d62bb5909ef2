"""Fréchet distance against closed forms; the committed classifier; precision and recall of samples."""

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

from unroll.tasks.metrics import frechet


def exactly(mean: np.ndarray, covariance: np.ndarray, count: int = 400) -> np.ndarray:
    """Rows whose sample mean and covariance are these, up to rounding."""
    rows = np.random.default_rng(0).normal(size=(count, len(mean)))
    rows -= rows.mean(0)
    white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows, rowvar=False))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def line(mean: float, deviation: float) -> np.ndarray:
    """101 numbers [101, 1] with this mean and sample deviation."""
    rows = np.linspace(-1, 1, 101)[:, None]
    return mean + deviation * rows / rows.std(ddof=1)


def test_distance_of_one_dimensional_gaussians() -> None:
    # (m1 - m2)² + (s1 - s2)²
    assert frechet.frechet_distance(line(1.0, 2.0), line(4.0, 7.0)) == pytest.approx(9 + 25)


def test_distance_of_gaussians_in_general() -> None:
    random = np.random.default_rng(5)
    a, b = random.normal(size=(2, 3, 3))
    first, second = a @ a.T + np.eye(3), b @ b.T + 0.5 * np.eye(3)
    means = np.array([1.0, -2.0, 0.5]), np.array([0.0, 0.0, 3.0])
    root = scipy.linalg.sqrtm(first @ second).real
    expected = ((means[0] - means[1]) ** 2).sum() + np.trace(first + second - 2 * root)
    found = frechet.frechet_distance(exactly(means[0], first), exactly(means[1], second))
    assert found == pytest.approx(expected, rel=1e-9)


def test_distance_of_a_set_to_itself_is_zero_even_with_a_dead_feature() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4))
    rows[:, 2] = 0
    assert frechet.frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)


def test_one_row_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="two rows"):
        frechet.frechet_distance(np.ones((1, 3)), np.ones((5, 3)))


def test_the_name_says_what_it_is() -> None:
    assert frechet.frechet_name(2000) == "frechet_mnist_classifier_2000"


def test_the_classifier_has_its_committed_weights_and_is_small() -> None:
    model = frechet.classifier()
    assert not model.training
    assert sum(weight.numel() for weight in model.parameters()) == 46_730
    assert (Path(frechet.__file__).parent / frechet.WEIGHTS_FILE).stat().st_size < 1_000_000


def test_loading_the_classifier_leaves_the_random_stream_alone() -> None:
    frechet.classifier.cache_clear()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    frechet.classifier()
    assert torch.equal(torch.rand(1), expected)


def test_changed_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frechet.classifier.cache_clear()
    monkeypatch.setattr(frechet, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match="reinstall"):
        frechet.classifier()


def test_features_do_not_depend_on_the_chunk() -> None:
    images = np.random.default_rng(0).random((7, 784))
    np.testing.assert_allclose(frechet.features(images, chunk=3), frechet.features(images), atol=1e-4)
    assert frechet.features(images).shape == (7, 64)


def test_the_classifier_reads_real_digits(benchmark_data: Path) -> None:
    with np.load(benchmark_data / "mnist" / "mnist.npz") as data:
        images, digits = data["x_test"].reshape(-1, 784)[:2000] / 255, data["y_test"][:2000]
    assert (frechet.predict_digits(images) == digits).mean() > 0.98
    features = frechet.features(images)
    noise = np.clip(images + np.random.default_rng(0).normal(0, 0.3, images.shape), 0, 1)
    near = frechet.frechet_distance(features[:1000], features[1000:])
    assert near < frechet.frechet_distance(features[:1000], frechet.features(noise[1000:])) / 3


def test_precision_and_recall_by_hand() -> None:
    # Balls to the nearest other point have radius 1 around 0..4, and 0.1 around the samples.
    real = np.arange(5.0)[:, None]
    samples = np.array([[0.4], [0.5], [9.0], [9.1]])
    precision, recall = frechet.precision_recall(real, samples, neighbours=1)
    assert precision == 0.5
    assert recall == 0.0
    assert frechet.precision_recall(real, real) == (1.0, 1.0)


def test_precision_and_recall_see_dropped_modes() -> None:
    random = np.random.default_rng(0)
    modes = np.array([[0.0, 0.0], [50.0, 0.0]])
    real = np.concatenate([random.normal(mode, 1, (200, 2)) for mode in modes])
    precision, recall = frechet.precision_recall(real, random.normal(modes[0], 1, (400, 2)), chunk=64)
    assert precision > 0.9
    assert 0.4 < recall < 0.55


def test_too_few_points_for_the_neighbours() -> None:
    with pytest.raises(ValueError, match="k=3"):
        frechet.precision_recall(np.ones((3, 2)), np.ones((9, 2)))

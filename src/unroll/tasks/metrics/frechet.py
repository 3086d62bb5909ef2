"""How far samples of digits are from real digits, in the features of one committed classifier.

Inception features say little about 28x28 digits, so distances are measured in the penultimate layer of a
small convolutional classifier whose weights travel with the package (`mnist_classifier.npz`, made by
`tools/train_mnist_classifier.py`). The metric's name says so and carries the number of samples, because the
estimate is biased upwards by an amount that depends on it.
"""

import hashlib
from functools import cache
from importlib import resources

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

WEIGHTS_FILE = "mnist_classifier.npz"
WEIGHTS_SHA256 = "00c27b8f15b3e5fec5ccd6608582649503815b6933dda59fd56f597040241513"
"""SHA-256 of the committed weights file; checked at every load and written into records."""

FEATURES = 64
SIDE = 28


class MnistClassifier(nn.Module):
    """Two 5x5 convolutions with max-pooling, 64 features, ten classes: 46,730 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, kernel_size=5)
        self.second = nn.Conv2d(16, 32, kernel_size=5)
        self.hidden = nn.Linear(32 * 4 * 4, FEATURES)
        self.output = nn.Linear(FEATURES, 10)

    def features(self, images: Tensor) -> Tensor:
        """Images [N, 1, 28, 28] in [0, 1] -> features [N, 64]."""
        maps = functional.max_pool2d(functional.relu(self.first(images)), 2)
        maps = functional.max_pool2d(functional.relu(self.second(maps)), 2)
        # GELU, not ReLU: with ReLU 26 of the 64 features were zero on every image.
        return functional.gelu(self.hidden(maps.flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, 1, 28, 28] in [0, 1] -> logits [N, 10]."""
        logits: Tensor = self.output(self.features(images))
        return logits


@cache
def classifier() -> MnistClassifier:
    """The committed classifier, in evaluation mode on the CPU.

    Raises RuntimeError if the weights file is not the committed one: distances would not compare.
    """
    resource = resources.files(__package__).joinpath(WEIGHTS_FILE)
    found = hashlib.sha256(resource.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise RuntimeError(f"{WEIGHTS_FILE} has SHA-256 {found}, not {WEIGHTS_SHA256}: reinstall unroll")
    # Building the layers draws initial weights: the caller's random stream must not notice.
    with torch.random.fork_rng(devices=[]):
        model = MnistClassifier()
    with resources.as_file(resource) as path, np.load(path, allow_pickle=False) as weights:
        model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files})
    return model.eval().requires_grad_(False)


def features(images: np.ndarray, chunk: int = 1000) -> np.ndarray:
    """Images [N, 784] in [0, 1] -> features [N, 64] in float64."""
    rows = [classifier().features(_as_maps(images[start : start + chunk])) for start in range(0, len(images), chunk)]
    return torch.cat(rows).double().numpy()


def predict_digits(images: np.ndarray, chunk: int = 1000) -> np.ndarray:
    """Images [N, 784] in [0, 1] -> the classifier's digit for each, [N]."""
    rows = [classifier()(_as_maps(images[start : start + chunk])).argmax(1) for start in range(0, len(images), chunk)]
    return torch.cat(rows).numpy()


def _as_maps(images: np.ndarray) -> Tensor:
    flat = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
    return flat.reshape(-1, 1, SIDE, SIDE)


def frechet_name(samples: int) -> str:
    """The metric's name: `frechet_mnist_classifier_10000` for ten thousand samples."""
    return f"frechet_mnist_classifier_{samples}"


def frechet_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Squared Fréchet distance between Gaussians fitted to two sets of features [N, F] and [M, F].

    d² = |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^(1/2))   (Dowson & Landau 1982; Heusel et al. 2017, eq. 6)

    In float64. tr (C1 C2)^(1/2) is the sum of the square roots of the eigenvalues of C1^(1/2) C2 C1^(1/2),
    which is symmetric and so keeps them real when a feature is always zero.
    Raises ValueError for fewer than two rows: there is no covariance.
    """
    if min(len(real), len(generated)) < 2:
        raise ValueError(f"a covariance needs two rows or more; got {len(real)} and {len(generated)}")
    real, generated = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    gap = real.mean(0) - generated.mean(0)
    first, second = np.atleast_2d(np.cov(real, rowvar=False)), np.atleast_2d(np.cov(generated, rowvar=False))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(min=0)).sum()
    return float(max(gap @ gap + np.trace(first) + np.trace(second) - 2 * cross, 0.0))


def precision_recall(
    real: np.ndarray, generated: np.ndarray, neighbours: int = 3, chunk: int = 500
) -> tuple[float, float]:
    """Share of samples on the real manifold (precision) and of real examples on the samples' one (recall).

    A set's manifold is the union of balls around its points that reach to the k-th nearest other point of the
    set (Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models",
    eq. 1-3).
    Both sets should have the same size; features [N, F] and [M, F].
    Raises ValueError when a set has not more than `neighbours` points.
    """
    if min(len(real), len(generated)) <= neighbours:
        raise ValueError(f"k={neighbours} neighbours need more points; got {len(real)} and {len(generated)}")
    precision = _covered(generated, real, _reach(real, neighbours, chunk), chunk)
    recall = _covered(real, generated, _reach(generated, neighbours, chunk), chunk)
    return precision, recall


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Euclidean distances [P, C], by the expanded square: rounding leaves about 1e-7 where 0 is due."""
    squares = (points**2).sum(1)[:, None] + (centres**2).sum(1)[None] - 2 * points @ centres.T
    return np.sqrt(squares.clip(min=0))


def _reach(points: np.ndarray, neighbours: int, chunk: int) -> np.ndarray:
    """Each point's distance to its k-th nearest other point, [N]."""
    reach = []
    for start in range(0, len(points), chunk):
        distances = _distances(points[start : start + chunk], points)
        rows = np.arange(len(distances))
        distances[rows, start + rows] = np.inf
        reach.append(np.partition(distances, neighbours - 1, axis=1)[:, neighbours - 1])
    return np.concatenate(reach)


def _covered(points: np.ndarray, centres: np.ndarray, reach: np.ndarray, chunk: int) -> float:
    hits = 0
    for start in range(0, len(points), chunk):
        hits += int((_distances(points[start : start + chunk], centres) <= reach).any(1).sum())
    return hits / len(points)

"""PHATE embeddings of features, made once a machine and kept by the hash of what they are made from."""

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np

from unroll.data.cache import prepare
from unroll.data.readers.columns import Splits
from unroll.errors import UserError

SEED = 0  # of PHATE: the same for every trial, like the share of train


def phate_embedding(features: np.ndarray, dimensions: int, neighbours: int, cache: Path) -> np.ndarray:
    """PHATE (Moon et al. 2019) of features [N,F] in `dimensions`: centred, of mean square 1 [N, dimensions] float32.

    However many processes call this at once, one computes it, and each reads what it left in the cache.

    Raises:
        UserError: phate is not installed, the cache cannot be written, or there are too few examples for that
            many neighbours.
    """
    if len(features) <= neighbours:
        raise UserError(
            "Too few examples for a geometry.", saw=f"{len(features)} examples", allowed=f"more than {neighbours}"
        )
    features = np.ascontiguousarray(features, np.float64)
    recipe = json.dumps(["phate 2", list(features.shape), dimensions, neighbours, SEED]).encode()
    folder = cache / f"geometry-{hashlib.sha256(recipe + features.tobytes()).hexdigest()[:16]}"

    def make() -> Splits:
        found = compute(features, dimensions, neighbours)
        return {"train": {str(place): column for place, column in enumerate(found.T)}}

    table = prepare(folder, make, lambda splits: {"recipe": recipe.decode()}).splits["train"].data
    return np.stack([table.column(place).to_numpy() for place in range(dimensions)], axis=1)


def compute(features: np.ndarray, dimensions: int, neighbours: int) -> np.ndarray:
    """The embedding itself, on one thread."""
    try:
        import phate
    except ImportError as error:
        raise UserError(
            "The geometric bottleneck needs the package phate.", saw=str(error), run="pip install 'phate>=2'"
        ) from error
    operator = phate.PHATE(n_components=dimensions, knn=neighbours, n_jobs=1, random_state=SEED, verbose=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Building a kNNGraph", UserWarning)  # with few examples it is not expensive
        found = np.asarray(operator.fit_transform(features), np.float64)
    found = found - found.mean(axis=0)
    return (found / np.sqrt(np.square(found).mean())).astype(np.float32)

"""What seeds and test examples say of rows of numbers: means, their spreads and what the rows share. Pure functions.

The model: the score of row k, seed s and example n is mean[k] + seed[k,s] + example[k,n] + rest[k,s,n]. Seeds and
examples are both random: other seeds and another test set would have given other means.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

LEAST_SEEDS = 3  # with fewer, the spread of the seeds is too badly known for any p
ROUNDING = 1e-12  # of a value


@dataclass(frozen=True, eq=False)
class Sample:
    """What is known of one row: a value for each seed and, where they are kept, scores of test examples."""

    seeds: tuple[int, ...]
    values: np.ndarray  # [S]
    blocks: np.ndarray | None = None  # [S, B] mean scores of blocks of test examples, the same for all rows
    examples: int = 0
    block: int = 1  # neighbouring examples that count as one
    fixed: bool = False  # no seed changes it

    @property
    def is_lone(self) -> bool:
        """Whether it is one seed of many: nothing is said of a network by it."""
        return len(self.values) == 1 and not self.fixed

    @property
    def is_testable(self) -> bool:
        """Whether its seeds are enough to say how far others would lie apart."""
        return len(self.values) >= (1 if self.fixed else LEAST_SEEDS)


@dataclass(frozen=True, eq=False)
class Components:
    """Means of K rows and the parts of their variance."""

    means: np.ndarray  # [K]
    spreads: np.ndarray  # [K] variance over seeds, of one seed's value; 0 where no seed changes the row
    freedom: np.ndarray  # [K] degrees of freedom of the spreads; infinite where no seed changes the row
    shared: np.ndarray  # [K, K] how many seeds two rows share, by the product of their numbers of seeds; 1 / S of one
    examples: np.ndarray  # [K, K] covariance of the means by the choice of examples, not by seeds
    blocks: int  # of examples; 0: seeds alone
    correlation: float  # of the values of two rows over the seeds that they share

    def of_seeds(self, spreads: np.ndarray) -> np.ndarray:
        """Covariance [K, K] of the means by the choice of seeds."""
        sds = np.sqrt(spreads)
        alike = np.where(np.eye(len(sds), dtype=bool), 1.0, self.correlation)
        return alike * self.shared * sds[:, None] * sds[None]


def block_means(scores: np.ndarray, block: int) -> np.ndarray:
    """Return scores [S, N] as means of blocks [S, B] of neighbours; those that fill no last block are left out."""
    blocks = scores.shape[1] // block
    return np.asarray(scores[:, : blocks * block].reshape(len(scores), blocks, block).mean(axis=2))


def components(samples: Sequence[Sample], correlation: float = 0.0) -> Components:
    """Return the variance components of rows: of the seeds, of the examples.

    Of the examples, cov(k, l) is the covariance over blocks of the rows' mean scores; where k = l it is the mean
    covariance of two of the row's own seeds, so that what a seed adds to single examples counts with the seeds, and
    once. The matrix is brought to its nearest one without negative eigenvalues. Examples count where every row has
    scores of the same ones.

    Args:
        samples: K rows, each with at least one value.
        correlation: of two rows over the seeds that they share; see `seed_correlation`.
    """
    numbers = [len(sample.values) for sample in samples]
    shared = np.array(
        [[len(set(one.seeds) & set(other.seeds)) / (n * m) for other, m in zip(samples, numbers, strict=True)]
         for one, n in zip(samples, numbers, strict=True)]
    )  # fmt: skip
    np.fill_diagonal(shared, 1 / np.array(numbers))
    scored = [sample.blocks for sample in samples if sample.blocks is not None]
    with_examples = len(scored) == len(samples) and len({blocks.shape[1] for blocks in scored}) == 1
    varies = [not sample.fixed and n > 1 for sample, n in zip(samples, numbers, strict=True)]
    spreads = [_variance(sample.values) if there else 0.0 for sample, there in zip(samples, varies, strict=True)]
    return Components(
        means=np.array([sample.values.mean() for sample in samples]),
        spreads=np.array(spreads),
        freedom=np.array([n - 1.0 if there else np.inf for n, there in zip(numbers, varies, strict=True)]),
        shared=shared,
        examples=_of_examples(scored) if with_examples else np.zeros((len(samples),) * 2),
        blocks=scored[0].shape[1] if with_examples else 0,
        correlation=correlation,
    )


def _variance(values: np.ndarray) -> float:
    """The sample variance; 0 of values that differ by no more than rounding."""
    return 0.0 if np.ptp(values) <= ROUNDING * np.abs(values).max() else float(values.var(ddof=1))


def _of_examples(scored: Sequence[np.ndarray]) -> np.ndarray:
    blocks = scored[0].shape[1]
    centred = [values - values.mean(axis=1, keepdims=True) for values in scored]
    means = np.stack([values.mean(axis=0) for values in centred])
    covariance = means @ means.T
    for k, values in enumerate(centred):
        if (seeds := len(values)) > 1:
            covariance[k, k] = (seeds**2 * covariance[k, k] - (values**2).sum()) / (seeds * (seeds - 1))
    weights, vectors = np.linalg.eigh(covariance / (blocks - 1) / blocks)
    return np.asarray((vectors * np.maximum(weights, 0)) @ vectors.T)


def seed_correlation(pairs: Iterable[tuple[Sample, Sample]]) -> float:
    """Return how far two rows move together over the seeds that they share: a lower bound, 0 where none is shown.

    Pearson's r of each pair with at least three shared seeds, by weights of S - 1 each, less 1.645 standard errors of
    rows that do not (var r = 1 / (S - 1)). Taking two rows to be independent that are not makes a test blind, and
    taking them to move together that do not makes it wrong; so the correlation counts as far as it is sure.
    """
    weighted, weight = 0.0, 0
    known: dict[tuple[int, frozenset[int]], np.ndarray] = {}

    def centred(sample: Sample, seeds: frozenset[int]) -> np.ndarray:
        key = id(sample), seeds
        if key not in known:
            known[key] = _centred(sample, seeds)
        return known[key]

    for one, other in pairs:
        shared = frozenset(one.seeds) & frozenset(other.seeds)
        if len(shared) >= LEAST_SEEDS and not one.fixed and not other.fixed:
            x, y = centred(one, shared), centred(other, shared)
            if x.any() and y.any():
                weighted += (len(shared) - 1) * float(x @ y)
                weight += len(shared) - 1
    return max(0.0, weighted / weight - 1.645 / weight**0.5) if weight else 0.0


def _centred(sample: Sample, seeds: frozenset[int]) -> np.ndarray:
    """The values of some seeds less their mean, of length 1; zeros where they differ by no more than rounding."""
    by_seed = dict(zip(sample.seeds, sample.values.tolist(), strict=True))
    values = np.array([by_seed[seed] for seed in sorted(seeds)])
    if not _variance(values):
        return np.zeros(len(values))
    values -= values.mean()
    return np.asarray(values / np.sqrt(values @ values))


def all_correlation(samples: Sequence[Sample]) -> float:
    """Return the `seed_correlation` of every two rows."""
    return seed_correlation(itertools.combinations(samples, 2))

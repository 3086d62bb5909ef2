"""Every two rows of a table compared at once: one error rate for all statements of the table. Pure functions.

The best row is picked by the data that it is then compared by. That is allowed here, since the statements about all
pairs hold together.
"""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unroll.analysis.statistics.samples import Components, Sample, all_correlation, components

DRAWS = 9999
LEVEL = 0.05
FLOOR = 1e-5  # of the median spread: what rounding leaves of a spread of 0 (as in limma)
ALIKE = 1e-6  # a smaller variance of the logarithms is none


@dataclass(frozen=True, eq=False)
class AllPairs:
    """K rows, and the distribution of the largest of their studentised differences where all means are equal."""

    means: np.ndarray  # [K]
    variance: np.ndarray  # [K, K] of the difference of two means
    maxima: np.ndarray  # [draws], sorted

    @functools.cached_property
    def critical(self) -> float:
        """What a studentised difference must pass at 5 %."""
        return float(np.quantile(self.maxima, 1 - LEVEL))

    def difference(self, one: int, other: int) -> tuple[float, float]:
        """Return the difference of two means and half the width of its simultaneous 95 % interval."""
        return float(self.means[one] - self.means[other]), self.critical * float(np.sqrt(self.variance[one, other]))

    def p(self, one: int, other: int) -> float:
        """Return the p of two rows being equal, adjusted for all pairs."""
        return self._passed(abs(self.means[one] - self.means[other]), self.variance[one, other])

    def p_beyond(self, one: int, other: int, margin: float) -> float:
        """Return the adjusted p of a true difference of at least `margin`, either way."""
        inside = margin - abs(self.means[one] - self.means[other])
        return 1.0 if inside <= 0 else self._passed(inside, self.variance[one, other])

    def _passed(self, difference: float, variance: float) -> float:
        if variance == 0:
            return float(difference == 0)
        below = np.searchsorted(self.maxima, difference / np.sqrt(variance), side="left")
        return float((1 + len(self.maxima) - below) / (1 + len(self.maxima)))

    def letters(self, order: Sequence[int]) -> list[str] | None:
        """Return a letter display (Piepho 2004) of the rows in an order: those that share one are not surely apart.

        The first row's group is a. None where there are more groups than letters, 52.
        """
        from scikit_posthocs import compact_letter_display

        p = np.array([[self.p(one, other) for other in order] for one in order])
        try:
            found = compact_letter_display(p, LEVEL)
        except ValueError:
            return None
        return ["".join(letters.split()) for letters in found]


def all_pairs(samples: Sequence[Sample], draws: int = DRAWS, seed: int = 0, seeds: int | None = None) -> AllPairs:
    """Compare every two of K rows by the largest studentised difference (max-T; Westfall and Young 1993).

    The standard error of a difference is of seeds and examples (`components`), with the spreads of the seeds moderated
    over the rows (`moderated`). The reference distribution draws seeds and examples together: each row's mean errs by
    a Student's t of its spread, and by a normal of the covariance that the examples give all rows. Adjusted p-values
    and intervals follow from the largest of the K (K - 1) / 2 differences of a draw, each by its standard error.

    Args:
        samples: rows with enough seeds each.
        draws: of the reference distribution.
        seed: of the draws; no other generator is touched.
        seeds: what the same means, spreads and examples would say with so many seeds of each row; None: as they are.

    Raises:
        ValueError: fewer than two rows, or one that is not testable.
    """
    if len(samples) < 2 or not all(sample.is_testable for sample in samples):
        raise ValueError("at least two rows, each with enough seeds")
    found = components(samples, all_correlation(samples))
    spreads, prior = moderated(found.spreads, found.freedom)
    freedom = found.freedom
    if seeds is not None:
        found = dataclasses.replace(found, shared=np.full_like(found.shared, 1 / seeds))
        freedom = np.where(np.isfinite(freedom), seeds - 1.0, np.inf)
    random = np.isfinite(freedom)
    freedom = np.where(random, np.minimum(prior + freedom, freedom[random].sum()), np.inf)
    variance = _of_differences(found.of_seeds(spreads)) + _of_differences(found.examples)
    return AllPairs(found.means, variance, _maxima(found, spreads, freedom, variance, draws, seed))


def _of_differences(covariance: np.ndarray) -> np.ndarray:
    own = np.diag(covariance)
    found = np.maximum(own[:, None] + own[None] - 2 * covariance, 0.0)
    np.fill_diagonal(found, 0.0)
    return found


def _maxima(
    found: Components, spreads: np.ndarray, freedom: np.ndarray, variance: np.ndarray, draws: int, seed: int
) -> np.ndarray:
    random, size = np.random.default_rng(seed), len(spreads)
    shared = np.sqrt(found.correlation) * random.standard_normal((draws, 1))
    own = np.sqrt(1 - found.correlation) * random.standard_normal((draws, size))
    degrees = np.where(np.isfinite(freedom), freedom, 1.0)
    scale = np.where(np.isfinite(freedom), np.sqrt(degrees / random.chisquare(degrees, (draws, size))), 1.0)
    errors = (shared + own) * scale * np.sqrt(spreads * np.diag(found.shared))
    errors += random.standard_normal((draws, size)) @ _root(found.examples)
    largest = np.zeros(draws)
    for one in range(size - 1):
        there = variance[one, one + 1 :] > 0
        apart = errors[:, one, None] - errors[:, one + 1 :][:, there]
        if there.any():
            np.maximum(largest, (np.abs(apart) / np.sqrt(variance[one, one + 1 :][there])).max(axis=1), out=largest)
    return np.sort(largest)


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root: the same on every machine, whatever signs its eigenvectors take."""
    weights, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(weights, 0))) @ vectors.T)


def moderated(spreads: np.ndarray, freedom: np.ndarray) -> tuple[np.ndarray, float]:
    """Return spreads of seeds that borrow strength from each other, and how many degrees of freedom they borrow.

    Empirical Bayes (Smyth 2004, section 6.2): the true variances are taken to be drawn from a scaled inverse
    chi-squared distribution, whose d0 and s0^2 the logarithms of the K variances give; the posterior one of a row is
    (d0 s0^2 + d s^2) / (d0 + d), with d0 + d degrees of freedom. It is never below the row's own: a network that
    spreads more than others is not taken to be like them. Rows whose seeds all agree say nothing of s0^2, and with
    fewer than three others nothing is borrowed.

    Args:
        spreads: variances [K]; 0 where no seed changes a row, or all seeds agree.
        freedom: theirs [K]; infinite where no seed changes a row.

    Returns:
        The variances [K], and d0: 0 where nothing is borrowed, infinite where all rows spread alike.
    """
    from scipy.special import digamma, polygamma

    random = np.isfinite(freedom)
    known = random & (spreads > 0)
    if known.sum() < 3:
        return spreads, 0.0
    d, logs = freedom[known], np.log(np.maximum(spreads[known], FLOOR * np.median(spreads[known])))
    centred = logs - digamma(d / 2) + np.log(d / 2)
    excess = float(centred.var(ddof=1) - polygamma(1, d / 2).mean())
    if excess > ALIKE:
        prior = 2 * _inverse_trigamma(excess)
        scale = float(np.exp(centred.mean() + digamma(prior / 2) - np.log(prior / 2)))
        weight = prior / (prior + np.where(random, freedom, 1.0))
    else:
        prior, scale, weight = np.inf, float(np.average(spreads[known], weights=d)), np.ones(len(spreads))
    posterior = np.maximum(weight * scale + (1 - weight) * spreads, spreads)
    return np.where(random, posterior, spreads), prior


def _inverse_trigamma(value: float) -> float:
    """Where trigamma takes a value above 0, by Newton's steps (Smyth 2004, appendix)."""
    from scipy.special import polygamma

    found = 0.5 + 1 / value
    for _ in range(50):
        there = float(polygamma(1, found))
        step = there * (1 - there / value) / float(polygamma(2, found))
        found += step
        if abs(step) < 1e-10 * found:
            break
    return found

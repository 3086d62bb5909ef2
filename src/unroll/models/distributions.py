"""Distributions of codes: what a bottleneck says of a code beside its value, and what codes are drawn from.

A log density is in nats, with respect to the measure (2 pi)^(-Z/2) dz: Gaussian ones then need no constant, and a flow
adds the logarithm of its Jacobian alone. Differences of two of them, such as divergences and bounds, are the same as by
Lebesgue's.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Distribution(Protocol):
    """A distribution of codes [..., Z], each row by itself."""

    @property
    def mean(self) -> Tensor:
        """Its mean [..., Z], or another point that stands for it in evaluation."""

    def sample(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Codes made of standard normal noise [..., Z], and their log density [...] in nats."""

    def log_density(self, code: Tensor) -> Tensor:
        """Of codes [..., Z]: nats [...]."""

    def divergence(self, prior: "Distribution") -> Tensor:
        """KL(self || prior) in nats, by dimension [..., Z]; [..., 1] where dimensions are not independent."""

    def at(self, rows: Tensor) -> "Distribution":
        """Of the codes where a mask [...] is true, [n, Z]."""

    def double(self) -> "Distribution":
        """The same in double precision."""


@dataclass(frozen=True)
class StandardNormal:
    """N(0, 1) in each of the code's dimensions."""

    like: Tensor  # [..., Z] a code, for its shape, type and device

    @property
    def mean(self) -> Tensor:
        return torch.zeros_like(self.like)

    def sample(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        return noise, self.log_density(noise)

    def log_density(self, code: Tensor) -> Tensor:
        return -0.5 * code.square().sum(dim=-1)

    def divergence(self, prior: Distribution) -> Tensor:
        return DiagonalGaussian(self.mean, self.mean).divergence(prior)

    def at(self, rows: Tensor) -> "StandardNormal":
        return StandardNormal(self.like[rows])

    def double(self) -> "StandardNormal":
        return StandardNormal(self.like.double())


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mean, diag(exp(log_variance)))."""

    mean: Tensor  # [..., Z]
    log_variance: Tensor  # [..., Z]

    def sample(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        code = self.mean + torch.exp(0.5 * self.log_variance) * noise
        return code, -0.5 * (noise.square() + self.log_variance).sum(dim=-1)

    def log_density(self, code: Tensor) -> Tensor:
        noise = (code - self.mean) * torch.exp(-0.5 * self.log_variance)
        return -0.5 * (noise.square() + self.log_variance).sum(dim=-1)

    def divergence(self, prior: Distribution) -> Tensor:
        """In closed form from N(0, 1) (Kingma & Welling 2014, appendix B) and from another diagonal Gaussian."""
        mean, log_variance = self.mean, self.log_variance
        if isinstance(prior, DiagonalGaussian):
            mean = (mean - prior.mean) * torch.exp(-0.5 * prior.log_variance)
            log_variance = log_variance - prior.log_variance
        elif not isinstance(prior, StandardNormal):
            raise TypeError(f"no closed form of the divergence from a {type(prior).__name__}: sample it")
        return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)

    def at(self, rows: Tensor) -> "DiagonalGaussian":
        return DiagonalGaussian(self.mean[rows], self.log_variance[rows])

    def double(self) -> "DiagonalGaussian":
        return DiagonalGaussian(self.mean.double(), self.log_variance.double())

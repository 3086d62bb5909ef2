"""Distributions of codes against torch's own."""

import math

import pytest
import torch
from torch import Tensor, distributions

from unroll.models.distributions import DiagonalGaussian, StandardNormal

SHAPE = (4, 3, 2)
CONSTANT = math.log(2 * math.pi)  # of two dimensions, which the measure has in it


def drawn(seed: int) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(seed: int) -> tuple[DiagonalGaussian, distributions.Normal]:
    mean, log_variance = drawn(seed), drawn(seed + 1)
    return DiagonalGaussian(mean, log_variance), distributions.Normal(mean, (log_variance / 2).exp())


STANDARD = StandardNormal(drawn(0)), distributions.Normal(torch.zeros(SHAPE).double(), torch.ones(SHAPE).double())
BOTH = pytest.mark.parametrize(("ours", "torchs"), [STANDARD, gaussian(10)], ids=["standard", "diagonal"])


@BOTH
def test_densities(ours: StandardNormal | DiagonalGaussian, torchs: distributions.Normal) -> None:
    code = drawn(5)
    torch.testing.assert_close(ours.log_density(code), torchs.log_prob(code).sum(dim=-1) + CONSTANT)
    torch.testing.assert_close(ours.mean, torchs.mean)


@BOTH
def test_samples_and_their_densities(ours: StandardNormal | DiagonalGaussian, torchs: distributions.Normal) -> None:
    noise = drawn(6)
    code, density = ours.sample(noise)
    torch.testing.assert_close(code, torchs.mean + torchs.stddev * noise)
    torch.testing.assert_close(density, ours.log_density(code))


@BOTH
def test_many_samples_of_each_code(ours: StandardNormal | DiagonalGaussian, torchs: distributions.Normal) -> None:
    """Noise may have further axes in front."""
    noise = torch.stack([drawn(seed) for seed in range(5)])
    code, density = ours.sample(noise)
    assert (code.shape, density.shape) == ((5, *SHAPE), (5, *SHAPE[:-1]))
    torch.testing.assert_close(density, ours.log_density(code))


@BOTH
@pytest.mark.parametrize(("prior", "torchs_prior"), [STANDARD, gaussian(20)], ids=["standard", "diagonal"])
def test_divergences_in_closed_form(
    ours: StandardNormal | DiagonalGaussian,
    torchs: distributions.Normal,
    prior: StandardNormal | DiagonalGaussian,
    torchs_prior: distributions.Normal,
) -> None:
    torch.testing.assert_close(ours.divergence(prior), distributions.kl_divergence(torchs, torchs_prior))
    assert ours.divergence(ours).abs().max() < 1e-12


def test_another_prior_has_no_closed_form() -> None:
    with pytest.raises(TypeError, match="no closed form of the divergence from a Mixture"):
        gaussian(10)[0].divergence(type("Mixture", (), {})())


@BOTH
def test_rows_and_precision(ours: StandardNormal | DiagonalGaussian, torchs: distributions.Normal) -> None:
    rows = torch.tensor([[True, False, True]] * 4)
    code = drawn(7)
    torch.testing.assert_close(ours.at(rows).log_density(code[rows]), ours.log_density(code)[rows])
    assert ours.at(rows).mean.shape == (8, 2)
    single = (
        StandardNormal(drawn(0).float())
        if isinstance(ours, StandardNormal)
        else DiagonalGaussian(ours.mean.float(), ours.log_variance.float())
    )
    assert single.mean.dtype == torch.float32
    assert single.double().mean.dtype == torch.float64
    assert single.double().log_density(code).dtype == torch.float64

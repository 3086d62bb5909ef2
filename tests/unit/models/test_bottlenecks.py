"""Bottlenecks: the KL term against its closed form, scipy and sampling; sizes; what training and evaluation give."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from unroll.models.bottlenecks.composed import Bottleneck
from unroll.models.bottlenecks.variational import Variational
from unroll.models.contracts import Context, Shape, Side, Term
from unroll.models.distributions import DiagonalGaussian, StandardNormal

SHAPE = Shape(Side(2, 3), Side(2, 3), 784)


def context(hidden: torch.Tensor, code: torch.Tensor, noise: float = 0.0) -> Context:
    rows = len(code)
    return Context(
        x=torch.zeros(rows, 3, 2),
        mask=torch.ones(rows, 3, dtype=torch.bool),
        index=torch.arange(rows),
        hidden=hidden,
        projected=code,
        encode=lambda x: code,
        weights=lambda: (),
        noise=lambda like: torch.full_like(like, noise),
    )


def variational(log_variance: list[float], **options: Any) -> Variational:
    """A term whose log variance is the given constant."""
    term = Variational(**options)
    term.attach(2, len(log_variance))
    torch.nn.init.zeros_(term.log_variance.weight)
    with torch.no_grad():
        term.log_variance.bias.copy_(torch.tensor(log_variance))
    return term


def gaussian_kl(mean: float, log_variance: float) -> float:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) of one dimension."""
    code = torch.tensor([mean], dtype=torch.float64)
    posterior = DiagonalGaussian(code, torch.tensor([log_variance], dtype=torch.float64))
    return posterior.divergence(StandardNormal(code)).item()


@pytest.mark.parametrize(
    ("mean", "log_variance", "nats"),
    [(0.0, 0.0, 0.0), (1.0, 0.0, 0.5), (0.0, np.log(4), 1.5 - np.log(2)), (2.0, -2.0, 2.5 + np.exp(-2) / 2)],
)
def test_kl_on_literals(mean: float, log_variance: float, nats: float) -> None:
    assert gaussian_kl(mean, log_variance) == pytest.approx(nats, abs=1e-12)


@settings(max_examples=30)
@given(mean=st.floats(-3, 3), log_variance=st.floats(-3, 2))
def test_kl_equals_the_integral_of_its_definition(mean: float, log_variance: float) -> None:
    q, p = stats.norm(mean, np.exp(log_variance / 2)), stats.norm(0, 1)
    z = np.linspace(mean - 12 * q.std(), mean + 12 * q.std(), 4001)
    expected = integrate.simpson(q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), x=z)
    found = gaussian_kl(mean, log_variance)
    assert found == pytest.approx(expected, abs=1e-6)
    assert found >= -1e-12


def test_divergence_from_another_gaussian_is_the_expected_difference_of_densities() -> None:
    torch.manual_seed(0)
    q = DiagonalGaussian(torch.tensor([0.5, -1.0]).double(), torch.tensor([0.3, -0.7]).double())
    p = DiagonalGaussian(torch.tensor([-0.2, 0.1]).double(), torch.tensor([-0.4, 0.9]).double())
    z, log_q = q.sample(torch.randn(400_000, 2).double())
    torch.testing.assert_close(log_q, q.log_density(z))
    drawn = log_q - p.log_density(z)
    assert q.divergence(p).sum().item() == pytest.approx(drawn.mean().item(), abs=5 * drawn.std().item() / 632)
    scipy_q = stats.norm(q.mean.numpy(), np.exp(0.5 * q.log_variance.numpy())).logpdf(z[0].numpy()).sum()
    assert q.log_density(z[0]).item() - np.log(2 * np.pi) == pytest.approx(scipy_q)


def test_kl_by_monte_carlo_over_the_terms_own_samples() -> None:
    torch.manual_seed(0)
    term = variational([-1.0, 0.5])
    mean = torch.tensor([[0.7, -1.2]]).repeat(200_000, 1)
    seen = context(torch.zeros(len(mean), 2), mean)
    seen.noise = torch.randn_like
    z = term.transform(mean, seen)
    deviation = np.exp([-0.5, 0.25])
    log_q = stats.norm(mean[0].numpy(), deviation).logpdf(z.detach().numpy()).sum(1)
    log_p = stats.norm(0, 1).logpdf(z.detach().numpy()).sum(1)
    drawn = log_q - log_p
    assert term.penalty(z, seen)[0].item() == pytest.approx(drawn.mean(), abs=5 * drawn.std() / len(drawn) ** 0.5)


def test_variational_samples_in_training_and_gives_the_mean_in_evaluation() -> None:
    term = variational([np.log(4.0), 0.0])
    mean = torch.tensor([[1.0, -1.0]])
    assert term.train().transform(mean, context(torch.zeros(1, 2), mean, 1.0)).tolist() == [[3.0, 0.0]]
    assert term.eval().transform(mean, context(torch.zeros(1, 2), mean, 1.0)).tolist() == [[1.0, -1.0]]


def test_beta_and_free_bits() -> None:
    """KL of the two dimensions: 0.5 and 0.02; free bits of 0.1 lift the second only, and stop its gradient."""
    mean = torch.tensor([[1.0, 0.2]], requires_grad=True)
    for beta, free, nats in ((1.0, 0.0, 0.52), (4.0, 0.0, 2.08), (1.0, 0.1, 0.6), (2.0, 0.1, 1.2)):
        term = variational([0.0, 0.0], beta=beta, free_bits=free).eval()
        seen = context(torch.zeros(1, 2), mean)
        penalty = term.penalty(term.transform(mean, seen), seen)
        assert penalty.tolist() == [pytest.approx(nats)]
        (gradient,) = torch.autograd.grad(penalty.sum(), mean)
        assert gradient[0].tolist() == [pytest.approx(beta), pytest.approx(0.0 if free else beta * 0.2)]


@pytest.mark.parametrize(
    ("size", "ratio", "minimum", "expected"),
    [(None, None, 1, 50), (7, None, 1, 7), (None, 0.0408, 16, 32), (None, 0.0255, 16, 20), (None, 0.001, 16, 16)],
)
def test_size_by_number_by_ratio_or_none(size: int | None, ratio: float | None, minimum: int, expected: int) -> None:
    bottleneck = Bottleneck(SHAPE, 50, size, ratio, minimum, {})
    assert bottleneck.size == expected
    assert bottleneck.projection(torch.zeros(2, 50)).shape == (2, expected)
    assert sum(p.numel() for p in bottleneck.parameters()) == (0 if size is ratio is None else 51 * expected)


class Shift(Term):
    """Adds to input and code, and costs so much."""

    def __init__(self, amount: float):
        super().__init__()
        self.amount = amount

    def corrupt(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return x + self.amount

    def transform(self, code: torch.Tensor, context: Context) -> torch.Tensor:
        return code * self.amount + self.amount

    def penalty(self, code: torch.Tensor, context: Context) -> torch.Tensor:
        return torch.full((len(code),), self.amount)


def test_terms_compose_in_order_and_their_penalties_add() -> None:
    bottleneck = Bottleneck(SHAPE, 2, None, None, 1, {"a": Shift(2.0), "b": Shift(3.0), "nothing": Term()})
    seen = context(torch.zeros(1, 2), torch.ones(1, 2))
    code, penalty = bottleneck(seen)
    assert code.tolist() == [[15.0, 15.0]]
    assert penalty.tolist() == [5.0]
    x, mask = torch.zeros(1, 3, 2), torch.ones(1, 3, dtype=torch.bool)
    assert bottleneck.train().corrupt(x, mask).unique().tolist() == [5.0]
    assert bottleneck.eval().corrupt(x, mask).unique().tolist() == [0.0]

"""The importance-weighted objective: against the ELBO, a likelihood in closed form, and where it cannot apply."""

import made_up
import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from unroll.errors import UserError
from unroll.models.bottlenecks.variational import Variational, importance_weighted_nats
from unroll.models.contracts import Context, Importance
from unroll.models.distributions import DiagonalGaussian, StandardNormal
from unroll.training.train import check

K = "bottleneck.terms.variational.importance_samples=5"
X, MEAN, LOG_VARIANCE = 1.5, 0.2, -0.4


def context(rows: int, samples: int, beta: float = 1.0) -> Context:
    """q(z | x) = N(MEAN, exp(LOG_VARIANCE)) for each of `rows` equal examples."""
    code = torch.full((rows, 1), MEAN, dtype=torch.float64)
    mask = torch.ones(rows, 1, dtype=torch.bool)
    return Context(
        x=code,
        mask=mask,
        index=torch.arange(rows),
        hidden=code,
        projected=code,
        encode=lambda x: x,
        weights=lambda: (),
        noise=torch.randn_like,
        posterior=DiagonalGaussian(code, torch.full_like(code, LOG_VARIANCE)),
        prior=StandardNormal(code),
        importance=Importance(samples, beta),
    )


def nats(codes: Tensor, samples: int) -> Tensor:
    """-log N(x = X; z, 1): with the prior N(0, 1), p(x) is N(0, 2)."""
    return 0.5 * (X - codes[:, 0]).square() + 0.5 * np.log(2 * np.pi)


def test_one_sample_is_the_elbo_on_average() -> None:
    torch.manual_seed(0)
    for beta in (1.0, 0.3):
        found = importance_weighted_nats(context(100_000, 1, beta), nats)
        expected = 0.5 * ((X - MEAN) ** 2 + np.exp(LOG_VARIANCE)) + 0.5 * np.log(2 * np.pi)
        expected += beta * 0.5 * (MEAN**2 + np.exp(LOG_VARIANCE) - 1 - LOG_VARIANCE)
        assert found.mean().item() == pytest.approx(expected, abs=5 * found.std().item() / 100_000**0.5)


def test_more_samples_are_tighter_and_tend_to_the_likelihood() -> None:
    torch.manual_seed(0)
    bounds = [importance_weighted_nats(context(20_000, k), nats).mean().item() for k in (1, 2, 8, 64)]
    truth = -stats.norm(0, np.sqrt(2)).logpdf(X)
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] - truth > 0.1
    assert bounds[-1] == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize("task", ["generation", "compression"])
def test_training_on_it_is_at_least_as_tight_as_on_the_elbo(task: str) -> None:
    """The same weights and batch: task loss and penalty together, averaged over draws; evaluation does not change."""
    totals, evaluated = [], []
    for chosen in ([], [K]):
        torch.manual_seed(0)
        made, network = made_up.built(task, "ae_variational", "task.strengths.variational=1", *chosen)
        batch = made.splits["train"].batch(torch.arange(8))
        with torch.no_grad():
            network.bottleneck.projection.weight.mul_(4)  # so that q is no near copy of the prior
            losses = [made.losses(network.train(), batch) for _ in range(40)]
            evaluated.append(made.losses(network.eval(), batch))
        totals.append(torch.stack([one.task + (0 if one.penalty is None else one.penalty) for one in losses]).mean())
        assert (losses[0].penalty is None) == bool(chosen)
    assert totals[1] < totals[0]
    torch.testing.assert_close(evaluated[0].task, evaluated[1].task)
    torch.testing.assert_close(evaluated[0].penalty, evaluated[1].penalty)


@pytest.mark.parametrize("task", ["generation", "compression"])
def test_each_of_the_objectives_parameters_gets_a_gradient(task: str) -> None:
    made, network = made_up.built(task, "ae_variational", K)
    losses = made.losses(network.train(), made.splits["train"].batch(torch.arange(8)))
    made.objective(losses).sum().backward()
    assert losses.task.shape == (8,)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("task", ["sentiment", "translation", "forecasting"])
def test_is_refused_where_the_output_is_not_the_input(task: str) -> None:
    with pytest.raises(UserError, match="a task whose output is its input"):
        check(made_up.trial(task, "architecture=ae_variational", K))


def test_is_refused_where_another_term_follows() -> None:
    together = "bottleneck/term@bottleneck.terms=[{}]"
    with pytest.raises(UserError, match="no term behind it"):
        check(made_up.trial("generation", "architecture=ae_variational", together.format("variational,dropout"), K))
    check(made_up.trial("generation", "architecture=ae_variational", together.format("denoising,variational"), K))


def test_free_bits_are_of_the_kl_term() -> None:
    with pytest.raises(UserError, match="no free bits"):
        Variational(importance_samples=2, free_bits=0.1)

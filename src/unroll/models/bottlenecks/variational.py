"""The variational bottleneck (Kingma & Welling 2014) and the importance-weighted objective (Burda et al. 2016)."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from unroll.errors import UserError
from unroll.models.contracts import Context, Importance, Term
from unroll.models.distributions import DiagonalGaussian, Distribution, StandardNormal
from unroll.registry.declared import Need, Unless
from unroll.registry.options import Count, NotNegative


class Variational(Term):
    """q(z|x) = N(mean, diag(variance)); the code is a sample in training and the mean in evaluation.

    Penalty: beta x sum_j max(KL_j, free_bits) nats per example (beta: Higgins et al. 2017, eq. 4; free bits: Kingma et
    al. 2016, appendix C.8, per example and dimension). Codes of steps and nodes have one posterior each.

    With more than one of `importance_samples` it has no penalty in training: the task minimises
    `importance_weighted_nats` instead. In evaluation nothing changes.

    Raises:
        UserError: importance samples with free bits, whose bound has no such term.
    """

    posterior = True
    needs = (
        Need("autoencodes", {"importance_samples": Unless(1)}),
        Need("last_term", {"importance_samples": Unless(1)}),  # which the samples would pass by
    )

    def __init__(self, beta: NotNegative = 1.0, free_bits: NotNegative = 0.0, importance_samples: Count = 1):
        super().__init__()
        if importance_samples > 1 and free_bits:
            raise UserError(
                "The importance-weighted bound has no KL term, and so no free bits.",
                saw=f"importance_samples={importance_samples} free_bits={free_bits}",
                allowed="importance_samples=1, or free_bits=0",
            )
        self.beta, self.free_bits, self.importance_samples = beta, free_bits, importance_samples

    def attach(self, hidden_width: int, size: int) -> None:
        self.log_variance = nn.Linear(hidden_width, size)

    def transform(self, code: Tensor, context: Context) -> Tensor:
        log_variance = self.log_variance(context.hidden).clamp(-12, 8)
        context.posterior, context.prior = DiagonalGaussian(code, log_variance), StandardNormal(code)
        if not self.training:
            return code
        if self.importance_samples > 1:
            context.importance = Importance(self.importance_samples, self.beta)
        return context.posterior.sample(context.noise(code))[0]

    def penalty(self, code: Tensor, context: Context) -> Tensor | None:
        if context.importance is not None:
            return None
        assert context.posterior is not None
        assert context.prior is not None
        kl = context.posterior.divergence(context.prior)
        return self.beta * kl.clamp(min=self.free_bits).sum(dim=-1)


def log_weights(
    posterior: Distribution,
    prior: Distribution,
    noise: Tensor,
    nats: Callable[[Tensor, int], Tensor],
    beta: float = 1.0,
) -> Tensor:
    """log w_i = log p(x | z_i) + beta (log p(z_i) - log q(z_i | x)) of k samples z_i of each code [k, B].

    Args:
        posterior: q, of codes [B, Z].
        prior: p.
        noise: standard normal [k, B, Z].
        nats: (codes [k B, Z], k) -> -log p(x | z) [k B], all examples' first codes first.
        beta: weight of the divergence.
    """
    codes, log_q = posterior.sample(noise)
    found = nats(codes.flatten(0, 1), len(noise)).view(len(noise), -1)
    return beta * (prior.log_density(codes) - log_q) - found


def importance_weighted_nats(context: Context, nats: Callable[[Tensor, int], Tensor]) -> Tensor:
    """-log 1/k sum_i w_i per example [B], from k samples of its code: minus the bound L_k (Burda et al. 2016, eq. 8),
    in nats. With k = 1 it is one sample of the negative beta-ELBO.

    Args:
        context: of a bottleneck whose code is random, and that asks for this bound.
        nats: as of `log_weights`.
    """
    posterior, prior, importance = context.posterior, context.prior, context.importance
    assert posterior is not None
    assert prior is not None
    assert importance is not None
    samples, mean = importance.samples, posterior.mean
    noise = context.noise(mean[:, None].repeat(1, samples, 1)).transpose(0, 1)  # the batch first, as on any ranks
    found = log_weights(posterior, prior, noise, nats, importance.beta)
    return math.log(samples) - found.logsumexp(dim=0)

"""The variational bottleneck (Kingma & Welling 2014) and the importance-weighted objective (Burda et al. 2016)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from unroll.errors import UserError
from unroll.models.contracts import Context, Term
from unroll.registry.options import Count, NotNegative


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) in nats, elementwise (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


class Variational(Term):
    """q(z|x) = N(mean, diag(variance)); the code is a sample in training and the mean in evaluation.

    Penalty: beta x sum_j max(KL_j, free_bits) nats per example (beta: Higgins et al. 2017, eq. 4; free bits: Kingma et
    al. 2016, appendix C.8, per example and dimension). Leaves `mean` and `log_variance` [B,Z] in `context.found`.

    With more than one of `importance_samples` it has no penalty in training: the task minimises
    `importance_weighted_nats` instead. In evaluation nothing changes.

    Raises:
        UserError: importance samples that are no count, or with free bits, whose bound has no such term; when checked,
            where the task does not reconstruct its input or another term follows, which the samples would pass by.
    """

    def __init__(self, beta: NotNegative = 1.0, free_bits: NotNegative = 0.0, importance_samples: Count = 1):
        super().__init__()
        if importance_samples > 1 and free_bits:
            raise UserError(
                "The importance-weighted bound has no KL term, and so no free bits.",
                saw=f"importance_samples={importance_samples} free_bits={free_bits}",
                allowed="importance_samples=1, or free_bits=0",
            )
        self.beta, self.free_bits, self.importance_samples = beta, free_bits, importance_samples

    def check(self, autoencodes: bool, last: bool) -> None:
        if self.importance_samples > 1 and not (autoencodes and last):
            why = "is followed by another term" if autoencodes else "serves a task whose output is not its input"
            raise UserError(
                "The importance-weighted objective is of a reconstruction from the variational code itself.",
                saw=f"importance_samples={self.importance_samples}, and the term {why}",
                allowed="importance_samples=1; or a task that autoencodes, with variational as the last term",
            )

    def attach(self, hidden_width: int, size: int) -> None:
        self.log_variance = nn.Linear(hidden_width, size)

    def transform(self, code: Tensor, context: Context) -> Tensor:
        log_variance = self.log_variance(context.hidden).clamp(-12, 8)
        context.found.update(mean=code, log_variance=log_variance)
        if not self.training:
            return code
        if self.importance_samples > 1:
            context.found.update(importance_samples=self.importance_samples, beta=self.beta)
        return code + torch.exp(0.5 * log_variance) * context.noise(code)

    def penalty(self, code: Tensor, context: Context) -> Tensor | None:
        if "importance_samples" in context.found:
            return None
        kl = gaussian_kl(context.found["mean"], context.found["log_variance"])
        return self.beta * kl.clamp(min=self.free_bits).sum(dim=-1)


def importance_weighted_nats(
    context: Context, nats: Callable[[Tensor, int], Tensor], samples: int, beta: float
) -> Tensor:
    """-log 1/k sum_i w_i per example [B], from k samples z_i of its code: minus the bound L_k (Burda et al. 2016,
    eq. 8), in nats.

    log w_i = log p(x | z_i) + beta (log p(z_i) - log q(z_i | x)): with k = 1 one sample of the negative beta-ELBO.

    Args:
        context: of a variational bottleneck, which left `mean` and `log_variance` in it.
        nats: (codes [B k, Z], k) -> -log p(x | z) [B k], each example's k codes beside each other.
        samples: k.
        beta: weight of the divergence.
    """
    mean, log_variance = (context.found[name][:, None] for name in ("mean", "log_variance"))
    noise = context.noise(mean.repeat(1, samples, 1))
    z = mean + torch.exp(0.5 * log_variance) * noise
    divergence = 0.5 * (z.square() - noise.square() - log_variance).sum(dim=-1)
    negative = nats(z.flatten(0, 1), samples).view(-1, samples) + beta * divergence
    return math.log(samples) - (-negative).logsumexp(dim=1)

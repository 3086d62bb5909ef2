"""The variational bottleneck (Kingma & Welling 2014)."""

import torch
from torch import Tensor, nn

from unroll.architectures.contracts import Context, Term


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) in nats, elementwise (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


class Variational(Term):
    """q(z|x) = N(mean, diag(variance)); the code is a sample in training and the mean in evaluation.

    Penalty: beta x sum_j max(KL_j, free_bits) nats per example (beta: Higgins et al. 2017, eq. 4; free bits: Kingma et
    al. 2016, appendix C.8, per example and dimension). Leaves `mean` and `log_variance` [B,Z] in `context.found`.
    """

    def __init__(self, beta: float = 1.0, free_bits: float = 0.0):
        super().__init__()
        self.beta, self.free_bits = beta, free_bits

    def attach(self, hidden_width: int, size: int) -> None:
        self.log_variance = nn.Linear(hidden_width, size)

    def transform(self, code: Tensor, context: Context) -> Tensor:
        log_variance = self.log_variance(context.hidden).clamp(-12, 8)
        context.found.update(mean=code, log_variance=log_variance)
        if not self.training:
            return code
        return code + torch.exp(0.5 * log_variance) * context.noise(code)

    def penalty(self, code: Tensor, context: Context) -> Tensor:
        kl = gaussian_kl(context.found["mean"], context.found["log_variance"])
        return self.beta * kl.clamp(min=self.free_bits).sum(dim=-1)

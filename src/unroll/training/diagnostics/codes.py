"""What a code is like over a batch: dead units, sparsity, saturation, and the information of each latent dimension."""

import torch
from torch import Tensor

from unroll.models.bottlenecks.variational import gaussian_kl

DEAD_VARIANCE = 1e-6  # a unit whose variance over the examples is less says nothing of them
ZERO = 1e-3  # an entry of a code that is nearer to zero counts as zero
ACTIVE_VARIANCE = 0.01  # Burda, Grosse, Salakhutdinov 2016, section 5.2
EDGE = 0.05  # share of an activation's range at either end that is its saturated part
RANGES = {"SigmoidBackward0": (0.0, 1.0), "TanhBackward0": (-1.0, 1.0)}  # of the functions that bound a code


def dead_share(codes: Tensor) -> float:
    """Share of the units of codes [B,Z] whose variance over the examples is below `DEAD_VARIANCE`."""
    return float((codes.double().var(dim=0, correction=0) < DEAD_VARIANCE).double().mean())


def zero_share(codes: Tensor) -> float:
    """Share of the entries of codes [B,Z] with |z| < `ZERO`."""
    return float((codes.abs() < ZERO).double().mean())


def hoyer(codes: Tensor) -> float | None:
    """Hoyer's sparseness of codes [B,Z]: 0 where all entries are equally large, 1 where one alone is not zero.

    (sqrt(Z) - |z|_1 / |z|_2) / (sqrt(Z) - 1), the mean over examples (Hoyer 2004, section 3.1). Codes that are zero
    have none and are left out; None where that leaves no code, or where Z is 1.
    """
    codes, width = codes.double(), codes.shape[1]
    codes = codes[codes.norm(dim=1) > 0]
    if width == 1 or not len(codes):
        return None
    root = width**0.5
    return float(((root - codes.norm(p=1, dim=1) / codes.norm(dim=1)) / (root - 1)).mean())


def saturated_share(codes: Tensor) -> float | None:
    """Share of the entries of codes [B,Z] in the outer `EDGE` of their range; None where no sigmoid or tanh made them.

    The function is the last one that autograd has recorded for the codes.
    """
    bounds = RANGES.get(codes.grad_fn.name()) if codes.grad_fn is not None else None
    if bounds is None:
        return None
    place = (codes.detach() - bounds[0]) / (bounds[1] - bounds[0])
    return float(((place < EDGE) | (place > 1 - EDGE)).double().mean())


def latent(mean: Tensor, log_variance: Tensor) -> dict[str, float | list[float]]:
    """Of q(z|x) = N(mean [B,Z], exp(log_variance)):

    kl_per_dimension  E_x KL(q(z_j|x) || N(0, 1)) in nats (Kingma & Welling 2014, appendix B)
    active_units      how many dimensions have Var_x(E_q[z_j]) > 0.01 (Burda, Grosse, Salakhutdinov 2016, section 5.2)
    """
    mean, log_variance = mean.double(), log_variance.double()
    kl = gaussian_kl(mean, log_variance).mean(dim=0)
    active = mean.var(dim=0, correction=0) > ACTIVE_VARIANCE
    return {"kl": float(kl.sum()), "kl_per_dimension": kl.tolist(), "active_units": float(active.sum())}


@torch.no_grad()
def code_diagnostics(code: Tensor, mean: Tensor | None, log_variance: Tensor | None) -> dict[str, float | list[float]]:
    """All of this page that a code [B,Z] has; mean and log_variance [B,Z] where it is variational."""
    shares = {
        "dead_share": dead_share(code),
        "zero_share": zero_share(code),
        "hoyer": hoyer(code),
        "saturated_share": saturated_share(code),
    }
    found: dict[str, float | list[float]] = {name: value for name, value in shares.items() if value is not None}
    if mean is not None and log_variance is not None:
        found |= latent(mean, log_variance)
    return found

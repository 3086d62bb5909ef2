"""What a code is like over a batch: dead units, sparsity, saturation, and the information of each latent dimension."""

import torch
from torch import Tensor

from unroll.models.distributions import Distribution
from unroll.models.network import Coded, Network

DEAD = 1e-3  # a unit whose deviation over the examples is no more than this share of its size says nothing of them
ZERO = 1e-3  # an entry of a code that is nearer to zero counts as zero
ACTIVE_VARIANCE = 0.01  # Burda, Grosse, Salakhutdinov 2016, section 5.2
EDGE = 0.05  # share of an activation's range at either end that is its saturated part
RANGES = {"SigmoidBackward0": (0.0, 1.0), "TanhBackward0": (-1.0, 1.0)}  # of the functions that bound a code


def dead_share(codes: Tensor) -> float:
    """Share of the units of codes [B,Z] that are constant relative to their scale.

    A unit is dead where its standard deviation over the examples is at most `DEAD` of its root mean square: constant,
    zero, or stuck at either end of its range. Multiplying a unit by a number changes nothing.
    """
    codes = codes.double()
    return float((codes.std(dim=0, correction=0) <= DEAD * codes.square().mean(dim=0).sqrt()).double().mean())


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


def saturated_share(codes: Tensor, bounds: tuple[float, float] | None = None) -> float | None:
    """Share of the entries of codes [B,Z] in the outer `EDGE` of their range, |z| > 0.9 of a tanh; None without one.

    Args:
        codes: of examples, or of steps.
        bounds: of the encoder that made them, where they are its own; None: the last function that autograd has
            recorded for the codes tells, a sigmoid or a tanh.
    """
    if bounds is None and codes.grad_fn is not None:
        bounds = RANGES.get(codes.grad_fn.name())
    if bounds is None:
        return None
    place = (codes.detach() - bounds[0]) / (bounds[1] - bounds[0])
    return float(((place < EDGE) | (place > 1 - EDGE)).double().mean())


def bounds_of(network: Network, coded: Coded) -> tuple[float, float] | None:
    """Return the range of codes that are the encoder's output itself, with no projection and no term that changes it;
    None of others, and of an encoder that declares none."""
    bounds: tuple[float, float] | None = getattr(network.encoder, "bounds", None)
    return bounds if torch.equal(coded.code, coded.context.hidden) else None


def latent(posterior: Distribution, prior: Distribution) -> dict[str, float | list[float]]:
    """Of q(z|x), of codes [B,Z], and a prior p:

    kl_per_dimension  E_x KL(q(z_j|x) || p(z_j)) in nats (Kingma & Welling 2014, appendix B)
    active_units      how many dimensions have Var_x(E_q[z_j]) > 0.01 (Burda, Grosse, Salakhutdinov 2016, section 5.2)
    """
    exact = posterior.double()
    kl = exact.divergence(prior.double()).mean(dim=0)
    active = exact.mean.var(dim=0, correction=0) > ACTIVE_VARIANCE
    return {"kl": float(kl.sum()), "kl_per_dimension": kl.tolist(), "active_units": float(active.sum())}


@torch.no_grad()
def code_diagnostics(
    code: Tensor,
    posterior: Distribution | None,
    prior: Distribution | None,
    bounds: tuple[float, float] | None = None,
) -> dict[str, float | list[float]]:
    """All of this page that a code [B,Z] has; its posterior and prior where it is random, its `bounds_of` if any."""
    shares = {
        "dead_share": dead_share(code),
        "zero_share": zero_share(code),
        "hoyer": hoyer(code),
        "saturated_share": saturated_share(code, bounds),
    }
    found: dict[str, float | list[float]] = {name: value for name, value in shares.items() if value is not None}
    if posterior is not None and prior is not None:
        found |= latent(posterior, prior)
    return found

"""Gradients: of each layer, of the loss against the distance in time, and of the code to the input.

Distance in time: what reaches the embedded input x_t, at real positions, from the end of the sequence,
    g(d) = mean over the examples n longer than d of || dL_n / dx_{n, T_n - 1 - d} ||,
with L_n the objective of example n and T_n its length. Pascanu, Mikolov, Bengio 2013 (eq. 3 to 5) look at the states:
dL/dh_t is a product of as many Jacobians dh_{i+1}/dh_i as there are steps to the loss, so that it vanishes or explodes
with their number. Here dL/dx_t = (dh_t/dx_t)^T dL/dh_t: the same product behind one factor that no distance enters.
Every encoder has an input and fused layers keep no states to differentiate by, so one definition serves all.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

PROBES = 8  # directions that a Jacobian is measured in
HALF_SCALE = 2.0**16  # torch's GradScaler starts from it


def gradients(of: Tensor, by: Sequence[Tensor]) -> list[Tensor]:
    """d of / d by, for a scalar; zero for what it does not depend on. Fills no `.grad`.

    Where the network computes in float16, the scalar is scaled first, as in training: small gradients would be zero.
    """
    kind = of.device.type
    half = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.float16
    scale = HALF_SCALE if half else 1.0
    found = torch.autograd.grad(of * scale, by, allow_unused=True)
    return [torch.zeros_like(x) if grad is None else grad / scale for x, grad in zip(by, found, strict=True)]


def layer_norms(named: Iterable[tuple[str, Tensor]]) -> dict[str, float]:
    """Euclidean norm of the gradients of each module's own parameters, from their full names and gradients."""
    squares: dict[str, Tensor] = {}
    for name, grad in named:
        layer = name.rpartition(".")[0] or "network"
        squares[layer] = squares.get(layer, torch.zeros((), dtype=torch.float64)) + grad.double().square().sum().cpu()
    return {layer: float(square.sqrt()) for layer, square in squares.items()}


def by_distance(grads: Tensor, lengths: Tensor) -> Tensor:
    """g(d) [longest] for d = 0, 1, ... from dL_n/dx_n [B,T,D] and lengths [B]."""
    norms = grads.double().norm(dim=2)
    longest = int(lengths.max())
    place = lengths[:, None] - 1 - torch.arange(longest, device=lengths.device)
    real = place >= 0
    return (norms.gather(1, place.clamp(min=0)) * real).sum(dim=0) / real.sum(dim=0)


def growth(norms: Tensor) -> float | None:
    """The factor by which g changes with each step of distance: exp of the slope of log g(d), by least squares.

    Below 1 gradients vanish, above 1 they explode. Zeros are left out; None where fewer than two norms are left.
    """
    distance = torch.arange(len(norms), dtype=torch.float64, device=norms.device)
    kept = (norms > 0) & norms.isfinite()
    if kept.sum() < 2:
        return None
    distance, logs = distance[kept], norms[kept].log()
    centred = distance - distance.mean()
    return float(((centred * logs).sum() / centred.square().sum()).exp())


def directions(width: int, seed: int) -> Tensor:
    """At most `PROBES` orthonormal directions [K, width] of a code, the same for one seed."""
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randn(width, min(PROBES, width), generator=random, dtype=torch.float64)
    return torch.linalg.qr(drawn).Q.T


def jacobian_norm(code: Tensor, x: Tensor, mask: Tensor, probes: Tensor) -> float:
    """Root mean square over n examples of || dz/dx ||_F, for z the code and x the input at real positions.

    ||J||_F^2 = Z E_v ||v^T J||^2 for v uniform on the unit sphere (Hoffman, Roberts, Yaida 2019, section 2.3), over K
    orthonormal v: exact where K is Z, else without bias in the square.

    Args:
        code, x, mask: [K n, Z], [K n, T, D] and [K n, T] of the n examples repeated K times, so that one backward
            pass serves all directions.
        probes: the directions [K, Z].
    """
    examples, code = len(code) // len(probes), code.to(torch.promote_types(code.dtype, torch.float32))
    (grad,) = gradients((code * probes.to(code).repeat_interleave(examples, dim=0)).sum(), [x])
    squares = (grad * mask[:, :, None]).double().square().sum()
    return float((squares * code.shape[1] / len(code)).sqrt())


def trained(network: nn.Module) -> dict[str, Tensor]:
    """The parameters that training changes."""
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}

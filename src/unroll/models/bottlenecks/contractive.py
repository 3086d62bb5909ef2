"""The contractive penalty (Rifai, Vincent, Muller, Glorot, Bengio 2011)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from unroll.errors import UserError
from unroll.models.contracts import Context, Term
from unroll.registry.options import Count, NotNegative

Jacobian = Literal["auto", "closed_form", "exact", "hutchinson"]


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Gradients of gradients: the fused recurrent kernels of oneDNN and cuDNN have none, torch's own do."""
    before = torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled
    torch.backends.mkldnn.enabled = torch.backends.cudnn.enabled = False  # type: ignore[assignment]
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled = before


def exact_squared_norm(output: Tensor, at: Tensor) -> Tensor:
    """Squared Frobenius norm [B] of each example's d output / d at, a backward pass for each output value.

    output [B, ...] and at [B, ...]; an example's output depends on its own row of `at` only.
    """
    total = output.new_zeros(len(output))
    for values in output.flatten(1).unbind(dim=1):
        (row,) = torch.autograd.grad(values.sum(), at, create_graph=True)
        total = total + row.flatten(1).square().sum(dim=1)
    return total


def projected_squared_norm(output: Tensor, at: Tensor, noise: Callable[[Tensor], Tensor], samples: int) -> Tensor:
    """An unbiased estimate [B] of `exact_squared_norm`: the mean of |v^T J|^2 over random signs v (Hutchinson 1989)."""
    total = output.new_zeros(len(output))
    for _ in range(samples):
        signs = noise(output.detach()).sign()
        (row,) = torch.autograd.grad(output, at, signs, create_graph=True)
        total = total + row.flatten(1).square().sum(dim=1)
    return total / samples


class Contractive(Term):
    """Penalty: weight x |d code / d x|_F^2 in training (Rifai et al. 2011, eq. 2), x embedded, at real positions.

    Codes of steps and nodes count together, as one code of all of them.

    Small encoder weights undone by large decoder weights would make it vanish for nothing. So the decoder's weights are
    tied to the encoder's, as in the paper, or |d output / d code|_F^2 is added. Without a decoder
    there is nothing to add. A decoder that reads words reads zeros here.

    Args:
        weight: nats per unit of the squared norm; lambda in the paper.
        jacobian: closed_form (eq. 6; one sigmoid layer without projection or dropout), exact (a backward pass for each
            value), hutchinson (random projections), auto (closed_form where it holds, else hutchinson). The decoder's
            is exact with exact, else by projections.
        samples: random projections of hutchinson.
        decoder: whether the decoder's Jacobian is penalised: true, false, or auto: unless its weights are tied.

    Raises:
        UserError: an option out of range; closed_form where none holds.
    """

    def __init__(
        self,
        weight: NotNegative = 0.1,
        jacobian: Jacobian = "auto",
        samples: Count = 1,
        decoder: Literal[True, False, "auto"] = "auto",
    ):
        super().__init__()
        self.weight, self.jacobian, self.samples, self.decoder = weight, jacobian, samples, decoder

    def check_network(self, closed_jacobian: bool, tied: bool) -> None:
        if self.jacobian == "closed_form" and not closed_jacobian:
            raise UserError(
                "The Jacobian has a closed form only for a feed-forward encoder of one sigmoid layer.",
                saw="jacobian=closed_form with another encoder, a projection to the code, or dropout",
                allowed="jacobian=auto, exact or hutchinson",
            )
        if self.jacobian == "auto":
            self.jacobian = "closed_form" if closed_jacobian else "hutchinson"
        if self.decoder == "auto":
            self.decoder = not tied

    def penalty(self, code: Tensor, context: Context) -> Tensor | None:
        if not self.training:
            return None
        # In single precision, whatever the rest is in: 16 bits do not hold the squares of small derivatives.
        with twice_differentiable(), torch.autocast(code.device.type, enabled=False):
            x = context.x.to(torch.promote_types(context.x.dtype, torch.float32))
            if not x.requires_grad:
                x = x.detach().requires_grad_().view_as(x)  # no leaf: counting FLOPs hooks into what a module is given
            clean = context.encode(x)
            if self.jacobian == "closed_form":
                assert context.closed_jacobian is not None
                norm = context.closed_jacobian(clean)
            else:
                norm = self._squared_norm(clean, x, context)
            if self.decoder and context.decode is not None:
                norm = norm + self._squared_norm(context.decode(clean), clean, context)
        return self.weight * norm

    def _squared_norm(self, output: Tensor, at: Tensor, context: Context) -> Tensor:
        if self.jacobian == "exact":
            return exact_squared_norm(output, at)
        return projected_squared_norm(output, at, context.noise, self.samples)

"""Sparse codes: few units of the code are active, by a penalty or by keeping the largest only."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from unroll.errors import UserError
from unroll.models.contracts import Context, Term
from unroll.models.noise import batch_mean
from unroll.registry.options import Fraction, NotNegative, Positive

RATE = 0.05
AtLeastOne = Annotated[float, Field(ge=1)]
PartOfTraining = Annotated[float, Field(gt=0, le=1)]


def bernoulli_kl(rate: float, logits: Tensor) -> Tensor:
    """KL(Bernoulli(rate) || Bernoulli(sigmoid(logits))) in nats, elementwise (Ng 2011, section 3)."""
    target = torch.full_like(logits, rate)
    cross = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return cross + torch.special.xlogy(target, target) + torch.special.xlogy(1 - target, 1 - target)


class Sparse(Term):
    """Penalises active units.

    l1  beta x sum_j |z_j| of the code as it is, linear, in units of the code per example
    kl  the code is sigmoid(z), and beta x sum_j KL(rate || mean activation of unit j) is added, in nats per example
        (Ng 2011, "Sparse autoencoder", section 3). The mean is over the (global) batch's codes in training. In
        evaluation, where no example may see the others, each one's own activation stands for it, which by Jensen's
        inequality gives a larger sum on average.

    Args:
        kind: l1 | kl.
        beta: weight of the penalty.
        rate: the activation that units should have on average; kl only.

    Raises:
        UserError: an unknown kind, a negative weight, a rate that is not between 0 and 1, or one that l1 does not read.
    """

    def __init__(self, kind: Literal["l1", "kl"], beta: NotNegative, rate: Fraction):
        super().__init__()
        self.kind, self.beta, self.rate = kind, beta, rate
        if kind == "l1" and rate != RATE:
            saw = f"rate={rate} of the term sparse with kind=l1"
            raise UserError("This option would change nothing.", saw=saw, allowed=f"kind=kl, or rate={RATE}")

    def transform(self, code: Tensor, context: Context) -> Tensor:
        """Codes [..., Z]: as they are for l1, their sigmoid for kl."""
        return code if self.kind == "l1" else code.sigmoid()

    def penalty(self, code: Tensor, context: Context) -> Tensor:
        if self.kind == "l1":
            return self.beta * code.abs().sum(dim=-1)
        activation = batch_mean(code, context.positions).expand_as(code) if self.training else code
        smallest = torch.finfo(activation.dtype).eps
        return self.beta * bernoulli_kl(self.rate, torch.logit(activation, smallest)).sum(dim=-1)


class KSparse(Term):
    """Keeps the k largest units of each code and sets the others to 0; the gradient passes the kept only. The code is
    linear (Makhzani & Frey 2014, algorithm 1). Of equal units as many are kept as make k.

    From `first_k` the number kept in training falls linearly to k, rounded, over the first steps (theirs, from
    100 over half the epochs, so that units are not left unused). Evaluation keeps alpha x k always.

    Args:
        k: how many units, a whole number from 1; or a share of the code's width, between 0 and 1.
        alpha: in evaluation alpha x k units are kept, rounded, at most all.
        first_k: how many in the first step, as k; None = k from the start.
        anneal: the share of the steps, of training or of pretraining, over which first_k falls to k.

    Raises:
        UserError: no such k, alpha below 1, an option without effect, or more units to keep than the code has.
    """

    def __init__(self, k: Positive, alpha: AtLeastOne, first_k: Positive | None = None, anneal: PartOfTraining = 0.5):
        super().__init__()
        for name, value in (("k", k), ("first_k", k if first_k is None else first_k)):
            if isinstance(value, bool) or not (0 < value < 1 or (value >= 1 and value == int(value))):
                raise UserError(
                    f"{name} of the term ksparse is a number of units or a share of them.",
                    saw=value,
                    allowed="a whole number from 1, or more than 0 and less than 1",
                )
        if first_k is None and anneal != 0.5:
            saw = f"anneal={anneal} without first_k"
            raise UserError("This option would change nothing.", saw=saw, allowed="a number for first_k")
        self.k, self.alpha, self.first_k, self.anneal = k, alpha, first_k, anneal

    def attach(self, hidden_width: int, size: int) -> None:
        self.last = self.kept = self._units("k", self.k, size)
        self.first = self.last if self.first_k is None else self._units("first_k", self.first_k, size)
        self.kept_in_evaluation = min(size, round(self.alpha * self.last))

    def _units(self, name: str, value: float, size: int) -> int:
        if value > size:
            raise UserError(
                "The code has fewer units than are to be kept.", saw=f"{name}={value}", allowed=f"1 to {size}"
            )
        return int(value) if value >= 1 else max(1, round(value * size))

    def scheduled(self) -> bool:
        return self.first_k is not None

    def schedule(self, done: float) -> None:
        self.kept = round(self.first + (self.last - self.first) * min(1.0, done / self.anneal))

    def transform(self, code: Tensor, context: Context) -> Tensor:
        """Codes [..., Z] with k units, or alpha x k in evaluation; all others 0."""
        largest = code.topk(self.kept if self.training else self.kept_in_evaluation, dim=-1).indices
        return torch.zeros_like(code).scatter(-1, largest, code.gather(-1, largest))

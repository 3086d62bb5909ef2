"""Penalties on the weight matrices of encoder, bottleneck and decoder."""

from typing import Literal

from torch import Tensor

from unroll.models.contracts import Context, Term
from unroll.registry.options import Positive

NORMS = {"l1": lambda weight: weight.abs().sum(), "l2": lambda weight: weight.square().sum()}


class WeightPenalty(Term):
    """Adds to the loss of every example, and so once to the mean over a batch (Goodfellow, Bengio & Courville 2016,
    section 7.1),

    l1  amount x sum |W|
    l2  amount x sum W^2

    over all weight matrices; biases, embeddings and heads are left out. The amount counts nats per example for a unit
    of the sum. Unlike `optimizer.weight_decay`, it is part of the objective.

    Raises:
        UserError: an unknown kind, or an amount that is not more than 0.
    """

    of_codes = False

    def __init__(self, kind: Literal["l1", "l2"], amount: Positive):
        super().__init__()
        self.kind, self.amount = kind, amount

    def penalty(self, code: Tensor, context: Context) -> Tensor:
        total = sum((NORMS[self.kind](weight) for weight in context.weights()), start=code.new_zeros(()))
        return (self.amount * total).expand(len(code))

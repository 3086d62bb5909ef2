"""Dropout on the code (Srivastava et al. 2014)."""

from torch import Tensor

from unroll.models.contracts import Context, Term
from unroll.models.noise import dropout
from unroll.registry.options import Fraction


class CodeDropout(Term):
    """In training, zeroes a share of the code's units and scales up the rest by 1 / (1 - share).

    Raises:
        UserError: not a share between 0 and 1.
    """

    def __init__(self, share: Fraction):
        super().__init__()
        self.share = share

    def transform(self, code: Tensor, context: Context) -> Tensor:
        return dropout(code, self.share, self.training)

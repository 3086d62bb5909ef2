"""Dropout on the code (Srivastava et al. 2014)."""

from torch import Tensor

from unroll.models.bottlenecks import options
from unroll.models.contracts import Context, Term
from unroll.models.noise import dropout


class CodeDropout(Term):
    """In training, zeroes a share of the code's units and scales up the rest by 1 / (1 - share).

    Raises:
        UserError: not a share between 0 and 1.
    """

    def __init__(self, share: float):
        super().__init__()
        self.share = options.share("dropout", "share", share)

    def transform(self, code: Tensor, context: Context) -> Tensor:
        return dropout(code, self.share, self.training)

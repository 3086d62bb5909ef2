"""Denoising: the input is corrupted in training, and what is reconstructed is the clean one (Vincent et al. 2008;
Vincent et al. 2010, section 3.3)."""

from typing import Literal

import torch
from torch import Tensor

from unroll.data.tokenizers import UNKNOWN
from unroll.errors import UserError
from unroll.models.contracts import Term
from unroll.models.noise import chosen, gaussian
from unroll.registry.options import Fraction, Positive


class Denoising(Term):
    """Corrupts each value of the input, or each word of a text, independently and afresh at every step of training.

    gaussian         x + level * N(0, 1)
    masking          0 with probability `level`
    salt_and_pepper  with probability `level` the smallest or the largest value of the example, by a fair coin

    Words have no values to change: with probability `word_dropout` a token becomes <unk> (word dropout as in
    Bowman et al. 2016, section 3.1, there of a decoder's inputs). Padding is never touched, and nothing is corrupted in
    evaluation.

    Args:
        kind: what happens to values.
        level: standard deviation of Gaussian noise in the input's units, or else the share of values.
        word_dropout: the share of tokens.

    Raises:
        UserError: an unknown kind, a level that corrupts nothing, or a share that is none.
    """

    of_codes = False

    def __init__(
        self, kind: Literal["gaussian", "masking", "salt_and_pepper"], level: Positive, word_dropout: Fraction
    ):
        super().__init__()
        if kind != "gaussian" and level >= 1:
            raise UserError(f"level of the term denoising is a share with kind={kind}.", saw=level, allowed="below 1")
        self.kind, self.level, self.word_dropout = kind, level, word_dropout

    def corrupt(self, x: Tensor, mask: Tensor) -> Tensor:
        """Corrupt x [B,T,D] at real positions."""
        real = mask[:, :, None]
        if self.kind == "gaussian":
            return x + self.level * gaussian(x) * real
        hit = chosen(self.level, x.shape, x.device) & real
        if self.kind == "masking":
            return x.masked_fill(hit, 0)
        lowest = x.masked_fill(~real, float("inf")).flatten(1).amin(dim=1)[:, None, None]
        highest = x.masked_fill(~real, float("-inf")).flatten(1).amax(dim=1)[:, None, None]
        salt = chosen(0.5, x.shape, x.device)
        return torch.where(hit, torch.where(salt, highest, lowest), x)

    def corrupt_tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Replace real tokens of ids [B,T] by <unk>."""
        hit = chosen(self.word_dropout, ids.shape, ids.device)
        return ids.masked_fill(hit & mask, UNKNOWN)

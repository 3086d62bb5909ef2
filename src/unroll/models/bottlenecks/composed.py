"""The bottleneck: a projection to the code's size and any number of terms that regularise it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from unroll.errors import UserError
from unroll.models.contracts import Context, Shape, Term


class Bottleneck(nn.Module):
    """Composes terms around a projection of the encoder's code to `size`.

    Args:
        shape: the task's, for its reference code size.
        encoder_width: width of the encoder's summaries, or of its states where codes are of those.
        size: width of the code; None = by ratio.
        ratio: share of the reference size; None = the encoder's own width, without a projection.
        minimum: smallest width that ratio gives.
        terms: what regularises the code, in order.
    """

    def __init__(
        self,
        shape: Shape,
        encoder_width: int,
        size: int | None,
        ratio: float | None,
        minimum: int,
        terms: Mapping[str, Term],
    ):
        super().__init__()
        if size is None and ratio is not None:
            size = max(minimum, round(ratio * shape.reference_code))
        self.projection = nn.Identity() if size is None else nn.Linear(encoder_width, size)
        self.size = encoder_width if size is None else size
        self.terms = nn.ModuleDict(terms)
        for term in terms.values():
            term.attach(encoder_width, self.size)

    def _terms(self) -> list[Term]:
        return [cast(Term, term) for term in self.terms.values()]

    def check_network(self, closed_jacobian: bool, tied: bool) -> None:
        """Let every term check its options against the network."""
        for term in self._terms():
            term.check_network(closed_jacobian, tied)

    def prepare(self, examples: int, features: Callable[[Tensor], np.ndarray], cache: Path) -> None:
        """Let every term make what it needs of the train examples, before training."""
        for term in self._terms():
            term.prepare(examples, features, cache)

    def schedule(self, done: float) -> None:
        """Tell every term the share [0, 1) of the phase's steps that are done, before a step of training."""
        for term in self._terms():
            term.schedule(done)

    def corrupt(self, x: Tensor, mask: Tensor, text: bool = False) -> Tensor:
        """Corrupt the embedded input [B,T,D] in training; as it is in evaluation.

        Of text, x are word vectors: terms that corrupt tokens have done so and are left out.
        """
        if self.training:
            for term in self._terms():
                if not (text and type(term).corrupt_tokens is not Term.corrupt_tokens):
                    x = term.corrupt(x, mask)
        return x

    def corrupt_tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Corrupt token ids [B,T] in training; as they are in evaluation."""
        if self.training:
            for term in self._terms():
                ids = term.corrupt_tokens(ids, mask)
        return ids

    def transform(self, context: Context) -> list[Tensor]:
        """The codes as projected, then after each term, in order."""
        codes = [context.projected]
        for term in self._terms():
            codes.append(term.transform(codes[-1], context))
            _require_shape(term, "transform", codes[-1], [codes[-2].shape])
        return codes

    def forward(self, context: Context) -> tuple[Tensor, Tensor | None]:
        """The codes after every term, and the sum of the terms' penalties per example [B], None without any.

        Raises:
            UserError: a term's transform or penalty is of another shape than its contract says.
        """
        _, *after = codes = self.transform(context)
        penalties = [term.penalty(code, context) for term, code in zip(self._terms(), after, strict=True)]
        for term, penalty in zip(self._terms(), penalties, strict=True):
            if penalty is not None:
                _require_shape(term, "penalty", penalty, [codes[-1].shape[:1], codes[-1].shape[:-1]])
        found = [_summed(penalty, context.positions) for penalty in penalties if penalty is not None]
        return codes[-1], torch.stack(found).sum(dim=0) if found else None


def _require_shape(term: Term, method: str, found: Tensor, allowed: list[torch.Size]) -> None:
    """Raise UserError where a term gives something else than its contract says."""
    shape = getattr(found, "shape", None)
    if shape not in allowed:
        raise UserError(
            f"The term {type(term).__name__} gives another shape: {method}.",
            saw=type(found).__name__ if shape is None else list(shape),
            allowed=" or ".join(dict.fromkeys(str(list(each)) for each in allowed)),
        )


def _summed(penalty: Tensor, positions: Tensor | None) -> Tensor:
    """A penalty of each example [B] from one of each code [B,S]."""
    return penalty if positions is None or penalty.dim() == 1 else (penalty * positions).sum(dim=1)

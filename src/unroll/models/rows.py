"""Rows of a tensor in another order, or some of them, each once: no gradient has to be summed where they go back.

The gradient of `index_select` or `gather` adds up, row by row; a GPU that is to be deterministic sorts them first.
"""

from typing import Any

import torch
from torch import Tensor


class _Moved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, there: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return rows.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (back,) = ctx.saved_tensors
        return grad.index_select(0, back), None, None


class _Picked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, chosen: Tensor) -> Tensor:
        ctx.save_for_backward(chosen)
        ctx.count = len(rows)
        return rows.index_select(0, chosen)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (chosen,) = ctx.saved_tensors
        return grad.new_zeros(ctx.count, *grad.shape[1:]).index_copy(0, chosen, grad), None


def moved(rows: Tensor, there: Tensor, back: Tensor) -> Tensor:
    """Rows [n, ...] in another order [n]: row n comes from row there[n], and row m goes to row back[m]."""
    found: Tensor = _Moved.apply(rows, there, back)
    return found


def picked(rows: Tensor, chosen: Tensor) -> Tensor:
    """The rows of [n, ...] that are chosen [m], none of them twice."""
    found: Tensor = _Picked.apply(rows, chosen)
    return found

"""Rows in another order and some of the rows: values, gradients and gradients of gradients."""

import torch

from unroll.models.rows import moved, picked

THERE, CHOSEN = torch.tensor([2, 0, 3, 1]), torch.tensor([3, 1])


def test_rows_go_there_and_back() -> None:
    rows, back = torch.arange(8.0).view(4, 2), THERE.argsort()
    assert torch.equal(moved(rows, THERE, back), rows[THERE])
    assert torch.equal(moved(moved(rows, THERE, back), back, THERE), rows)
    assert torch.equal(picked(rows, CHOSEN), rows[CHOSEN])
    assert picked(rows, CHOSEN[:0]).shape == (0, 2)


def test_gradients_are_those_of_indexing() -> None:
    rows = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for change in (lambda x: moved(x, THERE, THERE.argsort()), lambda x: picked(x, CHOSEN)):
        assert torch.autograd.gradcheck(lambda x, change=change: change(x).sin(), [rows])
        assert torch.autograd.gradgradcheck(lambda x, change=change: change(x).sin(), [rows])

"""Tied directions, and gradients that stop at the bounds of chunks."""

from typing import Any

import numpy as np
import pytest
import reference
import torch
from torch import Tensor

from unroll.errors import UserError
from unroll.models.cells import Cell
from unroll.models.contracts import Shape, Side, length_mask
from unroll.models.recurrent import RecurrentDecoder, RecurrentEncoder

CELLS = [
    ("rnn", {}),
    ("rnn", {"nonlinearity": "relu"}),
    ("lstm", {}),
    ("lstm", {"biases": 1}),
    ("gru", {}),
    ("gru", {"reset": "before"}),
]
SHAPE = Shape(Side(3, 7), Side(2, 4), 4)
LENGTHS = torch.tensor([7, 5])


def encoder(cell: str, **options: Any) -> RecurrentEncoder:
    torch.manual_seed(1)
    variant = {key: options.pop(key) for key in ("nonlinearity", "biases", "reset", "initialisation") if key in options}
    return RecurrentEncoder(SHAPE, Cell(cell, **variant), 4, **options)


def states(network: RecurrentEncoder, x: Tensor) -> Tensor:
    found = network(x, LENGTHS, length_mask(LENGTHS, 7)).states
    assert found is not None
    return found


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_tied_directions_share_their_weights(cell: str, merge: str) -> None:
    tied = encoder(cell, bidirectional=True, tied=True, merge=merge)
    single = encoder(cell)
    assert {name: value.shape for name, value in tied.named_parameters()} == {
        name: value.shape for name, value in single.named_parameters()
    }
    x = torch.randn(2, 7, 3)
    found = states(tied, x).detach()
    weights = reference.weights_of(tied.layers[0].ahead)
    for row, length in enumerate(LENGTHS.tolist()):
        expected, _ = reference.layer(cell, weights, weights, merge, x[row, :length].double().numpy())
        np.testing.assert_allclose(found[row, :length], expected, atol=2e-6)


def test_one_direction_cannot_be_tied() -> None:
    with pytest.raises(UserError, match="Only two directions"):
        encoder("lstm", tied=True)


@pytest.mark.parametrize(("cell", "options"), CELLS)
@pytest.mark.parametrize("more", [{}, {"depth": 2}, {"bidirectional": True}, {"bidirectional": True, "tied": True}])
def test_truncation_changes_no_output(cell: str, options: dict[str, Any], more: dict[str, Any]) -> None:
    x = torch.randn(2, 7, 3)
    whole = states(encoder(cell, **options, **more), x)
    for steps in (1, 3, 7, 20):
        torch.testing.assert_close(states(encoder(cell, **options, **more, truncate=steps), x), whole)


@pytest.mark.parametrize(("cell", "options"), CELLS)
@pytest.mark.parametrize("depth", [1, 2])
def test_no_gradient_passes_a_chunks_start(cell: str, options: dict[str, Any], depth: int) -> None:
    """Of the output at step 4, in the chunk of steps 3 to 5: zero before it, equal to an untruncated run from there."""
    values = torch.randn(2, 7, 3)
    gradients = []
    for truncate in (3, None):
        x = values.clone().requires_grad_()
        states(encoder(cell, **options, depth=depth, truncate=truncate), x)[:, 4].sum().backward()
        assert x.grad is not None
        gradients.append(x.grad)
    truncated, whole = gradients
    assert whole[:, :3].abs().sum() > 0
    assert not truncated[:, :3].any()
    assert truncated[:, 3:5].abs().sum() > 0
    torch.testing.assert_close(truncated[:, 4:], whole[:, 4:])
    if depth == 1:
        torch.testing.assert_close(truncated[:, 3:], whole[:, 3:])


def test_chunks_of_the_backward_direction_start_at_the_last_real_position() -> None:
    """Of 7 and 5 steps by 3: the backward output at step 1 sees steps 1 to 3 of the longer, 1 of the shorter."""
    x = torch.randn(2, 7, 3, requires_grad=True)
    states(encoder("gru", bidirectional=True, truncate=3), x)[:, 1, 4:].sum().backward()
    assert x.grad is not None
    seen = x.grad.abs().sum(dim=2) > 0
    assert seen[0].tolist() == [False, True, True, True, False, False, False]
    assert seen[1].tolist() == [False, True, False, False, False, False, False]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_truncated_decoder_reaches_its_code_from_the_first_chunk_only(cell: str) -> None:
    torch.manual_seed(2)
    shape = Shape(Side(3, 7), Side(2, 7), 4, decoder_input=2)
    whole = RecurrentDecoder(shape, 4, 0, cell, 4)
    truncated = RecurrentDecoder(shape, 4, 0, cell, 4, truncate=3)
    truncated.load_state_dict(whole.state_dict())
    code, inputs = torch.randn(2, 4), torch.randn(2, 7, 2)
    found = truncated(code, None, 7, inputs)
    torch.testing.assert_close(found, whole(code, None, 7, inputs))
    start = truncated.initial.weight
    (near,) = torch.autograd.grad(found[:, 2].sum(), start, retain_graph=True)
    (far,) = torch.autograd.grad(found[:, 3].sum(), start, allow_unused=True)
    assert near.abs().sum() > 0
    assert far is None or not far.any()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("steps", "length"), [(1, 1), (1, 4), (5, 1), (5, 5), (5, 3)])
def test_one_and_many_steps_in_and_out(cell: str, steps: int, length: int) -> None:
    """One to one, one to many, many to one, aligned and unaligned: all inputs reach the last output."""
    x = torch.randn(2, steps, 3, requires_grad=True)
    lengths = torch.tensor([steps, steps])
    memory = encoder(cell)(x, lengths, length_mask(lengths, steps))
    outputs = RecurrentDecoder(SHAPE, 4, 4, cell, 4)(memory.summary, memory, length)
    assert memory.states is not None
    assert memory.states.shape == (2, steps, 4)
    assert outputs.shape[:2] == (2, length)
    outputs[:, -1].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(dim=2) > 0).all()

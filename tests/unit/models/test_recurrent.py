"""Recurrent encoder and decoder against NumPy step loops of the published equations."""

from typing import Any

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from unroll.models.cells import Cell
from unroll.models.contracts import Encoded, Shape, Side, length_mask
from unroll.models.recurrent import MERGES, RecurrentDecoder, RecurrentEncoder, RecurrentLayer, in_order, reversal

CELLS = ("rnn", "lstm", "gru")
KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
LENGTHS = torch.tensor([5, 1, 3, 7])


def shape(**changed: Any) -> Shape:
    return Shape(Side(3, 7), Side(2, 4), 4, **changed)


def padded(lengths: torch.Tensor, width: int, fill: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random sequences [B, T, width] whose padding is `fill`, and their mask."""
    mask = length_mask(lengths, int(lengths.max()))
    x = torch.randn(*mask.shape, width, generator=torch.Generator().manual_seed(0))
    return torch.where(mask[:, :, None], x, torch.tensor(fill)), mask


def expected(encoder: RecurrentEncoder, cell: str, merge: str, xs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    final = xs[0]
    for place, part in enumerate(encoder.layers):
        below = (xs, final) if place and encoder.residual else (0, 0)
        back = None if part.back is None else reference.weights_of(part.back)
        xs, final = reference.layer(cell, reference.weights_of(part.ahead), back, merge, xs)
        xs, final = xs + below[0], final + below[1]
    return xs, final


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("depth", "residual"), [(1, True), (3, True), (3, False)])
@pytest.mark.parametrize("merge", [None, *MERGES])
def test_encoder_equals_the_published_equations(cell: str, depth: int, residual: bool, merge: str | None) -> None:
    torch.manual_seed(1)
    directions = merge is not None
    encoder = RecurrentEncoder(shape(), cell, 4, depth, directions, merge or "concat", residual=residual).eval()
    x, mask = padded(LENGTHS, 3)
    found = encoder(x, LENGTHS, mask)
    assert found.states is not None
    for row, length in enumerate(LENGTHS.tolist()):
        states, code = expected(encoder, cell, merge or "concat", x[row, :length].double().numpy())
        np.testing.assert_allclose(found.states[row, :length].detach(), states, atol=2e-6)
        np.testing.assert_allclose(found.summary[row].detach(), code, atol=2e-6)
        assert not found.states[row, length:].any()
    assert found.summary.shape[1] == encoder.summary_width == encoder.state_width == (8 if merge == "concat" else 4)


@pytest.mark.parametrize("cell", CELLS)
def test_a_step_of_each_cell_by_hand(cell: str) -> None:
    """One unit, one input of 1, no recurrence yet: input weights 1, biases 0.5 and 0.25."""
    module = KINDS[cell](1, 1, batch_first=True)
    for name, value in module.named_parameters():
        nn.init.constant_(value, {"weight_ih_l0": 1.0, "weight_hh_l0": 2.0, "bias_ih_l0": 0.5}.get(name, 0.25))
    gate, inner = 1 / (1 + np.exp(-1.75)), np.tanh(1.75)
    by_hand = {
        "rnn": inner,
        "lstm": gate * np.tanh(gate * inner),
        "gru": (1 - gate) * np.tanh(1.5 + gate * 0.25),
    }
    assert reference.run(cell, reference.weights_of(module), np.ones((1, 1)))[0, 0] == pytest.approx(by_hand[cell])
    assert module(torch.ones(1, 1, 1))[0].item() == pytest.approx(by_hand[cell], abs=1e-6)


@pytest.mark.parametrize(
    ("merge", "states", "final"),
    [
        ("concat", [[1, 6], [2, 4], [-3, 3]], [-3, 6]),
        ("sum", [[7], [6], [0]], [3]),
        ("mul", [[6], [8], [-9]], [-18]),
        ("average", [[3.5], [3], [0]], [1.5]),
        ("max", [[6], [4], [3]], [6]),
    ],
)
def test_merge_modes_on_made_up_outputs(merge: str, states: list[list[float]], final: list[float]) -> None:
    """Directions that write down known outputs: 1, 2, -3 ahead; 3, 4, 6 from the end, so 6, 4, 3 in order."""

    class Written(nn.Module):
        def __init__(self, *values: float):
            super().__init__()
            self.values = torch.tensor(values)

        def forward(self, x: torch.Tensor, state: None) -> tuple[torch.Tensor, torch.Tensor]:
            return self.values.view(1, -1, 1), self.values.view(1, -1, 1)[:, -1:]

    layer = RecurrentLayer(Cell("rnn"), 1, 1, True, merge)
    layer.ahead, layer.back = Written(1, 2, -3, 99), Written(3, 4, 6, 99)
    lengths = torch.tensor([3])
    outputs, last, _ = layer(torch.zeros(1, 4, 1), lengths, length_mask(lengths, 4), reversal(lengths, 4))
    assert outputs[0, :3].tolist() == states
    assert not outputs[0, 3:].any()
    assert last[0].tolist() == final


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    longer=st.integers(0, 5),
    fill=st.floats(-50, 50, width=32),
    cell=st.sampled_from(CELLS),
    merge=st.sampled_from([None, *MERGES]),
)
def test_padding_never_changes_an_output(
    lengths: list[int], longer: int, fill: float, cell: str, merge: str | None
) -> None:
    torch.manual_seed(2)
    encoder = RecurrentEncoder(shape(), cell, 3, 2, merge is not None, merge or "sum").eval()
    real = torch.tensor(lengths)
    x, mask = padded(real, 3)
    wider = torch.full((len(lengths), x.shape[1] + longer, 3), fill)
    wider[:, : x.shape[1]] = torch.where(mask[:, :, None], x, torch.tensor(fill))
    with torch.no_grad():
        short = encoder(x, real, mask)
        long = encoder(wider, real, length_mask(real, wider.shape[1]))
    torch.testing.assert_close(long.summary, short.summary, atol=1e-5, rtol=0)
    torch.testing.assert_close(long.states[:, : x.shape[1]], short.states, atol=1e-5, rtol=0)
    assert not long.states[:, x.shape[1] :].any()


@settings(max_examples=30)
@given(lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5), longer=st.integers(0, 3))
def test_a_reversal_is_its_own_inverse_and_leaves_padding(lengths: list[int], longer: int) -> None:
    real = torch.tensor(lengths)
    steps = max(lengths) + longer
    x = torch.arange(len(lengths) * steps * 2.0).view(len(lengths), steps, 2)
    x.requires_grad_()
    rows = reversal(real, steps)
    reversed_once = in_order(x, rows)
    assert torch.equal(in_order(reversed_once, rows), x)
    weight = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    reversed_once.backward(weight)
    assert torch.equal(x.grad, in_order(weight, rows))
    for row, length in enumerate(lengths):
        assert torch.equal(reversed_once[row, :length], x[row, :length].flip(0))
        assert torch.equal(reversed_once[row, length:], x[row, length:])


def test_dropout_lies_between_layers_only_and_only_in_training() -> None:
    x, mask = padded(LENGTHS, 3)
    for depth, differs in ((1, False), (2, True)):
        encoder = RecurrentEncoder(shape(), "gru", 8, depth, dropout=0.5)
        assert torch.equal(encoder.train()(x, LENGTHS, mask).summary, encoder(x, LENGTHS, mask).summary) is not differs
        assert torch.equal(encoder.eval()(x, LENGTHS, mask).summary, encoder(x, LENGTHS, mask).summary)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("autoregressive", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_decoder_equals_the_published_equations(cell: str, autoregressive: bool, residual: bool) -> None:
    """Two layers, started from tanh(W code + b), each step reading [input; code]; freely run, it gives [h; code]."""
    torch.manual_seed(3)
    width, depth = 4, 2
    given_shape = shape(decoder_input=2 if autoregressive else 0)
    decoder = RecurrentDecoder(given_shape, 5, 0, cell, width, depth, residual=residual).eval()
    code = torch.randn(3, 5)
    inputs = torch.randn(3, 6, 2) if autoregressive else None
    found = decoder(code, None, 6, inputs).detach()
    initial = reference.weights_of(decoder.initial)
    states = 2 if cell == "lstm" else 1
    for row in range(3):
        read = code[row].double().numpy()
        first = np.tanh(initial["weight"] @ read + initial["bias"]).reshape(depth, states, width)
        xs = np.tile(read, (6, 1))
        if inputs is not None:
            xs = np.concatenate((inputs[row].double().numpy(), xs), axis=1)
        for place, (layer, begin) in enumerate(zip(decoder.layers, first, strict=True)):
            below = xs if place and residual else 0
            xs = reference.run(cell, reference.weights_of(layer), xs, tuple(begin)) + below
        if inputs is None:
            xs = np.concatenate((xs, np.tile(read, (6, 1))), axis=1)
        np.testing.assert_allclose(found[row], xs, atol=2e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", [None, "additive", "multiplicative"])
def test_steps_equal_all_steps_at_once(cell: str, attention: str | None) -> None:
    torch.manual_seed(4)
    decoder = RecurrentDecoder(shape(decoder_input=2, attention=attention), 5, 6, cell, 4, 2).eval()
    code, inputs = torch.randn(4, 5), torch.randn(4, 5, 2)
    memory = Encoded(torch.randn(4, 7, 6), length_mask(LENGTHS, 7), code)
    whole = decoder(code, memory, 5, inputs)
    state, rows = decoder.start(code), []
    for step in range(5):
        state, row = decoder.step(state, inputs[:, step], code, memory)
        rows.append(row)
    torch.testing.assert_close(torch.stack(rows, dim=1), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_an_encoder_goes_on_from_a_state_as_if_nothing_had_come_between(cell: str) -> None:
    """Two chunks, or step by step: the states of the whole."""
    encoder = RecurrentEncoder(shape(), cell, 4, depth=2).eval()
    full = torch.full((3,), 7)
    x, mask = padded(full, 3)
    whole = encoder(x, full, mask)
    first = encoder(x[:, :4], full - 3, mask[:, :4])
    second = encoder(x[:, 4:], full - 4, mask[:, 4:], first.carried)
    assert whole.states is not None
    torch.testing.assert_close(torch.cat((first.states, second.states), dim=1), whole.states)
    torch.testing.assert_close(second.summary, whole.summary)
    state, rows = encoder.start(3), []
    for step in range(7):
        state, row = encoder.step(state, x[:, step])
        rows.append(row)
    torch.testing.assert_close(torch.stack(rows, dim=1), whole.states)
    for found, expected_state in zip(state, whole.carried, strict=True):
        torch.testing.assert_close(found, expected_state)

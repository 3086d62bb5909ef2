"""Variants of cells: nonlinearity, biases, the reset gate's place, how weights start, published parameter counts."""

import copy
from typing import Any

import numpy as np
import pytest
import reference
import torch
from torch import nn

from unroll.errors import UserError
from unroll.models.cells import Cell, ResetBeforeGRU
from unroll.models.contracts import Shape, Side
from unroll.models.recurrent import RecurrentDecoder, RecurrentEncoder
from unroll.tasks.task import TokenAdapter

VARIANTS = [
    Cell(kind, biases=biases, **options)
    for biases in (1, 2)
    for kind, options in (
        ("rnn", {}),
        ("rnn", {"nonlinearity": "relu"}),
        ("lstm", {}),
        ("gru", {}),
        ("gru", {"reset": "before"}),
    )
]
WIDTH, INPUT, STEPS = 4, 3, 6


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


VARIANT = ("nonlinearity", "biases", "reset", "initialisation", "forget_bias")


def encoder(input_width: int, *arguments: Any, **options: Any) -> RecurrentEncoder:
    cell, *others = arguments
    variant = {key: options.pop(key) for key in VARIANT if key in options}
    return RecurrentEncoder(Shape(Side(input_width, 5), Side(2, 4), 4), Cell(cell, **variant), *others, **options)


def weights(layer: nn.Module) -> dict[str, np.ndarray]:
    """Its parameters; a second bias that it does not have is zero."""
    found = reference.weights_of(layer)
    return {"bias_hh_l0": np.zeros_like(found["bias_ih_l0"]), **found}


@pytest.mark.parametrize("cell", VARIANTS, ids=str)
def test_every_variant_equals_its_equations(cell: Cell) -> None:
    torch.manual_seed(0)
    layer = cell.build(INPUT, WIDTH)
    x = torch.randn(2, STEPS, INPUT)
    found, last = layer(x)
    kind = {"relu": "rnn_relu"}.get(cell.nonlinearity, "gru_before" if cell.reset == "before" else cell.cell)
    for row in range(2):
        expected = reference.run(kind, weights(layer), x[row].double().numpy())
        np.testing.assert_allclose(found[row].detach(), expected, atol=2e-6)
    hidden = last[0] if cell.cell == "lstm" else last
    torch.testing.assert_close(hidden[0], found[:, -1])


@pytest.mark.parametrize("cell", VARIANTS, ids=str)
def test_biases_are_counted_trained_and_kept_as_asked(cell: Cell) -> None:
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[cell.cell]
    layer = cell.build(INPUT, WIDTH)
    assert count(layer) == gates * WIDTH * (INPUT + WIDTH + cell.biases)
    assert len(layer.state_dict()) == 2 + cell.biases
    before = copy.deepcopy(layer)
    layer(torch.randn(2, STEPS, INPUT))[0].sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    for name, value in layer.named_parameters():
        assert not torch.equal(value, before.get_parameter(name)), name
    assert (not layer.bias_hh_l0.any()) is (cell.biases == 1)
    x = torch.randn(2, STEPS, INPUT, dtype=torch.float64)
    fresh = cell.build(INPUT, WIDTH)
    fresh.load_state_dict(layer.state_dict())
    torch.testing.assert_close(fresh.double()(x)[0], layer.double()(x)[0])


def test_default_variants_are_torchs_layers_bit_by_bit() -> None:
    for kind, module in {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}.items():
        torch.manual_seed(5)
        expected = module(INPUT, WIDTH, batch_first=True)
        torch.manual_seed(5)
        found = Cell(kind, **({"forget_bias": None} if kind == "lstm" else {})).build(INPUT, WIDTH)
        assert type(found) is module
        x = torch.randn(2, STEPS, INPUT)
        assert torch.equal(found(x)[0], expected(x)[0])


def test_reset_before_by_hand_and_from_a_state() -> None:
    """One unit, from h = 2: W = 1, U = 0.5, b = 0, b' = 0.25; r scales b' only where the reset gate is after."""
    layers = [Cell("gru", reset=reset).build(1, 1) for reset in ("before", "after")]
    r = 1 / (1 + np.exp(-(1 + 0.5 * 2 + 0.25)))
    for layer, inner in zip(layers, (0.5 * r * 2 + 0.25, r * (0.5 * 2 + 0.25)), strict=True):
        for name, value in layer.named_parameters():
            start = {"weight_ih_l0": 1.0, "weight_hh_l0": 0.5, "bias_ih_l0": 0.0, "bias_hh_l0": 0.25}[name]
            nn.init.constant_(value, start)
        found = layer(torch.ones(1, 1, 1), torch.full((1, 1, 1), 2.0))[0].item()
        assert found == pytest.approx((1 - r) * np.tanh(1 + inner) + r * 2, abs=1e-6)
    assert isinstance(layers[0], ResetBeforeGRU)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("biases", [1, 2])
def test_orthogonal_recurrent_matrices_gate_by_gate(kind: str, biases: int) -> None:
    layer = Cell(kind, biases=biases, initialisation="orthogonal").build(INPUT, WIDTH)
    for gate in layer.get_parameter("weight_hh_l0").split(WIDTH):
        torch.testing.assert_close(gate @ gate.T, torch.eye(WIDTH), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_lecun_matrices_have_the_variance_of_one_over_their_inputs_and_biases_are_zero(kind: str) -> None:
    torch.manual_seed(0)
    layer = Cell(kind, initialisation="lecun").build(25, 400)
    for name, inputs in (("weight_ih_l0", 25), ("weight_hh_l0", 400)):
        assert float(layer.get_parameter(name).detach().std()) == pytest.approx(inputs**-0.5, rel=0.02)
    for name in ("bias_ih_l0", "bias_hh_l0"):
        bias = layer.get_parameter(name).detach()
        forget = bias[400:800] if kind == "lstm" else bias[:0]
        assert int(torch.count_nonzero(bias)) == int(torch.count_nonzero(forget))
    if kind == "lstm":
        assert torch.equal(layer.get_parameter("bias_ih_l0")[400:800], torch.ones(400))


@pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_matrices_as_keras_draws_them(kind: str, gates: int) -> None:
    """Its kernels hold all gates, and so do the sizes that their ranges are made of."""
    torch.manual_seed(0)
    layer = Cell(kind, initialisation="keras").build(50, 100)
    inward, recurrent = (layer.get_parameter(name).detach() for name in ("weight_ih_l0", "weight_hh_l0"))
    most = (6 / (50 + gates * 100)) ** 0.5
    assert 0.99 * most < float(inward.abs().max()) <= most
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(100), atol=1e-5, rtol=0)
    bias = layer.get_parameter("bias_ih_l0").detach() + layer.get_parameter("bias_hh_l0").detach()
    assert int(torch.count_nonzero(bias)) == (100 if kind == "lstm" else 0), "the forget gate's"


@pytest.mark.parametrize("biases", [1, 2])
def test_identity_makes_a_relu_rnn_a_sum(biases: int) -> None:
    layer = Cell("rnn", "relu", biases, initialisation="identity").build(INPUT, WIDTH)
    assert torch.equal(layer.get_parameter("weight_hh_l0"), torch.eye(WIDTH))
    nn.init.constant_(layer.get_parameter("weight_ih_l0"), 1.0)
    x = torch.rand(1, STEPS, INPUT)
    torch.testing.assert_close(layer(x)[0][0, :, 0], x[0].sum(dim=1).cumsum(dim=0))


@pytest.mark.parametrize("biases", [1, 2])
@pytest.mark.parametrize(("asked", "found"), [({}, 1.0), ({"forget_bias": 1.5}, 1.5)])
def test_forget_biases_sum_to_what_is_asked_or_to_one(biases: int, asked: dict[str, float], found: float) -> None:
    """Of encoder and decoder, the forget gate's only."""
    options: dict[str, Any] = {"biases": biases, **asked}
    decoder = RecurrentDecoder(Shape(Side(INPUT, 5), Side(2, 4), 4), 4, 0, Cell("lstm", **options), WIDTH)
    for layer in (encoder(INPUT, "lstm", WIDTH, **options).layers[0].ahead, decoder.layers[0]):
        sums = (layer.bias_ih_l0 + layer.bias_hh_l0).detach().split(WIDTH)
        assert torch.equal(sums[1], torch.full((WIDTH,), found))
        for other in (0, 2, 3):
            assert sums[other].abs().max() <= biases / WIDTH**0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "lstm", "nonlinearity": "relu"}, "nonlinearity is of an rnn only"),
        ({"cell": "lstm", "reset": "before"}, "reset is of a GRU only"),
        ({"cell": "rnn", "initialisation": "identity"}, "initialisation is of an rnn with relu only"),
        ({"cell": "gru", "forget_bias": 1.5}, "forget_bias is of an LSTM only"),
    ],
)
def test_options_of_other_cells_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Cell(**options)


@pytest.mark.parametrize(("biases", "total"), [(1, 164_106), (2, 164_618)])
def test_embedding_lstm_dense_counts_as_keras_and_as_torch(biases: int, total: int) -> None:
    """Embedding(1000, 64) + LSTM(128) + Dense(10): 64,000 + 98,816 + 1,290 in Keras."""
    parts = (TokenAdapter(1000, 64, 0.0, 1.0), encoder(64, "lstm", 128, biases=biases), nn.Linear(128, 10))
    assert sum(map(count, parts)) == total


@pytest.mark.parametrize(
    ("options", "width", "published"),
    [
        ({}, 168, 315_840),
        ({"bidirectional": True, "tied": True}, 168, 315_840),
        ({"depth": 2}, 120, 318_720),
        ({"depth": 2, "bidirectional": True, "tied": True, "merge": "sum"}, 120, 318_720),
    ],
)
def test_parameters_of_tai_2015(options: dict[str, Any], width: int, published: int) -> None:
    """Tai, Socher, Manning 2015 (ACL, P15-1150), Table 1: LSTM, bidirectional (tied, footnote 2), 2-layer, both; word
    vectors of 300.

    The last count means that the second layer reads 120 values. Ours reads both directions merged, so it comes out with
    a sum, not with the default (376,320). The quoted rows (RAE, MV-RNN, RNTN, DCNN, paragraph vectors, CNN, DRNN) have
    no published count and cannot be checked; those of trees are not recurrent.
    """
    assert count(encoder(300, "lstm", width, **options)) == published

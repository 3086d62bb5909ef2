"""The fully connected encoder and decoder against matrix products written out."""

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from unroll.errors import UserError
from unroll.models.contracts import Shape, Side, length_mask
from unroll.models.feedforward import FeedForwardDecoder, FeedForwardEncoder

SHAPE = Shape(Side(2, 5), Side(3, 4), 10)


def test_encoder_is_a_product_with_the_zero_padded_input() -> None:
    torch.manual_seed(0)
    encoder = FeedForwardEncoder(SHAPE, 6, depth=2, activation="tanh").eval()
    lengths = torch.tensor([3, 1])
    x = torch.randn(2, 3, 2)
    found = encoder(x, lengths, length_mask(lengths, 3))
    w = reference.weights_of(encoder)
    for row, length in enumerate((3, 1)):
        flat = np.zeros((5, 2))
        flat[:length] = x[row, :length].numpy()
        first = np.tanh(w["first.weight"] @ flat.ravel() + w["first.bias"])
        second = np.tanh(w["rest.0.weight"] @ first + w["rest.0.bias"])
        np.testing.assert_allclose(found.summary[row].detach(), second, atol=1e-6)
    assert found.states is None
    assert encoder.summary_width == 6


@settings(max_examples=30)
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4), fill=st.floats(-50, 50, width=32))
def test_padding_never_changes_a_code(lengths: list[int], fill: float) -> None:
    torch.manual_seed(1)
    encoder = FeedForwardEncoder(SHAPE, 6).eval()
    real = torch.tensor(lengths)
    short = torch.randn(len(lengths), max(lengths), 2)
    wide = torch.full((len(lengths), 5, 2), fill)
    mask = length_mask(real, 5)
    wide[mask] = short[length_mask(real, max(lengths))]
    with torch.no_grad():
        found = encoder(wide, real, mask).summary
        expected = encoder(short, real, length_mask(real, max(lengths))).summary
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_decoder_gives_the_first_positions_of_the_whole_output() -> None:
    torch.manual_seed(2)
    decoder = FeedForwardDecoder(SHAPE, code_width=2, state_width=0, width=7, depth=1, activation="relu").eval()
    code = torch.randn(3, 2)
    whole = decoder(code, None, 4).detach()
    assert whole.shape == (3, 4, 3)
    torch.testing.assert_close(decoder(code, None, 2), whole[:, :2])
    w = reference.weights_of(decoder)
    hidden = np.maximum(w["hidden.0.weight"] @ code[0].numpy() + w["hidden.0.bias"], 0)
    np.testing.assert_allclose(whole[0].ravel(), w["output.weight"] @ hidden + w["output.bias"], atol=1e-6)


def test_layer_sizes_follow_the_options() -> None:
    encoder = FeedForwardEncoder(SHAPE, 6, depth=3)
    decoder = FeedForwardDecoder(SHAPE, code_width=2, state_width=0, width=7, depth=2)
    assert sum(p.numel() for p in encoder.parameters()) == (10 * 6 + 6) + 2 * (6 * 6 + 6)
    assert sum(p.numel() for p in decoder.parameters()) == (2 * 7 + 7) + (7 * 7 + 7) + (7 * 12 + 12)


@pytest.mark.parametrize(
    ("activation", "value"), [("relu", 0.0), ("tanh", np.tanh(-1)), ("sigmoid", 1 / (1 + np.e)), ("gelu", -0.158655)]
)
def test_activations(activation: str, value: float) -> None:
    encoder = FeedForwardEncoder(SHAPE, 1, activation=activation)
    torch.nn.init.zeros_(encoder.first.weight)
    torch.nn.init.constant_(encoder.first.bias, -1.0)
    lengths = torch.tensor([5])
    code = encoder(torch.zeros(1, 5, 2), lengths, length_mask(lengths, 5)).summary
    assert code.item() == pytest.approx(value, abs=1e-5)


def test_matrices_may_start_from_a_normal_distribution_with_biases_of_zero() -> None:
    torch.manual_seed(0)
    encoder = FeedForwardEncoder(SHAPE, 300, depth=2, activation="linear", weight_deviation=0.01)
    decoder = FeedForwardDecoder(SHAPE, 300, 0, width=200, activation="linear", weight_deviation=0.01)
    for layer in (encoder.first, encoder.rest[0], decoder.hidden[0], decoder.output):
        assert stats.kstest(layer.weight.detach().flatten().numpy() / 0.01, "norm").pvalue > 0.001
        assert not layer.bias.any()
    with torch.no_grad():
        code = encoder(torch.ones(1, 5, 2), torch.tensor([5]), torch.ones(1, 5, dtype=torch.bool)).summary
        torch.testing.assert_close(code[0], encoder.rest[0].weight @ encoder.first.weight.sum(dim=1))


def test_matrices_may_start_as_keras_draws_them() -> None:
    torch.manual_seed(0)
    encoder = FeedForwardEncoder(SHAPE, 300, depth=2, weight_deviation="glorot")
    decoder = FeedForwardDecoder(SHAPE, 300, 0, width=200, weight_deviation="glorot")
    for layer in (encoder.first, encoder.rest[0], decoder.hidden[0], decoder.output):
        most = (6 / sum(layer.weight.shape)) ** 0.5
        assert 0.99 * most < float(layer.weight.detach().abs().max()) <= most
        assert stats.kstest(layer.weight.detach().flatten().numpy() / most, "uniform", (-1, 2)).pvalue > 0.001
        assert not layer.bias.any()


def test_unknown_activation_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'relu'"):
        FeedForwardEncoder(SHAPE, 6, activation="rellu")


def test_each_hidden_layer_may_have_a_width_of_its_own() -> None:
    encoder = FeedForwardEncoder(SHAPE, 6, widths=[7, 3], activation="tanh").eval()
    assert [tuple(matrix.shape) for matrix in encoder.matrices()] == [(7, 10), (3, 7)]
    assert encoder.summary_width == 3
    x, lengths = torch.randn(2, 5, 2), torch.tensor([5, 5])
    w = reference.weights_of(encoder)
    first = np.tanh(x.flatten(1).numpy() @ w["first.weight"].T + w["first.bias"])
    second = np.tanh(first @ w["rest.0.weight"].T + w["rest.0.bias"])
    found = encoder(x, lengths, length_mask(lengths, 5)).summary
    np.testing.assert_allclose(found.detach(), second, atol=1e-6)
    decoder = FeedForwardDecoder(SHAPE, code_width=3, state_width=0, width=6, widths=[7, 4])
    assert [tuple(p.shape) for p in decoder.parameters() if p.dim() > 1] == [(7, 3), (4, 7), (12, 4)]


def test_a_decoder_without_hidden_layers_is_linear_in_the_code() -> None:
    decoder = FeedForwardDecoder(SHAPE, code_width=3, state_width=0, width=6, widths=[]).eval()
    code, w = torch.randn(2, 3), reference.weights_of(decoder)
    assert set(w) == {"output.weight", "output.bias"}
    expected = code.numpy() @ w["output.weight"].T + w["output.bias"]
    np.testing.assert_allclose(decoder(code, None, 4).flatten(1).detach(), expected, atol=1e-6)


def test_equal_widths_are_the_layers_of_one_width() -> None:
    def drawn(**options: object) -> list[torch.Tensor]:
        torch.manual_seed(4)
        return [*FeedForwardEncoder(SHAPE, 6, **options).parameters()]  # type: ignore[arg-type]

    pairs = zip(drawn(depth=3), drawn(widths=[6, 6, 6]), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)

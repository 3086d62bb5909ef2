"""Convolutions: sizes by hand, outputs that do not see padding, transposed layers against their definition."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.errors import UserError
from unroll.models.contracts import Shape, Side, length_mask
from unroll.models.convolutional import ConvolutionalDecoder, ConvolutionalEncoder

IMAGE = Shape(Side(28, 28, image=True), Side(28, 28, image=True), 784, "same")
SERIES = Shape(Side(3, 21), Side(3, 5), 63)


def full(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return x, torch.full((len(x),), x.shape[1]), torch.ones(x.shape[:2], dtype=torch.bool)


def test_an_image_shrinks_by_halves_and_grows_back() -> None:
    encoder = ConvolutionalEncoder(IMAGE, width=4, depth=3)
    assert encoder.summary_width == 16 * 4 * 4  # 28 -> 14 -> 7 -> 4
    assert encoder(*full(torch.rand(2, 28, 28))).summary.shape == (2, 256)
    decoder = ConvolutionalDecoder(IMAGE, 10, 0, width=4, depth=3)
    assert decoder(torch.rand(2, 10), None, 28).shape == (2, 28, 28)


@pytest.mark.parametrize("length", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("kernel", [3, 5])
def test_any_number_of_steps_is_decoded(length: int, kernel: int) -> None:
    shape = Shape(Side(3, 9), Side(3, length), 27)
    decoder = ConvolutionalDecoder(shape, 6, 0, width=4, depth=3, kernel=kernel)
    whole = decoder(torch.ones(2, 6), None, length)
    assert whole.shape == (2, length, 3)
    assert torch.equal(decoder(torch.ones(2, 6), None, max(1, length - 1)), whole[:, : max(1, length - 1)])


def test_channels_and_parameters_are_counted_by_hand() -> None:
    encoder = ConvolutionalEncoder(IMAGE, width=4, depth=2, kernel=3)
    assert sum(p.numel() for p in encoder.parameters()) == (1 * 4 * 9 + 4) + (4 * 8 * 9 + 8)
    decoder = ConvolutionalDecoder(IMAGE, 10, 0, width=4, depth=2, kernel=3)
    start = 10 * 8 * 49 + 8 * 49
    assert sum(p.numel() for p in decoder.parameters()) == start + (8 * 4 * 9 + 4) + (4 * 1 * 9 + 1)


def test_one_layer_is_the_sum_of_the_definition() -> None:
    """y_t = b + sum_k sum_d W[k,d] x[2t + k - 1, d], zero beyond the ends."""
    torch.manual_seed(0)
    encoder = ConvolutionalEncoder(SERIES, width=1, depth=1, activation="tanh")
    x = torch.randn(1, 21, 3)
    found = encoder(*full(x)).summary[0]
    weight, bias = encoder.layers[0].weight[0], encoder.layers[0].bias[0]
    padded = torch.cat((torch.zeros(1, 3), x[0], torch.zeros(1, 3)))
    for step in range(11):
        assert found[step].item() == pytest.approx(
            torch.tanh(bias + (weight.T * padded[2 * step : 2 * step + 3]).sum()).item(), abs=1e-6
        )


@settings(max_examples=40)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4), more=st.integers(0, 9), seed=st.integers(0, 99))
def test_padding_never_changes_a_code(lengths: list[int], more: int, seed: int) -> None:
    torch.manual_seed(seed)
    encoder = ConvolutionalEncoder(SERIES, width=4, depth=3)
    sizes = torch.tensor(lengths)
    size = max(lengths) + more
    x = torch.randn(len(lengths), size, 3)
    code = encoder(x, sizes, length_mask(sizes, size)).summary
    for row, length in enumerate(lengths):
        alone = encoder(*full(x[row : row + 1, :length])).summary[0]
        torch.testing.assert_close(code[row], alone, rtol=1e-5, atol=1e-5)


def test_a_transposed_layer_is_the_sum_of_the_definition() -> None:
    """y_t = b + sum of x_s W[k] over all s, k with 2s + k - 1 = t; the code's map before it is taken as it is."""
    torch.manual_seed(0)
    shape = Shape(Side(2, 5), Side(2, 5), 10)
    decoder = ConvolutionalDecoder(shape, 4, 0, width=3, depth=1, activation="tanh")
    code = torch.randn(1, 4)
    x = torch.tanh(decoder.start(code).view(3, 3))  # 3 channels, 3 steps
    weight, bias = decoder.layers[0].weight, decoder.layers[0].bias
    expected = bias.repeat(5, 1)
    for step in range(3):
        for k in range(3):
            if 0 <= 2 * step + k - 1 < 5:
                expected[2 * step + k - 1] += x[:, step] @ weight[:, :, k]
    torch.testing.assert_close(decoder(code, None, 5)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{"kernel": 4}, {"kernel": 1}, {"width": 0}, {"depth": 0}])
def test_bad_sizes_are_told(options: dict[str, int]) -> None:
    with pytest.raises(UserError, match="odd kernel"):
        ConvolutionalEncoder(IMAGE, **{"width": 4, **options})

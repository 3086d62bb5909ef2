"""LTSF-Linear against NumPy and hand counts; a linear encoder and decoder elsewhere."""

from typing import Any

import numpy as np
import pytest
import torch

from unroll.errors import UserError
from unroll.models.contracts import Encoder, Shape, Side
from unroll.models.linear import KERNEL, LinearDecoder, LinearEncoder, decompose


def forecasting(window: int, horizon: int, channels: int) -> Shape:
    return Shape(Side(channels, window), Side(channels, horizon), window * channels, relation="continues")


def forecast(encoder: Any, x: torch.Tensor, horizon: int) -> np.ndarray:
    """[B,T,D] -> [B,L,D] through encoder and decoder."""
    shape = forecasting(x.shape[1], horizon, x.shape[2])
    lengths = torch.full((len(x),), x.shape[1])
    code = encoder(x, lengths, torch.ones(x.shape[:2], dtype=torch.bool)).summary
    decoder = LinearDecoder(shape, encoder.summary_width, encoder.state_width)
    assert not list(decoder.parameters()), "a reshape"
    return decoder(code, None, horizon).detach().numpy()


def average(x: np.ndarray, kernel: int) -> np.ndarray:
    """Moving average over time of x [T,D], step by step."""
    front = (kernel - 1) // 2
    padded = np.concatenate([np.repeat(x[:1], front, 0), x, np.repeat(x[-1:], kernel - 1 - front, 0)])
    return np.stack([padded[step : step + kernel].mean(axis=0) for step in range(len(x))])


@pytest.mark.parametrize("kind", ["linear", "nlinear", "dlinear"])
@pytest.mark.parametrize("individual", [False, True])
def test_forecasts_are_those_of_the_equations(kind: str, individual: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 7, 3)
    encoder = LinearEncoder(forecasting(7, 4, 3), kind, individual, kernel=5 if kind == "dlinear" else KERNEL)

    def mapped(name: str, values: np.ndarray) -> np.ndarray:
        layers = getattr(encoder, name).layers
        chosen = [layers[channel if individual else 0] for channel in range(3)]
        columns = [
            values[:, channel] @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
            for channel, layer in enumerate(chosen)
        ]
        return np.stack(columns, axis=1)

    for window, found in zip(x.numpy(), forecast(encoder, x, 4), strict=True):
        if kind == "linear":
            expected = mapped("layer", window)
        elif kind == "nlinear":
            expected = mapped("layer", window - window[-1]) + window[-1]
        else:
            trend = average(window, 5)
            expected = mapped("layer", trend) + mapped("of_remainder", window - trend)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_moving_average_on_literals() -> None:
    x = torch.tensor([[[3.0], [6.0], [9.0], [0.0]]])
    parts = decompose(x, 3)
    assert parts.trend.flatten().tolist() == pytest.approx([4.0, 6.0, 5.0, 3.0])
    assert (parts.trend + parts.remainder).flatten().tolist() == pytest.approx([3.0, 6.0, 9.0, 0.0])


@pytest.mark.parametrize(
    ("kind", "individual", "parameters"),
    [
        ("linear", False, 9312),  # 96 x 96 + 96
        ("nlinear", False, 96 * 96 + 96),
        ("dlinear", False, 2 * (96 * 96 + 96)),
        ("linear", True, 7 * (96 * 96 + 96)),
    ],
)
def test_parameters_are_counted_by_hand(kind: str, individual: bool, parameters: int) -> None:
    encoder = LinearEncoder(forecasting(96, 96, 7), kind, individual)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters


def test_elsewhere_it_is_one_linear_map_each_way() -> None:
    shape = Shape(Side(3, 5), Side(2, 4), 20)
    encoder: Encoder = LinearEncoder(shape, "linear", ratio=0.1, minimum=1)
    assert encoder.summary_width == 2
    decoder = LinearDecoder(shape, 2, 0)
    x, lengths = torch.randn(6, 5, 3), torch.full((6,), 5)
    mask = torch.ones(6, 5, dtype=torch.bool)

    def whole(x: torch.Tensor) -> torch.Tensor:
        return decoder(encoder(x, lengths, mask).summary, None, 4)

    zero, one, other = whole(torch.zeros_like(x)), whole(x), whole(2 * x)
    torch.testing.assert_close(other - zero, 2 * (one - zero), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LinearEncoder(forecasting(8, 2, 1), "nlinear", kernel=24), "kernel=24"),
        (lambda: LinearEncoder(forecasting(8, 2, 1), "linear", kernel=24), "kernel=24"),
    ],
)
def test_bad_options_are_told(make: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        make()

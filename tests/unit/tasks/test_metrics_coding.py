"""Coded bytes: exact round trips, sizes against entropy, steps against rates."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from unroll.errors import UserError
from unroll.tasks.metrics import coding


def entropy_bytes(symbols: np.ndarray) -> float:
    """Sum over columns of N times the empirical entropy, in bytes: no code of fixed tables is shorter."""
    total = 0.0
    for column in symbols.T:
        counts = np.unique(column, return_counts=True)[1]
        total -= float((counts * np.log2(counts / len(column))).sum())
    return total / 8


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
              elements=st.floats(-1e6, 1e6)), st.floats(1e-2, 1e3))  # fmt: skip
@settings(max_examples=150)
def test_any_codes_come_back_as_integers_times_the_step(codes: np.ndarray, step: float) -> None:
    decoded = coding.decode(coding.encode(codes, step))
    assert decoded.shape == codes.shape
    np.testing.assert_array_equal(decoded, coding.quantise(codes, step) * step)


def test_quantising_rounds_to_the_nearest_step() -> None:
    codes = np.array([[0.24, -0.26, 1.0]])
    np.testing.assert_array_equal(coding.quantise(codes, 0.5), [[0, -1, 2]])
    np.testing.assert_array_equal(coding.decode(coding.encode(codes, 0.5)), [[0.0, -0.5, 1.0]])


@pytest.mark.parametrize("shape", ["gaussian", "laplace", "skewed", "bimodal"])
def test_size_is_within_two_percent_and_tables_of_the_entropy(shape: str) -> None:
    random = np.random.default_rng(3)
    draw = {
        "gaussian": lambda: random.normal(0, 4, (4000, 5)),
        "laplace": lambda: random.laplace(0, 3, (4000, 5)),
        "skewed": lambda: random.exponential(6, (4000, 5)),
        "bimodal": lambda: random.normal(0, 1, (4000, 5)) + random.choice([-9, 9], (4000, 5)),
    }[shape]
    codes = draw()
    floor = entropy_bytes(coding.quantise(codes, 1.0))
    size = len(coding.encode(codes, 1.0))
    assert floor < size < 1.02 * floor + 5 * 40 + coding.HEADER.size


def test_a_fair_coin_costs_one_bit() -> None:
    codes = np.random.default_rng(0).integers(0, 2, (80_000, 1)).astype(float)
    assert 10_000 <= len(coding.encode(codes, 1.0)) <= 10_100


def test_constant_dimensions_cost_no_symbols() -> None:
    assert len(coding.encode(np.full((10_000, 64), 7.0), 1.0)) < 64


def test_outliers_escape_and_cost_little() -> None:
    codes = np.random.default_rng(0).normal(0, 3, (5000, 2))
    plain = len(coding.encode(codes, 1.0))
    codes[17, 0], codes[4000, 1] = 5e8, -9e8
    stream = coding.encode(codes, 1.0)
    np.testing.assert_array_equal(coding.decode(stream), np.rint(codes))
    assert len(stream) < plain + 200


def test_the_stream_depends_on_nothing_outside_it() -> None:
    codes = np.random.default_rng(0).normal(size=(50, 3))
    stream = coding.encode(codes, 0.1)
    assert stream == coding.encode(codes.copy(), 0.1)
    assert coding.decode(bytes(bytearray(stream))).shape == (50, 3)
    with pytest.raises(ValueError, match="not a coded split"):
        coding.decode(b"\x09" + stream[1:])


def test_codes_that_cannot_be_coded_say_so() -> None:
    with pytest.raises(UserError, match="cannot be quantised"):
        coding.encode(np.array([[np.nan]]), 1.0)
    with pytest.raises(UserError, match="cannot be quantised"):
        coding.choose_step(np.array([[np.inf, 1.0]]), 0.2, 784)
    with pytest.raises(ValueError, match="step must be positive"):
        coding.encode(np.ones((1, 1)), 0.0)


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.2, 0.25])
def test_the_chosen_step_is_the_finest_that_fits(rate: float) -> None:
    codes = np.random.default_rng(1).normal(size=(1000, 32)) * np.linspace(3, 0.1, 32)
    step = coding.choose_step(codes, rate, 784)

    def measured(step: float) -> float:
        return coding.bits_per_pixel(len(coding.encode(codes, step)), 1000, 784)

    assert 0.98 * rate < measured(step) <= rate < measured(step / 1.01)
    assert step == coding.choose_step(codes, rate, 784)


def test_a_rate_below_the_header_is_refused() -> None:
    with pytest.raises(UserError, match="header"):
        coding.choose_step(np.ones((2, 2)), 1e-3, 784)


def test_a_code_of_zeros_fits_any_rate() -> None:
    assert coding.choose_step(np.zeros((100, 8)), 0.1, 784) > 0


def test_rate_and_distortion_move_in_opposite_directions() -> None:
    codes = np.random.default_rng(2).normal(size=(2000, 4))
    curve = coding.rate_distortion(
        codes, [0.1, 0.4, 1.6], 16, lambda decoded: {"mse": float(((decoded - codes) ** 2).mean())}
    )
    assert [row["step"] for row in curve] == [1.6, 0.4, 0.1]
    assert [row["bits_per_pixel"] for row in curve] == sorted(row["bits_per_pixel"] for row in curve)
    # A fine uniform quantiser's error is step² / 12, and a Gaussian's entropy h - log2(step).
    assert curve[2]["mse"] == pytest.approx(0.1**2 / 12, rel=0.05)
    bits = 0.5 * np.log2(2 * np.pi * np.e) - np.log2(0.1)
    assert curve[2]["bits_per_pixel"] == pytest.approx(bits * 4 / 16, rel=0.02)


def test_bits_per_pixel_is_eight_times_bytes_over_pixels() -> None:
    assert coding.bits_per_pixel(98, 2, 784) == 0.5


def test_png_sizes_are_those_of_files_that_decode_to_the_image() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 784)).astype(np.uint8)
    sizes = coding.png_bytes(images / 255)
    buffer = io.BytesIO()
    Image.fromarray(images[1].reshape(28, 28)).save(buffer, format="PNG", optimize=True)
    assert sizes[1] == len(buffer.getvalue())
    np.testing.assert_array_equal(np.asarray(Image.open(buffer)).reshape(-1), images[1])
    assert coding.png_bytes(np.zeros((1, 784)))[0] < 100

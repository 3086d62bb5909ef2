"""Codes to real bytes and back, and what they cost.

A code [N, Z] is quantised by one uniform step to integers, and a whole split becomes one self-contained
stream: a header, one fitted model per dimension, and the range-coded symbols (`constriction`). Everything a
decoder needs is inside and counted, except the network's weights: `decode(encode(codes, step))` is exactly
`quantise(codes, step) * step`.

Stream, little-endian:

| part | bytes |
| --- | --- |
| header | version u8, N u32, Z u32, step f64, length of the models u32, length of the outliers u32 |
| models | zlib of: kind u8 [Z], then the kind's parameters of each dimension, in order |
| outliers | zlib of i32: symbols outside their dimension's window, column by column |
| symbols | range-coded u32 words, by column; outliers show as the escape symbol, one past the window |

Kinds: constant (its value), Gaussian and Laplace (window, two f32), table (window, a frequency in 1/255 of
the largest per symbol). Each dimension takes the kind that costs it least.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from constriction import stream

from unroll.errors import UserError

VERSION = 1
HEADER = struct.Struct("<BIIdII")
CONSTANT, GAUSSIAN, LAPLACE, TABLE = range(4)
WIDEST_WINDOW = 1 << 16
WIDEST_TABLE = 1 << 10
LARGEST_SYMBOL = 1 << 30


@dataclass(frozen=True)
class SymbolModel:
    """The fitted model of one dimension: symbols `low..high`, and `high + 1` for whatever lies outside."""

    kind: int
    low: int
    high: int
    centre: float = 0.0
    scale: float = 1.0
    frequencies: bytes = b""

    def coder(self) -> Any:
        """constriction's model; a table's symbols count from 0, the others' from `low`."""
        if self.kind == GAUSSIAN:
            return stream.model.QuantizedGaussian(self.low, self.high + 1, self.centre, self.scale)
        if self.kind == LAPLACE:
            return stream.model.QuantizedLaplace(self.low, self.high + 1, self.centre, self.scale)
        weights = np.frombuffer(self.frequencies, np.uint8).astype(np.float64)
        return stream.model.Categorical(weights / weights.sum(), perfect=False)

    @property
    def offset(self) -> int:
        """What is added to a decoded number to get the symbol."""
        return self.low if self.kind == TABLE else 0

    def pack(self) -> bytes:
        """The parameters as the stream holds them, without the kind."""
        if self.kind == CONSTANT:
            return struct.pack("<i", self.low)
        window = struct.pack("<iH", self.low, self.high - self.low)
        if self.kind == TABLE:
            return window + self.frequencies
        return window + struct.pack("<ff", self.centre, self.scale)

    @staticmethod
    def unpack(kind: int, packed: io.BytesIO) -> "SymbolModel":
        """Read back what `pack` wrote."""
        if kind == CONSTANT:
            (value,) = struct.unpack("<i", packed.read(4))
            return SymbolModel(CONSTANT, value, value)
        low, width = struct.unpack("<iH", packed.read(6))
        if kind == TABLE:
            return SymbolModel(TABLE, low, low + width, frequencies=packed.read(width + 2))
        centre, scale = struct.unpack("<ff", packed.read(8))
        return SymbolModel(kind, low, low + width, centre, scale)


def quantise(codes: np.ndarray, step: float) -> np.ndarray:
    """Codes [N, Z] -> int32 symbols [N, Z], the nearest multiples of `step` (ties to even).

    Raises ValueError for a step that is not positive, UserError for codes that are not finite or too large.
    """
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"the quantiser step must be positive and finite; got {step}")
    codes = np.asarray(codes, np.float64)
    if codes.ndim != 2:
        raise ValueError(f"codes must be [N, Z]; got shape {codes.shape}")
    symbols = np.rint(codes / step)
    if not (np.abs(symbols) <= LARGEST_SYMBOL).all():
        raise UserError(
            "the code cannot be quantised: a value is not finite, or too large for this step",
            saw=f"largest magnitude {np.abs(codes).max()}, step {step}",
            allowed=f"finite values of at most {LARGEST_SYMBOL} steps",
        )
    return symbols.astype(np.int32)


def encode(codes: np.ndarray, step: float) -> bytes:
    """Codes [N, Z] -> one self-contained stream for all of them. Raises as `quantise` does."""
    symbols = quantise(codes, step)
    rows, columns = symbols.shape
    models = [_fit(symbols[:, column]) for column in range(columns)] if rows else []
    coder, outliers = stream.queue.RangeEncoder(), []
    for column, model in enumerate(models):
        if model.kind == CONSTANT:
            continue
        values = symbols[:, column]
        outside = (values < model.low) | (values > model.high)
        outliers.append(values[outside])
        shown = np.where(outside, model.high + 1, values) - model.offset
        coder.encode(np.ascontiguousarray(shown, np.int32), model.coder())
    tables = zlib.compress(bytes(m.kind for m in models) + b"".join(m.pack() for m in models), 9)
    escaped = np.concatenate(outliers) if outliers else np.empty(0, np.int32)
    escapes = zlib.compress(escaped.astype("<i4").tobytes(), 9) if len(escaped) else b""
    header = HEADER.pack(VERSION, rows, columns, step, len(tables), len(escapes))
    return header + tables + escapes + coder.get_compressed().astype("<u4").tobytes()


def decode(coded: bytes) -> np.ndarray:
    """The stream's codes [N, Z] in float64: integers times the step, bit by bit what was quantised.

    Raises ValueError if the bytes are not a stream of this version.
    """
    if len(coded) < HEADER.size or coded[0] != VERSION:
        raise ValueError("these bytes are not a coded split of this version")
    _, rows, columns, step, table_bytes, escape_bytes = HEADER.unpack_from(coded)
    symbols = np.zeros((rows, columns), np.int32)
    if symbols.size == 0:
        return symbols * step
    position = HEADER.size
    tables = io.BytesIO(zlib.decompress(coded[position : position + table_bytes]))
    position += table_bytes
    packed = coded[position : position + escape_bytes]
    escaped = np.frombuffer(zlib.decompress(packed) if packed else b"", "<i4")
    words = np.frombuffer(coded[position + escape_bytes :], "<u4").astype(np.uint32)
    coder = stream.queue.RangeDecoder(words)
    taken = 0
    for column, kind in enumerate(tables.read(columns)):
        model = SymbolModel.unpack(kind, tables)
        if kind == CONSTANT:
            symbols[:, column] = model.low
            continue
        values = coder.decode(model.coder(), rows) + model.offset
        outside = values == model.high + 1
        count = int(outside.sum())
        values[outside] = escaped[taken : taken + count]
        taken += count
        symbols[:, column] = values
    return symbols * step


def _fit(values: np.ndarray) -> SymbolModel:
    """The cheapest model of one dimension's symbols [N], by estimated bits of symbols and model together."""
    low, high = int(values.min()), int(values.max())
    if low == high:
        return SymbolModel(CONSTANT, low, low)
    if high - low >= WIDEST_WINDOW:
        middle = int(np.partition(values, len(values) // 2)[len(values) // 2])
        low, high = max(low, middle - WIDEST_WINDOW // 2), min(high, middle + WIDEST_WINDOW // 2 - 1)
    inside = values[(values >= low) & (values <= high)]
    counts = np.bincount(inside - low, minlength=high - low + 1)
    counts = np.append(counts, len(values) - len(inside))

    mean, median = float(np.float32(inside.mean())), float(np.float32(np.median(inside)))
    deviation = float(np.float32(max(inside.std(), 0.1)))
    spread = float(np.float32(max(np.abs(inside - median).mean(), 0.1)))
    edges = np.arange(low, high + 3) - 0.5
    parameters = 8 * 14
    choices = [
        (_bits(counts, np.diff(_gaussian_cdf(edges, mean, deviation))) + parameters,
         SymbolModel(GAUSSIAN, low, high, mean, deviation)),
        (_bits(counts, np.diff(_laplace_cdf(edges, median, spread))) + parameters,
         SymbolModel(LAPLACE, low, high, median, spread)),
    ]  # fmt: skip
    if high - low < WIDEST_TABLE:
        frequencies = np.where(counts > 0, np.rint(255 * counts / counts.max()).clip(1, 255), 0)
        cost = _bits(counts, frequencies) + 8 * (6 + int((counts > 0).sum()))
        choices.append((cost, SymbolModel(TABLE, low, high, frequencies=frequencies.astype(np.uint8).tobytes())))
    return min(choices, key=lambda choice: choice[0])[1]


def _bits(counts: np.ndarray, weights: np.ndarray) -> float:
    """Bits to code each symbol `counts` times under probabilities in proportion to `weights`."""
    probabilities = np.maximum(weights / weights.sum(), 2.0**-24)
    return float(-(counts * np.log2(probabilities)).sum())


def _gaussian_cdf(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    from scipy.special import ndtr

    cdf: np.ndarray = ndtr((x - mean) / deviation)
    return cdf


def _laplace_cdf(x: np.ndarray, centre: float, scale: float) -> np.ndarray:
    z = (x - centre) / scale
    return np.where(z < 0, 0.5 * np.exp(np.minimum(z, 0)), 1 - 0.5 * np.exp(-np.maximum(z, 0)))


def bits_per_pixel(total_bytes: int, images: int, pixels: int) -> float:
    """8 * bytes / (images * pixels)."""
    return 8 * total_bytes / (images * pixels)


def choose_step(codes: np.ndarray, rate: float, pixels: int, tolerance: float = 1.001) -> float:
    """The finest step whose measured rate on (validation) codes [N, Z] is at most `rate` bits per pixel.

    Bisection on the step's logarithm until the bracket's ends differ by the factor `tolerance`.
    Raises UserError when even a step that makes all symbols zero costs more than `rate`.
    """

    def fits(step: float) -> bool:
        return bits_per_pixel(len(encode(codes, step)), len(codes), pixels) <= rate

    largest = float(np.abs(codes).max()) if np.size(codes) else 0.0
    coarse = 4 * largest if 0 < largest < np.inf else 1.0
    if not fits(coarse):
        floor = bits_per_pixel(len(encode(codes, coarse)), len(codes), pixels)
        raise UserError(
            "the rate is below what the empty stream's header costs",
            saw=f"{rate} bits per pixel on {len(codes)} images",
            allowed=f"{floor:.6f} or more",
        )
    fine = coarse * 2.0**-28
    if fits(fine):
        return fine
    while coarse / fine > tolerance:
        middle = float(np.sqrt(coarse * fine))
        coarse, fine = (middle, fine) if fits(middle) else (coarse, middle)
    return coarse


def rate_distortion(
    codes: np.ndarray,
    steps: Iterable[float],
    pixels: int,
    distortion: Callable[[np.ndarray], Mapping[str, float]],
) -> list[dict[str, float]]:
    """One row per step, coarse to fine: step, bytes, bits_per_pixel and `distortion` of the decoded codes.

    `distortion` takes codes [N, Z] as decoded from the bytes and returns named numbers, as the mean PSNR.
    """
    rows = []
    for step in sorted(steps, reverse=True):
        coded = encode(codes, step)
        rate = bits_per_pixel(len(coded), len(codes), pixels)
        rows.append({"step": step, "bytes": len(coded), "bits_per_pixel": rate, **distortion(decode(coded))})
    return rows


def steps_around(step: float, octaves: Sequence[float] = (2, 1.5, 1, 0.5, 0, -0.5, -1)) -> list[float]:
    """Steps at these powers of two from `step`, for a curve around the chosen rate."""
    return [step * 2.0**octave for octave in octaves]


def png_bytes(images: np.ndarray, side: int = 28) -> np.ndarray:
    """Bytes of each image as an optimised 8-bit grey PNG: pixels [N, side * side] in [0, 1] -> [N]."""
    from PIL import Image

    sizes = []
    for row in np.rint(np.asarray(images) * 255).astype(np.uint8):
        buffer = io.BytesIO()
        Image.fromarray(row.reshape(side, side)).save(buffer, format="PNG", optimize=True)
        sizes.append(buffer.tell())
    return np.array(sizes, np.int64)

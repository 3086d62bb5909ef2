"""Small pictures as PNG: strips of grey images, and panels of forecasts."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = 20  # images of a kind
ACROSS = 10  # of them side by side
TILE = 56  # pixels a side that an image is drawn with, about
GAP = 4  # pixels
PANEL = (220, 110)  # pixels of a forecast
PANELS_ACROSS = 4
SMOOTH = 2  # times the size, before it is shrunk
COLOURS = {"seen": "#999999", "truth": "#000000", "forecast": "#D55E00"}  # Okabe and Ito's (2008)


def mosaic(kinds: Sequence[np.ndarray]) -> bytes:
    """Return images as a PNG, `ACROSS` side by side; those of several kinds below each other, place by place.

    Args:
        kinds: uint8 [n, H, W] each, of one shape. Grey values are reversed: black on white, as digits are written.
    """
    from PIL import Image

    count, height, width = kinds[0].shape
    tile = _tile(height, width)
    bands = -(-count // ACROSS)
    size = (
        min(count, ACROSS) * (tile[0] + GAP) + GAP,
        bands * (len(kinds) * (tile[1] + 1) + GAP) + GAP,
    )
    canvas = Image.new("L", size, 255)
    for row, images in enumerate(kinds):
        for place, image in enumerate(images):
            drawn = Image.fromarray(255 - image).resize(tile, Image.Resampling.BOX)
            left = GAP + place % ACROSS * (tile[0] + GAP)
            top = GAP + place // ACROSS * (len(kinds) * (tile[1] + 1) + GAP) + row * (tile[1] + 1)
            canvas.paste(drawn, (left, top))
    return _png(canvas.quantize(16))


def _tile(height: int, width: int) -> tuple[int, int]:
    """Width and height that an image is drawn with: a whole multiple of a small one's, a large one shrunk."""
    longest = max(height, width)
    if longest <= TILE:
        return width * (TILE // longest), height * (TILE // longest)
    return max(1, width * TILE // longest), max(1, height * TILE // longest)


def panels(titles: Sequence[str], lines: Sequence[dict[str, tuple[Sequence[float], Sequence[float | None]]]]) -> bytes:
    """Return a panel an example as a PNG, each on a scale of its own: x to the right, y up.

    Args:
        titles: of the panels, short.
        lines: a panel each: the kinds of `COLOURS` -> x and y, of any number of points; None where none is.
    """
    from PIL import Image, ImageDraw

    wide, high = (SMOOTH * size for size in PANEL)
    down = -(-len(lines) // PANELS_ACROSS)
    canvas = Image.new("RGB", (min(len(lines), PANELS_ACROSS) * wide, down * high), "white")
    draw = ImageDraw.Draw(canvas)
    for place, (title, panel) in enumerate(zip(titles, lines, strict=True)):
        left, top = place % PANELS_ACROSS * wide, place // PANELS_ACROSS * high
        panel = {kind: _known(*line) for kind, line in panel.items()}
        xs, ys = (np.concatenate([np.asarray(line[axis], np.float64) for line in panel.values()]) for axis in (0, 1))
        edge = 8 * SMOOTH
        draw.rectangle(
            (left + edge // 2, top + edge // 2, left + wide - edge // 2, top + high - edge // 2), "#FFFFFF", "#DDDDDD"
        )
        for kind, (along, up) in panel.items():
            x = left + edge + _scaled(along, xs) * (wide - 2 * edge)
            y = top + high - edge - _scaled(up, ys) * (high - 3 * edge)
            draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), COLOURS[kind], width=2 * SMOOTH, joint="curve")
        draw.text((left + edge, top + edge // 2), title, "#555555", font_size=9 * SMOOTH)
    small = canvas.resize((canvas.width // SMOOTH, canvas.height // SMOOTH), Image.Resampling.BOX)
    return _png(small.quantize(32))


def _known(xs: Sequence[float], ys: Sequence[float | None]) -> tuple[list[float], list[float]]:
    """The points that there are."""
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None]
    return [x for x, _ in points], [y for _, y in points]


def _scaled(values: Sequence[float], whole: np.ndarray) -> np.ndarray:
    """Values as parts of the range of all [0, 1]; the middle where there is none."""
    low, span = whole.min(), np.ptp(whole)
    found: np.ndarray = (np.asarray(values, np.float64) - low) / span if span else np.full(len(values), 0.5)
    return found


def _png(image: "Image") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()

"""Feed-forward, convolutional and linear networks, and autoencoders with what regularises their code."""

from itertools import pairwise
from typing import Any

from tools.pictures.canvas import CELL, CODE, FAINT, INPUT, NOISE, OUTPUT, Canvas

TALL, MIDDLE = 1.9, 1.75
GAP = 0.62
PATTERN = {"sparse": "#..#.....#", "ksparse": "..#....#..", "dropout": "#x##x#"}


def _code_height(bottleneck: dict[str, Any]) -> float:
    """Of the code beside an input of TALL: by its share of the input, what is small drawn as large as can be seen."""
    ratio = bottleneck["ratio"]
    return 1.2 if ratio is None else min(1.45, max(0.4, ratio)) * TALL if ratio >= 1 else 0.55


def feedforward(architecture: dict[str, Any], bottleneck: dict[str, Any]) -> Canvas:
    """Input, hidden layers, code, hidden layers, output as bars; terms of the bottleneck where they act."""
    depth, terms = architecture["depth"], bottleneck["terms"]
    reconstructs, projected = architecture["reconstructs"], bottleneck["ratio"] is not None
    corrupted = "denoising" in terms
    canvas = Canvas(2.8 + GAP * (2 * depth + projected + corrupted), 3.6)
    x = 0.5
    canvas.bar((x, MIDDLE), TALL, "x", INPUT)
    if corrupted:
        canvas.arrow((x + 0.12, MIDDLE), (x + GAP - 0.12, MIDDLE))
        x += GAP
        canvas.bar((x, MIDDLE), TALL, "x̃", NOISE)
        canvas.words((x - GAP / 2, MIDDLE + 1.12), "a quarter set to 0", size=7, colour=FAINT)
    first = x
    for layer in range(depth):
        hidden = not projected and layer == depth - 1
        x = _layer(canvas, x, 1.3, "h = z" if hidden else "h", CODE if hidden else CELL)
    if projected:
        x = _code(canvas, x, bottleneck)
    code = x
    for _ in range(0 if architecture["tied"] and not projected else depth):
        x = _layer(canvas, x, 1.3, "h", CELL)
    x = _layer(canvas, x, TALL if reconstructs else 1.0, "x̂" if reconstructs else "y", OUTPUT)
    _terms(canvas, terms, first, code, x)
    return canvas


def _layer(canvas: Canvas, x: float, height: float, says: str, colour: str) -> float:
    canvas.arrow((x + 0.13, MIDDLE), (x + GAP - 0.12, MIDDLE))
    canvas.bar((x + GAP, MIDDLE), height, says, colour)
    return x + GAP


def _code(canvas: Canvas, x: float, bottleneck: dict[str, Any]) -> float:
    """The code as a bar of its size, or as units where a term decides which of them are there."""
    pattern = next((PATTERN[term] for term in bottleneck["terms"] if term in PATTERN), None)
    if pattern is None:
        return _layer(canvas, x, _code_height(bottleneck), "z", CODE)
    canvas.arrow((x + 0.13, MIDDLE), (x + GAP - 0.12, MIDDLE))
    canvas.units((x + GAP, MIDDLE), pattern, gap=0.2)
    canvas.words((x + GAP, MIDDLE - 0.1 * len(pattern) - 0.1), "z", size=8)
    return x + GAP


def _terms(canvas: Canvas, terms: dict[str, Any], first: float, code: float, last: float) -> None:
    top, middle = 3.05, (first + last) / 2
    for name, term in terms.items():
        if name == "contractive":
            canvas.arrow((code, top), (first, top), dashed=True)
            canvas.words(((first + code) / 2, top + 0.2), "λ ‖∂z/∂x‖²", size=8)
        elif name == "geometric":
            canvas.units((code, top), "#", gap=0.1, colour=NOISE)
            canvas.arrow((code, MIDDLE + 0.3), (code, top - 0.08), dashed=True)
            canvas.words((code, top + 0.24), "place in PHATE's embedding", size=8)
        elif name == "variational":
            canvas.words((code, top), "z = μ + σ × ε,   ε ~ N(0, I)", size=8)
            canvas.arrow((code, top - 0.12), (code, MIDDLE + 0.32), dashed=True)
            canvas.words((code, top + 0.24), "β KL(q(z | x), N(0, I))", size=8)
        elif name in ("l1", "l2"):
            says = "Σ |W|" if term["kind"] == "l1" else "Σ W²"
            canvas.words((middle, top + 0.1), f"added to the loss: {term['amount']:g} × {says}", size=8)
            canvas.words((middle, top - 0.14), "over all weight matrices", size=7, colour=FAINT)
        elif name == "sparse":
            canvas.words((middle, top + 0.15), "β Σ |z|: few units are far from 0", size=8)
        elif name == "ksparse":
            canvas.words((middle, top + 0.15), f"the largest {100 * term['k']:g} % of the units stay", size=8)
        elif name == "dropout":
            canvas.words((middle, top + 0.15), f"in training {100 * term['share']:g} % of the units are 0", size=8)


def convolutional(architecture: dict[str, Any]) -> Canvas:
    """Feature maps that shrink by two and double in number, and back."""
    canvas = Canvas(7.9, 2.9)
    width, depth = architecture["width"], architecture["depth"]
    sides = [1.2 * 0.55**level for level in range(depth + 1)]
    maps = [1, *(width * 2**level for level in range(depth))]
    x = 0.75
    places = []
    for level, side in enumerate(sides):
        _maps(canvas, x, side, maps[level], INPUT if level == 0 else CELL, "x" if level == 0 else "")
        places.append((x, side))
        x += side / 2 + 0.75
    canvas.bar((x, 1.5), 0.6, "z", CODE)
    places.append((x, 0.24))
    for level in range(depth - 1, -1, -1):
        side = sides[level]
        x += 0.55 + side / 2 + 0.1
        _maps(canvas, x, side, maps[level], OUTPUT if level == 0 else CELL, "x̂" if level == 0 else "")
        places.append((x, side))
        x += side / 2
    for (left, side), (right, other) in pairwise(places):
        canvas.arrow((left + side / 2 + 0.06, 1.5), (right - other / 2 - 0.04, 1.5))
    canvas.words((3.9, 2.65), f"kernels of {architecture['kernel']} × {architecture['kernel']}, stride 2", size=8)
    return canvas


def _maps(canvas: Canvas, x: float, side: float, count: int, colour: str, says: str) -> None:
    for offset in (0.08, 0.04, 0.0) if count > 1 else (0.0,):
        canvas.box((x + offset, 1.5 + offset), "", colour, width=side, height=side)
    canvas.words((x, 1.5 - side / 2 - 0.18), says or f"{count} maps", size=8)


def linear(architecture: dict[str, Any]) -> Canvas:
    """A window of a series, what is taken from it first, and the matrix along time."""
    variant = architecture["variant"]
    canvas = Canvas(6.6, 2.6 if variant != "dlinear" else 3.0)
    curve = [0.0, 0.35, 0.3, 0.6, 0.5, 0.85, 0.75, 1.0]
    trend = [0.12, 0.22, 0.35, 0.45, 0.58, 0.7, 0.82, 0.9]
    _series(canvas, (0.4, 1.0), curve, "window x")
    ahead = [1.05, 0.95, 1.2, 1.12]
    if variant == "dlinear":
        _series(canvas, (2.3, 1.75), trend, "moving average", small=True)
        _series(canvas, (2.3, 0.45), [0.5 + a - b for a, b in zip(curve, trend, strict=True)], "remainder", small=True)
        for y in (2.0, 0.75):
            canvas.arrow((1.75, 1.4), (2.2, y))
            canvas.box((4.0, y), "W" if y > 1 else "W′", CELL, width=0.42)
            canvas.arrow((3.45, y), (3.79, y))
            canvas.arrow((4.21, y), (4.57, 1.46 if y > 1 else 1.34))
        canvas.circle((4.67, 1.4), "+")
        canvas.arrow((4.8, 1.4), (5.1, 1.4))
        _series(canvas, (5.2, 1.0), [value - 0.4 for value in ahead], "forecast", colour=OUTPUT)
        return canvas
    x = 2.0
    for says in ("− x_T", "W", "+ x_T") if variant == "nlinear" else ("W",):
        canvas.arrow((x - 0.2, 1.4), (x + 0.2, 1.4))
        canvas.box((x + 0.5, 1.4), says, CELL if says == "W" else NOISE, width=0.6)
        x += 1.0
    canvas.arrow((x - 0.2, 1.4), (x + 0.2, 1.4))
    _series(canvas, (x + 0.3, 1.0), [value - 0.4 for value in ahead], "forecast", colour=OUTPUT)
    return canvas


def _series(
    canvas: Canvas,
    corner: tuple[float, float],
    values: list[float],
    says: str,
    colour: str = INPUT,
    small: bool = False,
) -> None:
    step, scale = (0.15, 0.45) if small else (0.18, 0.8)
    points = [(corner[0] + step * number, corner[1] + scale * value) for number, value in enumerate(values)]
    canvas.line(*points, width=1.4, colour="#2b6cb0" if colour == INPUT else "#2f855a")
    middle = corner[0] + step * (len(values) - 1) / 2
    canvas.words((middle, corner[1] - 0.18), says, size=8)

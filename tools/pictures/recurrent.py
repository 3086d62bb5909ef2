"""Recurrent encoders, unrolled; and what is inside of a cell."""

from collections.abc import Callable
from typing import Any

from tools.pictures.canvas import CELL, CODE, FAINT, INPUT, Canvas

STEPS = 4
STEP, LAYER = 1.15, 0.9


def unrolled(architecture: dict[str, Any]) -> Canvas:
    """An encoder over four steps: layers above each other, each direction a row; the cell where there is one alone."""
    depth, both = architecture["depth"], architecture["bidirectional"]
    inside = CELLS[architecture["cell"]] if depth == 1 and not both else None
    rows = depth * (2 if both else 1)
    height = 1.5 + LAYER * rows
    canvas = Canvas(9.0 if inside else 6.0, max(height, 2.9))
    lift = (max(height, 2.9) - height) / 2
    xs = [0.7 + STEP * step for step in range(STEPS)]
    for number, x in enumerate(xs, start=1):
        canvas.box((x, 0.4 + lift), f"x{'₁₂₃₄'[number - 1]}", INPUT, width=0.46)
        above = 0.57 + lift
        for layer in range(depth):
            above = _step(canvas, architecture, x, layer, above, lift, number)
    _code(canvas, xs, architecture, above)
    if inside:
        inside(canvas, 6.1, lift + 0.25)
    return canvas


def _step(
    canvas: Canvas, architecture: dict[str, Any], x: float, layer: int, below: float, lift: float, number: int
) -> float:
    """One step of one layer; returns where the layer above reads its output."""
    both, name = architecture["bidirectional"], architecture["cell"].upper()
    rows = 2 if both else 1
    ys = [1.15 + lift + LAYER * (layer * rows + direction) for direction in range(rows)]
    top = ys[-1] + 0.17
    canvas.arrow((x, below), (x, ys[0] - 0.17))
    canvas.box((x, ys[0]), name + (" →" if both else ""), CELL, width=0.74 if both else 0.62)
    if both:
        canvas.line((x, below + 0.1), (x + 0.46, below + 0.1), (x + 0.46, ys[0] + 0.28), colour=FAINT)
        canvas.arrow((x + 0.46, ys[0] + 0.28), (x + 0.15, ys[1] - 0.17), colour=FAINT)
        canvas.box((x, ys[1]), "← " + name, CELL, width=0.74)
        canvas.line((x - 0.25, ys[0] + 0.17), (x - 0.25, ys[0] + 0.28), (x - 0.46, ys[0] + 0.28))
        canvas.line((x - 0.46, ys[0] + 0.28), (x - 0.46, top + 0.1), (x, top + 0.1))
        canvas.line((x, top), (x, top + 0.1))
    for direction, y in enumerate(ys):
        for offset in (-0.07, 0.07) if architecture["cell"] == "lstm" else (0.0,):
            ends = (x + 0.37, y + offset), (x + STEP - 0.37, y + offset)
            if number < STEPS:
                canvas.arrow(*(ends if direction == 0 else ends[::-1]))
    above = top + (0.1 if both else 0.0)
    if layer and architecture["residual"]:
        side = x - (0.56 if both else 0.46)
        canvas.line((x, below + 0.05), (side, below + 0.05), (side, above + 0.08), colour=FAINT, dashed=True)
        canvas.arrow((side, above + 0.08), (x, above + 0.08), colour=FAINT, dashed=True)
        canvas.line((x, above), (x, above + 0.08))
        above += 0.08
    return above


def _code(canvas: Canvas, xs: list[float], architecture: dict[str, Any], above: float) -> None:
    x, y = xs[-1] + 1.05, above + 0.12
    for step in xs:
        canvas.arrow((step, above), (step, above + 0.38), colour=FAINT)
    canvas.words((xs[0] + 0.32, above + 0.3), "states", size=8, colour=FAINT)
    canvas.box((x, y), "code", CODE, width=0.6)
    canvas.arrow((xs[-1], y), (x - 0.3, y))
    if architecture["bidirectional"]:
        canvas.words((x - 0.1, y + 0.34), "last of →, first of ←", size=7, colour=FAINT)
    if architecture["depth"] > 1 and architecture["residual"]:
        canvas.words((2.3, 0.1), "dashed: a layer adds its input to its output", size=7, colour=FAINT)


def _rnn(canvas: Canvas, left: float, low: float) -> None:
    canvas.words((left + 0.15, low + 1.6), "hₜ₋₁")
    canvas.words((left + 0.15, low + 0.6), "xₜ")
    canvas.box((left + 0.85, low + 1.6), "U", CELL, width=0.34)
    canvas.box((left + 0.85, low + 0.6), "W", CELL, width=0.34)
    canvas.circle((left + 1.5, low + 1.1), "+")
    canvas.box((left + 2.05, low + 1.1), "tanh", CELL, width=0.5)
    canvas.words((left + 2.75, low + 1.1), "hₜ")
    for y in (1.6, 0.6):
        canvas.arrow((left + 0.35, low + y), (left + 0.68, low + y))
        canvas.arrow((left + 1.02, low + y), (left + 1.42, low + (1.18 if y > 1 else 1.02)))
    canvas.arrow((left + 1.62, low + 1.1), (left + 1.8, low + 1.1))
    canvas.arrow((left + 2.3, low + 1.1), (left + 2.6, low + 1.1))


def _lstm(canvas: Canvas, left: float, low: float) -> None:
    """The cell above, from left to right; the gates below, all of [x; h]."""
    canvas.words((left - 0.05, low + 1.9), "cₜ₋₁")
    canvas.words((left + 0.05, low + 0.1), "xₜ, hₜ₋₁")
    gates = {"f": 0.35, "i": 0.9, "g": 1.45, "o": 2.2}
    for name, x in gates.items():
        canvas.box((left + x, low + 0.75), f"{'tanh' if name == 'g' else 'σ'} {name}", CELL, width=0.48)
        canvas.arrow((left + x, low + 0.25), (left + x, low + 0.58))
    canvas.line((left + 0.35, low + 0.25), (left + 2.2, low + 0.25))
    canvas.circle((left + 0.35, low + 1.9), "×")
    canvas.circle((left + 1.18, low + 1.32), "×")
    canvas.circle((left + 1.18, low + 1.9), "+")
    canvas.circle((left + 2.2, low + 1.32), "×")
    canvas.box((left + 1.75, low + 1.6), "tanh", CELL, width=0.46, height=0.24)
    canvas.arrow((left + 0.12, low + 1.9), (left + 0.23, low + 1.9))
    canvas.arrow((left + 0.47, low + 1.9), (left + 1.06, low + 1.9))
    canvas.arrow((left + 1.3, low + 1.9), (left + 2.6, low + 1.9))
    canvas.arrow((left + 0.35, low + 0.92), (left + 0.35, low + 1.78))
    canvas.arrow((left + 0.9, low + 0.92), (left + 1.09, low + 1.24))
    canvas.arrow((left + 1.45, low + 0.92), (left + 1.27, low + 1.24))
    canvas.arrow((left + 1.18, low + 1.44), (left + 1.18, low + 1.78))
    canvas.arrow((left + 1.75, low + 1.9), (left + 1.75, low + 1.72))
    canvas.arrow((left + 1.98, low + 1.58), (left + 2.11, low + 1.4))
    canvas.arrow((left + 2.2, low + 0.92), (left + 2.2, low + 1.2))
    canvas.arrow((left + 2.32, low + 1.32), (left + 2.6, low + 1.32))
    canvas.words((left + 2.75, low + 1.9), "cₜ")
    canvas.words((left + 2.75, low + 1.32), "hₜ")


def _gru(canvas: Canvas, left: float, low: float) -> None:
    """The state above, mixed by z with the candidate n, of which r is a part."""
    canvas.words((left - 0.05, low + 1.9), "hₜ₋₁")
    canvas.words((left + 0.05, low + 0.1), "xₜ, hₜ₋₁")
    for name, x in {"σ z": 0.45, "σ r": 1.05, "tanh n": 1.85}.items():
        canvas.box((left + x, low + 0.75), name, CELL, width=0.66 if "n" in name and "t" in name else 0.44)
        canvas.arrow((left + x, low + 0.25), (left + x, low + 0.58))
    canvas.line((left + 0.45, low + 0.25), (left + 1.85, low + 0.25))
    canvas.arrow((left + 1.27, low + 0.75), (left + 1.52, low + 0.75))
    canvas.circle((left + 0.45, low + 1.9), "×")
    canvas.circle((left + 1.85, low + 1.35), "×")
    canvas.circle((left + 1.85, low + 1.9), "+")
    canvas.arrow((left + 0.15, low + 1.9), (left + 0.33, low + 1.9))
    canvas.arrow((left + 0.57, low + 1.9), (left + 1.73, low + 1.9))
    canvas.arrow((left + 0.45, low + 0.92), (left + 0.45, low + 1.78))
    canvas.words((left + 0.58, low + 1.5), "z", size=8)
    canvas.arrow((left + 0.45, low + 1.2), (left + 1.73, low + 1.35))
    canvas.words((left + 1.1, low + 1.38), "1 − z", size=8)
    canvas.arrow((left + 1.85, low + 0.92), (left + 1.85, low + 1.23))
    canvas.arrow((left + 1.85, low + 1.47), (left + 1.85, low + 1.78))
    canvas.arrow((left + 1.97, low + 1.9), (left + 2.5, low + 1.9))
    canvas.words((left + 2.65, low + 1.9), "hₜ")


CELLS: dict[str, Callable[[Canvas, float, float], None]] = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}

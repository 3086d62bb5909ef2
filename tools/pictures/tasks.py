"""Tasks: what comes in, what a network makes of it, what must come out."""

from collections.abc import Callable

import numpy as np

from tools.pictures.canvas import CELL, CODE, FAINT, INPUT, NOISE, OUTPUT, Canvas

SEVEN = ("       ", " ##### ", "    #  ", "   o#  ", "   #   ", "  o#   ", "  #    ")
BLURRED = ("  ...  ", " oo#oo ", " ..o#. ", "  .o#. ", "  o#.  ", " .#o   ", "  o.   ")
ZERO = ("       ", "  o#o  ", " #. .# ", " #   # ", " #   # ", " #. .# ", "  o#o  ")


def _boxes(canvas: Canvas, words: list[str], y: float, colour: str, left: float = 0.6) -> list[float]:
    xs = [left + 0.85 * number for number in range(len(words))]
    for x, word in zip(xs, words, strict=True):
        canvas.box((x, y), word, NOISE if word in ("___", "?") else colour, width=0.76)
    return xs


def _network(canvas: Canvas, xs: list[float], says: str) -> None:
    canvas.box(((xs[0] + xs[-1]) / 2, 1.2), says, CELL, width=xs[-1] - xs[0] + 0.7, height=0.4)
    for x in xs:
        canvas.arrow((x, 0.62), (x, 1.0))


def _to_one(words: list[str], code: str, answer: str) -> Canvas:
    canvas = Canvas(0.85 * len(words) + 2.9, 1.9)
    xs = _boxes(canvas, words, 0.45, INPUT)
    _network(canvas, xs, "encoder")
    canvas.arrow((xs[-1] + 0.35, 1.2), (xs[-1] + 0.65, 1.2))
    canvas.box((xs[-1] + 0.95, 1.2), code, CODE, width=0.6)
    canvas.arrow((xs[-1] + 1.25, 1.2), (xs[-1] + 1.5, 1.2))
    canvas.box((xs[-1] + 2.0, 1.2), answer, OUTPUT, width=1.0)
    return canvas


def _aligned(words: list[str], answers: list[str], says: str) -> Canvas:
    canvas = Canvas(0.85 * len(words) + 0.4, 2.4)
    xs = _boxes(canvas, words, 0.45, INPUT)
    _network(canvas, xs, says)
    for x, answer in zip(xs, answers, strict=True):
        if answer:
            canvas.arrow((x, 1.4), (x, 1.78))
            canvas.box((x, 1.95), answer, OUTPUT, width=0.76)
    return canvas


def _to_many(words: list[str], answers: list[str], fed: list[str]) -> Canvas:
    canvas = Canvas(0.85 * (len(words) + len(answers)) + 1.9, 2.4)
    xs = _boxes(canvas, words, 0.45, INPUT)
    _network(canvas, xs, "encoder")
    canvas.arrow((xs[-1] + 0.35, 1.2), (xs[-1] + 0.6, 1.2))
    canvas.box((xs[-1] + 0.9, 1.2), "code", CODE, width=0.6)
    canvas.arrow((xs[-1] + 1.2, 1.2), (xs[-1] + 1.48, 1.2))
    left = xs[-1] + 1.85
    places = [left + 0.85 * number for number in range(len(answers))]
    canvas.box(((places[0] + places[-1]) / 2, 1.2), "decoder", CELL, places[-1] - places[0] + 0.7, 0.4)
    for x, answer, given in zip(places, answers, fed or [""] * len(answers), strict=True):
        canvas.arrow((x, 1.4), (x, 1.78))
        canvas.box((x, 1.95), answer, OUTPUT, width=0.76)
        if given:
            canvas.words((x, 0.45), given, colour=FAINT)
            canvas.arrow((x, 0.6), (x, 1.0), colour=FAINT)
    return canvas


def sentiment() -> Canvas:
    return _to_one(["a", "film", "that", "works"], "code", "positive")


def adding() -> Canvas:
    canvas = _to_one([".31", ".84", ".12", ".55", ".97"], "code", "1.39")
    for number, mark in enumerate("01010"):
        canvas.words((0.6 + 0.85 * number, 0.14), f"mark {mark}", size=7, colour=FAINT)
    return canvas


def copying() -> Canvas:
    return _to_many(["3", "7", "1", "blank", "blank", "end"], ["3", "7", "1"], [])


def translation() -> Canvas:
    return _to_many(["ein", "Hund", "läuft"], ["a", "dog", "runs", "<end>"], ["<begin>", "a", "dog", "runs"])


def sentence_modelling() -> Canvas:
    words = ["the", "war", "ended"]
    return _to_many(words, [*words, "<end>"], ["<begin>", *words])


def language_modelling() -> Canvas:
    return _aligned(["the", "war", "ended", "in"], ["war", "ended", "in", "1945"], "state carried on →")


def tagging() -> Canvas:
    return _aligned(["the", "dog", "runs", "home"], ["DET", "NOUN", "VERB", "ADV"], "encoder, a code a step")


def masked_words() -> Canvas:
    return _aligned(["the", "___", "runs", "home"], ["", "dog", "", ""], "encoder, a code a step")


def forecasting() -> Canvas:
    canvas = Canvas(6.4, 2.2)
    steps = np.linspace(0, 1, 121)
    values = 1.05 + 0.32 * np.sin(18 * steps) + 0.25 * steps
    points = list(zip(0.4 + 5.6 * steps, values, strict=True))
    canvas.line(*points[:97], width=1.4, colour="#2b6cb0")
    canvas.line(*points[96:], width=1.4, colour="#2f855a")
    canvas.line((4.88, 0.4), (4.88, 1.9), colour=FAINT, dashed=True)
    canvas.words((2.6, 0.25), "window: 96 steps seen")
    canvas.words((5.5, 0.25), "horizon: 24")
    return canvas


def _images(before: tuple[str, ...], steps: list[str], after: tuple[str, ...]) -> Canvas:
    canvas = Canvas(2.9 + 1.15 * len(steps), 1.5)
    canvas.image((0.65, 0.8), before, side=0.12)
    x = 1.2
    for says in steps:
        canvas.arrow((x, 0.8), (x + 0.25, 0.8))
        canvas.box((x + 0.68, 0.8), says, CODE if says.startswith(("code", "sample")) else CELL, width=0.86)
        x += 1.12
    canvas.arrow((x, 0.8), (x + 0.25, 0.8))
    canvas.image((x + 0.8, 0.8), after, side=0.12)
    return canvas


def compression() -> Canvas:
    return _images(SEVEN, ["encoder", "code", "bytes", "decoder"], BLURRED)


def generation() -> Canvas:
    canvas = Canvas(6.2, 1.5)
    canvas.words((0.75, 0.8), "density of\ntrain's codes")
    for x, says in ((1.9, "sample"), (3.1, "decoder")):
        canvas.arrow((x - 0.62, 0.8), (x - 0.43, 0.8))
        canvas.box((x, 0.8), says, CODE if says == "sample" else CELL, width=0.86)
    canvas.arrow((3.53, 0.8), (3.75, 0.8))
    canvas.image((4.3, 0.8), ZERO, side=0.12)
    canvas.image((5.4, 0.8), BLURRED, side=0.12)
    return canvas


def classification() -> Canvas:
    canvas = Canvas(6.2, 1.7)
    canvas.image((0.7, 0.9), SEVEN, side=0.12)
    for number in range(len(SEVEN)):
        canvas.arrow((1.15, 1.26 - 0.12 * number), (1.5, 1.26 - 0.12 * number), colour=FAINT)
    canvas.words((1.3, 0.2), "a row a step", size=8, colour=FAINT)
    for x, says, colour in ((2.0, "encoder", CELL), (3.3, "code", CODE), (4.8, "class 7", OUTPUT)):
        canvas.box((x, 0.9), says, colour, width=0.9)
    canvas.arrow((2.45, 0.9), (2.85, 0.9))
    canvas.arrow((3.75, 0.9), (4.35, 0.9))
    return canvas


DRAWN: dict[str, Callable[[], Canvas]] = {
    each.__name__: each
    for each in (
        *(sentiment, adding, copying, translation, sentence_modelling, language_modelling, tagging, masked_words),
        *(forecasting, compression, generation, classification),
    )
}

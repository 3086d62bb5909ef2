"""Encoders over trees: words below, phrases above, the root on top."""

from typing import Any

from tools.pictures.canvas import CELL, CODE, FAINT, INPUT, Canvas

WORDS = ("a", "film", "that", "works", "well")
PAIRS = (((0, 1), "ab"), ((3, 4), "de"), ((2, "de"), "cde"), (("ab", "cde"), "root"))
SAYS = {
    "RecursiveEncoder": "p = tanh(W [a; b] + bias)",
    "TensorEncoder": "p = tanh([a; b]ᵀ V [a; b] + W [a; b] + bias)",
    "TreeLSTMEncoder": "c = i × u + fₗ × cₗ + fᵣ × cᵣ,   h = o × tanh(c)",
}


def tree(architecture: dict[str, Any]) -> Canvas:
    """A parse of five words, a vector at each node; for an average, all words at once."""
    kind = architecture["encoder"]["_target_"].rpartition(".")[2]
    canvas = Canvas(6.4, 3.4)
    places: dict[Any, tuple[float, float]] = {number: (0.8 + 1.1 * number, 0.4) for number in range(len(WORDS))}
    for number, word in enumerate(WORDS):
        canvas.box(places[number], word, INPUT, width=0.7)
    if kind == "VectorAverageEncoder":
        canvas.box((3.0, 2.0), "mean", CODE, width=0.8)
        for number in range(len(WORDS)):
            canvas.arrow((places[number][0], 0.57), (3.0 + 0.12 * (number - 2), 1.83))
        canvas.words((3.0, 2.5), "the order of the words does not count", size=8, colour=FAINT)
        return canvas
    for level, (children, name) in enumerate(PAIRS):
        left, right = (places[child] for child in children)
        y = {"ab": 1.15, "de": 1.15, "cde": 1.9, "root": 2.65}[name]
        places[name] = ((left[0] + right[0]) / 2, y)
        for child in (left, right):
            canvas.arrow((child[0], child[1] + 0.17), (places[name][0], y - 0.17))
        says = "h, c" if kind == "TreeLSTMEncoder" else "p"
        canvas.box(places[name], says, CODE if level == len(PAIRS) - 1 else CELL)
    canvas.words((3.2, 3.15), SAYS[kind])
    canvas.words((places["root"][0] + 0.95, 2.65), "root: the code", size=8, colour=FAINT)
    return canvas

"""Independent NumPy implementations of published equations, one step and one example at a time, in float64.

Weights come as dicts with torch.nn's names (`weight_ih_l0` [gates x H, D], ...), gates in torch's order.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Weights = Mapping[str, np.ndarray]


def weights_of(module: Any) -> dict[str, np.ndarray]:
    """The parameters of a torch module in float64."""
    return {name: value.detach().numpy().astype(np.float64) for name, value in module.named_parameters()}


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def rnn_step(w: Weights, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """h' = tanh(W x + b + U h + b')."""
    return np.tanh(w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"])


def rnn_relu_step(w: Weights, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """h' = max(0, W x + b + U h + b')."""
    return np.maximum(0, w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"])


def lstm_step(w: Weights, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gates i, f, g, o; c' = f c + i g, h' = o tanh(c')."""
    gates = w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
    i, f, g, o = np.split(gates, 4)
    c = logistic(f) * c + logistic(i) * np.tanh(g)
    return logistic(o) * np.tanh(c), c


def gru_step(w: Weights, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Gates r, z; n = tanh(W x + b + r (U h + b')), h' = (1 - z) n + z h."""
    seen = np.split(w["weight_ih_l0"] @ x + w["bias_ih_l0"], 3)
    kept = np.split(w["weight_hh_l0"] @ h + w["bias_hh_l0"], 3)
    r, z = logistic(seen[0] + kept[0]), logistic(seen[1] + kept[1])
    n = np.tanh(seen[2] + r * kept[2])
    return (1 - z) * n + z * h


def gru_before_step(w: Weights, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The reset gate before the product: n = tanh(W x + b + U (r h) + b')."""
    seen = np.split(w["weight_ih_l0"] @ x + w["bias_ih_l0"], 3)
    u, b = np.split(w["weight_hh_l0"], 3), np.split(w["bias_hh_l0"], 3)
    r, z = (logistic(seen[gate] + u[gate] @ h + b[gate]) for gate in (0, 1))
    n = np.tanh(seen[2] + u[2] @ (r * h) + b[2])
    return (1 - z) * n + z * h


STEPS = {"rnn": rnn_step, "rnn_relu": rnn_relu_step, "gru": gru_step, "gru_before": gru_before_step}


def run(cell: str, w: Weights, xs: np.ndarray, start: tuple[np.ndarray, ...] | None = None) -> np.ndarray:
    """Outputs [T, H] of one example xs [T, D]; `start` is (h,), or (h, c) for an LSTM; zeros if None."""
    width = w["weight_hh_l0"].shape[1]
    h, c = (*(start or (np.zeros(width),)), np.zeros(width))[:2]
    outputs = []
    for x in xs:
        if cell == "lstm":
            h, c = lstm_step(w, x, h, c)
        else:
            h = STEPS[cell](w, x, h)
        outputs.append(h)
    return np.array(outputs)


def merged(merge: str, ahead: np.ndarray, back: np.ndarray) -> np.ndarray:
    """The two directions of a bidirectional layer as one output."""
    if merge == "concat":
        return np.concatenate((ahead, back), axis=-1)
    if merge == "average":
        return 0.5 * ahead + 0.5 * back
    return {"sum": np.add, "mul": np.multiply, "max": np.fmax}[merge](ahead, back)


def layer(cell: str, ahead: Weights, back: Weights | None, merge: str, xs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs [T, H'] and final output [H'] of one example without padding."""
    outputs = run(cell, ahead, xs)
    if back is None:
        return outputs, outputs[-1]
    reverse = run(cell, back, xs[::-1])
    return merged(merge, outputs, reverse[::-1]), merged(merge, outputs[-1], reverse[-1])


def attend(kind: str, w: Weights, query: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights [S] and output tanh(W [context; h]) of one query [H] over states [S, M], no padding."""
    scores = []
    for state in states:
        if kind == "additive":
            inner = np.tanh(w["queries.weight"] @ query + w["queries.bias"] + w["keys.weight"] @ state)
            scores.append(float(w["energy.weight"][0] @ inner))
        else:
            scores.append(float(query @ (w["keys.weight"] @ state)))
    raised = np.exp(np.array(scores) - max(scores))
    weights = raised / raised.sum()
    context = weights @ states
    return weights, np.tanh(w["output.weight"] @ np.concatenate((context, query)) + w["output.bias"])


def sequences(vocabulary: list[int], end: int, longest: int) -> Iterator[tuple[int, ...]]:
    """Every sequence of ids that ends with `end`, or is cut at `longest`."""

    def grow(prefix: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if (prefix and prefix[-1] == end) or len(prefix) == longest:
            yield prefix
            return
        for token in vocabulary:
            yield from grow((*prefix, token))

    yield from grow(())

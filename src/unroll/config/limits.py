"""What numbers and words a config may hold, beyond their types; keys that a config lacks are skipped."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """An interval of numbers; infinity and NaN are outside every one."""

    low: float
    high: float = float("inf")
    above: bool = False  # low itself is outside
    below: bool = False  # high itself is outside
    whole: bool = False

    def holds(self, number: float) -> bool:
        low = number > self.low if self.above else number >= self.low
        high = number < self.high if self.below or self.high == float("inf") else number <= self.high
        return low and high

    def __str__(self) -> str:
        words = "a whole number " if self.whole else ""
        words += f"{'more than' if self.above else 'at least'} {self.low:g}"
        if self.high != float("inf"):
            words += f" and {'less than' if self.below else 'at most'} {self.high:g}"
        return words


_POSITIVE = Range(0, above=True)
_NOT_NEGATIVE = Range(0)
_COUNT = Range(1, whole=True)
_COUNT_OR_NONE = Range(0, whole=True)
_SHARE_LEFT = Range(0, 1, below=True)

RANGES = {
    "architecture.width": _COUNT,
    "architecture.depth": _COUNT,
    "architecture.dropout": _SHARE_LEFT,
    "architecture.weight_deviation": _POSITIVE,
    "task.embedding": _COUNT,
    "task.embedding_scale": _POSITIVE,
    "task.dropout": _SHARE_LEFT,
    "task.word_dropout": _SHARE_LEFT,
    "task.reconstruction_weight": _NOT_NEGATIVE,
    "task.beam": _COUNT,
    "task.length_penalty": _NOT_NEGATIVE,
    "task.max_output": _COUNT,
    "task.window": _COUNT,
    "task.horizon": _COUNT,
    "task.drop_last": _COUNT,
    "task.rate": _POSITIVE,
    "task.scale": _POSITIVE,
    "task.samples": Range(4, whole=True),
    "task.density_components": _COUNT,
    "task.importance_samples": _COUNT,
}

# Of the components that Unroll ships; a user's own may use the same key for something else.
COMPONENT_CHOICES: dict[str, tuple[Any, ...]] = {
    "architecture.cell": ("rnn", "lstm", "gru"),
    "architecture.merge": ("concat", "sum", "mul", "average", "max"),
    "architecture.kind": ("constituency", "child_sum"),
    "architecture.activation": ("relu", "tanh", "sigmoid", "gelu", "linear"),
    "architecture.bidirectional": (True, False),
    "architecture.reconstructs": (True, False),
    "task.attention": (None, "additive", "multiplicative"),
    "task.channels": ("joint", "independent"),
    "task.nodes": (True, False),
    "task.loss_per": ("node", "sentence"),
    "task.likelihood": ("gaussian", "bernoulli"),
    "task.output": ("sigmoid", "linear"),
    "task.normalise": ("none", "last_value"),
}

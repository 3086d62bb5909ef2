"""What a baseline sees and what it is: plain NumPy and lists, examples in data-set order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class TextView:
    """Tokens of N texts and their labels [N], integers from 0."""

    texts: list[list[str]]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class PairView:
    """N sentences and their translations, as plain text, with their languages' codes."""

    sources: list[str]
    targets: list[str]
    source_language: str = "en"
    target_language: str = "en"

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class WindowView:
    """Windows [N, T, C] and what follows them [N, H, C], in standardised units; may be overlapping views."""

    inputs: np.ndarray
    targets: np.ndarray

    @classmethod
    def from_series(
        cls, series: np.ndarray, window: int, horizon: int, first: int = 0, count: int | None = None
    ) -> "WindowView":
        """Every window of a series [L, C], without copying it: window i starts at row first + i.

        `count` windows, or as many as fit. Raises ValueError when fewer fit.
        """
        fitting = len(series) - first - window - horizon + 1
        count = fitting if count is None else count
        if not 0 <= count <= fitting:
            raise ValueError(f"{fitting} windows fit, {count} wanted")
        spans = np.lib.stride_tricks.sliding_window_view(series[first:], window + horizon, axis=0)
        spans = spans[:count].swapaxes(1, 2)
        return cls(spans[:, :window], spans[:, window:])

    def __len__(self) -> int:
        return len(self.inputs)

    def chunks(self, size: int = 1024) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Consecutive (inputs, targets) of at most `size` windows."""
        for start in range(0, len(self), size):
            yield self.inputs[start : start + size], self.targets[start : start + size]


@dataclass(frozen=True)
class ImageView:
    """N images as pixels [N, H * W] in [0, 1] and their labels [N]."""

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class SequenceView:
    """N sequences and what they ask for: a number or a class each [N], or symbols [N, R] from 0.

    Sequences are values [N, T, D]; of different lengths a list of [T, D], or of ids [T].
    """

    inputs: np.ndarray | list[np.ndarray]
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class TaggedView:
    """Words of N sentences and the numbers of their tags [T] each; one that train lacks has the number `tags_known`."""

    words: list[list[str]]
    tags: list[np.ndarray]
    tags_known: int

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class MaskedView:
    """Ids of N sentences' words [T] each, and which of them are masked; ids lie below `vocabulary`."""

    words: list[np.ndarray]
    masked: list[np.ndarray]
    vocabulary: int

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class TokenView:
    """Token sequences [T] each, below `vocabulary`: sentences, or one stream, whose examples are blocks of it."""

    sequences: list[np.ndarray]
    vocabulary: int
    block: int | None = None  # tokens; None: a sequence is an example

    def __len__(self) -> int:
        return len(self.summed(self.sequences)["tokens"])

    def summed(self, nats: list[np.ndarray]) -> dict[str, Any]:
        """`nll`, the sum of each example's nats [N], and its `tokens`, from the nats of each sequence's tokens."""
        parts = [
            row[start : start + (self.block or len(row))]
            for row in nats
            for start in range(0, len(row), self.block or len(row))
        ]
        return {"nll": np.array([float(part.sum()) for part in parts]), "tokens": np.array(list(map(len, parts)))}


class FitData(Protocol):
    """The splits that a baseline may fit on; views of the kind that it serves."""

    @property
    def train(self) -> Any:
        """The share of train that the networks see."""

    @property
    def validation(self) -> Any:
        """For choosing options only."""


@dataclass(frozen=True)
class Splits:
    """The two splits a baseline fits on."""

    train: Any
    validation: Any


@runtime_checkable
class Baseline(Protocol):
    """Fitted once, then asked for the outputs of a split; the constructor takes the YAML's options."""

    def fit(self, data: FitData) -> None:
        """Learn from `data.train`; choose options on `data.validation`."""

    def predict(self, split: Any) -> dict[str, Any]:
        """Outputs of every example of a view, first axis in its order."""

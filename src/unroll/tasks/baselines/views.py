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
    """N sequences of values [N, T, D] and what they ask for: a number each [N], or symbols [N, R] from 0."""

    inputs: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


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

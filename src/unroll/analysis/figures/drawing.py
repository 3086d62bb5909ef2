"""One figure that can be made, or why it cannot be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure to make, with what stands in its caption; or, where `make` is None, the reason."""

    kind: str
    title: str
    make: "Callable[[], Figure] | None"
    notes: tuple[str, ...] = ()
    reason: str = ""

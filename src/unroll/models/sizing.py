"""Equal parameters: the width at which an architecture has as many counted parameters as a budget asks for.

Counted are all trained numbers but embeddings and the projection to the vocabulary, whose sizes a task fixes. Widths
are tried on networks without memory (torch's meta device), so that solving draws no random number and takes
milliseconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from unroll.errors import UserError
from unroll.registry.components import SOLVED

WIDEST = 2**16
AROUND = 8  # widths that are tried on either side where the count falls while the width grows
FURTHEST_PER_CENT = 10.0  # a nearest width that is further off does not compete: one unit adds too much
Nodes = Mapping[str, Any]  # the `architecture` and `bottleneck` nodes


@dataclass(frozen=True)
class Sizing:
    """How near a network came to the parameters asked for."""

    target: int
    achieved: int  # counted parameters
    off_per_cent: float  # of the target; positive where there are too many
    width: int | None  # the solved one; None: the architecture has no width, and keeps its own sizes
    outside: str | None  # why it does not compete among equal parameters; None where it does

    def record(self) -> dict[str, Any]:
        """The record's `parameters.sizing`."""
        return asdict(self)


def count_parameters(network: nn.Module) -> dict[str, int]:
    """total, embeddings, and counted: without embeddings and the projection to the vocabulary."""
    total = embeddings = vocabulary = 0
    for name, parameter in network.named_parameters():
        total += parameter.numel()
        embeddings += parameter.numel() * (".embedding." in name)
        vocabulary += parameter.numel() * (".vocabulary." in name)
    return {"total": total, "counted": total - embeddings - vocabulary, "embeddings": embeddings}


def with_width(node: Any, width: int) -> Any:
    """A config node in which every value that a solved width stands for is that width."""
    if isinstance(node, Mapping):
        return {key: with_width(value, width) for key, value in node.items()}
    if isinstance(node, list):
        return [with_width(value, width) for value in node]
    return width if node == SOLVED else node


def solve(nodes: Nodes, target: int, build: Callable[[Nodes], nn.Module]) -> tuple[Nodes, Sizing]:
    """Find the width whose count is nearest to a target, the smaller of two that are equally near.

    Where the count falls at some width, it is the nearest of the widths around.

    Args:
        nodes: the resolved `architecture` and `bottleneck`, `SOLVED` where the width goes.
        target: counted parameters.
        build: makes the network of such nodes; called within the meta device.

    Returns:
        The nodes with the width in place, and how near they came.

    Raises:
        UserError: no width gives a network.
    """
    if nodes["architecture"].get("width") != SOLVED:
        achieved = _count(nodes, build)
        return nodes, _sizing(target, achieved, None, "the architecture has no width")
    counts = _Counts(nodes, build)
    low, high = 0, 1
    while high < WIDEST and counts[high] < target:
        low, high = high, 2 * high
    if 0 <= counts[high] == counts[1] < target:
        return with_width(nodes, 1), _sizing(target, counts[1], 1, f"no width changes its {counts[1]:,} parameters")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if counts[middle] < target else (low, middle)
    near = [width for width in range(max(1, high - 2), high + 2) if counts[width] > 0]
    if not near:
        raise counts.refused or AssertionError("a width of two or more was refused without a reason")
    found = [counts[width] for width in near]
    if found != sorted(found):  # a fall, as where a tree's words need no map since they are as wide as its nodes
        near = [width for width in range(max(1, high - AROUND), high + AROUND + 1) if counts[width] > 0]
    width = min(near, key=lambda one: (abs(counts[one] - target), one))
    outside = None
    if width == near[0] and counts[width] > target and (width == 1 or counts[width - 1] <= 0):
        outside = f"its smallest width, {width}, already has {counts[width]:,} parameters"
    elif counts[width] < target and width >= WIDEST:
        outside = f"its largest width, {width:,}, has only {counts[width]:,} parameters"
    elif abs(counts[width] / target - 1) > FURTHEST_PER_CENT / 100:
        outside = f"its nearest width, {width}, has {counts[width]:,} parameters"
    return with_width(nodes, width), _sizing(target, counts[width], width, outside)


class _Counts(dict[int, int]):
    """Counted parameters by width, each built once; -1 where an option wants more width (a code of k units, say)."""

    def __init__(self, nodes: Nodes, build: Callable[[Nodes], nn.Module]):
        super().__init__()
        self.nodes, self.build = nodes, build
        self.refused: UserError | None = None

    def __missing__(self, width: int) -> int:
        try:
            self[width] = _count(with_width(self.nodes, width), self.build)
        except UserError as error:
            self.refused, self[width] = error, -1
        return self[width]


def meta_counts(build: Callable[[], nn.Module]) -> dict[str, int]:
    """The parameters of what `build` makes, which takes no memory and draws nothing that comes later."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return count_parameters(build())


def _count(nodes: Nodes, build: Callable[[Nodes], nn.Module]) -> int:
    return meta_counts(lambda: build(nodes))["counted"]


def _sizing(target: int, achieved: int, width: int | None, outside: str | None) -> Sizing:
    return Sizing(target, achieved, round(100 * (achieved / target - 1), 4), width, outside)

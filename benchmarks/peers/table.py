"""What the pairs say, as a table."""

import statistics
from typing import TypedDict


class Found(TypedDict):
    """What `clock.timed` prints: seconds, and what was trained."""

    fit: float  # CPU
    process: float  # CPU, from the start of the process to the end of fit
    wall: float  # of fit
    steps: int
    parameters: int


Pair = tuple[Found, Found]  # Unroll's, the peer's

HEAD = (
    "| case | peer | parameters | Unroll's fit, CPU s | the peer's | Unroll / peer | whole processes |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def spread(ratios: list[float]) -> str:
    """Median [least-most]."""
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]"


def row(name: str, peer: str, pairs: list[Pair]) -> str:
    """A line of the table: each training's seconds, the ratio of fits, and that of processes with imports and data."""
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    fits = (" ".join(f"{each['fit']:.1f}" for each in side) for side in (ours, theirs))
    ratios = (
        spread([a["fit"] / b["fit"] for a, b in pairs]),
        spread([a["process"] / b["process"] for a, b in pairs]),
    )
    parameters = f"{ours[0]['parameters']:,} / {theirs[0]['parameters']:,}"
    return f"| `{name}` | {peer} | {parameters} | " + " | ".join([*fits, *ratios]) + " |"

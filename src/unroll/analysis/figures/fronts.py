"""What dominates what: a pure function of costs and values."""

from collections.abc import Sequence

from unroll.analysis.statistics.summary import better


def pareto(points: Sequence[tuple[float, float]], direction: str) -> list[int]:
    """Return the indices of the points (cost, value) that no other dominates, from the cheapest on.

    One dominates another that costs no less and is no better, and differs from it; direction ("higher", "lower") is of
    values, costs are better lower. Of points that are alike the first stands for all.
    """
    sign = -1 if direction == "higher" else 1
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], sign * points[i][1], i)):
        if not front or better(points[index][1], points[front[-1]][1], direction):
            front.append(index)
    return front

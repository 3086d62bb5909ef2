"""What a profile says of the times of a series: how far apart they are, and where they are not."""

from collections.abc import Sequence
from typing import Any

from unroll.data.readers.times import SECOND, Times


def facts(times: Times, cells: Sequence[str]) -> dict[str, Any]:
    """Return what a profile says of times that are in order: start, end, step, gaps, repeats, zone."""
    import numpy

    steps = numpy.diff(times.ticks)
    forward = steps[steps > 0]
    found: dict[str, Any] = {"start": cells[0], "end": cells[-1], "zone": times.zone}
    found |= {"repeats": int((steps == 0).sum()), "step": None, "gaps": 0, "longest_gap": None, "shorter_steps": 0}
    if not len(forward):
        return found
    values, counts = numpy.unique(forward, return_counts=True)
    usual = values[counts.argmax()]
    low, high, name = _calendar(times, usual)
    longer = forward[forward > high]
    found |= {"step": name or _span(times, usual), "gaps": len(longer), "shorter_steps": int((forward < low).sum())}
    if len(longer):
        found["longest_gap"] = _span(times, longer.max())
    return found


def _calendar(times: Times, usual: Any) -> tuple[Any, Any, str | None]:
    """The shortest and longest step that count as the usual one, and its name where the calendar makes it uneven."""
    if times.unit == "time":
        days = usual / (86_400 * SECOND)
        for low, high, name in ((28, 31, "1 month"), (89, 92, "3 months"), (365, 366, "1 year")):
            if low <= days <= high:
                return low * 86_400 * SECOND, high * 86_400 * SECOND, name
    slack = 1e-9 * abs(usual)
    return usual - slack, usual + slack, None


def _span(times: Times, ticks: Any) -> str:
    if times.unit == "number":
        return f"{ticks:g}"
    if times.unit == "year":
        return f"{ticks} year" + ("s" if ticks > 1 else "")
    seconds = ticks / SECOND
    for size, name in ((86_400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            count = seconds / size
            return f"{count:g} {name}" + ("s" if name == "day" and count > 1 else "")
    if seconds > 86_400:
        return f"{seconds / 86_400:.4g} days"
    return f"{seconds / 3600:.4g} h" if seconds > 3600 else f"{seconds:.6g} s"

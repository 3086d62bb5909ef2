"""The profile of a series: what its times are like, and what each channel is like."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unroll.data.readers.columns import Splits
from unroll.data.spread import spread

if TYPE_CHECKING:
    import numpy

COARSE = 1e-3
"""A deviation of fewer than 1,000 steps between numbers of that size has lost digits to the level."""


def profile(splits: Splits, facts: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return `series` and `columns` of a profile, and what is to be warned of.

    facts: of the reader: `series` (times), `columns` (channel -> missing cells, and the longest run of them).
    """
    times, cells = dict(facts.get("series") or {}), facts.get("columns") or {}
    warnings = [f"{times[key]} {said}" for key, said in _TIMES.items() if times.get(key)]
    columns = {}
    for name in splits["train"]:
        if name == "timestamp":
            continue
        column = _column({split: values[name] for split, values in splits.items()})
        column |= {"missing": 0, "longest_fill": 0} | cells.get(name, {})
        columns[name] = column
        warnings += [f"column {name}: {said}" for said in _warnings(column)]
    return {"series": times, "columns": columns}, warnings


_TIMES = {
    "repeats": "rows repeat the time of the row before",
    "gaps": "steps in time are longer than the usual one",
    "moved": "rows were put in order of time",
}


def worth_telling(column: Mapping[str, Any]) -> bool:
    """Whether a channel's profile is kept in records."""
    return bool(column["missing"] or list(_warnings(column)))


def _column(parts: "Mapping[str, numpy.ndarray]") -> dict[str, Any]:
    import numpy

    train = numpy.asarray(parts["train"], numpy.float64)
    whole = numpy.concatenate([numpy.asarray(values, numpy.float64) for values in parts.values()])
    found = {"minimum": float(whole.min()), "maximum": float(whole.max()), "distinct": len(numpy.unique(whole))}
    deviation = float(spread(train[:, None])[1][0])
    step = float(numpy.abs(train).max() * numpy.finfo(numpy.float64).eps)
    with numpy.errstate(over="ignore"):
        single = whole.astype(numpy.float32)
    if (single == whole).all() and not (whole == whole.round()).all():
        step = float(numpy.spacing(numpy.abs(single).max()))  # written from single precision
    return {
        **found,
        "deviation": deviation if numpy.isfinite(deviation) else None,
        "constant": deviation == 0,
        "coarse": bool(step > COARSE * deviation),
    }


def _warnings(column: Mapping[str, Any]) -> list[str]:
    said = []
    if column["constant"]:
        still = " and everywhere" if column["distinct"] == 1 else ""
        said.append(f"constant in train{still}, so it is only centred: its errors are in its own units")
    elif column["coarse"]:
        said.append("its spread has lost digits to its level: subtract the level before the numbers are rounded")
    if column["missing"]:
        said.append(f"{column['missing']} missing cells, filled forward, {column['longest_fill']} in a row at most")
    return said

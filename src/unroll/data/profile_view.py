"""A profile as lines of text: all of it, for `unroll data show` and `unroll data add`."""

from collections.abc import Iterator, Mapping
from typing import Any

from unroll.data.profile import QUANTILES, SHOWN
from unroll.data.readers.columns import SPLITS, further


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a profile, warnings last."""
    rows = found["rows"]
    read = "" if rows["read"] is None else f"{rows['read']} read, {rows['left_out']} left out; "
    yield _line("rows", read + _each(rows))
    for entry in found["left_out"]:
        value = "" if entry["value"] is None else f": {entry['value']!r}"
        first = f", first {entry['first']}" if entry["first"] else ""
        yield _line("left out", f"{entry['rows']} rows, {entry['why']}{value}{first}")
    for split, counts in found.get("classes", {}).items():
        shown = ", ".join(f"{label} {count}" for label, count in list(counts.items())[:SHOWN])
        more = f", and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
        yield _line("classes", f"{split}: {shown}{more}")
    for column, splits in found.get("lengths", {}).items():
        for split, quantiles in splits.items():
            shown = ", ".join(f"{value} ({share:.0%})" for value, share in zip(quantiles, QUANTILES, strict=True))
            label = "words" if column in found.get("empty", {}).get(split, {}) else "steps"
            yield _line(label, f"{column} of {split}: {shown}")
    for column, counts in found.get("words", {}).items():
        yield _line("words", f"{column}: {_each(counts)} in all")
    if "documents" in found:
        yield _line("documents", _each(found["documents"]))
    if "repeated" in found:
        yield _line("repeated", f"inputs again in their split: {_each(found['repeated']['within'])}")
        yield _line("", f"inputs that train has, too: {_each(found['repeated']['in_train'])}")
    if found.get("series"):
        yield _line("time", _times(found["series"]))
    for name, column in found.get("columns", {}).items():
        yield _line("column", f"{name}: {_column(column)}")
    for warning in found["warnings"]:
        yield _line("note", warning)


def cell(value: Any) -> str:
    """A cell of an example, cut to 60 characters; of bytes only how many there are."""
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _line(label: str, text: str) -> str:
    return f"  {label + ':' if label else '':<10} {text}"


def _each(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{split} {counts[split]}" for split in (*SPLITS, *further(counts)) if split in counts)


def _times(series: Mapping[str, Any]) -> str:
    zone = f", {series['zone']}" if series["zone"] else ""
    said = [f"{series['start']} to {series['end']}{zone}", f"a step is {series['step']}"]
    if series["gaps"]:
        said.append(f"{series['gaps']} steps are longer, up to {series['longest_gap']}")
    said += [f"{series[key]} {words}" for key, words in _IN_TIME.items() if series[key]]
    return "; ".join(said)


_IN_TIME = {
    "shorter_steps": "steps are shorter",
    "repeats": "rows repeat a time",
    "moved": "rows were moved into order",
}


def _column(column: Mapping[str, Any]) -> str:
    spread = "constant in train" if column["constant"] else f"deviation in train {column['deviation']:.6g}"
    return (
        f"{column['minimum']:.10g} to {column['maximum']:.10g}, {spread}, {column['distinct']} values, "
        f"{column['missing']} missing"
    )

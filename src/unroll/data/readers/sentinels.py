"""Numbers that stand for missing ones: named when they are met, never taken for missing unasked."""

from typing import TYPE_CHECKING

from unroll.data.readers.numbers import MISSING
from unroll.data.readers.table import TextTable
from unroll.errors import UserError

if TYPE_CHECKING:
    import numpy

_NINES = (99.9, 99.99, 999, 999.9, 999.99, 9999, 9999.9, 9999.99, 99999, 999999, 999.25, 9999.25)
SENTINELS = frozenset(
    (
        *(sign * nines for nines in _NINES for sign in (1, -1)),
        *(-99, -32767, -32768, 32767, 65535, -2147483648, 2147483647, 1e20, -1e20, 1e30, -1e30, 1e36, 9.96921e36),
    )
)
"""What loggers and archives write where they have no value."""


def refuse(table: TextTable, column: str, values: "numpy.ndarray") -> None:
    """Raise UserError where one of SENTINELS stands further from all other values [rows] than those from each other.

    Or where it is of another sign than all of them.
    """
    import numpy

    known = values[~numpy.isnan(values)]
    for sentinel in sorted(SENTINELS & set(numpy.unique(known).tolist())):
        others = known[~numpy.isin(known, list(SENTINELS))]
        if not len(others):
            continue
        low, high = float(others.min()), float(others.max())
        if max(low - sentinel, sentinel - high) <= high - low and not (sentinel < 0 <= low or high <= 0 < sentinel):
            continue
        cells = numpy.flatnonzero(values == sentinel)
        cell = (table.columns[column][int(cells[0])] or "").strip()
        words = ", ".join(repr(word) for word in MISSING)
        raise UserError(
            f"{table.where(int(cells[0]))}, column {column}: {cell} seems to stand for a missing value",
            saw=f"{len(cells)} cells of {cell}; all others are from {low:g} to {high:g}",
            allowed=f"data.options.missing=[{words}, {cell!r}] where it does, "
            f"data.options.missing=[{words}] where it was measured",
        )

"""A table's cells as numbers: strict, so that no cell is taken for a number that it is not."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unroll.data.readers.table import TextTable
from unroll.errors import UserError

if TYPE_CHECKING:
    import numpy

MISSING = ("NA", "NaN", "nan")
"""What stands for a missing number, beside an empty cell."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)


def numbers(
    table: TextTable, column: str, option: str, *, decimal: str = ".", missing: Sequence[str] = MISSING
) -> "numpy.ndarray":
    """Return a column as float64 [rows], NaN where a cell is empty or one of `missing`.

    option: the reader's option that names the column, for messages. decimal: "." or ",".
    Raises UserError for a cell that is no finite number, with its line, and the option that helps.
    """
    import numpy

    if decimal not in (".", ","):
        raise UserError("data.options.decimal", saw=repr(decimal), allowed="'.' or ','")
    absent = {str(word) for word in missing}
    absent_values = {float(word) for word in absent if NUMBER.fullmatch(word)}
    values = numpy.full(len(table), numpy.nan)
    for row, cell in enumerate(table.column(column, option)):
        word = (cell or "").strip()
        if not word or word in absent or cell in absent:
            continue
        number = word
        if decimal == ",":
            number = "" if "." in word else word.replace(",", ".")
        if not NUMBER.fullmatch(number):
            raise _no_number(table, row, column, word, decimal, missing)
        if float(number) in absent_values:
            continue
        values[row] = float(number)
        if not numpy.isfinite(values[row]):
            raise UserError(f"{table.where(row)}, column {column}: not a finite number", saw=word)
    return values


def _no_number(table: TextTable, row: int, column: str, word: str, decimal: str, missing: Sequence[str]) -> UserError:
    words = ", ".join(repr(each) for each in (*missing, word[:20]))
    change = f"data.options.missing=[{words}]"
    allowed = f"a number, or {change} where it stands for a missing one"
    if decimal == "." and _COMMA.fullmatch(word):
        change = "data.options.decimal=','"
        allowed = f"a number, or {change} where a comma is the decimal point"
    elif decimal == "," and NUMBER.fullmatch(word):
        change = "data.options.decimal=."
        allowed = "a number with a decimal comma, as data.options.decimal=',' says"
    what = f"{table.where(row)}, column {column}: not a number"
    return UserError(what, saw=repr(word[:80]), allowed=allowed, change=[change])

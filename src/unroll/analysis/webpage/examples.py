"""What can be looked at of trials: the same test examples for every row of a problem, as tables and pictures."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.analysis.tables import Row, Table
from unroll.tracking import look
from unroll.tracking.looks import looks

MOST_BYTES = 2_500_000  # of all pictures: best rows first, then none
TABLES = ("examples", "confusion")
MOST_NUMBERS = 20  # of a list in a table


class Shelf:
    """Pictures as far as there is room for them in one page."""

    def __init__(self, room: int = MOST_BYTES) -> None:
        self._room = room
        self.left_out = 0

    def put(self, picture: look.Picture) -> dict[str, str] | None:
        """Return a picture as a data address; None where it does not fit any more."""
        text = base64.b64encode(picture.png).decode("ascii")
        if len(text) > self._room:
            self.left_out += 1
            return None
        self._room -= len(text)
        return {"name": picture.name, "caption": picture.caption, "source": f"data:image/png;base64,{text}"}


def examples(table: Table, directories: Mapping[str, Path], shelf: Shelf) -> dict[str, dict[str, Any]]:
    """Return by trial what there is to look at of each row's first trial whose directory is here.

    Committed records lie in no directory of their own, and have nothing to look at.
    """
    found = {}
    for row in table.rows:
        if (first := _first(row, directories)) is not None:
            shown = {"tables": [], "pictures": []} | _looked(first, directories[first["trial_id"]], shelf)
            if shown["tables"] or shown["pictures"]:
                found[first["trial_id"]] = {"row": row.label, "seed": first["config"]["seed"], **shown}
    return found


def _first(row: Row, directories: Mapping[str, Path]) -> Mapping[str, Any] | None:
    return next((trial for trial in row.finished if trial["trial_id"] in directories), None)


def _looked(record: Mapping[str, Any], folder: Path, shelf: Shelf) -> dict[str, Any]:
    found = [*looks(record, folder)]
    tables = [_plain(one) for one in found if isinstance(one, look.Table) and one.name in TABLES]
    pictures = [shelf.put(one) for one in found if isinstance(one, look.Picture)]
    return {"tables": tables, "pictures": [one for one in pictures if one is not None]}


def _plain(table: look.Table) -> dict[str, Any]:
    """A table without the columns of many numbers, which the pictures show."""
    kept = [place for place in range(len(table.columns)) if not any(_is_long(row[place]) for row in table.rows)]
    rows = [[row[place] for place in kept] for row in table.rows]
    return {"name": table.name, "columns": [table.columns[place] for place in kept], "rows": rows}


def _is_long(value: Any) -> bool:
    return isinstance(value, list) and len(value) > MOST_NUMBERS and all(isinstance(one, int | float) for one in value)

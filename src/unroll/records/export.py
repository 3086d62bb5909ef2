"""Records as one file for other programs: CSV or Parquet, a row a record."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.atomic import replacing
from unroll.errors import UserError
from unroll.records.audit import trusted
from unroll.records.pool import Folders, labs_of
from unroll.records.store import frame
from unroll.visible import as_cell

if TYPE_CHECKING:
    import polars as pl

FORMATS = (".csv", ".parquet")
STATUSES = ("finished", "failed")


def export(folders: Folders, out: str | Path, status: str | None = None, refused: list[UserError] | None = None) -> int:
    """Write the records under some folders as one table, a row a trial (`frame`); return how many there are.

    Of a trial that ran more than once, the record that counts is there (`records.pool`).

    The suffix of `out` says the format, `status` keeps the records of that status alone. A reader sees the old
    file or the whole new one. Records that are damaged or not true to themselves are left out, with an error each in
    `refused`; without that list the first one is raised.

    Raises:
        UserError: for another suffix or status, no record at all, or a file that cannot be written.
    """
    out, named = Path(out), [str(lab.folder) for lab in labs_of(folders)]
    if out.suffix not in FORMATS:
        raise UserError(
            "The file's suffix says no format that records are exported to.",
            saw=out,
            allowed=FORMATS,
            run=shlex.join(
                [
                    *("unroll", "export"),
                    *(word for folder in named for word in ("--runs", folder)),
                    *("--out", str(out.with_suffix(FORMATS[0]))),
                ]
            ),
        )
    if status not in (None, *STATUSES):
        raise UserError("No record has such a status.", saw=status, allowed=STATUSES)
    errors: list[UserError] = []
    records = trusted(folders, errors)
    if errors and refused is None:
        raise errors[0]
    if refused is not None:
        refused += errors
    chosen = [record for record in records if status in (None, record["status"])]
    if not chosen:
        what = f"There is no {status} record to export." if status else "There is no record to export."
        raise UserError(
            what, saw=f"{len(records)} records under {', '.join(named)}", allowed="a folder of trials or of records"
        )
    table = frame(chosen)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as draft:
            if out.suffix == ".csv":
                _for_spreadsheets(table).write_csv(draft)
            else:
                table.write_parquet(draft)
    except OSError as error:
        raise UserError(f"{out} cannot be written.", saw=error) from error
    return len(chosen)


def _for_spreadsheets(table: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    return table.with_columns(pl.selectors.string().map_elements(as_cell, return_dtype=pl.String))

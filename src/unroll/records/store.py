"""All records under a folder: as plain dictionaries, or flattened into a Polars data frame."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.errors import UserError, suggest
from unroll.records.pool import Place, pool
from unroll.records.record import FILE_NAME, read_record

if TYPE_CHECKING:
    import polars as pl

_NO_COLUMNS = (
    "config.data.origin.",
    "result.curves",
    "diagnostics.gradient.by_distance",
    "diagnostics.gradient.layers",
    "diagnostics.gates",
    "diagnostics.code.kl_per_dimension",
)


def record_paths(folder: str | Path) -> list[Path]:
    """Return the records' paths, sorted: folder/<trial_id>/record.json and folder/<trial_id>.json.

    Raises UserError when the folder does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} to read records from.")
    return sorted([*folder.glob(f"*/{FILE_NAME}"), *folder.glob("*.json")])


def locate(trial: str | Path, runs: str | Path) -> Path:
    """Return the record's file that a trial's id (under `runs`), its directory or the file itself names.

    A trial that has no record yet is its directory.

    Raises:
        UserError: there is neither, with the nearest id under `runs`.
    """
    files = [Path(trial), Path(trial) / FILE_NAME, Path(runs) / trial / FILE_NAME, Path(runs) / f"{trial}.json"]
    directories = [Path(trial), Path(runs) / trial]
    there = [path for path in files if path.is_file()] + [path for path in directories if is_trial(path)]
    if there:
        return there[0]
    under = Path(runs).iterdir() if Path(runs).is_dir() else ()
    ids = sorted(path.name.removesuffix(".json") for path in under if path.suffix == ".json" or is_trial(path))
    raise UserError(
        f"There is no record of this trial, nor its directory.{suggest(str(trial), ids)}",
        saw=trial,
        allowed=f"a trial's id under {runs}/, its directory, or its record; {len(ids)} trials are there",
    )


def is_trial(directory: Path) -> bool:
    """Whether a trial began in a directory: it holds a record, a config, or a lease."""
    files = (FILE_NAME, "config.yaml")
    return any((directory / name).is_file() for name in files) or any(directory.glob("lease-*.json"))


def read_records(folder: str | Path, damaged: list[UserError] | None = None) -> list[dict[str, Any]]:
    """Return the record of every trial under `folder`, sorted by trial id: of two, the one that counts (`pool`).

    A damaged record raises UserError, unless a list `damaged` takes the errors.
    """
    errors: list[tuple[Path, UserError]] = []
    found = pool((Place("", path), record) for path, record in located_records(folder, errors))
    if errors and damaged is None:
        raise errors[0][1]
    if damaged is not None:
        damaged += [error for _, error in errors]
    return found.records


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files under a folder."""
    return sum((Path(where) / name).lstat().st_size for where, _, names in os.walk(folder) for name in names)


def located_records(folder: str | Path, damaged: list[tuple[Path, UserError]]) -> list[tuple[Path, dict[str, Any]]]:
    """Return every record under `folder` with its file, sorted by trial id; `damaged` takes those that are none."""
    found = []
    for path in record_paths(folder):
        try:
            found.append((path, read_record(path)))
        except UserError as error:
            damaged.append((path, error))
    return sorted(found, key=lambda each: (each[1]["trial_id"], each[0]))


def finished(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of finished trials, in the same order."""
    return [record for record in records if record["status"] == "finished"]


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one mapping with dotted keys; lists and empty mappings are leaves."""
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat.update(flatten(inner, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def frame(records: Sequence[dict[str, Any]]) -> "pl.DataFrame":
    """Return one row a record and one column a leaf, named by its dotted path; absent leaves are null.

    Columns such as `result.metrics.test.accuracy` keep their numbers; lists, and leaves whose type differs
    from record to record, become their JSON text. `config.data.origin`, `result.curves` and what diagnostics say of
    each layer, gate, distance and dimension are left out.
    """
    import json

    import polars as pl

    rows = []
    for record in records:
        flat = flatten(record)
        rows.append({k: v for k, v in flat.items() if not k.startswith(_NO_COLUMNS)})
    columns: dict[str, pl.Series] = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        elif len(kinds) > 1 or kinds & {list, dict}:
            values = [v if v is None or isinstance(v, str) else json.dumps(v, sort_keys=True) for v in values]
        columns[name] = pl.Series(name, values)
    return pl.DataFrame(list(columns.values()))

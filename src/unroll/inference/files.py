"""Files of raw inputs and of predictions: text lines, tables, NumPy arrays; nothing is unpickled."""

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unroll.data import kinds
from unroll.errors import UserError
from unroll.visible import as_cell

OUTPUTS = (".txt", ".csv", ".jsonl", ".npy", ".npz")
MOST = 32  # values of an array that are columns of a table


def read_inputs(path: Path, kind: str) -> Any:
    """Return what a file holds, as a task on data of a kind takes it.

    Text: a line each, or the kind's column of a .csv. Series: a .csv with a header, or a .npy. All else: a .npy.

    Args:
        path: the file; `-` is the standard input, as lines.
        kind: of the trial's data.

    Raises:
        UserError: the file is not there, or not of these forms.
    """
    known, suffix = kinds.get(kind), path.suffix.lower()
    allowed = ".npy" if not (known.texts or known.series) else "text lines, or .csv" if known.texts else ".csv or .npy"
    try:
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if suffix == ".csv" and (known.texts or known.series):
            import polars as pl

            table = pl.read_csv(path)
            if known.series:
                return table
            if known.texts[0] not in table.columns:
                saw = f"{path}: {', '.join(table.columns)}"
                raise UserError("The table has no column of the texts.", saw=saw, allowed=known.texts[0])
            return table[known.texts[0]].to_list()
        if known.texts:
            text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
            return text.removesuffix("\n").split("\n") if text else []
    except (UserError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # Polars and NumPy have errors of their own
        saw = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise UserError(f"The file {path} cannot be read.", saw=saw, allowed=allowed) from error
    raise UserError("The file is of another form than the inputs.", saw=path, allowed=allowed)


def lines(found: Mapping[str, Any], names: list[str]) -> Iterator[str]:
    """Print predictions as text: a line an input where they are sentences, else a CSV table with a header.

    Args:
        found: as `Model.predict` returns it.
        names: of a series' channels.

    Raises:
        UserError: they are images, which no line can hold.
    """
    first = next(iter(found))
    if first in ("translation", "filled"):
        yield from (str(text).replace("\n", " ") for text in found[first])
        return
    yield from _table(found, names).getvalue().splitlines()


def write(found: Mapping[str, Any], path: Path, names: list[str]) -> None:
    """Write predictions: .txt and .csv as `lines`, .jsonl an object an input, .npz all arrays, .npy the first of them.

    Raises:
        UserError: another form, or one that cannot hold these predictions.
    """
    check_output(path)
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        count = len(next(iter(found.values())))
        rows = ({name: _plain(values[place]) for name, values in found.items()} for place in range(count))
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    elif suffix in (".npy", ".npz"):
        arrays = {name: values for name, values in found.items() if isinstance(values, np.ndarray)}
        if not arrays:
            raise UserError("These predictions are no arrays.", saw=", ".join(found), allowed=".jsonl, .csv or .txt")
        with path.open("wb") as file:
            if suffix == ".npy":
                np.save(file, next(iter(arrays.values())), allow_pickle=False)
            else:
                np.savez_compressed(file, allow_pickle=False, **arrays)
        return
    else:
        text = _table(found, names).getvalue() if suffix == ".csv" else "".join(f"{x}\n" for x in lines(found, names))
    path.write_text(text, encoding="utf-8")


def check_output(path: Path) -> None:
    """Raise UserError where predictions cannot be written to such a file."""
    if path.suffix.lower() not in OUTPUTS:
        raise UserError("Predictions are not written in this form.", saw=path, allowed=OUTPUTS)


def _table(found: Mapping[str, Any], names: list[str]) -> io.StringIO:
    """A row an input, of a forecast a row a step; images and other large arrays are left out."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if "forecast" in found:
        writer.writerow(["window", "step", *map(as_cell, names)])
        for number, window in enumerate(found["forecast"]):
            writer.writerows([number, step, *row.tolist()] for step, row in enumerate(window, 1))
        return out
    columns: dict[str, list[Any]] = {}
    for name, values in found.items():
        rows = values.tolist() if isinstance(values, np.ndarray) and values.ndim == 1 else values
        if isinstance(rows, np.ndarray):
            if rows.ndim == 2 and rows.shape[1] <= MOST:
                columns |= {f"{name}_{place}": rows[:, place].tolist() for place in range(rows.shape[1])}
        elif rows and isinstance(rows[0], list) and all(isinstance(item, str) for row in rows for item in row):
            columns[name] = [" ".join(row) for row in rows]
        elif rows and not isinstance(rows[0], list | np.ndarray):
            columns[name] = rows
    if not columns:
        raise UserError("A table cannot hold these predictions.", saw=", ".join(found), allowed="--out FILE.npz")
    writer.writerow(columns)
    writer.writerows([as_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value

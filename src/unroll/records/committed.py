"""Records as they are committed: without the folders of a machine, with their examples' test scores beside them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.records.scores import copy_scores
from unroll.records.seal import sealed

_FOLDERS = re.compile(r"""(^|(?<=\s))(paths\.\w+=|--(config-dir|runs)[= ])('[^']*'|"[^"]*"|\\.|[^\s'"\\])*""")


def copy_record(record: Mapping[str, Any], folder: str | Path, out: str | Path) -> Path:
    """Write OUT/<trial_id>.json, and the scores of a finished record where there are any; return the record's path.

    Args:
        record: of a trial.
        folder: where its predictions.npz lies, or its committed scores.
        out: made where it is not there.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if record["status"] == "finished":
        copy_scores(record, folder, out)
    path = out / f"{record['trial_id']}.json"
    path.write_bytes(sealed(without_folders(record)))
    return path


def without_folders(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record without the folders of the machine that trained it."""
    command = record["run"].get("command")
    if command is not None:
        command = " ".join(_FOLDERS.sub("", command).split())
    paths = {"runs": "runs", "cache": None, "data": None}
    return {
        **record,
        "config": {**record["config"], "paths": paths},
        "run": {**record["run"], "command": command},
    }

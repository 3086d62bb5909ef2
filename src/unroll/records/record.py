"""Writing and reading records, so that a reader never sees half of one; `records.schema` says what they hold."""

import os
import shlex
from pathlib import Path
from typing import Any

from unroll.atomic import Replacing, replacing
from unroll.errors import UserError
from unroll.records.schema import validate
from unroll.records.seal import contents, parsed, sealed

FILE_NAME = "record.json"
_HEAD = ("schema_version", "trial_id", "status", "protocol_version", "data", "error")  # first, to be read alone


def write_record(directory: Path, record: dict[str, Any], replacing: Replacing = replacing) -> Path:
    """Write `record` to directory/record.json in one step: a reader sees the old file or the whole new one.

    A trial's owner gives its lease's `replacing`.

    Raises UserError when the record is not valid; nothing is written then.
    """
    validate(record, f"The record of {directory}")
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE_NAME
    head = [name for name in _HEAD if name in record]
    content = sealed({**{name: record[name] for name in head}, **record})
    with replacing(path) as draft, draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path


def read_record(path: str | Path) -> dict[str, Any]:
    """Read and check one record: a JSON file, or a trial's directory that holds record.json.

    Raises UserError when it is missing, is not JSON, was changed after it was written, or does not follow the schema.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    try:
        record = parsed(contents(path))
    except FileNotFoundError:
        raise UserError(f"There is no record {path}.") from None
    except (ValueError, OSError) as error:
        raise UserError(f"The record {path} cannot be read.", saw=error, run=f"rm {shlex.quote(str(path))}") from None
    validate(record, f"The record {path}")
    return dict(record)

"""What a trial's run may carry as files, by choice: its record, its predictions, its best weights. Data never."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from unroll.config.problem import problem
from unroll.config.schema import Artifact
from unroll.config.trial import row
from unroll.errors import UserError, suggest
from unroll.records.committed import without_folders
from unroll.tracking.cleaned import cleaned

KINDS: tuple[str, ...] = get_args(Artifact)
_FILES = {"predictions": "predictions.npz", "checkpoint": "best.ckpt"}
_TYPES = {"record": "record", "predictions": "predictions", "checkpoint": "model"}


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise UserError for a kind that there is not."""
    for kind in kinds:
        if kind not in KINDS:
            raise UserError(f"There is no artifact '{kind}'.{suggest(kind, KINDS)}", saw=kind, allowed=KINDS)


def artifacts(record: Mapping[str, Any], directory: Path | None, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Return a message for each kind of artifact of a finished trial whose file is there.

    Args:
        record: of the trial. The one that goes along has no folder, host or account in it.
        directory: of the trial; None: only the record is there.
        kinds: of `KINDS`.
    """
    if record.get("status") != "finished":
        return []
    found = []
    for kind in dict.fromkeys(kinds):
        about = {"name": f"{kind}-{record['trial_id']}", "type": _TYPES[kind], "metadata": _metadata(record)}
        about["aliases"] = [f"seed-{record['config']['seed']}"]
        if kind == "record":
            text = json.dumps(published(record), indent=1, ensure_ascii=False) + "\n"
            found.append({**about, "text": text, "file_name": "record.json"})
        elif directory is not None and (directory / _FILES[kind]).is_file():
            found.append({**about, "file": str((directory / _FILES[kind]).absolute()), "file_name": _FILES[kind]})
    return found


def published(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as it may leave the machine: without its folders, its host and the traceback's paths."""
    kept = without_folders(record)
    hardware = {key: value for key, value in kept["run"]["hardware"].items() if key not in ("host", "platform")}
    found: dict[str, Any] = cleaned({**kept, "run": {**kept["run"], "hardware": hardware}})
    return {key: value for key, value in found.items() if key != "sha256"}


def _metadata(record: Mapping[str, Any]) -> dict[str, Any]:
    config, result = record["config"], record["result"]
    hashes = ("data_sha256", "weights_sha256", "predictions_sha256")
    return {
        "problem": problem(config).name,
        "architecture": row(config),
        "seed": config["seed"],
        "trial_id": record["trial_id"],
        "primary": result["primary"]["value"],
        "primary/name": result["primary"]["name"],
        "protocol_version": record["protocol_version"],
        "commit": record["run"]["code"]["commit"],
        **{name: result.get(name) for name in hashes},
    }

"""How far a trial is, told from its files alone."""

import json
import re
from pathlib import Path
from typing import Any

from unroll.planning.claims import holder
from unroll.planning.trial import Trial

STATES = ("finished", "running", "failed", "stale", "damaged", "missing")
_HEAD = 4096  # bytes that hold all but a record's config, result and run
_FIELDS = {"schema_version", "trial_id", "status", "protocol_version", "data", "error"}
_CONFIG = re.compile(rb',\s*"config": \{')
_END = b"\n}\n"  # of a whole record as it is written: all other closing braces are indented


def state(trial: Trial) -> str:
    """Return one of STATES.

    Stale: the record is of another schema, protocol or content of the data than today's. (Data that never had the
    content its YAML states makes a record not reportable, not stale.)
    """
    head = read_head(trial.record_path)
    current = head is not None and is_current(head, trial)
    if head is not None and current and head["status"] == "finished":
        return "finished"
    if holder(trial.directory) is not None:
        return "running"
    if head is None:
        return "missing"
    return str(head["status"]) if current else "stale" if head else "damaged"


def record_identity(trial: Trial) -> tuple[int, int] | None:
    """Return what changes when a record is written again; None without one."""
    try:
        found = trial.record_path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def is_current(head: dict[str, Any], trial: Trial) -> bool:
    """Whether a record's head is of today's schema and protocol, and of the data that the trial's config states."""
    from unroll.data.readers import variant
    from unroll.results.record import SCHEMA_VERSION

    if not head or head["schema_version"] != SCHEMA_VERSION:
        return False
    if head["protocol_version"] != trial.config["task"]["protocol_version"]:
        return False
    data = trial.config["data"]
    stated = data["origin"].get("content_sha256")
    wanted = stated.get(variant(data["reader"], data["options"])) if isinstance(stated, dict) else None
    found = head["data"]
    return wanted is None or not found or not found["verified"] or found["content_sha256"] == wanted


def read_head(path: Path) -> dict[str, Any] | None:
    """Return the fields of a record that come before its config; None without a record, {} for a damaged one.

    A whole record is read only where its head is not at the beginning: a status opens many thousands.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(_HEAD)
            file.seek(max(0, file.seek(0, 2) - 3))
            match = _CONFIG.search(start) if file.read() == _END else None
        head = json.loads(start[: match.start()] + b"}") if match else {}
        if not head.keys() >= _FIELDS:
            head = {**dict.fromkeys(_FIELDS), **json.loads(path.read_bytes())}
        return head if isinstance(head["schema_version"], int) else {}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return {}

"""How far a trial is, told from its files alone."""

import json
import re
from pathlib import Path
from typing import Any

from unroll.errors import UserError
from unroll.planning.claims import holder
from unroll.planning.trial import Trial
from unroll.results.seal import contents, is_whole, parsed

STATES = ("finished", "running", "failed", "stale", "damaged", "missing")
_HEAD = 4096  # bytes that hold all but a record's config, result and run
_FIELDS = {"schema_version", "trial_id", "status", "protocol_version", "data", "error"}
_CONFIG = re.compile(rb',\s*"config": \{')


def state(trial: Trial) -> str:
    """Return one of STATES.

    Damaged: the record's bytes are not those that were written, or it is another trial's. Stale: the record is of
    another schema, protocol or content of the data than today's. (Data that never had the content its YAML states
    makes a record not reportable, not stale.)
    """
    head = read_head(trial.record_path)
    if head and head["trial_id"] != trial.config.get("trial_id", trial.trial_id):
        head = {}
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


def _check(record: dict[str, Any]) -> None:
    """Raise UserError where a record of today's schema does not follow it."""
    from unroll.results.record import SCHEMA_VERSION, validate

    if record.get("schema_version") == SCHEMA_VERSION:
        validate(record)


def read_head(path: Path) -> dict[str, Any] | None:
    """Return the fields of a record that come before its config; None without a record, {} for a damaged one.

    All bytes are held against the digest at the record's end, and only the head is parsed: a status opens many
    thousands. A record of before the digest, and one with another order of fields, is parsed and checked whole.
    """
    try:
        data = contents(path)
        whole = is_whole(data)
        match = _CONFIG.search(data, 0, _HEAD) if whole else None
        head = json.loads(data[: match.start()] + b"}") if match else {}
        if not head.keys() >= _FIELDS:
            found = parsed(data)
            if whole is None:
                _check(found)
            head = {**dict.fromkeys(_FIELDS), **found}
        return head if isinstance(head["schema_version"], int) else {}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, UserError):
        return {}

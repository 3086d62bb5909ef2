"""How far a trial is, told from its files alone."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.lease import holder
from unroll.records.seal import contents, is_whole, parsed
from unroll.registry.groups import conf_directory

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
    if head and head["trial_id"] != trial.plain.get("trial_id", trial.trial_id):
        head = {}
    current = bool(head) and not why_stale(head or {}, trial)
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


def why_stale(head: Mapping[str, Any], trial: Trial) -> str:
    """Return why a record's head does not answer for a trial as it is today; "" where it does.

    The reasons: another schema, another protocol, other data than the trial's config states, or than its files hold.
    """
    from unroll.data.freshness import changed
    from unroll.data.readers import variant
    from unroll.records.schema import SCHEMA_VERSION

    if head["schema_version"] != SCHEMA_VERSION:
        return f"the record's schema is {head['schema_version']}, today's is {SCHEMA_VERSION}"
    protocol = trial.plain["task"]["protocol_version"]
    if head["protocol_version"] != protocol:
        return f"the task's protocol was {head['protocol_version']}, today it is {protocol}"
    found = head["data"]
    data, paths = _data(trial, found)
    stated = (data.get("origin") or {}).get("content_sha256")
    wanted = stated.get(variant(data["reader"], data["options"])) if isinstance(stated, dict) else None
    if wanted is not None and found and found["verified"] and found["content_sha256"] != wanted:
        return "the data changed: other examples are stated"
    return "the data changed" if changed(data, paths, found) else ""


def _data(trial: Trial, found: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the data and paths of a trial; where its name is all that is known of it, those that its record holds.

    What ships with Unroll is known by its content hash, so such a record is not read for it.
    """
    data, paths = trial.plain["data"], trial.plain["paths"]
    if "reader" in data or not found or not found.get("files_sha256"):
        return data, paths
    if found["verified"] and (conf_directory() / "data" / f"{found['name']}.yaml").is_file():
        return data, paths
    try:
        config = parsed(contents(trial.record_path))["config"]
        return config["data"], config["paths"]
    except (OSError, ValueError, TypeError, KeyError):
        return data, paths


def _check(record: dict[str, Any]) -> None:
    """Raise UserError where a record of today's schema does not follow it."""
    from unroll.records.schema import SCHEMA_VERSION, validate

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

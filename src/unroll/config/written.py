"""Values as text that Hydra's override grammar reads as the same values."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z_./][\w./+-]*", re.ASCII)
_WORDS = {"null", "true", "false", "nan", "inf"}  # that Hydra reads as something else than text


def written(value: Any) -> str:
    """Return a value as an override states it: `null`, `[1,2]`, `{a:1}`, `'two words'`."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    if isinstance(value, str):
        if _BARE.fullmatch(value) and value.lower() not in _WORDS:
            return value
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" if "'" in value else f"'{value}'"
    return json.dumps(value)

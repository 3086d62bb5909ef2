"""Values as text that is the same for equal values: what ids and cache keys hash."""

import json
import math
from collections.abc import Mapping
from typing import Any


def canonical(value: Any) -> str:
    """Return JSON that is equal for equal values: keys sorted, no spaces, 1.0 written as 1.

    Raises ValueError for NaN and infinity, TypeError for what JSON does not have.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value

"""Numbers of a record by their dotted path, such as `result.metrics.test.mse`."""

from collections.abc import Mapping
from typing import Any


def value_of(record: Mapping[str, Any], field: str) -> float | None:
    """Return the number at a dotted path, or None where the record has none there."""
    value: Any = record
    for key in field.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def is_primary(field: str, record: Mapping[str, Any]) -> bool:
    """Whether a path is that of a finished record's primary metric."""
    return field in ("result.primary.value", f"result.metrics.test.{record['result']['primary']['name']}")

"""A made-up published table."""

from typing import Any


def table(**changes: Any) -> dict[str, Any]:
    found = {
        "name": "made_up",
        "title": "A table",
        "citation": "Nobody 2026",
        "link": "https://example.org",
        "source": {"read": "thin air", "primary": False},
        "data": "none",
        "split": "none",
        "protocol": "none",
        "metrics": {"mse": {"field": "result.metrics.test.mse", "unit": "squared", "direction": "lower"}},
        "tolerance": {"relative": 0.1},
        "budgets": {"cpu": {"says": "short"}},
        "rows": {"one": {"says": "One", "reported": {"mse": 1.0}, "overrides": ["architecture=lstm"]}},
    }
    return {**found, **changes}

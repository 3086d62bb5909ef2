"""A made-up published table, and made-up records of its trials."""

from collections.abc import Mapping
from typing import Any

from unroll.reproduction.judge import Reproduction, reproduced
from unroll.reproduction.plan import TablePlan
from unroll.reproduction.published import Reported

POINTS = [["optimizer.learning_rate=0.01"], ["optimizer.learning_rate=0.001"]]


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


def published(**changes: Any) -> Reported:
    """LSTM 0.40, GRU 0.50, a row with a choice, Repeat, and one that cannot run."""
    rows = {
        "lstm": {"says": "LSTM", "reported": {"mse": 0.4}, "overrides": ["architecture=lstm"]},
        "gru": {"says": "GRU", "reported": {"mse": 0.5}, "overrides": ["architecture=gru"]},
        "rnn": {
            "says": "RNN",
            "reported": {"mse": 0.6},
            "overrides": ["architecture=rnn"],
            "choose": {"points": POINTS, "overrides": ["budget.epochs=1"]},
        },
        "repeat": {"says": "Repeat", "overrides": ["baseline=last_value"]},
        "magic": {"says": "Magic", "reported": {"mse": 0.1}, "cannot": "it is secret"},
    }
    order = {"says": "LSTM before GRU", "metric": "mse", "rows": ["lstm", "gru"]}
    given = {
        "overrides": ["task=forecasting"],
        "budgets": {
            "cpu": {"says": "short", "overrides": ["budget.epochs=2"]},
            "paper": {"says": "long", "overrides": ["budget.epochs=8"]},
        },
        "seeds": [0, 1, 2],
        "rows": rows,
        "orderings": [order],
    }
    return Reported.model_validate(table(**{**given, **changes}))


def record(planned: Any, mse: float, validation: float = 1.0) -> dict[str, Any]:
    trial = planned.trial
    return {
        "trial_id": trial.trial_id,
        "status": "finished",
        "config": trial.plain,
        "result": {
            "primary": {"name": "mse", "value": mse, "unit": "squared", "direction": "lower"},
            "metrics": {"test": {"mse": mse}},
            "selection": {"name": "mse", "value": validation, "direction": "lower"},
            "steps": 30,
        },
        "data": {"content_sha256": "ab"},
        "run": {"training_seconds": 1800.0, "evaluation_seconds": 0.0, "hardware": {"cpu": "a core"}},
    }


class Records(dict[str, dict[str, Any]]):
    """Records by id; `add` gives a row's trials a value each."""

    def add(self, plan: TablePlan, name: str, *values: float) -> None:
        (row,) = [row for row in plan.rows if row.name == name]
        for planned, value in zip(row.trials, values, strict=True):
            self[planned.trial.trial_id] = record(planned, value)


def judged(plan: TablePlan, records: Mapping[str, dict[str, Any]]) -> Reproduction:
    return reproduced(plan, records.get, lambda record: None, lambda parts: 0)


def row_of(found: Any, name: str) -> Any:
    return next(row for row in getattr(found, "outcomes", None) or found.rows if getattr(row, "plan", row).name == name)

"""The least time of a budget in seconds: what ends training sooner, and clocks of several ranks, are no forgery."""

from typing import Any

import pytest

from unroll.records.effort import impossible_times


def record(patience: int | None, ranks: int) -> dict[str, Any]:
    return {
        "config": {
            "data": {"batch_size": 10},
            "budget": {"seconds": 600.0, "patience": patience},
            "trainer": {"threads": 1},
        },
        "flops": {"training": 0},
        "result": {"steps": 5, "examples": {"train": 100}},
        "run": {"world_size": ranks, "threads": 1, "hardware": {"gpus": []}},
    }


@pytest.mark.parametrize(
    ("patience", "ranks", "training", "found"),
    [
        (None, 1, 600.1, []),
        (None, 1, 599.9, [("599.9 s of training", "at least budget.seconds=600")]),
        (1, 1, 12.0, []),
        (None, 2, 599.9, []),
        (None, 2, 500.0, [("500 s of training", "at least budget.seconds=600")]),
        (1, 2, 12.0, []),
    ],
)
def test_training_takes_the_seconds_of_its_budget_unless_it_may_stop_early(
    patience: int | None, ranks: int, training: float, found: list[tuple[str, str]]
) -> None:
    assert list(impossible_times(record(patience, ranks), training)) == found

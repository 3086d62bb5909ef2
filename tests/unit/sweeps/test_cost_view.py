"""What `unroll cost` prints of forecasts, on literals."""

import pytest

from unroll.analysis.cost import AWAY, PILOT, RECORDS, SCALED, CellCost, Forecast, Machine
from unroll.sweeps.cost import Costs
from unroll.sweeps.cost_view import lines, row, size, tables

HERE = Machine("A CPU")
ERRORS = {
    "sources": {
        RECORDS: {"n": 1126, "median": 0.041, "p90": 0.288},
        PILOT: {"n": 12, "median": 0.1, "p90": 0.3},
    }
}


def forecast(source: str = RECORDS, **changes: object) -> Forecast:
    known = {"seconds": 1800.0, "cores": 1, "memory_bytes": 1.5e9, "disk_bytes": 2e6, "disk_is_least": False}
    found = {**known, "source": source, "count": 3, "processors": ("A CPU",), **changes}
    return Forecast(**found)  # type: ignore[arg-type]


def said(*cells: CellCost, workers: int = 2, unread: int = 0, advice: str = "") -> list[str]:
    return list(lines(Costs("mine", list(cells), HERE, workers, unread), ERRORS, advice))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "?"),
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (99_600, "100 kB"),
        (123_456, "123 kB"),
        (999_600, "1 MB"),
        (2.1e9, "2.1 GB"),
        (3.21e15, "3.21e+03 TB"),
    ],
)
def test_sizes(count: float | None, text: str) -> None:
    assert size(count) == text


def test_a_row_is_a_cell() -> None:
    assert row(CellCost("p", "lstm", 5, 1, forecast())) == [
        "lstm",
        "4",
        "1.8e+03",
        "2",
        "1.5 GB",
        "8 MB",
        "3",
    ]
    most = forecast(SCALED, count=1, is_most=True, disk_is_least=True, memory_bytes=None)
    assert row(CellCost("p", "lstm", 1, 0, most))[2:] == [
        "≤ 1.8e+03",
        "≤ 0.5",
        "?",
        "≥ 2 MB",
        "1, other budget",
    ]
    assert row(CellCost("p", "lstm", 2, 0, None, "no data")) == ["lstm", "2", "?", "?", "?", "?", "no data"]
    assert row(CellCost("p", "tfidf", 1, 0, forecast(AWAY, disk_bytes=0, disk_is_least=True)))[5:] == [
        "?",
        "3, other CPU",
    ]


def test_a_table_is_a_line_a_row_within_80_columns() -> None:
    wide = forecast(SCALED, count=12, is_most=True, disk_is_least=True, memory_bytes=1.23e9)
    cells = [CellCost("p", "independent_pixels", 15, 0, wide), CellCost("p", "gru", 2, 0, None, "none")]
    shown = list(tables([*cells, CellCost("q", "done", 1, 1, None)]))
    assert shown == [
        "p",
        "                    trials     s each  core h  memory     disk  records",
        "independent_pixels      15  ≤ 1.8e+03   ≤ 7.5  1.2 GB  ≥ 30 MB  12, other budget",
        "gru                      2          ?       ?       ?        ?  none",
        "",
    ]
    assert max(map(len, shown)) == 80


def test_the_total_stands_beside_the_error_of_its_sources_alone() -> None:
    found = said(CellCost("p", "lstm", 5, 1, forecast()), CellCost("p", "gru", 2, 2, None))
    assert found == [
        "Ended, at no further cost: 3 trials.",
        "To train: 4 trials, 2 core hours (1 h in 2 workers), 1.5 GB of memory a worker, 8 MB on disk.",
        "Error of such forecasts of a trial's seconds: by records 4% in the median, 29% at the 90th percentile "
        "(n = 1126).",
    ]


def test_what_has_ended_needs_no_total() -> None:
    assert said(CellCost("p", "lstm", 3, 3, None)) == ["Ended, at no further cost: 3 trials."]


def test_what_is_not_known_is_said_with_the_command_that_times_it() -> None:
    one = CellCost("p", "lstm", 3, 0, None, "no record")
    assert said(one) == ["Not in the total: 3 trials of unknown cost."]
    advice = "unroll cost suite=mine"
    assert said(one, advice=advice) == [f"Not in the total: 3 trials of unknown cost. To time their steps: {advice}"]


def test_limits_other_processors_and_unread_records_are_said() -> None:
    most = forecast(AWAY, is_most=True, disk_is_least=True, processors=("B CPU",))
    found = said(CellCost("p", "lstm", 1, 0, most), workers=1, unread=1)
    assert found == [
        "To train: 1 trial, at most 0.5 core hours (at most 0.5 h in 1 worker), 1.5 GB of memory a worker, "
        "at least 2 MB on disk.",
        "At most: early stopping may end a trial before its budget.",
        "At least: published records do not say what predictions take; their weights alone are counted.",
        "By records of another processor, B CPU: 1 trial; this one is A CPU.",
        "Not read: 1 record, damaged or of another schema.",
    ]

"""The committed counts of published wirings are what our modules count."""

import json
import runpy
from pathlib import Path

from unroll.reproduction.published import COUNTS, read_table, table_names
from unroll.reproduction.run import counted, listed_count

TOOL = Path(__file__).resolve().parents[3] / "tools" / "count_parts.py"


def test_the_committed_counts_are_those_of_the_modules() -> None:
    tool = runpy.run_path(str(TOOL))
    committed = json.loads((tool["FOLDER"] / COUNTS).read_text(encoding="utf-8"))
    assert committed == tool["counts"](), "run: python tools/count_parts.py"


def test_a_wiring_that_is_not_listed_is_counted() -> None:
    rows = [row for name in table_names() for row in read_table(name).rows.values() if row.count is not None]
    assert rows
    parts = [{"linear": [3, 5]}, rows[0].count[0]]  # type: ignore[index]
    assert listed_count(parts) == counted(parts)

"""Write results/reported/counts.json: the parameters of the wirings that published tables count, on our own modules.

    python tools/count_parts.py

`unroll reproduce --list` and the pages read it, so that they need no torch; `unroll reproduce TABLE` counts anew, and
so does a test.
"""

import json
from pathlib import Path

from unroll.registry.canonical import canonical
from unroll.reproduction.counting import count_parts
from unroll.reproduction.published import COUNTS, read_file

FOLDER = Path(__file__).resolve().parents[1] / "results" / "reported"


def counts() -> dict[str, int]:
    """Count each part of each published wiring once."""
    rows = [row for path in FOLDER.glob("*.yaml") for row in read_file(path).rows.values()]
    parts = {canonical(part): part for row in rows for part in row.count or ()}
    return {key: count_parts([parts[key]]) for key in sorted(parts)}


if __name__ == "__main__":
    (FOLDER / COUNTS).write_text(json.dumps(counts(), indent=1) + "\n", encoding="utf-8")

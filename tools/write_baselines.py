"""Write down the baselines of the published records, which `primary/skill` of trackers is told by.

python tools/write_baselines.py
"""

import json
from pathlib import Path

from unroll.records.audit import pooled
from unroll.tracking import skill

HERE = Path(__file__).resolve().parents[1]


def text() -> str:
    """What src/unroll/tracking/baselines.json has to hold."""
    return json.dumps(skill.values(pooled([HERE / "results" / "records"], []).records), indent=1) + "\n"


def write() -> None:
    """Write it."""
    (HERE / "src" / "unroll" / "tracking" / "baselines.json").write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write()

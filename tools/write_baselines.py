"""Write down the baselines of the published records, which `primary/skill` of trackers is told by; --check only looks.

python tools/write_baselines.py [--check]
"""

import json
import sys
from pathlib import Path

from unroll.records.audit import pooled
from unroll.tracking import skill

HERE = Path(__file__).resolve().parents[1]


def text() -> str:
    """What src/unroll/tracking/baselines.json has to hold."""
    return json.dumps(skill.values(pooled([HERE / "results" / "records"], []).records), indent=1) + "\n"


if __name__ == "__main__":
    path = HERE / "src" / "unroll" / "tracking" / "baselines.json"
    if "--check" in sys.argv:
        sys.exit(0 if path.read_text(encoding="utf-8") == text() else f"{path.name} is not what the records give")
    path.write_text(text(), encoding="utf-8")

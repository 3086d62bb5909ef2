"""Compare the result parts of all records in two runs directories, bit by bit; exit code 1 where any differs.

python tools/compare_runs.py RUNS OTHER_RUNS
"""

import sys
from pathlib import Path

from unroll.records.record import read_record
from unroll.verification.compare import differences


def compared(first: Path, second: Path) -> tuple[int, list[str]]:
    """The number of trials in either directory, and a line for each trial that is not the same in both."""
    runs = [{path.parent.name: path.parent for path in folder.glob("*/record.json")} for folder in (first, second)]
    names = sorted(runs[0].keys() | runs[1].keys())
    unlike = []
    for name in names:
        if not all(name in folder for folder in runs):
            unlike.append(f"{name}: only in {first if name in runs[0] else second}")
            continue
        one, other = (read_record(folder[name]) for folder in runs)
        if "failed" in (one["status"], other["status"]):
            unlike.append(f"{name}: {one['status']} and {other['status']}")
            continue
        found = list(differences(one["result"], other["result"]))
        if found:
            unlike.append(f"{name}: {len(found)} values differ, first {found[0]}")
    return len(names), unlike


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    count, unlike = compared(Path(sys.argv[1]), Path(sys.argv[2]))
    print(*unlike, f"{count - len(unlike)} of {count} trials have the same result, bit by bit", sep="\n")
    sys.exit(1 if unlike or not count else 0)

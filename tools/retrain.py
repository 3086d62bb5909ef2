"""Train three committed trials again and compare their results with the records: bit-identical, or within tolerance on
another CPU type or with other packages (`unroll verify`). Exit code 1 where one is not.

    UNROLL_DATA=/path/to/data python tools/retrain.py [COMMIT]

The commit's hash, HEAD's by default, draws them, one network at least, among the finished trials of results/records
that trained in less than 110 s, under today's protocol of their task, and whose data is on this machine or comes from a
wheel; where enough of them were trained on this CPU type, among those: every bit must be the same. On another type
rounding alone moves an unstable training (a plain RNN, a variational autoencoder of few images) by more than any
tolerance.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unroll.config.identity import is_baseline
from unroll.records.lots import draw
from unroll.records.provenance import hardware
from unroll.records.store import finished, read_records

ROOT = Path(__file__).resolve().parents[1]
COUNT = 3
SHORT_SECONDS = 110.0  # of training, baselines' fitting included


def short(records: Sequence[dict[str, Any]], local: bool) -> list[dict[str, Any]]:
    """Return the finished records that are trained again quickly; of local data only with `local`."""
    sources = ("wheel ", "generated") + (("local ",) if local else ())
    return [
        record
        for record in finished(records)
        if record["run"]["training_seconds"] < SHORT_SECONDS and record["data"]["source"].startswith(sources)
    ]


def of_this_cpu(records: Sequence[dict[str, Any]], here: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the records that were trained on the CPU type of a machine, if there are enough of them, else all."""
    kind = ("cpu", "cpu_capability")
    alike = [record for record in records if all(record["run"]["hardware"].get(key) == here[key] for key in kind)]
    return alike if len(alike) >= COUNT else list(records)


def drawn(records: Sequence[dict[str, Any]], commit: str) -> list[dict[str, Any]]:
    """Return the trials that a commit draws: a network first, then any."""
    first = draw([record for record in records if not is_baseline(record["config"])], commit, 1)
    return first + draw([record for record in records if record not in first], commit, COUNT - len(first))


def main(commit: str) -> bool:
    """Train the drawn trials again, say how each compares, and return whether all passed."""
    from unroll.verification.retrain import retrain, trainable

    records = trainable(short(read_records(ROOT / "results" / "records"), local="UNROLL_DATA" in os.environ))
    records = of_this_cpu(records, hardware())
    found = retrain(drawn(records, commit))
    print(f"retrained {min(COUNT, len(records))} of {len(records)} short trials, drawn by {commit}")
    return bool(records) and not found.unlike and not found.refused


if __name__ == "__main__":
    head = ["git", "rev-parse", "HEAD"]
    chosen = sys.argv[1:] or [subprocess.run(head, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()]
    sys.exit(0 if main(chosen[0]) else 1)

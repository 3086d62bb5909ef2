"""Lay the published records of a suite, or of a published table, into a folder of trials, so that a sweep on another
machine goes on where they end.

    python tools/restore.py suite=matrix paths.runs=RUNS
    python tools/restore.py table=ltsf_linear_etth paths.runs=RUNS

A trial that has a record in RUNS keeps it. What a table chose on validation is read from the published records too, so
that one call restores the choosing trials and the chosen ones.
"""

import runpy
import shutil
import sys
from pathlib import Path

from unroll.errors import UserError
from unroll.records.scores import SUFFIX
from unroll.sweeps.suite import plan

PUBLISH = runpy.run_path(str(Path(__file__).with_name("publish.py")))


def main(overrides: list[str]) -> None:
    """Copy the records of the trials that have none in their folder."""
    of_table = any(text.startswith("table=") for text in overrides)
    records = PUBLISH["RESULTS"] / PUBLISH["RECORDS"]
    planned = PUBLISH["of_table"](overrides, records) if of_table else plan(overrides).trials
    copied = 0
    for item in planned:
        source = records / f"{item.trial.trial_id}.json"
        if source.is_file() and not item.trial.record_path.exists():
            item.trial.directory.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, item.trial.record_path)
            scores = source.with_suffix(SUFFIX)
            if scores.is_file():
                shutil.copyfile(scores, item.trial.directory.with_name(scores.name))
            copied += 1
    print(f"{copied} records of {len(planned)} trials restored")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))

"""Copy the finished records of a suite into results/records, then make the tables and the README's table again.

    python scripts/publish.py suite=reference paths.runs=RUNS

What names the machine's folders (`config.paths`, and `paths.*` in the command) is left out of the copies; all else is
as training wrote it. Refuses a trial that is not finished, or not reportable.
"""

import json
import runpy
import sys
from pathlib import Path

from unroll.errors import UserError
from unroll.planning.sweep import suite_trials
from unroll.results.record import read_record
from unroll.results.report import report

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "results" / "records"


def without_folders(record: dict) -> dict:
    """The record without the folders of the machine that trained it."""
    command = [word for word in record["run"]["command"].split() if not word.startswith("paths.")]
    paths = {"runs": "runs", "cache": None, "data": None}
    return {
        **record,
        "config": {**record["config"], "paths": paths},
        "run": {**record["run"], "command": " ".join(command)},
    }


def main(overrides: list[str]) -> None:
    """Publish a suite's records."""
    records = [read_record(trial.directory) for trial in suite_trials(overrides)]
    for record in records:
        if not record["reportable"]:
            raise UserError(f"{record['trial_id']} is not reportable.", saw=record["why_not_reportable"])
    RECORDS.mkdir(parents=True, exist_ok=True)
    for record in records:
        text = json.dumps(without_folders(record), indent=1, ensure_ascii=False, allow_nan=False)
        (RECORDS / f"{record['trial_id']}.json").write_text(text + "\n", encoding="utf-8")
    report(RECORDS, None, ROOT / "results" / "tables")
    runpy.run_path(str(ROOT / "scripts" / "fill_readme.py"), run_name="__main__")
    print(f"{len(records)} records in {RECORDS.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))

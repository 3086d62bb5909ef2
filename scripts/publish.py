"""Copy the finished records of a suite into results/records, with their examples' test scores, then make the suite's
page in results/tables and the README's table again.

    python scripts/publish.py suite=reference paths.runs=RUNS

What is not in RUNS stays as it was published, or missing: the page says so. What names the machine's folders
(`config.paths`, and `paths.*` in the command) is left out of the copies; all else is as training wrote it. Refuses
finished trials that are not reportable.
"""

import json
import runpy
import sys
from pathlib import Path

from unroll.errors import UserError
from unroll.planning.suites import plan
from unroll.results.record import read_record
from unroll.results.report import report
from unroll.results.scores import copy_scores

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
    planned = plan(overrides)
    new = [item.trial for item in planned.trials if item.trial.record_path.exists()]
    records = [read_record(trial.directory) for trial in new]
    for record in records:
        if record["status"] == "finished" and not record["reportable"]:
            raise UserError(f"{record['trial_id']} is not reportable.", saw=record["why_not_reportable"])
    RECORDS.mkdir(parents=True, exist_ok=True)
    for trial, record in zip(new, records, strict=True):
        if record["status"] == "finished":
            copy_scores(record, trial.directory, RECORDS)
        text = json.dumps(without_folders(record), indent=1, ensure_ascii=False, allow_nan=False)
        (RECORDS / f"{record['trial_id']}.json").write_text(text + "\n", encoding="utf-8")
    report(RECORDS, planned, ROOT / "results" / "tables" / f"{planned.name}.md")
    runpy.run_path(str(ROOT / "scripts" / "fill_readme.py"), run_name="__main__")
    print(f"{len(records)} records of {len(planned.trials)} trials published to {RECORDS.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))

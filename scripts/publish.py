"""Copy the finished records of a suite into results/records, with their examples' test scores, then make every
generated file again, the suite's page in results/tables among them. Without a suite, only the latter.

    python scripts/publish.py suite=reference paths.runs=RUNS

What is not in RUNS stays as it was published, or missing: the page says so. What names the machine's folders
(`config.paths`, and `paths.*` in the command) is left out of the copies; all else is as training wrote it. Refuses
finished trials that are not reportable.
"""

import json
import sys
from pathlib import Path

from unroll.errors import UserError
from unroll.planning.suites import plan
from unroll.results.generated import RECORDS, generated, write
from unroll.results.record import read_record
from unroll.results.scores import copy_scores

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"


def without_folders(record: dict) -> dict:
    """The record without the folders of the machine that trained it."""
    command = [word for word in record["run"]["command"].split() if not word.startswith("paths.")]
    paths = {"runs": "runs", "cache": None, "data": None}
    return {
        **record,
        "config": {**record["config"], "paths": paths},
        "run": {**record["run"], "command": " ".join(command)},
    }


def publish(overrides: list[str]) -> str:
    """Copy a suite's records, and return its name."""
    planned = plan(overrides)
    new = [item.trial for item in planned.trials if item.trial.record_path.exists()]
    records = [read_record(trial.directory) for trial in new]
    for record in records:
        if record["status"] == "finished" and not record["reportable"]:
            raise UserError(f"{record['trial_id']} is not reportable.", saw=record["why_not_reportable"])
    folder = RESULTS / RECORDS
    folder.mkdir(parents=True, exist_ok=True)
    for trial, record in zip(new, records, strict=True):
        if record["status"] == "finished":
            copy_scores(record, trial.directory, folder)
        text = json.dumps(without_folders(record), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / f"{record['trial_id']}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(records)} records of {len(planned.trials)} trials published to {folder.relative_to(ROOT)}")
    return planned.name


def main(overrides: list[str]) -> None:
    """Publish a suite's records, if one is named, and make the generated files."""
    suites = [publish(overrides)] if overrides else []
    write(generated(RESULTS, suites))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))

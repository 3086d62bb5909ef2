"""Copy the finished records of a suite, or of a published table, into results/records, with their examples' test
scores, then make every generated file again. Without either, only the latter.

    python tools/publish.py suite=reference paths.runs=RUNS
    python tools/publish.py table=ltsf_linear_etth paths.runs=RUNS

What is not in RUNS stays as it was published, or missing: the page says so. What names the machine's folders
(`config.paths`, and `paths.*` in the command) is left out of the copies; all else is as training wrote it. Refuses
finished trials that are not reportable.
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from unroll.config.planned import Planned
from unroll.errors import UserError
from unroll.pages import RECORDS, generated, write
from unroll.records.committed import copy_record
from unroll.records.record import read_record
from unroll.reproduction.run import planned_table, shared_composer
from unroll.sweeps.suite import plan

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"


def publish(planned: Sequence[Planned]) -> None:
    """Copy the records of some trials."""
    new = [item.trial for item in planned if item.trial.record_path.exists()]
    records = [read_record(trial.directory) for trial in new]
    for record in records:
        if record["status"] == "finished" and not record["reportable"]:
            raise UserError(f"{record['trial_id']} is not reportable.", saw=record["why_not_reportable"])
    folder = RESULTS / RECORDS
    for trial, record in zip(new, records, strict=True):
        copy_record(record, trial.directory, folder)
    print(f"{len(records)} records of {len(planned)} trials published to {folder.relative_to(ROOT)}")


def of_table(overrides: list[str], records: Path | None = None) -> list[Planned]:
    """The trials of a published table, those that were trained to choose among them; `records` as `planned_table`'s."""
    (name,) = [text.partition("=")[2] for text in overrides if text.startswith("table=")]
    found, _ = planned_table(name, [text for text in overrides if not text.startswith("table=")], records=records)
    halves = found.halves(shared_composer(None).trial)
    return list({item.trial.trial_id: item for item in (*found.choosing, *found.comparing, *halves)}.values())


def main(overrides: list[str]) -> None:
    """Publish the records of a suite or a table, if one is named, and make the generated files."""
    suites = []
    if any(text.startswith("table=") for text in overrides):
        publish(of_table(overrides))
    elif overrides:
        suite = plan(overrides)
        publish(suite.trials)
        suites.append(suite.of or suite.name)
    write(generated(RESULTS, suites))
    runpy.run_path(str(ROOT / "tools" / "write_baselines.py"))["write"]()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))

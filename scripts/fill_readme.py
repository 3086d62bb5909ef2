"""Write the table of suite=reference, made from results/records, into README.md between its two markers."""

from pathlib import Path

from unroll.planning.sweep import suite_trials
from unroll.results.report import summary
from unroll.results.store import read_records

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
CAPTION = (
    "From the committed records ([results](results/README.md)), made by `python scripts/fill_readme.py`. Of the test "
    "split: mean ± sample standard deviation over n seeds; weights selected on validation; the better one in bold."
)


def filled(readme: str) -> str:
    """Return the README's text with the table of the committed records between the markers."""
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    of_suite = {trial.trial_id for trial in suite_trials(["suite=reference"])}
    records = [record for record in read_records(ROOT / "results" / "records") if record["trial_id"] in of_suite]
    return f"{before}{BEGIN}\n\n{summary(records)}\n\n{CAPTION}\n\n{END}{after}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")

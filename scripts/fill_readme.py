"""Write the table of results/records into README.md, between its two markers. Run after `unroll report`."""

from pathlib import Path

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
    records = read_records(ROOT / "results" / "records") if (ROOT / "results" / "records").is_dir() else []
    shown = f"\n\n{summary(records)}\n\n{CAPTION}\n\n" if records else "\n"
    return f"{before}{BEGIN}{shown}{END}{after}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")

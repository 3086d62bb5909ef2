"""Tables as LaTeX and CSV: the exact text of literal tables."""

import csv
from pathlib import Path
from typing import Any

import pytest
from table_records import FIVE, record

from unroll.analysis.render.cells import Grid, letters
from unroll.analysis.render.latex import document, escaped, tabular
from unroll.analysis.render.page import Section
from unroll.analysis.report import markdown, report
from unroll.errors import UserError
from unroll.records.record import write_record

pytestmark = pytest.mark.usefixtures("believed")

GRID = Grid(
    ["", "mse, pixel²\n(↓ lower is better)", "95 %"],
    [["lstm a_b=1", "**0.12 ± 0.01**", "-0.50 to 0.74"], ["gru", "0.20", "—"], ["pca (baseline)", "1.00e-03", "—"]],
    networks=2,
)


def test_a_grid_is_ruled_by_booktabs() -> None:
    assert tabular(GRID).splitlines() == [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r" & \shortstack[r]{mse, pixel$^2$\\($\downarrow$ lower is better)} & 95 \% \\",
        r"\midrule",
        r"lstm a\_b=1 & \textbf{0.12 $\pm$ 0.01} & $-$0.50 to 0.74 \\",
        r"gru & 0.20 & --- \\",
        r"\midrule",
        r"pca (baseline) & 1.00e-03 & --- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_a_section_is_a_table_with_a_label_and_its_notes_below() -> None:
    shown = document([Section("A & B", text=("First.",)), Section("C on d", grid=GRID, notes=("p < 5 %.",))])
    parts = shown.split("\n\n")
    assert r"\usepackage{booktabs,adjustbox}" in parts[0]
    assert parts[1:3] == [r"\paragraph{A \& B}", "First."]
    lines = parts[3].splitlines()
    assert lines[:4] == [r"\begin{table}", r"\centering", r"\caption{C on d}", r"\label{tab:c-d}"]
    assert lines[6] == r"\begin{adjustbox}{max width=\columnwidth}"
    below = r"\noindent{\footnotesize Table~\ref{tab:c-d}. p $<$ 5 \%.\par}"
    assert lines[-3:] == [r"\end{adjustbox}", r"\end{table}", below]


def test_a_table_that_no_column_holds_goes_over_both() -> None:
    wide = Grid(["", *("m" * 20 for _ in range(4))], [["lstm", *("1" * 4 for _ in range(4))]])
    assert r"\begin{table*}" in document([Section("C", grid=wide)])
    stacked = Grid(["", *("m\n" * 10 for _ in range(4))], wide.rows)
    assert r"\begin{table}" in document([Section("C", grid=stacked)])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"a\b~c^d{e}#$", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d\{e\}\#\$"),
        ("**Mixed**: of `x_1`", r"\textbf{Mixed}: of \texttt{x\_1}"),
        ("pm2-5 [-1.2, -0.3]", r"pm2-5 [$-$1.2, $-$0.3]"),
    ],
)
def test_text_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


def records(folder: Path) -> Path:
    for each in FIVE:
        write_record(folder / each["trial_id"], each)
    return folder


def test_a_report_is_written_in_the_format_of_its_suffix(tmp_path: Path) -> None:
    runs = records(tmp_path / "runs")
    (page,) = report(runs, out=tmp_path / "x.tex")
    text = page.read_text()
    assert r"LSTM & 81.5 $\pm$ 0.7 & 2 & 1,234" in text
    assert r"LSTM & 75.1 to 87.9" in text
    assert r"\shortstack[l]{Logistic regression, tf-idf\\(baseline)} & 83.1 & ---" in text
    assert r"\label{tab:sentiment-sst2-metrics}" in text
    assert "better than the mean of every network" in text
    assert "lstm" not in text.lower().replace("lstm &", ""), "rows are called the same in notes and cells"
    assert FIVE[0]["trial_id"] not in text
    with pytest.raises(UserError, match="no such format"):
        report(runs, out=tmp_path / "x.pdf")


@pytest.mark.parametrize(
    ("given", "shown"),
    [(None, "—"), ("a", "a"), ("abd", "abd"), ("abcd", "a-d"), ("abfghijkz", "abf-kz"), ("xyzAB", "x-B")],
)
def test_letters_that_follow_each_other_are_shortened(given: str | None, shown: str) -> None:
    assert letters(given) == shown


def test_csv_holds_the_numbers_themselves(tmp_path: Path) -> None:
    (path,) = report(records(tmp_path / "runs"), out=tmp_path / "x.csv")
    with path.open(newline="") as file:
        lstm, rnn, tfidf = csv.DictReader(file)
    assert (lstm["row"], lstm["kind"], float(lstm["mean"])) == ("lstm", "network", 81.5)
    assert float(lstm["sd"]) == 0.5**0.5
    assert (rnn["finished"], rnn["failed"], rnn["sd"]) == ("1", "1", "")
    assert (tfidf["kind"], tfidf["best"], tfidf["mean"]) == ("baseline", "False", "83.125")
    assert float(lstm["to_best"] or 0) == 0
    assert rnn["to_best"] == "", "one seed"


def test_the_train_test_gap_has_a_column_where_a_record_has_it() -> None:
    def measured(name: str, seed: int, gap: float) -> dict[str, Any]:
        found = record(name, seed, 80.0)
        value = {"metric": "nll", "train": 0.25, "test": 0.25 - gap, "value": gap}
        found["result"]["train"] = {"examples": 10, "metrics": {"nll": 0.25}, "gap": value}
        return found

    text = markdown([measured("lstm", 0, -0.25), measured("lstm", 1, -0.75), record("gru", 0, 1.0)], "x")
    assert "| train − test, nll, nats | parameters | seconds |" in text
    assert "| -0.5000 ± 0.3536 | 1,234 |" in text
    assert "| gru | 1.00 | 1 | — | — | 1,234 |" in text
    assert "- Train − test: of a sample of train no larger than test" in text
    assert "train − test" not in markdown(FIVE, "x")

"""`unroll report` of the committed records of a suite: tables in each form, and figures."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unroll.cli import app
from unroll.errors import UserError

PROBLEMS = {
    *("compression-mnist.md", "forecasting-etth1.md", "generation-mnist.md"),
    *("sentiment-sst2.md", "translation-multi30k_de_en.md"),
}
RECORDS = Path(__file__).resolve().parents[2] / "results" / "records"


@pytest.mark.parametrize(
    ("suffix", "marks"),
    [("md", "| ---: |"), ("html", "What won, and is it sure?"), ("tex", "\\midrule"), ("csv", "task,data,problem,")],
)
def test_a_suite_of_committed_records_in_each_form(suffix: str, marks: str, tmp_path: Path) -> None:
    out = tmp_path / f"report.{suffix}"
    found = CliRunner().invoke(app, ["report", "suite=reference", "--runs", str(RECORDS), "--out", str(out)])
    assert found.exit_code == 0, found.output
    text = out.read_text()
    assert ("Variational AE" if suffix == "tex" else "ae_variational") in text
    assert marks in text
    pages = [f"report.{suffix}", *(["report.html"] if suffix == "md" else [])]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(pages)
    assert found.output.split() == [str(tmp_path / name) for name in pages]


def test_a_folder_takes_the_page_too(tmp_path: Path) -> None:
    found = CliRunner().invoke(
        app, ["report", "suite=reference", "--runs", str(RECORDS), "--out", str(tmp_path / "all")]
    )
    assert found.exit_code == 0, found.output
    assert {path.name for path in (tmp_path / "all").iterdir()} == {*PROBLEMS, "index.html"}


def test_a_page_is_served_or_written(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["report", "--serve", "--runs", str(RECORDS), "--out", str(tmp_path / "x.html")])
    assert "A page that is served is written to no file." in str(found.exception)


def test_a_served_page_ends_well_at_ctrl_c(tmp_path: Path) -> None:
    """As in a terminal: it says where it is, answers, and ends with exit code 0."""
    shutil.copytree(RECORDS, tmp_path / "few", ignore=lambda _, names: [n for n in names if "copying" not in n])
    command = [sys.executable, "-m", "unroll", "report", "--serve", "--runs", str(tmp_path / "few")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = line.split()[0]
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert "Live: follows the records." in answer.read().decode()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "Ended.\n", "")


def test_figures_beside_the_tables(tmp_path: Path) -> None:
    where = ["--runs", str(RECORDS), "--out", str(tmp_path / "r.md"), "--figures", str(tmp_path / "figures")]
    found = CliRunner().invoke(app, ["report", "suite=reference", *where])
    assert found.exit_code == 0, found.output
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    plain = {re.sub(r"-protocol-\d+", "", name) for name in drawn}  # in a name while some trials are stale
    tables = ["compression-mnist-rate-0.2", "forecasting-etth1-horizon-24", "generation-mnist-samples-2000"]
    tables += ["sentiment-sst2", "translation-multi30k_de_en"]
    expected = {f"{table}-{kind}" for table in tables for kind in ("learning", "parameters", "seconds")}
    expected |= {"compression-mnist-rate-0.2-rate_distortion", "forecasting-etth1-horizon-24-gradient"}
    assert plain == {f"{name}.{kind}" for name in expected for kind in ("svg", "png")} | {"captions.md"}
    assert "images.npz" in found.output, "committed records keep no pictures, and it is said"
    assert all(str(tmp_path / "figures" / name) in found.output.replace("\n", "") for name in drawn)


def report(*arguments: str, code: int = 0) -> str:
    found = CliRunner().invoke(app, ["report", "reference", "--runs", str(RECORDS), *arguments])
    assert found.exit_code == code, found.output
    return found.output


def test_rows_that_a_filter_keeps(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    report("--filter", "task=sentiment", "--filter", "row=lstm,tfidf_lr", "--out", str(out))
    rows = out.read_text().splitlines()[1:]
    assert [row.split(",")[7] for row in rows] == ["lstm", "tfidf_lr"]
    with pytest.raises(UserError, match="keep no trial"):
        CliRunner().invoke(app, ["report", "--runs", str(RECORDS), "--filter", "row=lstn"], catch_exceptions=False)


def test_a_page_of_a_part_says_so_and_judges_no_claim(tmp_path: Path) -> None:
    report("--filter", "task=sentiment", "--out", str(tmp_path / "x.md"))
    text = (tmp_path / "x.md").read_text()
    assert "Only trials with task=sentiment: rows are compared with these alone" in text
    assert "What is said" not in text


@pytest.mark.parametrize(
    ("suffix", "mark"), [("tex", "\\label{tab:sentiment-sst2}"), ("md", "| lstm |"), ("csv", ",lstm,")]
)
def test_one_table_alone(suffix: str, mark: str, tmp_path: Path) -> None:
    out = tmp_path / f"x.{suffix}"
    report("--table", "sentiment", "--out", str(out))
    text = out.read_text()
    assert mark in text
    assert "etth1" not in text.lower()


def test_one_figure_alone_in_a_size_and_with_names_of_ones_own(tmp_path: Path) -> None:
    sheet, out = tmp_path / "column.mplstyle", tmp_path / "x.svg"
    sheet.write_text("figure.figsize: 3, 2\n")
    chosen = ["--filter", "task=sentiment", "--filter", "row!=majority", "--label", "lstm=Ours"]
    said = report("--figure", "learning", "--style", str(sheet), "--out", str(out), *chosen)
    assert said.startswith("Sentiment on SST-2: NLL on validation while training. n = 2 seeds")
    svg = out.read_text()
    assert 'width="216pt" height="144pt"' in svg
    assert ">Ours</text>" in svg


@pytest.mark.parametrize(
    "wrong",
    [
        ["--table", "sentiment"],
        ["--table", "a", "--figure", "b", "--out", "x.pdf"],
        ["--formats", "gif", "--figures", "f"],
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(wrong: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"One table or figure|no such format"):
        CliRunner().invoke(app, ["report", "reference", "--runs", str(RECORDS), *wrong], catch_exceptions=False)


def test_what_docs_tell_to_type_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (RECORDS.parents[1] / "docs" / "papers.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "column.mplstyle").write_text("figure.figsize: 3.4, 2.4\n")
    monkeypatch.chdir(tmp_path)
    for line in block.splitlines():
        words = shlex.split(line.replace("results/records", str(RECORDS)))[1:]
        out = ["--out", "report.md"] if "--figures" in words else []
        found = CliRunner().invoke(app, [*words, *out])
        assert found.exit_code == 0, found.output
    made = {path.name for path in tmp_path.iterdir()}
    written = {"figures", "report.md", "report.html", "learning.pdf", "sentiment.tex"}
    assert made == {"column.mplstyle", *written}
    assert len(list((tmp_path / "figures").glob("*.pdf"))) > 10

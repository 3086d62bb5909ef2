"""`unroll report` of the committed records of a suite: tables in each form, and figures."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unroll.cli import app

RECORDS = Path(__file__).resolve().parents[2] / "results" / "records"


@pytest.mark.parametrize(("suffix", "marks"), [("md", "| ---: |"), ("tex", "\\midrule"), ("csv", "task,data,problem,")])
def test_a_suite_of_committed_records_in_each_form(suffix: str, marks: str, tmp_path: Path) -> None:
    out = tmp_path / f"report.{suffix}"
    found = CliRunner().invoke(app, ["report", "suite=reference", "--runs", str(RECORDS), "--out", str(out)])
    assert found.exit_code == 0, found.output
    text = out.read_text()
    assert ("Variational AE" if suffix == "tex" else "ae_variational") in text
    assert marks in text


def test_figures_beside_the_tables(tmp_path: Path) -> None:
    where = ["--runs", str(RECORDS), "--out", str(tmp_path / "r.md"), "--figures", str(tmp_path / "figures")]
    found = CliRunner().invoke(app, ["report", "suite=reference", *where])
    assert found.exit_code == 0, found.output
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    tables = ["compression-mnist-rate-0.2", "forecasting-etth1-horizon-24", "generation-mnist-samples-2000"]
    tables += ["sentiment-sst2", "translation-multi30k_de_en"]
    expected = {f"{table}-{kind}" for table in tables for kind in ("learning", "parameters", "seconds")}
    expected |= {"compression-mnist-rate-0.2-rate_distortion", "forecasting-etth1-horizon-24-gradient"}
    assert drawn == {f"{name}.{kind}" for name in expected for kind in ("svg", "png")} | {"captions.md"}
    assert "images.npz" in found.output, "committed records keep no pictures, and it is said"
    assert all(str(tmp_path / "figures" / name) in found.output.replace("\n", "") for name in drawn)

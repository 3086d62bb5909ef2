"""What docs/api.md tells users to type works as it is printed there, block after block."""

import re
from pathlib import Path
from typing import Any

import pytest

from unroll.analysis.notebook import PaperFigure, Report
from unroll.records.shown import Record

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[list[Any]]]:
    """Where all blocks ran, what they named, and what each line that names nothing gave."""
    folder = tmp_path_factory.mktemp("api")
    for text in blocks("yaml"):
        path = folder / text.split("\n", 1)[0].removeprefix("# ")
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    names: dict[str, Any] = {}
    shown: list[list[Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("UNROLL_CACHE", str(folder / "cache"))
        for block in blocks("python"):
            shown.append([])
            for line in block.splitlines():
                try:
                    shown[-1].append(eval(line, names))
                except SyntaxError:
                    exec(line, names)
    return folder, names, shown


def test_a_trial_its_record_and_its_curves(place: Any) -> None:
    _, names, ((value, curves), *_) = place
    assert isinstance(names["record"], Record)
    assert value == names["record"]["result"]["primary"]["value"]
    assert curves.columns == ["trial_id", "curve", "step", "value"]
    assert "validation nll" in curves["curve"].to_list()
    assert set(curves["trial_id"]) == {names["trial"].trial_id}
    assert names["model"].predict([[*range(8), 0, 1]])["recalled"].shape == (1, 10)


def test_a_suite_is_trained_shown_and_written(place: Any) -> None:
    folder, _, (_, (report, table, frame, figures, pdf, tex), _) = place
    assert isinstance(report, Report)
    assert [row.name for row in table.networks] in (["GRU", "LSTM"], ["LSTM", "GRU"])
    assert all(row.count("finished") == 2 for row in table.networks)
    assert frame.filter(frame["kind"] == "network")["finished"].to_list() == [2, 2]
    assert "copying-copying-parameters" in figures
    assert (folder / pdf).read_bytes().startswith(b"%PDF")
    assert r"\begin{table}" in (folder / tex).read_text()


def test_records_that_are_there_are_filtered_and_called_otherwise(place: Any) -> None:
    _, names, (*_, (label, caption, differs)) = place
    assert label == "Ours"
    assert isinstance(names["figure"], PaperFigure)
    assert "n = 2 seeds" in caption
    assert differs == {"seed": [0, 1]}


def test_a_notebook_shows_each(place: Any) -> None:
    _, names, (_, (report, table, *_), _) = place
    assert "| test split | metric | best network | best baseline |" in report._repr_markdown_()
    assert "| GRU |" in table._repr_markdown_()
    assert names["figure"]._repr_svg_().startswith("<?xml")
    assert ">Ours<" in names["figure"]._repr_svg_()
    assert f"**{names['trial'].trial_id}**" in names["trial"]._repr_markdown_()
    said = names["record"]._repr_markdown_()
    assert said.startswith(f"**{names['trial'].trial_id}**: finished")
    assert re.search(r"^\| nll, nats \| [\d.]+ \| [\d.]+ \|$", said, re.MULTILINE)

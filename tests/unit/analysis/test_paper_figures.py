"""Figures as papers take them: formats, a style sheet, one alone, names, and the examples that trials keep."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from table_records import record

from unroll.analysis.across import across
from unroll.analysis.figures import examples, style
from unroll.analysis.figures.files import check_formats, save
from unroll.analysis.figures.lines import Line
from unroll.analysis.figures.panels import Axis, draw_panels
from unroll.analysis.figures.ranks import draw_ranks
from unroll.analysis.figures.write import draw_one, draw_tables, figures
from unroll.analysis.labels import Labels
from unroll.analysis.tables import Table, make_tables
from unroll.errors import UserError
from unroll.records.looked_at import FILE, Confusion, LookedAt, as_text

pytestmark = pytest.mark.usefixtures("believed")

ONE = Line("deep_lstm 100 % & $x$", (1.0, 1e4), (1.0, 1e3), (1.0, 1e3), (1.0, 1e3), 1)


def panel() -> Any:
    return draw_panels([("", [ONE])], Axis("steps", 10.0), Axis("mse\n↓ lower is better", 10.0))


def table_of(*records: dict[str, Any], labels: Labels | None = None) -> Table:
    (table,) = make_tables(records, labels=labels)
    return table


def kept(folder: Path, found: dict[str, Any], looked: LookedAt) -> Path:
    (folder / found["trial_id"]).mkdir()
    (folder / found["trial_id"] / FILE).write_text(as_text(looked), encoding="utf-8")
    return folder


def beside(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


class Tex:
    """Measures texts as a TeX would that gives every letter the same width."""

    def __init__(self) -> None:
        self.measured: list[str] = []

    def get_width_height_descent(self, text: str, prop: Any) -> tuple[float, float, float]:
        self.measured.append(text)
        return 5.0 * len(text), 8.0, 2.0


@pytest.fixture
def tex(monkeypatch: pytest.MonkeyPatch) -> Tex:
    from matplotlib.backends.backend_pgf import LatexManager

    made = Tex()
    monkeypatch.setattr(LatexManager, "_get_cached_or_new", lambda: made)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    return made


def test_each_format_holds_the_figure_and_no_title(tmp_path: Path) -> None:
    paths = save(tmp_path / "a", "The title", panel, ["pdf", "svg", "png"])
    assert [path.name for path in paths] == ["a.svg", "a.png", "a.pdf"]
    svg, png, pdf = (path.read_bytes() for path in paths)
    assert (svg[:5], png[1:4], pdf[:5]) == (b"<?xml", b"PNG", b"%PDF-")
    assert b">The title<" not in svg.partition(b"</metadata>")[2]
    assert b"CreationDate" not in pdf
    assert b"/FontType 3" not in pdf


def test_pgf_has_its_texts_as_latex_and_its_numbers_as_formulas(tmp_path: Path, tex: Tex) -> None:
    (path,) = save(tmp_path / "a", "t", panel, ["pgf"])
    text = path.read_text()
    assert r"deep\_lstm 100 \% \& \$x\$" in text
    assert r"$\downarrow$ lower is better" in text
    assert r"$\mathdefault{10^{2}}$" in text
    assert text.startswith(r"\providecommand{\mathdefault}[1]{#1}")


def test_names_beside_an_axis_are_latex_too(tmp_path: Path, tex: Tex) -> None:
    found = [
        record(name, seed, 1.0 + seed, data__name=data) for name in ("a_b", "c") for seed in (0, 1) for data in "xy"
    ]
    (group,) = across(make_tables(found)).groups
    (path,) = save(tmp_path / "a", "t", lambda: draw_ranks(group), ["pgf"])
    assert r"a\_b" in path.read_text()


def test_pgf_without_latex_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(UserError, match="PGF takes LaTeX"):
        draw_tables([table_of(record("lstm", 0, 81.0))], {}, tmp_path / "out", ["svg", "pgf"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="no such format"):
        check_formats(["jpeg"])


def test_a_style_sheet_sets_size_and_font(tmp_path: Path) -> None:
    sheet = tmp_path / "column.mplstyle"
    sheet.write_text("figure.figsize: 3.4, 2.5\nlegend.fontsize: 5\nfont.family: serif\nbackend: agg\n")
    with style.settings(sheet):
        made = panel()
        assert tuple(made.get_size_inches()) == (3.4, 2.5)
        (text,) = made.axes[0].get_legend().get_texts()
        assert (text.get_fontsize(), text.get_fontfamily()) == (5.0, ["serif"])
    with style.settings():
        assert panel().get_figwidth() == style.WIDTH


def test_texts_are_broken_into_what_the_size_holds(tmp_path: Path) -> None:
    sheet = tmp_path / "column.mplstyle"
    sheet.write_text("figure.figsize: 3.4, 2.5\n")
    long = "trained parameters, without embeddings and the projection to the vocabulary"
    lines = []
    for chosen in (None, sheet):
        with style.settings(chosen):
            (axes,) = draw_panels([("", [ONE])], Axis(long), Axis("mse")).axes
            lines.append(axes.get_xlabel().split("\n"))
    assert [len(found) for found in lines] == [1, 2]
    assert " ".join(lines[1]) == long


@pytest.mark.parametrize(
    ("content", "why"),
    [("figure.figsiz: 3, 2\n", "figsiz"), ("font.size: large one\n", "large one"), (None, "no such style sheet")],
)
def test_a_style_sheet_that_says_nothing_is_refused(content: str | None, why: str, tmp_path: Path) -> None:
    sheet = tmp_path / "wrong.mplstyle"
    if content is not None:
        sheet.write_text(content)
    with pytest.raises(UserError, match=why), style.settings(sheet):
        pass


def test_one_figure_alone_by_its_name_or_a_part_of_it(tmp_path: Path) -> None:
    table = table_of(record("lstm", 0, 81.0), record("rnn", 0, 70.0), labels=Labels({"rnn": "Elman"}))
    names = [one.name for one in figures([table], {})]
    assert names == ["sentiment-sst2-learning", "sentiment-sst2-parameters", "sentiment-sst2-seconds"]
    said = draw_one([table], {}, "parameters", tmp_path / "x.svg")
    assert said.startswith("Sentiment on SST-2: Accuracy against parameters. n = 1 seed; no trial failed.")
    assert [path.name for path in tmp_path.iterdir()] == ["x.svg"]
    svg = (tmp_path / "x.svg").read_text()
    assert ">LSTM</text>" in svg
    assert ">Elman</text>" in svg
    for name, why in (
        ("learning", "cannot be drawn"),
        ("sentiment-sst2-paramters", "Did you mean"),
        ("s", "3 figures are called so"),
    ):
        with pytest.raises(UserError, match=why):
            draw_one([table], {}, name, tmp_path / "y.svg")
    with pytest.raises(UserError, match="no such format"):
        draw_one([table], {}, "parameters", tmp_path / "y.jpg")


def test_forecasts_begin_where_the_truth_does(tmp_path: Path) -> None:
    lstm, mean = record("lstm", 1, 81.0), record("tfidf_lr", 0, 70.0)
    columns = {
        "channel": ["a", "b"],
        "seen_steps": [[-1, 0]] * 2,
        "steps": [[1, 2]] * 2,
        "seen": [[5.0, 6.0]] * 2,
        "truth": [[7.0, 8.0]] * 2,
    }
    for found, value in ((lstm, 1.0), (mean, 2.0)):
        kept(tmp_path, found, LookedAt(2, [0, 1], {**columns, "forecast": [[value, value]] * 2}))
    rows = examples.looked_at(table_of(lstm, mean), beside(tmp_path), [])
    first, second = examples.draw_forecasts(rows, [0, 1]).axes
    drawn = {str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata())) for line in first.lines}
    assert drawn == {
        "seen": ([-1, 0], [5.0, 6.0]),
        "truth": ([0, 1, 2], [6.0, 7.0, 8.0]),
        "lstm, seed 1": ([0, 1, 2], [6.0, 1.0, 1.0]),
        "tfidf_lr (baseline)": ([0, 1, 2], [6.0, 2.0, 2.0]),
    }
    assert second.get_ylabel() == "b"


def test_a_matrix_shows_the_share_of_each_true_class(tmp_path: Path) -> None:
    found = record("lstm", 0, 81.0)
    kept(tmp_path, found, LookedAt(2, [0, 1], {}, Confusion(["no", "yes"], [[3, 1], [0, 0]])))
    rows = examples.looked_at(table_of(found), beside(tmp_path), [])
    (axes,) = examples.draw_confusions(rows).axes
    assert axes.images[0].get_array().tolist() == [[75.0, 25.0], [0.0, 0.0]]
    assert [text.get_text() for text in axes.texts] == ["75", "25", "0", "0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no", "yes"]


def test_translations_stand_below_their_source_and_reference(tmp_path: Path) -> None:
    found = [record("lstm", 0, 81.0), record("rnn", 0, 70.0)]
    for one, said in zip(found, ("A man $ walks.", ""), strict=True):
        columns = {"source": ["Ein Mann."], "reference": ["A man."], "hypothesis": [said]}
        kept(tmp_path, one, LookedAt(1, [0], columns))
    out = draw_tables([table_of(*found)], beside(tmp_path), tmp_path / "out")
    svg = (tmp_path / "out" / "sentiment-sst2-translations.svg").read_text()
    texts = ["source", "Ein Mann.", "reference", "A man.", "lstm", "A man $ walks.", "rnn", "(nothing)"]
    places = [svg.index(f">{text}</text>") for text in texts]
    assert places == sorted(places)
    assert "Test examples 0 of 1" in (tmp_path / "out" / "captions.md").read_text()
    assert not any("translations" in said for said in out.skipped)


def test_examples_of_another_split_are_not_set_beside_each_other(tmp_path: Path) -> None:
    found = [record("lstm", 0, 81.0), record("rnn", 0, 70.0), record("gru", 0, 60.0)]
    for one, count in zip(found, (1, 2, 1), strict=True):
        columns = {"source": ["a"] * count, "reference": ["b"] * count, "hypothesis": ["c"] * count}
        kept(tmp_path, one, LookedAt(count, list(range(count)), columns))
    (tmp_path / found[2]["trial_id"] / FILE).write_text("rotten")
    refused: list[UserError] = []
    assert len(examples.looked_at(table_of(*found), beside(tmp_path), refused)) == 2
    assert len(refused) == 1
    drawn = list(examples.of_examples(table_of(*found), beside(tmp_path)))
    assert [(one.kind, one.make is None) for one in drawn] == [("examples", True), ("translations", False)]
    assert drawn[1].make is not None
    texts = [text.get_text() for text in drawn[1].make().axes[0].texts]
    assert texts == ["source", "a", "reference", "b", "lstm", "c"]

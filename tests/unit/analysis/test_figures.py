"""Figures: what is drawn, on literals; the same bytes twice; records that are missing or failed; no torch."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_records import FIVE, record

from unroll.analysis.across import Profile, across
from unroll.analysis.figures import lines, pictures, style
from unroll.analysis.figures.costs import draw_costs, front_of, lifts, said_of_costs
from unroll.analysis.figures.drawings import drawings, seeds
from unroll.analysis.figures.fronts import pareto
from unroll.analysis.figures.lines import Line, line
from unroll.analysis.figures.panels import Axis, draw_panels, family, panels
from unroll.analysis.figures.ranks import draw_profiles, draw_ranks, said_of_ranks
from unroll.analysis.figures.write import draw_tables
from unroll.analysis.labels import slug
from unroll.analysis.statistics.aggregates import Aggregate
from unroll.analysis.tables import Row, Table, make_tables

pytestmark = pytest.mark.usefixtures("believed")


def drawn(row: str, seed: int, value: float | None, curve: tuple[float, ...] = (), **changes: Any) -> dict[str, Any]:
    """A record with a curve of nll at steps 10, 20, ..., whose parameters and seconds are cost."""
    cost = changes.pop("cost", 1000)
    found = record(row, seed, value, **changes)
    found["config"]["data"].setdefault("fraction", 1.0)
    found["parameters"]["counted"] = cost
    if found["result"]:
        items = [{"step": 10 * (place + 1), "nll": nll} for place, nll in enumerate(curve)]
        found["result"]["curves"] = {"validation": items}
    return found


def beside(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


def table_of(*records: dict[str, Any]) -> Table:
    (table,) = make_tables(records)
    return table


LEARNT = [
    drawn("lstm", 0, 81.0, (0.9, 0.5), cost=3000),
    drawn("lstm", 1, 83.0, (0.7, 0.4, 0.3), cost=3000),
    drawn("rnn", 0, 70.0, (1.0, 0.8), cost=1000),
    drawn("rnn", 1, None),
    drawn("gru", 0, 69.0, (1.0, 0.8), cost=2000),
    record("tfidf_lr", 0, 72.0),
]


@pytest.mark.parametrize(
    ("direction", "front"),
    [("higher", [4, 0, 2]), ("lower", [4, 5, 3])],
)
def test_the_pareto_front_is_what_no_other_point_dominates(direction: str, front: list[int]) -> None:
    points = [(2.0, 5.0), (3.0, 5.0), (4.0, 9.0), (4.0, 1.0), (1.0, 4.0), (2.0, 3.0)]
    assert pareto(points, direction) == front
    sign = 1 if direction == "higher" else -1
    for place, (cost, value) in enumerate(points):
        dominated = any(c <= cost and sign * v >= sign * value and (c, v) != (cost, value) for c, v in points)
        assert (place in front) is not dominated


def test_of_points_alike_one_is_on_the_front() -> None:
    assert pareto([(1.0, 2.0), (1.0, 2.0)], "higher") == [0]
    assert pareto([], "higher") == []


def test_the_front_of_a_table_is_of_ranked_networks() -> None:
    table = table_of(*LEARNT)
    assert [(row.label, cost, value) for row, cost, value in front_of(table, lambda row: row.parameters)] == [
        ("rnn", 1000, 70.0),
        ("lstm", 3000, 82.0),
    ]
    rows = tuple(replace(row, unranked="why") if row.label == "rnn" else row for row in table.rows)
    unranked = front_of(replace(table, rows=rows), lambda row: row.parameters)
    assert [row.label for row, _, _ in unranked] == ["gru", "lstm"]


def test_a_line_is_the_mean_and_the_range_of_the_seeds_where_all_have_a_point() -> None:
    made = line("a", [[(10, 1.0), (20, 3.0), (25, 1.0)], [(20, 5.0), (25, 2.0), (30, 9.0)], []])
    assert made == Line("a", (20, 25), (4.0, 1.5), (3.0, 1.0), (5.0, 2.0), 2)
    assert line("a", [[(10, 1.0)], [(20, 1.0)]]) is None
    assert line("a", []) is None
    geometric = line("a", [[(0, 1.0), (1, 4.0)], [(0, 100.0), (1, 4.0)]], geometric=True)
    assert geometric is not None
    assert geometric.mean == (pytest.approx(10.0), pytest.approx(4.0))


def test_a_point_is_no_curve() -> None:
    assert line("a", [[(10, 1.0)]]) is None
    assert line("a", [[(10, 1.0), (20, 2.0)], [(20, 2.0)]]) is None, "seeds that share one place"


def test_learning_curves_are_of_the_selection_metric_and_of_finished_trials() -> None:
    table = table_of(*LEARNT)
    found = {row.label: lines.learning(row, "nll") for row in table.rows}
    assert found["rnn"] == Line("rnn", (10, 20), (1.0, 0.8), (1.0, 0.8), (1.0, 0.8), 1)
    assert found["lstm"] is not None
    assert found["lstm"].x == (10, 20)
    assert found["lstm"].mean == (pytest.approx(0.8), pytest.approx(0.45))
    assert (found["lstm"].low, found["lstm"].high) == ((0.7, 0.4), (0.9, 0.5))
    assert found["tfidf_lr"] is None
    assert lines.learning(table.rows[0], "another") is None


def _row(*trials: dict[str, Any]) -> Row:
    return table_of(*trials).rows[0]


def test_rate_and_distortion_are_averaged_place_by_place() -> None:
    trials = [record("ae", 0, 1.0), record("ae", 1, 2.0)]
    for trial, shift in zip(trials, (0.0, 0.1), strict=True):
        curve = [{"bits_per_pixel": 0.1 + shift, "psnr": 20.0 + shift}, {"bits_per_pixel": 0.3, "psnr": 24.0}]
        trial["result"]["curves"] = {"rate_distortion": curve}
    made = lines.rate_distortion(_row(*trials))
    assert made is not None
    assert made.x == (pytest.approx(0.15), pytest.approx(0.3))
    assert made.mean == (pytest.approx(20.05), 24.0)
    assert (made.low, made.high) == ((20.0, 24.0), (20.1, 24.0))
    assert lines.rate_distortion(_row(record("ae", 0, 1.0))) is None


def test_gradients_leave_out_null_and_zero() -> None:
    trial = {**record("rnn", 0, 1.0), "diagnostics": {"gradient": {"by_distance": [1.0, None, 0.0, 0.25]}}}
    made = lines.gradient(_row(trial))
    assert made is not None
    assert (made.x, made.mean) == ((0, 3), (1.0, 0.25))


def test_shares_of_train_become_one_line_a_network() -> None:
    records = [
        drawn(name, seed, value + seed, data__fraction=share)
        for name, share, value in (
            ("lstm", 0.1, 60.0),
            ("lstm", 1.0, 80.0),
            ("rnn", 1.0, 70.0),
            ("tfidf_lr", 0.1, 50.0),
        )
        for seed in (0, 1)
    ]
    networks, baselines = lines.data_fraction(table_of(*records))
    assert networks == [Line("lstm", (0.1, 1.0), (60.5, 80.5), (60.0, 80.0), (61.0, 81.0), 2)]
    assert baselines == []


def test_few_networks_share_a_panel_and_many_get_one_a_family() -> None:
    names = [f"net{number}" for number in range(9)]
    few, many = (table_of(*(record(name, 0, 1.0) for name in names[:count])) for count in (8, 9))
    assert [(panel.title, len(panel.rows)) for panel in panels(few.rows)] == [("", 8)]
    for row in many.rows[:3]:
        row.trials[0]["config"]["architecture"].update(cell="lstm", bidirectional=False)
    assert [(panel.title, len(panel.rows)) for panel in panels(many.rows)] == [
        ("Recurrent networks, one direction", 3),
        ("Recursive, linear and feed-forward networks", 6),
    ]


def test_axes_hold_the_lines_their_bands_and_baselines() -> None:
    one = Line("lstm", (10.0, 20.0), (0.8, 0.4), (0.7, 0.3), (0.9, 0.5), 2)
    made = draw_panels([("", [None, one])], Axis("steps"), Axis("nll"), [("copy", 0.6)])
    (axes,) = made.axes
    mean, level = axes.lines
    assert (list(mean.get_xdata()), list(mean.get_ydata())) == ([10.0, 20.0], [0.8, 0.4])
    assert mean.get_color() == style.look(1).colour
    assert set(level.get_ydata()) == {0.6}
    band = axes.collections[0].get_paths()[0].get_extents()
    assert (band.x0, band.x1, band.y0, band.y1) == (10.0, 20.0, pytest.approx(0.3), pytest.approx(0.9))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["lstm", "copy"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("steps", "nll", "linear")
    assert (made.get_suptitle(), made.get_supxlabel()) == ("", ""), "titles and notes stand in the caption"


def test_values_that_span_much_are_shown_on_a_logarithmic_axis() -> None:
    one = Line("a", (1.0, 2.0), (1e-6, 1.0), (1e-6, 1.0), (1e-6, 1.0), 1)
    scales = [draw_panels([("", [one])], Axis("x"), Axis("y", limit)).axes[0].get_yscale() for limit in (30, None)]
    assert scales == ["log", "linear"]
    assert not lines.spans([0.0, 1e6], 30)
    assert not lines.spans([-1.0, 1e6], 30)


def test_costs_show_every_network_the_front_and_the_baselines() -> None:
    table = table_of(*LEARNT)
    axes = draw_costs(table, lambda row: row.parameters, "parameters", "accuracy").axes[0]
    points = {(float(x), float(y)) for drawn in axes.lines for x, y in zip(*drawn.get_data(), strict=True)}
    assert {(3000.0, 82.0), (1000.0, 70.0), (2000.0, 69.0)} <= points
    step = next(drawn for drawn in axes.lines if list(drawn.get_xdata()) == [1000, 3000])
    assert (list(step.get_ydata()), step.get_drawstyle()) == ([70.0, 82.0], "steps-post")
    assert any(set(drawn.get_ydata()) == {72.0} for drawn in axes.lines)
    assert [text.get_text() for text in axes.texts] == ["1 rnn", "2 lstm"]
    assert "from the cheapest on: 1 rnn, 2 lstm." in said_of_costs(table, lambda row: row.parameters)[0]


def test_names_are_lifted_until_none_overlaps() -> None:
    assert lifts([(1.0, 0.0, 0.5, 0.2), (1.2, 0.05, 0.5, 0.2), (3.0, 0.0, 0.5, 0.2)]) == [0.0, pytest.approx(0.2), 0.0]


def networks_of(data: str, seeds: int = 2) -> list[dict[str, Any]]:
    """Records of three networks, birnn < bigru < bilstm, in which the bigru's second trial failed on data b."""
    values = {"birnn": 0.0, "bigru": 10.0, "bilstm": 20.0}
    made = [drawn(name, seed, value + seed, data__name=data) for name, value in values.items() for seed in range(seeds)]
    if data == "b":
        made[seeds + 1] = drawn("bigru", 1, None, data__name=data)
    return made


def marks_of(data: str) -> list[dict[str, Any]]:
    """Records of the baselines between which a common scale runs."""
    made = [drawn("tfidf_lr", 0, value, data__name=data) for value in (5.0, 15.0)]
    made[0]["config"]["baseline"]["name"] = "majority"
    made[0]["trial_id"] += "-majority"
    return made


def test_each_networks_ranks_stand_on_a_line_of_its_own_the_best_on_top() -> None:
    (group,) = across(make_tables([*networks_of("a"), *networks_of("b")])).groups
    (axes,) = draw_ranks(group).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bilstm", "bigru", "birnn"]
    assert axes.yaxis_inverted()
    marks = {str(drawn.get_label()): np.asarray(drawn.get_offsets()) for drawn in axes.collections}
    assert list(marks) == ["sentiment on a", "sentiment on b", "mean over problems"]
    assert [offsets[:, 0].tolist() for offsets in marks.values()] == [[1, 2, 3], [1, 3, 2], [1, 2.5, 2.5]]
    assert [np.rint(offsets[:, 1]).tolist() for offsets in marks.values()] == [[0, 1, 2]] * 3
    assert said_of_ranks(group)[1] == "Failed trials, ranked last: bigru 1."


def test_profiles_are_drawn_eight_a_panel() -> None:
    share = Aggregate(0.5, 0.25, 0.75)
    each = [Profile(f"n{number}", (0.0, 1.0), (share, share), 5) for number in range(9)]
    made = draw_profiles(each)
    first, second = made.axes
    assert [len(axes.lines) for axes in (first, second)] == [8, 1]
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("part 1 of 2", "part 2 of 2")
    assert second.lines[0].get_xydata().tolist() == [[0.0, 0.5], [1.0, 0.5]]
    (alone,) = draw_profiles(each[:3]).axes
    assert (alone.get_title(loc="left"), len(alone.lines)) == ("", 3)


@pytest.mark.parametrize(
    ("architecture", "terms", "name"),
    [
        ({"cell": "gru"}, {}, "Recurrent networks, one direction"),
        ({"cell": "gru", "bidirectional": True, "reconstructs": False}, {}, "Recurrent networks, both directions"),
        ({"reconstructs": True}, {}, "Autoencoders"),
        ({"reconstructs": True}, {"sparse": {}}, "Regularised autoencoders"),
        ({"kind": "constituency"}, {}, "Recursive, linear and feed-forward networks"),
    ],
)
def test_a_family_is_what_the_config_says(architecture: dict[str, Any], terms: dict[str, Any], name: str) -> None:
    assert family({"architecture": architecture, "bottleneck": {"terms": terms}}) == name


def test_images_stand_side_by_side_below_what_they_reconstruct(tmp_path: Path) -> None:
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    assert pictures.mosaic(images, 2, gap=1).tolist() == [[0, 1, 255, 4, 5], [2, 3, 255, 6, 7]]
    records = [record("lstm", 1, 81.0), record("rnn", 0, 70.0), record("gru", 0, 60.0)]
    for found in records[:2]:
        (tmp_path / found["trial_id"]).mkdir()
        np.savez(
            tmp_path / found["trial_id"] / "images.npz", original=images, reconstruction=images + 1, samples=images
        )
    table = table_of(*records)
    kept = pictures.images_of(table, beside(tmp_path), [])
    assert [label for label, _ in pictures.strips(kept, "reconstruction")] == ["original", "lstm, seed 1", "rnn"]
    assert pictures.strips(kept, "samples")[1][1].tolist() == images.tolist()
    np.savez(tmp_path / records[1]["trial_id"] / "images.npz", original=images + 9, reconstruction=images)
    kept = pictures.images_of(table, beside(tmp_path), [])
    said = [label for label, _ in pictures.strips(kept, "reconstruction")]
    assert said == ["original", "lstm, seed 1", "original", "rnn"]


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        ({"samples": np.zeros(5, np.uint8)}, "'samples' (5,) of uint8"),
        ({"samples": np.zeros((0, 100_000, 100_000), np.uint8)}, "an example of 'samples' has 10,000,000,000 bytes"),
        ({"samples": np.zeros((0, 28, 28), np.uint8)}, "'samples' (0, 28, 28) of uint8"),
        ({"samples": np.zeros((1, 1, 600), np.uint8)}, "'samples' (1, 1, 600) of uint8"),
        ({"samples": np.zeros((1, 28, 28))}, "'samples' (1, 28, 28) of float64"),
        ({f"samples_{number}": np.zeros((1, 1, 1), np.uint8) for number in range(13)}, "13 arrays"),
        (None, "File is not a zip file"),
    ],
    ids=["a line", "huge and empty", "empty", "wide", "no bytes", "many", "rotten"],
)
def test_a_file_of_no_images_is_said_and_ends_no_other_figure(tmp_path: Path, kept: Any, why: str) -> None:
    records = [record("lstm", 0, 81.0), record("rnn", 0, 70.0)]
    for found, arrays in zip(records, (kept, {"samples": np.zeros((2, 2, 2), np.uint8)}), strict=True):
        found["config"]["task"]["kind"] = "images"
        path = tmp_path / found["trial_id"] / "images.npz"
        path.parent.mkdir()
        path.write_bytes(b"rotten") if arrays is None else np.savez_compressed(path, **arrays)
    drawn = draw_tables([table_of(*records)], beside(tmp_path), tmp_path / "out")
    assert [why in said for said in drawn.skipped] == [False, True], drawn.skipped
    names = sorted(path.name for path in drawn.paths if path.suffix == ".svg")
    assert names == ["sentiment-sst2-parameters.svg", "sentiment-sst2-samples.svg", "sentiment-sst2-seconds.svg"]
    assert "No images kept: lstm." in (tmp_path / "out" / "captions.md").read_text()


def test_dollars_are_no_formula(tmp_path: Path) -> None:
    """But the numbers of a logarithmic axis are."""
    table = table_of(drawn(r"$\nothing{$", 0, 0.01), drawn("rnn", 0, 1e5))
    (path,) = (path for path in draw_tables([table], {}, tmp_path).paths if path.name.endswith("parameters.svg"))
    assert r"$\nothing{$" in path.read_text()
    assert "<tspan" in path.read_text()


def test_titles_say_seeds_and_failed_and_missing_trials() -> None:
    assert seeds(table_of(*FIVE).networks) == "n = 1 to 2 seeds; 1 trial failed (rnn 1)."
    assert seeds(table_of(*FIVE[:2]).rows) == "n = 2 seeds; no trial failed."
    assert seeds(table_of(FIVE[0]).rows) == "n = 1 seed; no trial failed."
    assert slug("compression on mnist_5k (rate=0.2)") == "compression-mnist_5k-rate-0.2"


def test_a_page_without_any_finished_trial_says_what_is_not_drawn(tmp_path: Path) -> None:
    failed = record("rnn", 0, None)
    failed["config"]["task"]["kind"] = "images"
    found = draw_tables([table_of(failed)], {}, tmp_path / "out")
    assert found.paths == []
    assert [said.partition(": not drawn, ")[0] for said in found.skipped] == [
        "sentiment on sst2: nll on validation while training",
        "sentiment on sst2: accuracy against parameters",
        "sentiment on sst2: accuracy against training time",
        "sentiment on sst2: reconstructions and samples",
    ]
    assert all(said.partition(": not drawn, ")[2] for said in found.skipped)


def test_records_without_curves_still_give_what_they_can(tmp_path: Path) -> None:
    assert [(one.kind, one.make is None) for one in drawings(table_of(*FIVE), {})] == [
        ("learning", True),
        ("parameters", False),
        ("seconds", False),
    ]


def test_the_same_records_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Sets of texts have another order in each process, and a user's own settings of matplotlib do not count."""
    script = """
import json, sys
from pathlib import Path
from unroll.analysis.figures.write import draw_tables
from unroll.analysis.tables import make_tables

records = json.loads(Path(sys.argv[1]).read_text())
draw_tables(make_tables(records), {}, Path(sys.argv[2]), ["svg", "png", "pdf"])
print(*sorted({"torch", "matplotlib.backends.backend_tkagg"} & set(sys.modules)))
"""
    more = [networks_of("a", 5), networks_of("b", 5), marks_of("a"), marks_of("b")]
    (tmp_path / "records.json").write_text(json.dumps([*LEARNT, *(one for some in more for one in some)]))
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 7\n")
    contents = []
    for number, settings in enumerate(({}, {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")})):
        out = tmp_path / str(number)
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-c", script, str(tmp_path / "records.json"), str(out)],
            capture_output=True,
            text=True,
            env={**os.environ, **settings, "PYTHONHASHSEED": str(number)},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == ""
        contents.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
    assert contents[0] == contents[1]
    kinds = ("learning", "parameters", "seconds")
    expected = {f"sentiment-sst2-{kind}{suffix}" for kind in kinds for suffix in (".svg", ".png", ".pdf")}
    expected.add("captions.md")
    group = {
        f"{kind}-3-networks-of-2-problems{suffix}"
        for kind in ("ranks", "profiles")
        for suffix in (".svg", ".png", ".pdf")
    }
    assert {name for name in contents[0] if not name.startswith(("sentiment-a", "sentiment-b"))} == expected | group
    assert b"<dc:date>" not in contents[0]["ranks-3-networks-of-2-problems.svg"]
    assert b">lstm</text>" in contents[0]["sentiment-sst2-learning.svg"]

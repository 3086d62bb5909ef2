"""tools/draw_dashboard.py: what a panel shows of some runs, and that the pictures in docs/ show today's records."""

import runpy
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from unroll.sweeps.suite import plan
from unroll.tracking.description import Description
from unroll.tracking.suite_view import GROUP, Bars, Filter, Lines, Part, Scatter
from unroll.tracking.wandb_runs import Ended

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tool() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(ROOT / "tools" / "draw_dashboard.py")))


def ran(architecture: str, seed: int, *values: float, kind: str = "network", **summary: Any) -> Ended:
    """A run whose history has these values of `selection`, an epoch each."""
    config = {"suite": "own", "architecture": architecture, "kind": kind, "seed": seed}
    of = Description(f"{architecture}{seed}", "", f"row of {architecture}", kind, (), "", config, summary)
    history: list[Mapping[str, float]] = [
        {"progress/epoch": float(at), "selection": value} for at, value in enumerate(values, start=1)
    ]
    return Ended({}, None, of, history)


RUNS = [
    ran("gru", 0, 4.0, 2.0, **{"primary/skill": 0.5, "cost/tflop": 1.0}),
    ran("gru", 1, 6.0, **{"primary/skill": 0.7, "cost/tflop": 2.0}),
    ran("lstm", 0, 3.0, 3.0, **{"primary/skill": 0.9, "cost/tflop": 4.0}),
    ran("lstm", 1, **{"primary/skill": None, "cost/tflop": 8.0}),
    ran("mean", 0, kind="baseline", **{"primary/skill": 0.0, "cost/tflop": 0.0}),
]
SKILL = Bars("Skill", "primary/skill", "architecture", 100)
CURVES = Lines("Curves", "progress/epoch", "selection", GROUP, 100, "epochs", "validation nll (lower is better)")
COST = Scatter("Skill against TFLOPs", "cost/tflop", "primary/skill", log_x=True)


def test_bars_are_means_with_the_spread_over_seeds_the_largest_first(tool: SimpleNamespace) -> None:
    found = tool.bars(RUNS, SKILL)
    assert list(found) == ["lstm", "gru", "mean"]
    assert found["lstm"] == (0.9, 0.0, 1), "a run without the number is left out"
    assert found["gru"] == (pytest.approx(0.6), pytest.approx(0.02**0.5), 2)


def test_curves_are_means_where_a_run_has_a_value(tool: SimpleNamespace) -> None:
    found = tool.lines(RUNS, CURVES)
    assert list(found) == ["row of gru", "row of lstm"], "a baseline has no curve"
    assert found["row of gru"] == {1.0: (5.0, pytest.approx(2.0**0.5), 2), 2.0: (2.0, 0.0, 1)}


def test_points_are_runs_that_a_logarithmic_axis_can_show(tool: SimpleNamespace) -> None:
    assert tool.points(RUNS, COST) == {"network": [(1.0, 0.5), (2.0, 0.7), (4.0, 0.9)]}


def test_a_picture_shows_the_runs_that_its_filters_pick_and_says_which(tool: SimpleNamespace, tmp_path: Path) -> None:
    part = Part("Own", (Filter("suite", "own"), Filter("kind", "network")), (SKILL, CURVES, COST))
    assert [run.description.id for run in tool.chosen(RUNS, part.filters)] == ["gru0", "gru1", "lstm0", "lstm1"]
    tool.picture(tmp_path / "a" / "own.png", RUNS, part)
    with Image.open(tmp_path / "a" / "own.png") as made:
        assert made.format == "PNG"
        assert made.info[tool.SOURCE] == tool.digest(RUNS, part)
    other = [*RUNS[:-2], ran("lstm", 1, **{"primary/skill": 0.1, "cost/tflop": 8.0})]
    assert tool.digest(other, part) != tool.digest(RUNS, part)
    assert tool.digest([*RUNS, ran("mean", 1, kind="baseline")], part) == tool.digest(RUNS, part)


def test_the_pictures_in_docs_show_the_committed_records(tool: SimpleNamespace) -> None:
    matrix = plan(["suite=matrix"])
    runs = tool.runs_of(matrix, [str(ROOT / "results" / "records")])
    page = (ROOT / "docs" / "wandb.md").read_text(encoding="utf-8")
    for name, part in tool.pictures(matrix, tool.PROBLEM).items():
        assert f"(pictures/{name})" in page
        with Image.open(ROOT / "docs" / "pictures" / name) as made:
            assert made.info[tool.SOURCE] == tool.digest(runs, part), "run: python tools/draw_dashboard.py suite=matrix"

"""The grid: the same trials as composed one by one, reasons, parameters by hand, records of a suite."""

from pathlib import Path

import pytest
from stub_records import write_failed, write_finished

from unroll.errors import UserError
from unroll.sweeps.matrix import Matrix, MatrixCell, matrix, suite_matrix
from unroll.sweeps.matrix_view import caption, cell_text, grid_rows, markdown, text
from unroll.sweeps.suite import plan

GRID = Matrix(
    ("copying", "sums"),
    ("gru", "mlp"),
    {
        ("copying", "gru"): MatrixCell(parameters={"total": 1500, "counted": 1000, "embeddings": 500}),
        ("copying", "mlp"): MatrixCell(reason="Attention needs states | none here."),
        ("sums", "gru"): MatrixCell(),
    },
    notes=("sums: no parameters, since there is no data.",),
)


def test_a_grid_in_markdown() -> None:
    assert markdown(GRID).splitlines() == [
        "|  | copying | sums |",
        "| --- | ---: | ---: |",
        "| gru | 1,000 (1,500) | runs |",
        "| mlp | no (a) | — |",
        "",
        "2 of 3 cells run.",
        "",
        "Parameters without embeddings and the projection to the vocabulary (with them).",
        "",
        "(a) Attention needs states | none here.",
        "",
        "sums: no parameters, since there is no data.",
    ]


def test_a_grid_in_a_terminal_has_parts_that_fit_it() -> None:
    assert list(text(GRID, 80)) == [
        "           copying  sums",
        "gru  1,000 (1,500)  runs",
        "mlp         no (a)     —",
        "",
        "2 of 3 cells run.",
        "Parameters without embeddings and the projection to the vocabulary (with them).",
        "(a) Attention needs states | none here.",
        "sums: no parameters, since there is no data.",
    ]
    narrow = list(text(GRID, 20))
    assert narrow[:8] == [
        "           copying",
        "gru  1,000 (1,500)",
        "mlp         no (a)",
        "",
        "     sums",
        "gru  runs",
        "mlp     —",
        "",
    ]
    long = Matrix(("masked_words",), ("ae_variational",), {("masked_words", "ae_variational"): MatrixCell()})
    assert list(text(long, 20))[:3] == ["                masked", "                 words", "ae_variational    runs"]


def test_a_reason_is_shown_once() -> None:
    cells = [MatrixCell(reason="x" * 100), MatrixCell(reason="y"), MatrixCell(reason="x" * 100), MatrixCell()]
    grid = Matrix(
        ("task",), ("a", "b", "c", "d"), {("task", row): cell for row, cell in zip("abcd", cells, strict=True)}
    )
    assert [row[1] for row in grid_rows(grid)] == ["no (a)", "no (b)", "no (a)", "runs"]
    assert caption(grid) == ["1 of 4 cells run.", "(a) " + "x" * 100, "(b) y"]
    assert cell_text(MatrixCell(finished=1, planned=4), suite=True, marks={}) == "1 of 4"


def test_a_cell_that_cannot_run_says_why() -> None:
    grid = matrix(["task.attention=additive"], tasks=["sentiment", "translation"], architectures=["gru", "mlp"])
    assert grid.cells["translation", "gru"] == MatrixCell()
    assert grid.cells["translation", "mlp"].reason == "task.attention=additive needs a decoder that attends to states."
    for architecture in ("gru", "mlp"):
        reason = grid.cells["sentiment", architecture].reason
        assert reason is not None
        assert "attention" in reason


def test_an_option_of_some_architectures_is_refused_by_the_others() -> None:
    grid = matrix(["architecture.activation=tanh"], tasks=["compression"], architectures=["gru", "mlp"])
    assert grid.cells["compression", "mlp"] == MatrixCell()
    assert grid.cells["compression", "gru"].reason == "No part of this architecture reads 'activation'."


def test_a_mistyped_name_is_met_with_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'gru'"):
        matrix(architectures=["gruu"])
    with pytest.raises(UserError, match="Did you mean 'sentiment'"):
        matrix(tasks=["sentimant"])


def test_parameters_are_not_counted_where_the_data_is_not_here(tmp_path: Path) -> None:
    nowhere = [f"paths.cache={tmp_path}", f"paths.data={tmp_path}", "data=etth2"]
    grid = matrix(nowhere, None, ["forecasting"], ["gru"], parameters=True)
    assert grid.cells["forecasting", "gru"].parameters is None
    assert grid.notes[0].startswith("forecasting: no parameters, since data set 'etth2'")


def test_a_suites_records_are_counted(tmp_path: Path) -> None:
    given = [
        f"paths.runs={tmp_path}",
        "task=sentiment",
        "architecture=lstm,gru",
        "architecture.width=64",
        "budget.parameters=null",
        "seed=0,1",
    ]
    planned = plan(["suite=matrix", *given]).trials
    lstm = [item.trial for item in planned if item.trial.row == "lstm"]
    write_finished(lstm[0])
    write_failed(lstm[1])
    grid = suite_matrix("matrix", given)
    assert grid.cells == {
        ("sentiment", "lstm"): MatrixCell(finished=1, planned=2),
        ("sentiment", "gru"): MatrixCell(planned=2),
    }
    assert suite_matrix("matrix", given, architectures=["gru"]).architectures == ("gru",)
    assert "1 of 4" in markdown(grid)

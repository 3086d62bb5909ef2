"""What does not fit is refused, with one reason for all who ask: composing, the matrix, the command line."""

from pathlib import Path

import pytest
from tiny_data import ARCHITECTURES, FITTING, PAIRS, TASKS, Tiny, misfit, names

from unroll.config.compose import compose
from unroll.config.parts import parts_of
from unroll.errors import UserError
from unroll.registry.fits import fits
from unroll.sweeps.matrix import Matrix, matrix
from unroll.sweeps.matrix_view import reasons

REFUSED = [pair for pair in PAIRS if pair not in FITTING]


@pytest.fixture(scope="module")
def grid() -> Matrix:
    return matrix()


@pytest.mark.parametrize(("task", "architecture"), REFUSED)
def test_a_misfit_is_one_answer(task: str, architecture: str, grid: Matrix, tiny: Tiny, tmp_path: Path) -> None:
    """And nothing is written before it is given."""
    reason = misfit(task, architecture)
    assert grid.cells[task, architecture].reason == reason
    with pytest.raises(UserError) as caught:
        tiny.trial(task, tmp_path / "runs", f"architecture={architecture}")
    error = caught.value
    assert error.what == reason
    assert f"task={task}" in str(error.saw)
    assert f"architecture={architecture}" in str(error.saw)
    assert error.allowed
    assert not (tmp_path / "runs").exists()


def test_all_others_run(grid: Matrix) -> None:
    assert [pair for pair, cell in grid.cells.items() if cell.reason is None] == FITTING
    assert {pair for pair in FITTING if fits(parts_of(compose(_overrides(*pair)).plain)) is not None} == set()


def test_each_task_and_each_architecture_has_a_cell() -> None:
    assert {task for task, _ in FITTING} == set(TASKS)
    assert {architecture for _, architecture in FITTING} == set(ARCHITECTURES)


def test_a_grid_has_few_reasons(grid: Matrix) -> None:
    assert 0 < len(reasons(grid)) <= 6


@pytest.mark.parametrize("bottleneck", names("bottleneck"))
def test_attention_passes_no_bottleneck_by(bottleneck: str) -> None:
    asked = [*_overrides("translation", "bigru"), f"bottleneck={bottleneck}", "task.attention=additive"]
    if bottleneck == "none":
        compose(asked)
        return
    with pytest.raises(UserError, match="a bottleneck that no state passes by"):
        compose(asked)


def _overrides(task: str, architecture: str) -> list[str]:
    return [f"task={task}", f"architecture={architecture}"]

"""Every architecture on every task, on the CPU and on the GPU: the same numbers, reproducible, without waiting."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from cell import Cell, Cells
from on_a_device import assert_close, assert_exact, assert_same_outputs, outputs, passes, trained
from tiny_data import FITTING, misfit, names

CPU = torch.device("cpu")
WAITS = json.loads((Path(__file__).parents[1] / "golden" / "waits.json").read_text(encoding="utf-8"))
OPTIONS = {
    "additive": ["translation", "bigru", "task.attention=additive"],
    "multiplicative": ["translation", "lstm", "task.attention=multiplicative"],
    "beam": ["translation", "gru", "task.beam=3"],
    "truncated": ["forecasting", "lstm", "architecture.truncate=5"],
    "reset before": ["forecasting", "gru", "architecture.reset=before"],
    "one bias": ["forecasting", "lstm", "architecture.biases=1"],
    "nodes": ["sentiment", "tree_lstm", "task.nodes=true"],
    "pixels": ["classification", "rnn", "task.order=permuted", "task.chunk=28"],
    **{
        f"{merge} of directions": ["tagging", "bilstm", f"architecture.merge={merge}"]
        for merge in ("sum", "max", "mul")
    },
    **{
        f"{bottleneck} of {task}": [task, "lstm" if task == "sentiment" else "ae", f"bottleneck={bottleneck}"]
        for task in ("compression", "sentiment")
        for bottleneck in names("bottleneck")
        if misfit(task, "lstm" if task == "sentiment" else "ae", f"bottleneck={bottleneck}") is None
    },
}
# In training without noise: penalties and codes that evaluation has not.
QUIET = {
    "exact contraction": [
        *("forecasting", "mlp", "bottleneck=contractive", "bottleneck.terms.contractive.jacobian=exact"),
    ],
    "contraction of a GRU": [
        *("forecasting", "gru", "bottleneck=contractive", "bottleneck.terms.contractive.jacobian=exact"),
    ],
    "geometry": ["compression", "ae_geometric"],
    "mean activations": ["forecasting", "ae", "bottleneck=sparse_kl"],
    "largest": ["compression", "ae_ksparse"],
}


@pytest.fixture(params=[*map("-".join, FITTING), *OPTIONS])
def cell(request: pytest.FixtureRequest, make_cell: Cells) -> Cell:
    pairs = dict(zip(map("-".join, FITTING), map(list, FITTING), strict=True))
    task, architecture, *overrides = (pairs | OPTIONS)[request.param]
    return make_cell(task, architecture, *overrides)


def test_the_numbers_of_the_cpu(cell: Cell, device: torch.device) -> None:
    """Losses, codes and gradients in double and single precision; outputs of evaluation in double."""
    for found, expected in zip(*(passes(cell, at, torch.float64) for at in (device, CPU)), strict=True):
        assert_exact(found, expected)
    assert_close(passes(cell, device, torch.float32), passes(cell, CPU, torch.float32))
    assert_same_outputs(outputs(cell, device), outputs(cell, CPU), outputs(cell, CPU, seed=1))


@pytest.mark.parametrize("name", QUIET)
def test_the_penalties_of_training(name: str, make_cell: Cells, device: torch.device) -> None:
    cell = make_cell(*QUIET[name])
    for found, expected in zip(*(passes(cell, at, torch.float64, True) for at in (device, CPU)), strict=True):
        assert_exact(found, expected)


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("deterministic")
def test_training_twice_gives_the_same_bits(cell: Cell, device: torch.device) -> None:
    """Noise, clipping and the optimizer included; and no operation refuses to be deterministic."""
    (first, weights), (again, same) = trained(cell, device), trained(cell, device)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert [name for name, weight in weights.items() if not torch.equal(weight, same[name])] == []


@pytest.mark.usefixtures("cuda_itself")
@pytest.mark.parametrize(("task", "architecture"), FITTING)
def test_a_step_waits_no_more_than_on_the_pretended_device(
    task: str, architecture: str, make_cell: Cells, device: torch.device
) -> None:
    """tests/golden/waits.json counts what waits there, and copies from memory that is not pinned, which wait here."""
    seen: list[str] = []
    trained(make_cell(task, architecture), device, counted=seen)
    assert len(seen) <= WAITS[f"{task} {architecture}"][0], seen

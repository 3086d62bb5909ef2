"""CUDA graphs: a replayed step is the network's own, in every cell that they are offered for."""

import pytest
import torch
from cell import Cells
from mortal import KILLED, attempt
from on_a_device import trained
from tiny_data import FITTING, Tiny

from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.training.graphs import check_graphs
from unroll.training.train import train

pytestmark = pytest.mark.usefixtures("cuda_itself")
GRAPHS = "trainer.cuda_graphs=true"
STEPS = 5  # the last batch of the epoch, the fourth, is as large as the others here


@pytest.mark.parametrize(("task", "architecture"), FITTING)
def test_replays_give_the_bits_of_the_network(
    task: str, architecture: str, make_cell: Cells, device: torch.device
) -> None:
    cell = make_cell(task, architecture, GRAPHS, "trainer.accelerator=gpu")
    try:
        check_graphs(cell.trial)
    except UserError as refused:
        pytest.skip(str(refused.saw))
    (losses, weights), (again, replayed) = (trained(cell, device, STEPS, graphed) for graphed in (False, True))
    assert [float(loss) for loss in again] == [float(loss) for loss in losses]
    assert [name for name, weight in weights.items() if not torch.equal(weight, replayed[name])] == []


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_trial_of_replays_resumes_bit_by_bit(
    precision: str, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And has the numbers of the trial without them, in a record that says so."""
    given = ["architecture=ae_variational", "trainer.accelerator=gpu", f"trainer.precision={precision}"]
    short = ["budget.epochs=null", "budget.steps=6", "trainer.checkpoint_minutes=0.000001", "data.batch_size=12"]
    whole, broken, plain = (
        tiny.trial("compression", tmp_path_factory.mktemp("runs"), *given, *short, *graphs)
        for graphs in ([GRAPHS], [GRAPHS], [])
    )
    record, other = train(whole), train(plain)
    assert attempt(broken, "after_step_3") == KILLED
    train(broken)
    assert read_record(broken.directory)["result"] == record["result"]
    assert [each["run"]["device"]["cuda_graphs"] for each in (record, other)] == [True, False]
    for name, value in other["result"]["metrics"]["test"].items():
        assert record["result"]["metrics"]["test"][name] == pytest.approx(value, rel=1e-4), name


def test_several_in_one_process_give_their_memory_back(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> None:
    left = []
    for number in range(4):
        given = ["architecture=gru", "trainer.accelerator=gpu", GRAPHS, "budget.epochs=1", f"seed={number}"]
        train(tiny.trial("forecasting", tmp_path_factory.mktemp("runs"), *given))
        left.append(torch.cuda.memory_allocated())
    assert left[1:] == left[:1] * 3, left

"""Every architecture on every task comes near a number of parameters, or says why it does not compete."""

import json
from pathlib import Path

from cell import Cell
from tiny_data import Tiny

from unroll.api import load_model
from unroll.models.network import Network
from unroll.models.sizing import FURTHEST_PER_CENT, Nodes, count_parameters, solve, with_width
from unroll.records.record import read_record
from unroll.registry.components import SOLVED
from unroll.training.train import train
from unroll.verification.verify import verify

TARGET = 20_000


def test_every_cell_lands_near_or_is_flagged(cell: Cell, tiny: Tiny, tmp_path: Path) -> None:
    """And one unit more or less is further off."""
    task, architecture = (cell.trial.plain[key]["name"] for key in ("task", "architecture"))
    chosen = [f"architecture={architecture}", f"budget.parameters={TARGET}"]
    asked = tiny.trial(task, tmp_path, *chosen).plain
    has_width = asked["architecture"].get("width") is not None

    def build(nodes: Nodes) -> Network:
        return cell.task.network(nodes["architecture"], nodes["bottleneck"])

    nodes, sizing = solve(asked, TARGET, build)
    assert (sizing.width is None) == (not has_width)
    assert sizing.outside is not None or abs(sizing.off_per_cent) <= FURTHEST_PER_CENT
    network = build(nodes)
    assert count_parameters(network)["counted"] == sizing.achieved
    assert not any(parameter.is_meta for parameter in network.parameters())
    if sizing.width is not None and sizing.outside is None:
        for width in (sizing.width - 1, sizing.width + 1):
            achieved = count_parameters(build(with_width(asked, width)))["counted"]
            assert abs(achieved - TARGET) >= abs(sizing.achieved - TARGET), width


def test_a_sized_trial_is_recorded_loaded_and_verified(tiny: Tiny, tmp_path: Path) -> None:
    """Under a budget of operations, too: 4.5 steps' worth of them."""
    plain = tiny.trial("sentiment", tmp_path, "architecture=gru", "budget.parameters=3000", "budget.epochs=1")
    step = train(plain)["flops"]["training"] // 4
    options = ["budget.epochs=null", f"budget.flops={4.5 * step}"]
    trial = tiny.trial("sentiment", tmp_path, "architecture=gru", "budget.parameters=3000", *options)
    record = train(trial)
    assert record["result"]["steps"] == 4
    assert record["flops"]["training"] == 4 * step
    parameters = read_record(trial.directory)["parameters"]
    sizing = parameters["sizing"]
    assert sizing["achieved"] == parameters["counted"]
    assert sizing["off_per_cent"] == round(100 * (parameters["counted"] / 3000 - 1), 4)
    assert record["config"]["architecture"]["width"] == SOLVED
    assert load_model(trial).encoder.summary_width == sizing["width"]
    again = verify(json.loads(json.dumps(record)))
    assert again is not None
    assert again.identical

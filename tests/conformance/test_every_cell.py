"""Each architecture on each task: trains, evaluates, records; learns; comes back from disk; ignores padding."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from cell import Cell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_data import CONF, SIZES, Tiny, names
from torch import Tensor

from unroll.config.trial import Trial, make_trial
from unroll.data.splits import Batch
from unroll.models.network import Network
from unroll.records.record import read_record
from unroll.records.truth import numbers
from unroll.registry.facts import facts
from unroll.tasks.task import GaussianNoise, Task
from unroll.training import checkpoint
from unroll.training.train import train

LEARNING_STEPS = 200


def outputs(task: Task, network: Network, batch: Batch) -> dict[str, Tensor]:
    """The code and the losses of each example, which all that is evaluated is made of; of codes of steps their sum."""
    with torch.no_grad():
        losses = task.losses(network, batch)
        coded = network.encode(batch)
    code, real = coded.code, coded.context.positions
    found = {"code": code if real is None else (code * real[:, :, None]).sum(dim=1)}
    return found | {name: loss for name, loss in vars(losses).items() if loss is not None}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Within 1e-5, relative for sums over many values."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}")


def check_record(trial: Trial) -> dict:
    """The record on disk is valid, and every test example is counted in it."""
    record = read_record(trial.directory)
    assert record["status"] == "finished"
    assert record["data"]["verified"]
    assert record["result"]["examples"] == SIZES
    with np.load(trial.directory / "predictions.npz") as predictions:
        scores = [name for name in predictions.files if name.startswith("test/")]
        assert scores
        for name in scores:
            assert len(predictions[name]) == SIZES["test"], name
    return record


def check_declared(record: dict) -> None:
    """Every number of a record is of a metric that its task declares, and lies in the range that this one states."""
    known = facts(record["config"]["task"])
    found = [*record["result"]["metrics"].values(), (record["result"].get("train") or {"metrics": {}})["metrics"]]
    for name in {name for metrics in found for name in metrics}:
        metric = known.metric(name)
        assert metric is not None, name
        assert metric.unit
    assert list(numbers(record)) == []
    with np.load(Path(record["config"]["paths"]["runs"]) / record["trial_id"] / "predictions.npz") as predictions:
        there = record["result"]["metrics"]["test"]
        scores = [metric.score.name for metric in known.metrics if metric.score is not None and metric.name in there]
        assert [name for name in scores if f"test/{name}" not in predictions.files] == []


def check_diagnostics(found: dict) -> None:
    """All that an encoder of any kind has; what is there is finite, since records hold no other numbers."""
    assert found["examples"] == 32
    gradient, code = found["gradient"], found["code"]
    assert None not in [gradient["norm"], *gradient["by_distance"], *gradient["layers"].values(), *code.values()]
    assert gradient["norm"] > 0
    assert max(gradient["by_distance"]) > 0
    assert gradient["layers"]
    assert code["jacobian_norm"] > 0


def test_trains_two_steps_and_writes_a_record(cell: Cell, tmp_path: Path) -> None:
    config = cell.trial.plain
    budget = {**config["budget"], "epochs": None, "steps": 2, "validate_every": None}
    trial = make_trial({**config, "budget": budget, "paths": {**config["paths"], "runs": str(tmp_path)}})
    returned = train(trial)
    record = check_record(trial)
    assert record["result"] == returned["result"]
    assert record["result"]["steps"] == 2
    assert record["flops"]["forward_per_example"] > 0
    assert record["flops"]["training"] > record["flops"]["forward_per_example"]
    assert record["parameters"]["total"] >= record["parameters"]["counted"] > 0
    assert (
        record["result"]["primary"]["value"] == record["result"]["metrics"]["test"][config["task"]["primary"]["name"]]
    )
    assert record["result"]["metrics"]["validation"].keys() == record["result"]["metrics"]["test"].keys()
    networks = cell.task.reports_of_networks(config)
    assert {*cell.task.reports(), *networks} <= record["result"]["metrics"]["test"].keys()
    assert {*cell.task.selects_by()} <= record["result"]["curves"]["validation"][-1].keys()
    check_declared(record)
    check_diagnostics(record["diagnostics"])


def test_learns_eight_examples(cell: Cell) -> None:
    """Penalties and noise off, the task's loss falls tenfold within 200 steps of Adam.

    Of tasks with one output a step it is one example, eight times: a step sees a part of its input, and equal parts of
    different examples may ask for different outputs.
    """
    task, network = cell.task, cell.network()
    split = task.splits["train"]
    last = 0 if task.relation == "per_step" else len(split) - 1
    batch = split.batch(torch.linspace(0, last, 8).long())
    for module in network.modules():
        if isinstance(module, GaussianNoise):  # its scale kept at 1: half the squared error
            module.requires_grad_(False)
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=1e-2)
    losses: list[float] = []
    while len(losses) <= LEARNING_STEPS and (not losses or losses[-1] > losses[0] / 10):
        loss = task.losses(network, batch).task.mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
    assert losses[-1] <= losses[0] / 10, f"{losses[0]:.3f} -> {losses[-1]:.3f}"


def test_comes_back_from_disk_bit_by_bit(cell: Cell, tmp_path: Path) -> None:
    saved, fresh = cell.network(seed=1), cell.network(seed=2)
    progress = checkpoint.Progress(cell.trial.trial_id)
    checkpoint.save(tmp_path / "best.ckpt", checkpoint.content(saved, progress))
    batch = cell.task.splits["test"].batch(torch.arange(6))
    before = outputs(cell.task, fresh, batch)
    fresh.load_state_dict(checkpoint.load(tmp_path / "best.ckpt", cell.trial.trial_id)["network"])
    expected, found = outputs(cell.task, saved, batch), outputs(cell.task, fresh, batch)
    assert not torch.equal(before["task"], expected["task"])
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@settings(max_examples=6, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_batch_does_not_matter(cell: Cell, data: st.DataObject) -> None:
    """An example's code, losses and predictions are the same in any batch, of any size, order and padding."""
    split = cell.task.splits["train"]
    index = torch.tensor(data.draw(st.lists(st.integers(0, len(split) - 1), min_size=1, max_size=9)))
    network, everything = _in_one_batch(cell)
    found = outputs(cell.task, network, split.batch(index))
    assert_close(found, {name: value[index] for name, value in everything.items()})
    predicted, again = (_predictions(cell.task, network, split.batch(index)) for _ in range(2))
    for name, expected in _predictions(cell.task, network, split.batch(index.flip(0))).items():
        if torch.equal(predicted[name], again[name]):  # else it is sampled, as a bound on the likelihood is
            torch.testing.assert_close(predicted[name], expected.flip(0), rtol=1e-5, atol=1e-5, msg=f"{name} by order")


@functools.lru_cache(maxsize=1)
def _in_one_batch(cell: Cell) -> tuple[Network, dict[str, Tensor]]:
    """The network, and its outputs for all of train at once: as much padding as there is."""
    split, network = cell.task.splits["train"], cell.network()
    keys, batch = split.length_keys(), split.batch(torch.arange(len(split)))
    assert not keys or (batch.lengths < batch.inputs.shape[1]).any()
    return network, outputs(cell.task, network, batch)


def _predictions(task: Task, network: Network, batch: Batch) -> dict[str, Tensor]:
    """What the final evaluation is made of; sentences as numbers, values of any number by their sum."""
    with torch.no_grad():
        found = task.evaluate(network, batch)
    return {
        name: torch.tensor([_number(value) for value in values])
        if isinstance(values, list)
        else torch.as_tensor(values)
        for name, values in found.items()
    }


def _number(value: Any) -> float:
    return float(hash(value)) if isinstance(value, str) else float(np.square(value).sum())


def test_what_lies_in_the_padding_does_not_matter(cell: Cell) -> None:
    split, network = cell.task.splits["train"], cell.network()
    if not split.length_keys():
        return  # nothing is ever padded
    batch = split.batch(torch.arange(16))
    padding = torch.arange(batch.inputs.shape[1]) >= batch.lengths[:, None]
    assert padding.any()
    expected = outputs(cell.task, network, batch)
    found = outputs(cell.task, network, replace(batch, inputs=batch.inputs.masked_fill(padding, 7)))
    assert_close(found, expected)


def _serves(baseline: str) -> list[str]:
    return yaml.safe_load((CONF / "baseline" / f"{baseline}.yaml").read_text()).get("tasks", [])


@pytest.mark.parametrize(("baseline", "task"), [(name, task) for name in names("baseline") for task in _serves(name)])
def test_baselines_are_rows_like_any_other(baseline: str, task: str, tiny: Tiny, tmp_path: Path) -> None:
    trial = tiny.trial(task, tmp_path, f"baseline={baseline}")
    train(trial)
    record = check_record(trial)
    check_declared(record)
    assert record["result"]["steps"] == record["parameters"]["total"] == record["flops"]["training"] == 0

"""Every architecture on every task on a pretended accelerator: nothing is left on the CPU, and few steps wait.

How often a step of training waits for the device, and how many copies go there, is in tests/golden/waits.json: a new
`.item()` fails a test. After a change that is meant to move a number:
`UNROLL_GOLDEN=write pytest -n 0 tests/conformance/test_devices.py`, and say why in the commit.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from cell import Cell, Cells
from pretended import DEVICE, Pretended, on_device
from tiny_data import FITTING, TASKS

from unroll.data import placing
from unroll.data.batching import TrainingBatches
from unroll.data.splits import placed
from unroll.training.evaluation import evaluate_split
from unroll.training.module import TrialModule
from unroll.training.optimizers import build_optimizer

FILE = Path(__file__).parents[1] / "golden" / "waits.json"
WRITES = os.environ.get("UNROLL_GOLDEN") == "write"
BATCH, SEED = 16, 0
OPTIONS = {
    "additive attention": ["translation", "bigru", "task.attention=additive"],
    "multiplicative attention": ["translation", "lstm", "task.attention=multiplicative"],
    "beam": ["translation", "gru", "task.beam=3"],
    "chunks": ["forecasting", "lstm", "architecture.truncate=5"],
    "reset before": ["forecasting", "gru", "architecture.reset=before"],
    "one bias": ["forecasting", "lstm", "architecture.biases=1"],
    "pretraining": ["sentiment", "ae", "task.protocol=pretrain"],
    "nodes": ["sentiment", "tree_lstm", "task.nodes=true"],
    "pixels": ["classification", "rnn", "task.order=permuted", "task.chunk=28"],
    "exact contraction": [
        "forecasting",
        "mlp",
        "bottleneck=contractive",
        "bottleneck.terms.contractive.jacobian=exact",
    ],
}


@pytest.fixture(scope="module")
def waits() -> Iterator[dict[str, list[int]]]:
    """What each cell's step waits and copies; renewed where that is asked for."""
    known: dict[str, list[int]] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    yield known
    if WRITES:
        lines = [f"  {json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known)]
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


@pytest.fixture(autouse=True)
def pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pretended device copies from pinned memory, as CUDA does."""
    monkeypatch.setattr(placing, "PINNED", {"cpu"})


def step_and_score(cell: Cell, device: Pretended, megabytes: int = 1024) -> None:
    """A step of training as Lightning takes it; then, uncounted, what scores a batch."""
    config, task, network = cell.trial.config, cell.task, cell.network()
    network.bottleneck.prepare(len(task.splits["train"]), lambda index: task.features("train", index), _cache(cell))
    module = TrialModule(task, network, config.network.optimizer, SEED, 0, 4)
    with device:
        module.to(DEVICE).train()
        optimizer = build_optimizer(network, config.network.optimizer, fused=True)
        module._trainer = SimpleNamespace(world_size=1, optimizers=[optimizer], global_step=0)  # type: ignore[assignment]
        splits = placed(task.splits, DEVICE, megabytes)
        device.copies.clear()
        batch = next(iter(TrainingBatches(splits["train"], BATCH, SEED, 0, 4))).to(DEVICE)
        module.on_train_batch_start(batch, 0)
        module.training_step(batch, 0).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    counted = device.waits.copy(), device.copies.copy()
    with device, torch.inference_mode():
        network.eval()
        scored = splits["test"].batch(torch.arange(8)).to(DEVICE)
        task.validate(network, scored)
        task.evaluate(network, scored)
    device.waits, device.copies = counted


def _cache(cell: Cell) -> Path:
    return Path(cell.trial.plain["paths"]["cache"])


def judge(name: str, device: Pretended, waits: dict[str, list[int]]) -> None:
    found = [device.waits.total(), device.copies.total()]
    where = {"waits": dict(+device.waits), "copies": dict(+device.copies)}
    if WRITES:
        waits[name] = found
    assert waits.get(name) == found, f"{name}: {found}, not {waits.get(name)} of {FILE.name}: {where}"


def test_a_step_of_each_cell(cell: Cell, waits: dict[str, list[int]]) -> None:
    device = Pretended()
    step_and_score(cell, device)
    judge(f"{cell.trial.plain['task']['name']} {cell.trial.row}", device, waits)


@pytest.mark.parametrize("option", OPTIONS)
def test_a_step_with_an_option(option: str, make_cell: Cells, waits: dict[str, list[int]]) -> None:
    task, architecture, *overrides = OPTIONS[option]
    device = Pretended()
    step_and_score(make_cell(task, architecture, *overrides), device)
    judge(option, device, waits)


@pytest.mark.parametrize(
    ("task", "architecture"), [("sentiment", "tree_lstm"), ("translation", "bigru"), ("forecasting", "mlp")]
)
def test_batches_of_what_stays_on_the_cpu_are_sent_without_waiting(
    task: str, architecture: str, make_cell: Cells
) -> None:
    device = Pretended()
    step_and_score(make_cell(task, architecture), device, megabytes=0)
    assert (device.waits.total(), device.copies.total()) == (0, 0), (device.waits, device.copies)


@pytest.mark.parametrize("task", TASKS)
def test_the_final_evaluation(task: str, make_cell: Cells) -> None:
    """Of whole splits, with all that tasks do behind the network: mixtures, coders, decoders."""
    cell = make_cell(task, "ae_variational" if task in ("compression", "generation") else "lstm")
    network = cell.network()
    with Pretended():
        network.to(DEVICE)

        def evaluate(split: str) -> Any:
            given = cell.task.splits[split]
            return evaluate_split(cell.task.evaluate, network, given, SEED, DEVICE)

        final = cell.task.finish(network, evaluate, SEED)
    assert final.metrics["test"]


def test_the_table_holds_these_cells_and_no_others(waits: dict[str, list[int]]) -> None:
    cells = {f"{task} {architecture}" for task, architecture in FITTING}
    assert waits.keys() == cells | set(OPTIONS)


def planted(wrong: str, cell: Cell) -> None:
    """A step with one fault."""
    network = cell.network()
    with Pretended() as device:
        network.to(DEVICE)
        x = torch.ones(3, device=DEVICE)
        if wrong == "a mask on the CPU":
            x = x * torch.ones(3)
        elif wrong == "an index on the device":
            x = torch.ones(3)[x.long()]
        elif wrong == "a batch on the CPU":
            cell.task.losses(network, cell.task.splits["train"].batch(torch.arange(4)))
        elif wrong == "NumPy":
            x.numpy()
        else:
            ways: dict[str, Any] = {
                "item": x[0].item,
                "truth": lambda: bool(x[0] > 0),
                "list": x.tolist,
                "nonzero": x.nonzero,
                "mask": lambda: x[x > 0],
                "copy": x.cpu,
                "name": lambda: x.to("cpu"),
                "unique": x.unique,
            }
            ways[wrong]()
            assert device.waits.total() == 1


@pytest.mark.parametrize("wrong", ["a mask on the CPU", "an index on the device", "a batch on the CPU", "NumPy"])
def test_a_fault_is_found(wrong: str, make_cell: Cells) -> None:
    with pytest.raises(AssertionError, match="device"):
        planted(wrong, make_cell("sentiment", "tree_lstm"))


@pytest.mark.parametrize("wait", ["item", "truth", "list", "nonzero", "mask", "copy", "name", "unique"])
def test_a_wait_is_counted(wait: str, make_cell: Cells) -> None:
    planted(wait, make_cell("forecasting", "rnn"))


def test_what_follows_from_the_device_is_on_it() -> None:
    """And what does not is not: views, gradients, new tensors, those of backward passes."""
    with Pretended() as device:
        x = torch.ones(4, 3, device=DEVICE, requires_grad=True)
        y = x[:, 0].clone()
        y[y > 0].sum().backward()
        there = [
            x.view(-1),
            x.detach(),
            x.T,
            x.grad,
            x.new_zeros(2),
            torch.zeros_like(x),
            torch.zeros(2, device=x.device),
        ]
        assert all(part is not None and on_device(part) and part.device == DEVICE for part in there)
        gone = [x.cpu(), x.to("cpu"), x.to(torch.device("cpu")), torch.zeros(2), torch.tensor([1])]
        assert not any(on_device(part) for part in gone)
        assert on_device(x)
        assert device.copies.total() == 0

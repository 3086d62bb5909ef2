"""What a cell computes on a device: losses, codes, gradients, outputs, and weights after steps of training."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from cell import Cell
from torch import Tensor, nn

from unroll.data.batching import TrainingBatches
from unroll.data.splits import Batch
from unroll.models.network import Network
from unroll.training.module import TrialModule
from unroll.training.optimizers import build_optimizer

BATCH, SEED = 16, 0
EXACT, CLOSE, ALIKE = 1e-8, 1e-4, 0.9999  # relative in float64 and in float32; cosine of gradients in float32
Found = dict[str, Tensor]


def network_on(cell: Cell, device: torch.device, dtype: torch.dtype, training: bool) -> Network:
    """The seeded network; `training`: with the penalties that evaluation has not, of a cell that draws no noise."""
    network = prepared(cell).train(training).to(device=device, dtype=dtype)
    for module in network.modules():
        if isinstance(module, nn.RNNBase):
            module.train()  # cuDNN has no backward pass in evaluation, and these layers have no dropout of their own
    return network


def prepared(cell: Cell) -> Network:
    """The seeded network, with what its bottleneck knows of train."""
    network, cache = cell.network(), Path(cell.trial.plain["paths"]["cache"])
    network.bottleneck.prepare(len(cell.task.splits["train"]), lambda index: cell.task.features("train", index), cache)
    return network


def batch_on(cell: Cell, device: torch.device, dtype: torch.dtype, split: str = "train") -> Batch:
    """The first examples of a split, padded together; values in a precision."""
    batch = cell.task.splits[split].batch(torch.arange(BATCH))
    return type(batch)(**batch.each(lambda x: x.to(dtype) if x.is_floating_point() else x)).to(device)


def passes(cell: Cell, device: torch.device, dtype: torch.dtype, training: bool = False) -> tuple[Found, Found]:
    """Losses [B] and code; gradients by parameter. On the CPU."""
    network, batch = network_on(cell, device, dtype, training), batch_on(cell, device, dtype)
    losses = cell.task.losses(network, batch)
    cell.task.objective(losses).sum().backward()
    found = {name: loss for name, loss in vars(losses).items() if loss is not None}
    with torch.no_grad():
        found["code"] = network.encode(batch).code
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    return _on_cpu(found), _on_cpu(gradients)


def outputs(cell: Cell, device: torch.device, seed: int = SEED) -> dict[str, Any]:
    """What evaluation says of a batch, in double precision."""
    network = prepared(cell).to(device=device, dtype=torch.float64)
    torch.manual_seed(seed)
    with torch.inference_mode():
        return cell.task.evaluate(network, batch_on(cell, device, torch.float64, "test"))


def assert_same_outputs(found: dict[str, Any], expected: dict[str, Any], other_seed: dict[str, Any]) -> None:
    """Alike, but for those that are drawn, and so differ with the seed."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if _alike(value, other_seed[name], 0):
            assert _alike(found[name], value, EXACT), name


def _alike(one: Any, other: Any, tolerance: float) -> bool:
    """Outputs are of single precision, made of numbers in double."""
    if isinstance(one, list):
        return len(one) == len(other) and all(_alike(*pair, tolerance) for pair in zip(one, other, strict=True))
    if isinstance(one, np.ndarray) and np.issubdtype(one.dtype, np.floating):
        return one.shape == other.shape and np.allclose(one, other, rtol=1e3 * tolerance, atol=1e3 * tolerance)
    return bool(np.array_equal(one, other))


def trained(
    cell: Cell, device: torch.device, steps: int = 2, graphed: bool = False, counted: list[str] | None = None
) -> tuple[list[Tensor], Found]:
    """Losses and weights of steps of training as Lightning takes them, in training mode; on the CPU.

    `counted` gets what made the CPU wait for the device in the last step.
    """
    options = cell.trial.config.network.optimizer
    network = prepared(cell)
    module = TrialModule(cell.task, network, options, SEED, 0, steps, graphed=BATCH if graphed else None)
    module.to(device).train()
    optimizer = build_optimizer(network, options, fused=True)
    trainer = SimpleNamespace(world_size=1, optimizers=[optimizer], global_step=0)
    module._trainer = trainer  # type: ignore[assignment]
    module.on_train_start()
    losses = []
    for number, batch in enumerate(TrainingBatches(cell.task.splits["train"], BATCH, SEED, 0, steps)):
        with waits(counted if number == steps - 1 else None):
            there = batch.to(device)
            module.on_train_batch_start(there, number)
            loss = module.training_step(there, number)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        trainer.global_step += 1
        losses.append(loss.detach())
    return [loss.cpu() for loss in losses], _on_cpu(dict(network.state_dict()))


@contextmanager
def waits(counted: list[str] | None) -> Iterator[None]:
    """Add the places from which torch waits for the device to a list; None: do not look."""
    if counted is None:
        yield
        return
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
    counted += [f"{one.filename}:{one.lineno}" for one in seen if "synchronizing CUDA operation" in str(one.message)]


def _on_cpu(found: dict[str, Any]) -> Found:
    return {name: tensor.detach().cpu() for name, tensor in found.items()}


def assert_exact(found: Found, expected: Found) -> None:
    """Alike in double precision, where no error can hide behind rounding."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = float(value.abs().max()) if value.numel() else 0.0
        torch.testing.assert_close(
            found[name], value, rtol=EXACT, atol=EXACT * scale, msg=lambda text, name=name: f"{name}: {text}"
        )


def assert_close(found: tuple[Found, Found], expected: tuple[Found, Found]) -> None:
    """Alike in single precision: losses and codes by their size, gradients by their direction."""
    for name, value in expected[0].items():
        scale = float(value.abs().max())
        torch.testing.assert_close(
            found[0][name], value, rtol=CLOSE, atol=CLOSE * scale, msg=lambda text, name=name: f"{name}: {text}"
        )
    one, other = (torch.cat([part[name].flatten() for name in sorted(part)]) for part in (found[1], expected[1]))
    assert float(nn.functional.cosine_similarity(one, other, dim=0)) > ALIKE

"""CUDA graphs: the losses of a training step and their gradients, recorded once and replayed by a launch each.

A step of a small network is a hundred launches of kernels that take less time than launching them. Where all batches
have one shape, the forward and the backward pass are recorded before the first step, and autograd sees one operation
from then on. Clipping and the optimizer stay outside. An epoch's last batch, which may be smaller, is computed as ever.

The noise of a replay is that of the seed which the step has set: torch reads seed and offset of the device's generator
at each replay. Nothing else may change between steps but tensors, and `capture` holds two steps against the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from unroll.config.parts import parts_of
from unroll.config.trial import Trial
from unroll.data import kinds
from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.contracts import Term
from unroll.models.network import Network
from unroll.registry.components import create
from unroll.tasks.task import Losses, Task
from unroll.training.cluster import trains_here
from unroll.training.devices import kind_of

TOLERANCE = 1e-4  # relative, between a replay and the network: the kernels are the same, a library may choose others
_OFF = "trainer.cuda_graphs=false"


def check_graphs(trial: Trial) -> None:
    """Refuse CUDA graphs where they cannot be, as far as a config tells.

    Raises:
        UserError: another device than an NVIDIA GPU, several ranks, texts, trees, or steps that are not alike.
    """
    if trial.is_baseline or not trial.config.trainer.cuda_graphs:
        return
    reason = _device(trial) or _shapes(trial) or _steps(trial)
    if reason is not None:
        raise _refused(*reason)


def _refused(saw: str, *others: str) -> UserError:
    return UserError(
        "A CUDA graph replays one step, and this trial has none that it could replay.",
        saw=f"trainer.cuda_graphs=true with {saw}",
        allowed=", or ".join([_OFF, *others]),
        change=[_OFF],
    )


def _device(trial: Trial) -> tuple[str, str] | None:
    trainer = trial.config.trainer
    if trainer.devices * trainer.num_nodes > 1:
        seen = f"trainer.devices={trainer.devices} trainer.num_nodes={trainer.num_nodes}"
        return f"{seen}: ranks exchange gradients amid the backward pass", "one process"
    kind = kind_of(trainer.accelerator)
    if kind != "cuda" and (trainer.accelerator == "cpu" or trains_here()):
        return f"trainer.accelerator={trainer.accelerator}, which is {kind} here", "an NVIDIA GPU"
    return None


def _shapes(trial: Trial) -> tuple[str, str] | None:
    kind = trial.config.data.kind
    if kinds.get(kind).sequences:
        return f"data={trial.config.data.name}: the lengths of {kind} differ from batch to batch", "data of one length"
    if parts_of(trial.plain).encoder.says("states") == "nodes":
        return f"architecture={trial.row}: the levels of trees are counted on the CPU", "an encoder without trees"
    return None


def _steps(trial: Trial) -> tuple[str, str] | None:
    if trial.config.task.options.get("protocol") == "pretrain":
        return "task.protocol=pretrain: its two phases have other losses", "task.protocol=joint"
    for name, node in trial.plain["bottleneck"]["terms"].items():
        if create(node, f"bottleneck.terms.{name}", Term).scheduled():
            return f"bottleneck.terms.{name}, which changes with the steps", "a term that stays as it is"
    return None


class Captured:
    """The losses of batches of one shape, as a CUDA graph.

    Args:
        task: gives the losses.
        network: on the device, in training; its parameters stay where they are for as long as this is used.
        sample: a batch of the shape.
    """

    def __init__(self, task: Task, network: Network, sample: Batch):
        tensors = _tensors(sample)
        self.shapes = _shapes_of(sample)
        step = _Step(task, network, sample)
        self.parts = step.parts
        given = tuple(tensor.clone() for tensor in tensors.values())
        self._replayed: Any = torch.cuda.make_graphed_callables(step, given, allow_unused_input=True)

    def takes(self, batch: Batch) -> bool:
        """Whether a batch is of the shape that was recorded."""
        return _shapes_of(batch) == self.shapes

    def losses(self, batch: Batch) -> Losses:
        """The losses of a batch; they hold until the next call."""
        found = self._replayed(*_tensors(batch).values())
        return Losses(**dict(zip(self.parts, found, strict=True)))


class _Step(nn.Module):
    """A task's losses as a function of a batch's tensors alone."""

    def __init__(self, task: Task, network: Network, sample: Batch):
        super().__init__()
        self.task, self.network, self.sample = task, network, sample
        self.names = list(_tensors(sample))
        with torch.no_grad():
            self.parts = [name for name, loss in vars(self._losses(sample)).items() if loss is not None]

    def _losses(self, batch: Batch) -> Losses:
        with self.network.precision():
            return self.task.losses(self.network, batch)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given: dict[str, Any] = dict(zip(self.names, tensors, strict=True))
        found = self._losses(replace(self.sample, **given, known=None))
        return tuple(getattr(found, name) for name in self.parts)


def _tensors(batch: Batch) -> dict[str, Tensor]:
    items = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return {name: item for name, item in items.items() if isinstance(item, Tensor)}


def _shapes_of(batch: Batch) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in _tensors(batch).items()}


def capture(task: Task, network: Network, batches: Sequence[Batch], begin: Sequence[Callable[[], Any]]) -> Captured:
    """Record the losses of a step; before the first one. Buffers are left as they were.

    Args:
        task: gives the losses.
        network: on the device, in training.
        batches: two of one shape, of different examples, on the device.
        begin: for each of them, what sets the noise and the schedules of a step; other ones.

    Raises:
        UserError: torch cannot record the step, or a replay gives other losses than the network does.
    """
    if _shapes_of(batches[0]) != _shapes_of(batches[1]):
        raise _refused(f"batches of other shapes: {_shapes_of(batches[0])}, {_shapes_of(batches[1])}")
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        found = Captured(task, network, batches[0])
    except RuntimeError as error:
        raise _refused(f"a step that torch cannot record: {str(error).strip().splitlines()[0]}") from error
    for batch, begins in zip(batches, begin, strict=True):
        _check(found, task, network, batch, begins)
    for buffer, before in buffers:
        buffer.copy_(before)
    return found


def _check(found: Captured, task: Task, network: Network, batch: Batch, begins: Callable[[], Any]) -> None:
    begins()
    with torch.no_grad(), network.precision():
        expected = vars(task.losses(network, batch))
    begins()
    given = vars(found.losses(batch))
    for name, loss in expected.items():
        if loss is not None and not torch.allclose(given[name], loss, rtol=TOLERANCE, atol=TOLERANCE):
            raise _refused(f"a {name} loss that no replay gives: something but tensors changes with the step")

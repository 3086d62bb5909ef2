"""Diagnosing a network: one fixed batch of train goes through it, and numbers come out."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from unroll.data.batching import normaliser_of
from unroll.data.splits import Batch, Split
from unroll.models.contracts import length_mask
from unroll.models.network import Network
from unroll.seeds import derive, generator
from unroll.tasks.task import Task
from unroll.training.diagnostics.codes import bounds_of, code_diagnostics
from unroll.training.diagnostics.gates import watching_gates
from unroll.training.diagnostics.gradients import (
    by_distance,
    directions,
    gradients,
    growth,
    jacobian_norm,
    layer_norms,
    trained,
)

EXAMPLES = 32  # of train, the same for all trials of a data set
JACOBIAN_EXAMPLES = 8  # the first of them
VERSION = 2  # of what is diagnosed; see docs/record.md


def diagnose(task: Task, network: Network, device: torch.device) -> dict[str, Any]:
    """Diagnostics of a network in evaluation mode, as docs/record.md lists them; None for what is not finite."""
    split = task.splits["train"]
    index = fixed_index(len(split))
    batch = split.batch(index).to(device)
    with undisturbed(network, device):
        found = {
            "version": VERSION,
            "examples": len(index),
            **_of_loss(task, network, batch, normaliser_of(split.weights()[index])),
            "code": {
                "jacobian_norm": jacobian_of(network, split, index[:JACOBIAN_EXAMPLES], device),
                **_of_code(network, batch),
            },
        }
    return finite(found)


def fixed_index(examples: int) -> Tensor:
    """At most `EXAMPLES` examples of a split, in order; no seed of a trial changes them."""
    chosen = generator(0, "diagnostics").permutation(examples)[:EXAMPLES]
    return torch.from_numpy(chosen).sort().values


def _of_loss(task: Task, network: Network, batch: Batch, normaliser: float) -> dict[str, Any]:
    lengths = {batch.inputs.shape[1]: batch.lengths}
    if batch.targets.dim() > 1:
        lengths.setdefault(batch.targets.shape[1], batch.target_lengths)
    with watching_input(network) as seen, watching_gates(network, lengths) as gates:
        loss = task.objective(task.losses(network, batch)).sum() / normaliser
    parameters = trained(network)
    of_input, *of_parameters = gradients(loss, [seen[0], *parameters.values()])
    layers = layer_norms(zip(parameters, of_parameters, strict=True))
    distances = by_distance(of_input * normaliser, batch.lengths)
    gradient = {
        "norm": math.hypot(*layers.values()),
        "growth_per_step": growth(distances),
        "by_distance": distances.tolist(),
        "layers": layers,
    }
    return {"gradient": gradient, "gates": gates.shares()}


def _of_code(network: Network, batch: Batch) -> dict[str, Any]:
    """Of the codes of examples, or of all their steps."""
    coded = network.encode(batch)
    code, posterior, prior, real = coded.code, coded.context.posterior, coded.context.prior, coded.context.positions
    if real is not None:
        code = code[real]
        posterior, prior = (one and one.at(real) for one in (posterior, prior))
    return code_diagnostics(code, posterior, prior, bounds_of(network, coded))


def jacobian_of(network: Network, split: Split, index: Tensor, device: torch.device) -> float:
    """`gradients.jacobian_norm` of a split's examples at index [n], in the same directions always; of the code of the
    last step where each has one."""
    probes = directions(network.bottleneck.size, derive(0, "diagnostics"))
    repeated = split.batch(index.repeat(len(probes))).to(device)
    with watching_input(network) as seen:
        code = network.encode(repeated).code
    if code.dim() > 2:
        code = code[torch.arange(len(code)), repeated.lengths - 1]
    return jacobian_norm(code, seen[0], length_mask(repeated.lengths, seen[0].shape[1]), probes)


@contextmanager
def watching_input(network: Network) -> Iterator[list[Tensor]]:
    """The embedded inputs x [B,T,D] that the encoder is given in the block, as tensors to differentiate by."""
    seen: list[Tensor] = []

    def watch(adapter: Any, given: Any, x: Tensor) -> Tensor:
        x = x if x.requires_grad else x.detach().requires_grad_()
        seen.append(x)
        return x

    hook = network.adapter.register_forward_hook(watch)
    try:
        yield seen
    finally:
        hook.remove()


@contextmanager
def undisturbed(network: Network, device: torch.device) -> Iterator[None]:
    """Evaluation mode with gradients, in the precision of training; mode and random state are as before afterwards.

    cuDNN's recurrent layers have no backward in evaluation mode, so torch's own stand in.
    """
    was_training = network.training
    network.eval()
    devices = [device] if device.type == "cuda" else []
    try:
        with (
            torch.random.fork_rng(devices),
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.backends.cudnn.flags(enabled=False),
            network.precision(),
        ):
            torch.manual_seed(derive(0, "diagnostics"))
            yield
    finally:
        network.train(was_training)


def finite(value: Any) -> Any:
    """The same with None for every number that is NaN or infinite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if value is None or not math.isfinite(value) else value


def logged_names(found: Mapping[str, Any], prefix: str = "diagnostics") -> dict[str, float]:
    """The numbers of `diagnose` under one name each, for loggers; of a list by distance those at 0, 1, 2, 4, ..."""
    names: dict[str, float] = {}
    for key, value in found.items():
        name = f"{prefix}/{key}"
        if isinstance(value, Mapping):
            names |= logged_names(value, name)
        elif isinstance(value, list):
            thinned = {place: item for place, item in enumerate(value) if place & (place - 1) == 0}
            names |= {f"{name}/{place}": item for place, item in thinned.items() if item is not None}
        elif value is not None:
            names[name] = value
    return names

"""Summaries: layers with what they give, their parameters, and the operations of one example."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from unroll.config.trial import Trial
from unroll.data.batching import epoch_order, typical_batch
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.models.sizing import count_parameters
from unroll.seeds import derive
from unroll.tasks.task import Task
from unroll.training import flops
from unroll.training.prepared import prepared_task, sized


@dataclass(frozen=True)
class Layer:
    """One module: its dotted name, its class, the shape that it gives for a batch (B examples), its own parameters."""

    name: str
    kind: str
    shape: str
    parameters: int


@dataclass(frozen=True)
class Summary:
    """What a network is made of. `print` shows it as a table of at most 80 columns.

    parameters: total, counted (without embeddings and the projection to a vocabulary), embeddings.
    forward_flops: floating-point operations of one example's loss, forward; None where no data are here.
    """

    name: str
    layers: Sequence[Layer]
    parameters: dict[str, int]
    forward_flops: int | None = field(default=None)

    def __str__(self) -> str:
        rows = [("layer", "class", "gives", "parameters")]
        rows += [(layer.name, layer.kind, layer.shape, f"{layer.parameters:,}") for layer in self.layers]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [self.name, ""]
        lines += [
            f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]:>{widths[3]}}"
            for row in rows
        ]
        total, counted, embeddings = (self.parameters[name] for name in ("total", "counted", "embeddings"))
        lines += ["", f"{total:,} parameters: {embeddings:,} of embeddings; {counted:,} counted by budgets"]
        if self.forward_flops is not None:
            lines.append(f"{self.forward_flops:,} floating-point operations forward an example, its loss included")
        return "\n".join(lines)


def summary_of(trial: Trial, task: Task, network: Network, record: dict[str, Any] | None = None) -> Summary:
    """Return the summary of a network; of a task without splits the operations are those of the record."""
    splits = getattr(task, "splits", {})
    known = None if record is None else (record.get("flops") or {}).get("forward_per_example")
    shapes: dict[str, str] = {} if record is None else record.get("shapes", {})
    if "train" in splits:
        train, size = splits["train"], trial.plain["data"]["batch_size"]
        batch = train.batch(typical_batch(train, epoch_order(train, size, 0, 0)))
        batch = batch.to(next(network.parameters()).device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(trial.plain["seed"], "flops"))
            known = flops.forward_flops(task, network, batch) if known is None else known
            shapes = _shapes(task, network, batch)
    layers = [
        Layer(name, type(module).__name__, shapes.get(name, ""), _own(module))
        for name, module in network.named_modules()
        if name and (_own(module) or (name in shapes and not [*module.children()]))
    ]
    return Summary(trial.trial_id, layers, count_parameters(network), known)


def summary_before(trial: Trial) -> Summary:
    """Return the summary of the network that a trial would train; its data have to be here.

    Raises:
        UserError: a baseline, or data that are nowhere.
    """
    if trial.is_baseline:
        raise UserError("A baseline has no network.", saw=trial.trial_id, allowed="architecture=NAME")
    task, _ = prepared_task(trial)
    with torch.random.fork_rng(devices=[]):
        network = sized(trial, task)[0]()
    return summary_of(trial, task, network)


def _own(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters(recurse=False))


def _shapes(task: Task, network: Network, batch: Any) -> dict[str, str]:
    """What each module gives for a batch, by name; of several tensors the first. B stands for the examples."""
    found: dict[str, str] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, given: Any) -> None:
            found.setdefault(name, _shape(given, len(batch.index)))

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in network.named_modules() if name]
    try:
        with torch.no_grad():
            task.losses(network, batch)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: shape for name, shape in found.items() if shape}


def _shape(given: Any, examples: int) -> str:
    while isinstance(given, list | tuple) and given:
        given = next((one for one in given if one is not None), None)
    if not isinstance(given, Tensor):
        return ""
    sizes = ["B" if place == 0 and size == examples else str(size) for place, size in enumerate(given.shape)]
    return f"[{', '.join(sizes)}]"

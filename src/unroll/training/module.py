"""The LightningModule of a trial: loss, learning rate and noise, each a function of the step alone."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from unroll.config.schema import Optimizer
from unroll.data.batching import Share
from unroll.data.splits import Batch
from unroll.models.network import Network, weight_scales
from unroll.models.noise import Rows, drawing
from unroll.seeds import derive
from unroll.tasks.task import Losses, Task
from unroll.training.carry import Carry
from unroll.training.devices import seed_noise
from unroll.training.graphs import Captured, capture
from unroll.training.optimizers import build_optimizer, group_options
from unroll.training.phases import phases_of


def learning_rate(config: Optimizer, step: int, steps: int) -> float:
    """The learning rate of a step: linear warm-up, then constant, or cosine (Loshchilov & Hutter 2017, eq. 5, one
    cycle), linear or by one factor a step (exponential) down to `final_learning_rate` at `steps`; or stairs: multiplied
    by `factor` from the step on that is nearest to each milestone."""
    base, warmup, final = config.learning_rate, config.warmup_steps, config.final_learning_rate
    if step < warmup:
        return base * (step + 1) / (warmup + 1)
    if config.schedule == "constant":
        return base
    if config.schedule == "stairs":
        return float(base * config.factor ** sum(step >= round(share * steps) for share in config.milestones))
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    if config.schedule == "exponential":
        return float(base * (final / base) ** done)
    left = (1 + math.cos(math.pi * done)) / 2 if config.schedule == "cosine" else 1 - done
    return final + (base - final) * left


def own_sums(logged: Any, rank: int, world: int) -> dict[str, Any] | None:
    """Of the sums in a checkpoint, one dictionary a rank, this rank's; of other ranks', rank 0 takes all."""
    if not logged:
        return None
    parts = [logged] if isinstance(logged, dict) else logged  # older checkpoints have rank 0's alone
    if len(parts) == world:
        return dict(parts[rank])
    if rank > 0:
        return None
    names = {name for part in parts for name in part["losses"]}
    losses = {name: sum(part["losses"].get(name, 0.0) for part in parts) for name in names}
    return {"losses": losses, "examples": sum(part["examples"] for part in parts)}


class TrialModule(lightning.LightningModule):
    """Trains a network on a task from step `start` on.

    Args:
        task: gives the losses.
        network: of an architecture for that task.
        optimizer: of the trial's config.
        seed: the trial's.
        start: the absolute step of the first batch.
        steps: the budget, for the learning rate.
        optimizer_state: of the checkpoint that training goes on from.
        logged: this rank's sums of that checkpoint, from `logged_sums`.
        carry: this rank's state of that checkpoint.
        graphed: examples of the batches whose losses are replayed as a CUDA graph; None: of no batch.
    """

    def __init__(
        self,
        task: Task,
        network: Network,
        optimizer: Optimizer,
        seed: int,
        start: int,
        steps: int,
        optimizer_state: dict[str, Any] | None = None,
        logged: dict[str, Any] | None = None,
        carry: Carry | None = None,
        graphed: int | None = None,
    ):
        super().__init__()
        self.task, self.network, self.config = task, network, optimizer
        self.scales = list(weight_scales(network).values())
        self.seed, self.start, self.steps = seed, start, steps
        self.phases = phases_of(task, steps)
        self.optimizer_state = optimizer_state
        self.carry = Carry() if carry is None else carry
        self.graphed = graphed
        self.captured: Captured | None = None
        logged = logged or {"losses": {}, "examples": 0.0}
        self.logged: dict[str, Tensor] = dict(logged["losses"])  # sums since the last log line
        self.logged_examples: Tensor | float = logged["examples"]

    def __setattr__(self, name: str, value: Any) -> None:
        """Lightning notes 40 times a step which hook it is in: that needs no search for parameters."""
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def step(self) -> int:
        """Optimizer steps done, over all attempts."""
        return self.start + self.global_step

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer, with its state from the checkpoint."""
        optimizer = self._new_optimizer()
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
            self.optimizer_state = None
        return optimizer

    def _new_optimizer(self) -> torch.optim.Optimizer:
        fused = self.trainer.precision == "32-true"  # Lightning cannot clip a fused optimizer under mixed precision
        return build_optimizer(self.network, self.config, fused)

    def on_train_start(self) -> None:
        """Record the CUDA graph, where there is to be one; UserError where torch cannot."""
        if self.graphed is None:
            return
        split = self.task.splits["train"]
        index = torch.arange(min(self.graphed, len(split)))
        batches = [split.batch(rows).to(self.device) for rows in (index, len(split) - 1 - index)]
        steps = [partial(self.begin, step) for step in (self.start, self.steps - 1)]
        self.captured = capture(self.task, self.network.train(), batches, steps)

    def on_train_end(self) -> None:
        """Let go of the graph: Lightning moves the parameters away from where it reads them."""
        self.captured = None

    def begin(self, step: int) -> None:
        """Set noise and schedules of a step. All ranks have one seed: each takes its rows of what it gives."""
        seed_noise(derive(self.seed, "noise", step, 0), self.device)
        done, length = self.phases.within(step)
        self.network.schedule(done / length)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Noise, schedules and options of this step; a second phase begins with an optimizer without state."""
        self.begin(self.step)
        optimizer, (done, length) = self.trainer.optimizers[0], self.phases.within(self.step)
        config = self.phases.optimizer(self.config, self.step)
        if self.phases.begins_second(self.step):
            optimizer.load_state_dict(self._new_optimizer().state_dict())
        for group, own in zip(optimizer.param_groups, group_options(config, self.scales), strict=True):
            options = config.model_copy(update=own) if own else config
            group["lr"] = learning_rate(options, done, length)
            if "weight_decay" in group:
                group["weight_decay"] = options.weight_decay
            if options.name == "sgd":
                group["momentum"] = options.momentum

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The objective's mean over the global batch; ranks' gradients are averaged, hence the world size."""
        step, rows = self.start + batch_idx, Rows(batch.examples, batch.rows) if isinstance(batch, Share) else None
        with drawing(rows):
            losses = self._losses(self.carry.into(batch), step)
        self.carry.keep(batch, self.network)
        share = batch.weight * (self.trainer.world_size / batch.normaliser)
        loss = (self.task.objective(losses) * share).sum()
        task = None if self.phases.pretrains(self.start + batch_idx) else losses.task
        parts = {"task": task, "penalty": losses.penalty, "reconstruction": losses.reconstruction}
        for name, part in parts.items():
            if part is not None:
                self.logged[name] = self.logged.get(name, 0.0) + (part.detach() * batch.weight).sum()
        self.logged_examples = self.logged_examples + batch.weight.sum()
        return loss

    def _losses(self, batch: Batch, step: int) -> Losses:
        if self.captured is not None and self.captured.takes(batch):
            return self.captured.losses(batch)
        return self.phases.losses(self.task, self.network, batch, step)

    def logged_sums(self) -> dict[str, Any]:
        """What the next log line is made of so far, of this rank's examples; on the CPU."""
        losses = {name: torch.as_tensor(total).cpu() for name, total in self.logged.items()}
        return {"losses": losses, "examples": torch.as_tensor(self.logged_examples).cpu()}

    def take_logged(self, totals: Callable[[list[float]], list[float]]) -> dict[str, float]:
        """Mean losses per example since the last call; `totals` sums over the ranks."""
        names = sorted(self.logged)
        examples, *sums = totals([float(self.logged_examples), *(float(self.logged[name]) for name in names)])
        self.logged, self.logged_examples = {}, 0.0
        return {f"train/{name}": total / examples for name, total in zip(names, sums, strict=True)} if examples else {}

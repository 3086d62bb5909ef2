"""A trial under way: what it is given, and what each step of its story leaves for the next ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytorch_lightning as lightning

from unroll.atomic import Replacing, replacing
from unroll.config.schema import Config
from unroll.config.trial import Trial
from unroll.data.examples import Examples
from unroll.data.splits import Split, placed
from unroll.models.network import Network
from unroll.models.sizing import Sizing
from unroll.records.lease import Lease
from unroll.tasks.task import Final, Task
from unroll.tracking.history import Known
from unroll.tracking.tracking import Tracking
from unroll.training.callbacks import Training
from unroll.training.carry import Carry
from unroll.training.checkpoint import Progress
from unroll.training.diagnostics.probe import diagnose
from unroll.training.evaluation import Score, evaluate_split
from unroll.training.module import TrialModule
from unroll.training.phases import phases_of
from unroll.training.preemption import Preemption
from unroll.training.ranks import Ranks


@dataclass
class Cost:
    """What training costs: operations of an example forward, of a training example in each phase, share of padding."""

    forward: int
    phases: tuple[int, int]
    padding: float


@dataclass
class Schedule:
    """The budget: steps of an epoch, of the whole training, between two validations."""

    per_epoch: int
    steps: int
    every: int | None  # None: at the end only


@dataclass
class Saved:
    """What a checkpoint says beside the weights; nothing where training begins."""

    progress: Progress
    optimizer: dict[str, Any] | None = None
    scaler: dict[str, Any] | None = None
    logged: Any = None
    carry: Carry | None = None


@dataclass
class Run:
    """A trial under way: what it is given, and what each step leaves for the next ones."""

    trial: Trial
    lease: Lease | None  # of rank 0
    preemption: Preemption
    tracking: Tracking
    ranks: Ranks
    problems: list[str] = field(default_factory=list)  # why its record will not be reportable

    task: Task = field(init=False)
    examples: Examples = field(init=False)
    network: Network = field(init=False)
    sizing: Sizing | None = field(init=False)
    cost: Cost = field(init=False)
    schedule: Schedule = field(init=False)
    saved: Saved = field(init=False)
    training: Training = field(init=False)
    trainer: lightning.Trainer = field(init=False)
    module: TrialModule = field(init=False)
    final: Final = field(init=False)
    generalised: dict[str, Any] | None = field(init=False)
    diagnostics: dict[str, Any] | None = field(init=False)
    training_seconds: float = field(init=False)  # a baseline's; a network's progress has its own
    evaluation_seconds: float = field(init=False)
    last: dict[str, dict[str, float]] | None = None  # metrics of the last weights, where the budget asks for them

    @property
    def config(self) -> Config:
        return self.trial.config

    @property
    def progress(self) -> Progress:
        return self.saved.progress

    @cached_property
    def known(self) -> Known:
        """What turns steps into epochs, examples and operations."""
        batch, train = self.config.data.batch_size, len(self.task.splits["train"])
        boundary = phases_of(self.task, self.schedule.steps).boundary
        return Known(self.schedule.per_epoch, train, batch, boundary, self.cost.phases, self.config.task.selection.name)

    @cached_property
    def splits(self) -> Mapping[str, Split]:
        """The task's splits for the device that trains: what they hold lies there where `trainer` lets it."""
        device, most = self.trainer.strategy.root_device, self.config.trainer.data_on_device_mb
        return placed(self.task.splits, device, most)

    @cached_property
    def replacing(self) -> Replacing:
        """How files are replaced: only while the trial is still ours."""
        return replacing if self.lease is None else self.lease.replacing

    def evaluate(self, score: Score, split: str) -> Any:
        """Per-example outputs of a split, where and in the precision in which the network trains."""
        assert self.module.device == self.trainer.strategy.root_device, f"training ran on {self.module.device}"
        ranks = self.trainer.global_rank, self.trainer.world_size
        return evaluate_split(score, self.network, self.splits[split], self.module.seed, self.module.device, *ranks)

    def diagnose(self) -> dict[str, Any]:
        """Diagnostics of the network as it is now."""
        return diagnose(self.task, self.network, self.module.device)

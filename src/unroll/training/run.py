"""A network's trial in ten steps, each a function over one `Run`: data, network, cost, budget, checkpoint, trackers,
training, the best weights, the final evaluation, the result."""

import gc
import time
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch

from unroll.atomic import Replacing, replacing
from unroll.config.trial import Trial
from unroll.data.batching import TrainingBatches, epoch_order, padding_share, steps_per_epoch, typical_batch
from unroll.data.examples import Examples
from unroll.models.network import Network
from unroll.models.sizing import Sizing, count_parameters
from unroll.records.lease import Lease
from unroll.seeds import derive
from unroll.tasks.task import Final, Task
from unroll.tracking.tracking import Tracking
from unroll.training import checkpoint, flops, predictions
from unroll.training.budget import budget_steps
from unroll.training.callbacks import Training
from unroll.training.checkpoint import Progress
from unroll.training.devices import device_fields
from unroll.training.diagnostics.pretrained import pretrained
from unroll.training.diagnostics.probe import diagnose, logged_names
from unroll.training.evaluation import Score, evaluate_split
from unroll.training.generalisation import train_scores
from unroll.training.lightning_trainer import build_trainer, quiet
from unroll.training.module import TrialModule, own_sums
from unroll.training.preemption import Preemption
from unroll.training.prepared import prepared_task, sized
from unroll.training.ranks import Ranks
from unroll.training.result import data_fields, result_fields


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
    evaluation_seconds: float = field(init=False)

    @property
    def config(self) -> dict[str, Any]:
        return self.trial.config

    @property
    def progress(self) -> Progress:
        return self.saved.progress

    @cached_property
    def replacing(self) -> Replacing:
        """How files are replaced: only while the trial is still ours."""
        return replacing if self.lease is None else self.lease.replacing

    def evaluate(self, score: Score, split: str) -> Any:
        """Per-example outputs of a split, where and in the precision in which the network trains."""
        assert self.module.device == self.trainer.strategy.root_device, f"training ran on {self.module.device}"
        ranks = self.trainer.global_rank, self.trainer.world_size
        split_ = self.task.splits[split]
        return evaluate_split(score, self.network, split_, self.module.seed, self.module.device, *ranks)

    def diagnose(self) -> dict[str, Any]:
        """Diagnostics of the network as it is now."""
        return diagnose(self.task, self.network, self.module.device)


def train_network(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train and evaluate. Returns the record's scientific fields, and what was measured on the way."""
    read_data(run)
    make_network(run)
    count_cost(run)
    plan_steps(run)
    find_checkpoint(run)
    try:
        set_up(run)
        fit(run)
        take_best(run)
        evaluate(run)
        return result(run)
    finally:
        gc.collect()


def read_data(run: Run) -> None:
    """Step 1: fetch and verify the data, turn them into tensors; preprocessing is fitted on train."""
    run.task, run.examples = prepared_task(run.trial)


def make_network(run: Run) -> None:
    """Step 2: the network, initialised by the seed."""
    build, run.sizing = sized(run.trial, run.task)
    torch.manual_seed(derive(run.config["seed"], "initialisation"))
    run.network = build()
    cache = Path(run.config["paths"]["cache"]).expanduser()
    run.network.bottleneck.prepare(len(run.task.splits["train"]), partial(run.task.features, "train"), cache)


def count_cost(run: Run) -> None:
    """Step 3: operations, counted on a typical batch that is the same for all seeds."""
    task, train, batch_size = run.task, run.task.splits["train"], run.config["data"]["batch_size"]
    order = epoch_order(train, batch_size, 0, 0)
    torch.manual_seed(derive(run.config["seed"], "flops"))
    costed = train.batch(typical_batch(train, order))
    forward = flops.forward_flops(task, run.network, costed)
    each = flops.BACKWARD_FACTOR * forward
    phases = (each, each) if task.pretraining is None else flops.phase_flops(task, run.network, costed)
    run.cost = Cost(forward, phases, padding_share(train, order))


def plan_steps(run: Run) -> None:
    """Step 4: the budget in steps."""
    train, batch_size = run.task.splits["train"], run.config["data"]["batch_size"]
    per_epoch = steps_per_epoch(len(train), batch_size)
    typical = len(typical_batch(train, epoch_order(train, batch_size, 0, 0)))
    run.schedule = Schedule(per_epoch, *budget_steps(run.config["budget"], per_epoch, run.cost.forward, typical))


def find_checkpoint(run: Run) -> None:
    """Step 5: go on from a checkpoint of the same data, where there is one."""
    directory, trial_id, data = run.trial.directory, run.trial.trial_id, run.examples.content_sha256
    last, run.saved = directory / checkpoint.LAST, Saved(Progress(trial_id))
    if checkpoint.of_other_data(last, trial_id, data):
        print(f"{trial_id}: the data changed, so training starts from its beginning", flush=True)
        for name in (checkpoint.LAST, checkpoint.BEST):
            (directory / name).unlink(missing_ok=True)
    if last.exists():
        found = checkpoint.load(last, trial_id)
        run.network.load_state_dict(found["network"])
        progress = Progress(**found["progress"])
        if progress.best_step is not None and (directory / checkpoint.BEST).exists():
            checkpoint.load_best(directory, progress, ahead=True)  # a damaged one is told of now, not after training
        progress.attempts += 1
        logged = own_sums(found.get("logged"), run.ranks.number, run.ranks.world)
        run.saved = Saved(progress, found["optimizer"], found["scaler"], logged)
    run.progress.data_sha256 = data


def set_up(run: Run) -> None:
    """Step 6: trackers, Lightning's trainer and module."""
    config, progress, start = run.config, run.progress, run.progress.step
    if run.ranks.number == 0:
        run.tracking.start(start)
    logs_diagnostics = config["trainer"]["diagnose"] == "validations"
    run.training = Training(
        run.trial.directory,
        progress,
        lambda module, trainer: run.task.selection(run.evaluate(run.task.validate, "validation"), "validation"),
        config["task"]["selection"],
        run.schedule.every,
        config["budget"],
        config["trainer"],
        run.preemption,
        run.ranks,
        run.tracking.log,
        still_ours=(lambda: None) if run.lease is None else run.lease.check,
        replacing=run.replacing,
        diagnose=(lambda module: logged_names(run.diagnose())) if logs_diagnostics else None,
        pretrained=lambda module: pretrained(run.task, run.network, module.step, module.device),
    )
    if run.lease is not None:
        steps = run.schedule.steps
        run.lease.progress = lambda: {"step": progress.step, "steps": steps, "seconds": progress.seconds}
    run.trainer = build_trainer(config, run.training)
    run.module = TrialModule(
        run.task,
        run.network,
        config["optimizer"],
        config["seed"],
        start,
        run.schedule.steps,
        run.saved.optimizer,
        run.saved.logged,
    )
    run.network.precision = run.trainer.precision_plugin.forward_context
    if run.saved.scaler:
        run.trainer.precision_plugin.load_state_dict(run.saved.scaler)


def fit(run: Run) -> None:
    """Step 7: training, to its end or to a signal, which raises KeyboardInterrupt once all is saved."""
    progress, trainer, steps = run.progress, run.trainer, run.schedule.steps
    batches = TrainingBatches(
        run.task.splits["train"],
        run.config["data"]["batch_size"],
        run.config["seed"],
        progress.step,
        steps,
        trainer.global_rank,
        trainer.world_size,
    )
    if len(batches) and not progress.stopped:
        run.preemption.training_starts()
        with quiet():
            trainer.fit(run.module, batches)
        run.preemption.training_ended(run.training.preempted)
        if progress.step < steps and not progress.stopped:
            raise KeyboardInterrupt
    else:
        trainer.strategy.connect(run.module)
        trainer.strategy.setup_environment()
    run.module.to(trainer.strategy.root_device)  # Lightning leaves it on the CPU after training


def take_best(run: Run) -> None:
    """Step 8: the best weights by validation."""
    directory = run.trial.directory
    if (directory / checkpoint.BEST).exists():
        run.network.load_state_dict(checkpoint.load_best(directory, run.progress)["network"])
    else:
        run.problems.append("best.ckpt is missing; the last weights were evaluated")


def evaluate(run: Run) -> None:
    """Step 9: the final evaluation. Test is opened here, once."""
    task, began = run.task, time.monotonic()
    run.network.eval()
    run.final = task.finish(run.network, lambda split: run.evaluate(task.evaluate, split), run.config["seed"])
    run.generalised = train_scores(
        run.config["task"], task, run.final, lambda split: run.evaluate(task.validate, split)
    )
    run.evaluation_seconds = time.monotonic() - began
    run.diagnostics = None if run.config["trainer"]["diagnose"] == "never" else run.diagnose()


def result(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Step 10: the record's scientific fields, and what was measured on the way."""
    config, progress, module, schedule = run.config, run.progress, run.module, run.schedule
    found = result_fields(config, run.task, run.final, run.examples, run.trial.directory, run.replacing)
    found |= {
        "selection": {**config["task"]["selection"], "value": progress.best_value, "step": progress.best_step},
        "train": run.generalised,
        "steps": progress.step,
        "epochs": progress.step / schedule.per_epoch,
        "weights_sha256": predictions.weights_sha256(run.network.state_dict()),
    }
    if progress.pretrained is not None:
        found["pretrained"] = progress.pretrained
    found["curves"]["validation"] = progress.validations
    metrics = {f"{split}/{name}": v for split, of_split in run.final.metrics.items() for name, v in of_split.items()}
    run.tracking.log({**metrics, **logged_names(run.diagnostics or {})}, progress.step)
    trained, pretraining = (
        step // schedule.per_epoch * len(run.task.splits["train"])
        + step % schedule.per_epoch * config["data"]["batch_size"]
        for step in (progress.step, min(progress.step, module.phases.boundary))
    )
    operations = run.cost.phases[0] * pretraining + run.cost.phases[1] * (trained - pretraining)
    sizing = {} if run.sizing is None else {"sizing": run.sizing.record()}
    fields = {
        "data": data_fields(config, run.examples),
        "parameters": count_parameters(run.network) | sizing,
        "flops": {"forward_per_example": run.cost.forward, "training": operations},
        "result": found,
        "diagnostics": run.diagnostics,
        "why_not_reportable": run.problems,
    }
    timing = {
        "training_seconds": progress.seconds,
        "evaluation_seconds": run.evaluation_seconds,
        "examples_per_second": trained / progress.seconds if progress.seconds else None,
        "attempts": progress.attempts,
        "world_size": run.trainer.world_size,
        "padding_share": run.cost.padding,
        "device": device_fields(module.device, run.trainer.precision),
    }
    return fields, timing

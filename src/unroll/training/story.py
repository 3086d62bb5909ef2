"""A trial in steps, each a function over one `Run`. A network's: data, network, cost, budget, checkpoint, trackers,
training, the last weights and the best, the final evaluation, the result. A baseline has those without training."""

import time
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch

from unroll.data.batching import TrainingBatches, epoch_order, padding_share, steps_per_epoch, typical_batch
from unroll.models.sizing import count_parameters
from unroll.seeds import derive
from unroll.tasks.baselines.views import Splits
from unroll.tasks.task import Final
from unroll.training import checkpoint, flops
from unroll.training.budget import ENDLESS, budget_steps
from unroll.training.callbacks import Training
from unroll.training.carry import own_carry
from unroll.training.checkpoint import Progress
from unroll.training.devices import kind_of
from unroll.training.diagnostics.pretrained import pretrained
from unroll.training.diagnostics.probe import logged_names
from unroll.training.generalisation import train_scores
from unroll.training.lightning_trainer import build_trainer, quiet
from unroll.training.module import TrialModule, own_sums
from unroll.training.prepared import build_baseline, prepared_task, sized
from unroll.training.progress_lines import ProgressLines
from unroll.training.result import result, so_far
from unroll.training.run import Cost, Run, Saved, Schedule
from unroll.visible import say


def run_trial(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train, or fit, and evaluate. Returns the record's scientific fields, and what was measured on the way."""
    read_data(run)
    if run.trial.is_baseline:
        run.tracking.start(0, None, so_far(run))
        fit_baseline(run)
        return result(run)
    make_network(run)
    count_cost(run)
    plan_steps(run)
    find_checkpoint(run)
    set_up(run)
    fit(run)
    run.tracking.trained()
    evaluate_last(run)
    take_best(run)
    evaluate(run)
    return result(run)


def read_data(run: Run) -> None:
    """Step 1: fetch and verify the data, turn them into tensors; preprocessing is fitted on train."""
    run.task, run.examples = prepared_task(run.trial)


def fit_baseline(run: Run) -> None:
    """Fit a baseline on exactly what networks see, and score it by the same metrics. Test is opened here, once."""
    task, baseline, began = run.task, build_baseline(run.trial), time.monotonic()
    baseline.fit(Splits(task.view("train"), task.view("validation")))
    run.training_seconds = time.monotonic() - began
    began, run.final = time.monotonic(), Final()
    for split in ("validation", "test", *task.further):
        outputs = baseline.predict(task.view(split))
        run.final.metrics[split] = task.metrics(outputs, split)
        run.final.predictions[split] = task.predictions(outputs, split)
        run.final.labels.update(task.labels(outputs, split))
        task.measure_extra(run.final, outputs, split)
        if split == "test":
            run.final.images = task.shown(outputs, split)
    run.evaluation_seconds = time.monotonic() - began


def make_network(run: Run) -> None:
    """Step 2: the network, initialised by the seed."""
    build, run.sizing = sized(run.trial, run.task)
    torch.manual_seed(derive(run.config.seed, "initialisation"))
    run.network = build()
    cache = Path(run.config.paths.cache).expanduser()
    run.network.bottleneck.prepare(len(run.task.splits["train"]), partial(run.task.features, "train"), cache)


def count_cost(run: Run) -> None:
    """Step 3: operations, counted on a typical batch that is the same for all seeds."""
    task, train, batch_size = run.task, run.task.splits["train"], run.config.data.batch_size
    order = epoch_order(train, batch_size, 0, 0)
    torch.manual_seed(derive(run.config.seed, "flops"))
    costed = train.batch(typical_batch(train, order))
    forward = flops.forward_flops(task, run.network, costed)
    each = flops.BACKWARD_FACTOR * forward
    phases = (each, each) if task.pretraining is None else flops.phase_flops(task, run.network, costed)
    run.cost = Cost(forward, phases, padding_share(train, order))


def plan_steps(run: Run) -> None:
    """Step 4: the budget in steps."""
    train, batch_size = run.task.splits["train"], run.config.data.batch_size
    if batch_size > len(train) and run.ranks.number == 0:
        said = f"data.batch_size={batch_size} is more than the {len(train)} examples of train: an epoch is one step"
        print(said, flush=True)
    per_epoch = steps_per_epoch(len(train), batch_size)
    typical = len(typical_batch(train, epoch_order(train, batch_size, 0, 0)))
    run.schedule = Schedule(per_epoch, *budget_steps(run.config.network.budget, per_epoch, run.cost.forward, typical))


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
        carry = own_carry(found.get("carried", ()), run.ranks.number, run.ranks.world)
        run.saved = Saved(progress, found["optimizer"], found["scaler"], logged, carry)
    run.progress.data_sha256 = data


def set_up(run: Run) -> None:
    """Step 6: trackers, Lightning's trainer and module."""
    config, progress, start = run.config, run.progress, run.progress.step
    if run.ranks.number == 0:
        run.tracking.seconds = lambda: progress.seconds
        run.tracking.start(start, run.known, so_far(run))
        say_sizes(run)
    begun = start, progress.seconds
    said = ProgressLines(config, run.schedule.steps, run.schedule.per_epoch, begun) if run.ranks.number == 0 else None
    logs_diagnostics = config.trainer.diagnose == "validations"
    run.training = Training(
        run.trial.directory,
        progress,
        lambda module, trainer: run.task.selection(run.evaluate(run.task.validate, "validation"), "validation"),
        config.task.selection,
        run.schedule.every,
        config.network.budget,
        config.trainer,
        run.preemption,
        run.ranks,
        run.tracking.log,
        said,
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
        config.network.optimizer,
        config.seed,
        start,
        run.schedule.steps,
        run.saved.optimizer,
        run.saved.logged,
        run.saved.carry,
        config.data.batch_size if config.trainer.cuda_graphs else None,
    )
    run.network.precision = run.trainer.precision_plugin.forward_context
    if run.saved.scaler:
        run.trainer.precision_plugin.load_state_dict(run.saved.scaler)


def say_sizes(run: Run) -> None:
    """Say what is known once data and network are there, and where training goes on from."""
    trainer, schedule, splits = run.config.trainer, run.schedule, run.task.splits
    sizes = ", ".join(f"{len(splits[name]):,} {name}" for name in ("train", "validation", "test", *run.task.further))
    parameters = count_parameters(run.network)["total"]
    device = f"{kind_of(trainer.accelerator)}, {trainer.threads} thread{'s' * (trainer.threads != 1)}"
    of = "" if schedule.steps == ENDLESS else f"{schedule.steps:,} steps, "
    every = schedule.every if schedule.every is not None and schedule.every < schedule.steps else None
    validated = "at the end" if every is None else f"every {every:,}"
    say(f"  data     {sizes}", err=True)
    say(
        f"  network  {parameters:,} parameters; {device}, {trainer.precision}",
        err=True,
    )
    say(f"  budget   {of}{schedule.per_epoch:,} steps an epoch, validated {validated}", err=True)
    if run.progress.step:
        say(f"  goes on  from step {run.progress.step:,} of its last checkpoint", err=True)


def fit(run: Run) -> None:
    """Step 7: training, to its end or to a signal, which raises KeyboardInterrupt once all is saved."""
    progress, trainer, steps = run.progress, run.trainer, run.schedule.steps
    batches = TrainingBatches(
        run.splits["train"],
        run.config.data.batch_size,
        run.config.seed,
        progress.step,
        steps,
        trainer.global_rank,
        trainer.world_size,
    )
    if len(batches) and not progress.stopped:
        run.preemption.training_starts()
        with quiet(), nullcontext() if run.training.said is None else closing(run.training.said):
            trainer.fit(run.module, batches)
        run.preemption.training_ended(run.training.preempted)
        if progress.step < steps and not progress.stopped:
            raise KeyboardInterrupt
    else:
        trainer.strategy.connect(run.module)
        trainer.strategy.setup_environment()
    run.module.to(trainer.strategy.root_device)  # Lightning leaves it on the CPU after training


def evaluate_last(run: Run) -> None:
    """Step 8: the metrics of the last weights, where the budget asks for them; nothing is chosen by them."""
    task, began = run.task, time.monotonic()
    if run.config.network.budget.weights == "both":
        run.network.eval()
        run.last = task.finish(run.network, lambda split: run.evaluate(task.evaluate, split), run.config.seed).metrics
    run.evaluation_seconds = time.monotonic() - began


def take_best(run: Run) -> None:
    """Step 9: the best weights by validation, or the last ones where the budget asks for these."""
    directory = run.trial.directory
    if (directory / checkpoint.BEST).exists():
        run.network.load_state_dict(checkpoint.load_best(directory, run.progress)["network"])
    else:
        run.problems.append("best.ckpt is missing; the last weights were evaluated")


def evaluate(run: Run) -> None:
    """Step 10: the final evaluation. Test is opened here, once."""
    task, began = run.task, time.monotonic()
    run.network.eval()
    run.final = task.finish(run.network, lambda split: run.evaluate(task.evaluate, split), run.config.seed)
    run.generalised = train_scores(run.config.task, task, run.final, lambda split: run.evaluate(task.validate, split))
    run.evaluation_seconds += time.monotonic() - began
    run.diagnostics = None if run.config.trainer.diagnose == "never" else run.diagnose()

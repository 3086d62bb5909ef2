"""A pilot: a trial's own story with a handful of steps, timed, for what the whole of it costs. Nothing is left of it.

Steps are extrapolated by the budget. The final evaluation is run once and whole, since a part of it tells little of it:
some of its work (drawn samples, beam search, a mixture fitted to codes) does not grow with the examples. Validation
stands in for test, which stays shut.
"""

import copy
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from unroll.config.trial import Trial
from unroll.data.batching import epoch_order, normaliser_of, share_of
from unroll.data.splits import Batch, Split
from unroll.records.provenance import peak_memory_bytes, reset_peak_memory
from unroll.threads import computing_threads
from unroll.tracking.tracking import Tracking
from unroll.training import predictions, story
from unroll.training.devices import kind_of, set_tf32
from unroll.training.lightning_trainer import quiet
from unroll.training.looked_at import keep_looked_at
from unroll.training.memory import keep_freed_memory
from unroll.training.preemption import Preemption
from unroll.training.prepared import prepared_task
from unroll.training.ranks import Ranks
from unroll.training.run import Run, Schedule
from unroll.training.train import check, keep_checkpoints, write_config

WARM_UP, TIMED = 2, 12  # optimizer steps of each phase of training

Now = Callable[[], float]


@dataclass(frozen=True)
class Pilot:
    """What a pilot says of the whole trial.

    Attributes:
        seconds: of the trial in a warm worker, which has prepared the data for others: start-up and final evaluation
            included. On the CPU with one thread they are CPU seconds, since other work on the machine stretches the
            wall's; else they are the wall's.
        memory_bytes: largest resident memory of this process in the pilot.
        disk_bytes: that the trial leaves, without its record.
        steps: that were timed; 0 of a baseline, which is fitted whole.
    """

    seconds: float
    memory_bytes: int
    disk_bytes: int
    steps: int


def pilot(trial: Trial) -> Pilot:
    """Time a few steps of a trial, and its final evaluation once; early stopping is taken to stop nothing.

    Raises:
        UserError: the trial cannot start, its data are nowhere, or it takes several ranks.
    """
    check(trial)
    keep_freed_memory()
    reset_peak_memory()
    with tempfile.TemporaryDirectory(prefix="unroll-pilot-") as folder:
        placed = changed(trial, paths={**trial.plain["paths"], "runs": folder})
        placed.directory.mkdir()
        write_config(placed)
        set_tf32(trial.config.trainer.tf32)
        with computing_threads(trial.config.trainer.threads):
            prepared_task(placed, blind=True)
            seconds, share, steps = _baseline(placed) if trial.is_baseline else _network(placed)
        keep_checkpoints(placed.directory, trial.config.trainer.keep_after)
        sizes = {path.name: path.stat().st_size for path in placed.directory.iterdir()}
        sizes[predictions.FILE_NAME] = round(share * sizes[predictions.FILE_NAME])
        return Pilot(seconds, peak_memory_bytes(), sum(sizes.values()), steps)


def _baseline(trial: Trial) -> tuple[float, float, int]:
    """Seconds, by how much test is more work than what stood in for it, and no steps."""
    run, now = new_run(trial), clock_of(trial)
    began = now()
    share = read_blind(run)
    story.fit_baseline(run)
    _save(run)
    return now() - began, share, 0


def _network(trial: Trial) -> tuple[float, float, int]:
    """Seconds, by how much the final evaluation is more work than what stood in for it, and the steps timed."""
    run, now = new_run(trial), clock_of(trial)
    began = now()
    share = read_blind(run)
    story.make_network(run)
    story.count_cost(run)
    story.plan_steps(run)
    whole = run.schedule
    pretraining = run.task.pretraining
    boundary = 0 if pretraining is None else pretraining.boundary(whole.steps)
    each = min(WARM_UP + TIMED, max(1, min(boundary, whole.steps - boundary) if boundary else whole.steps))
    steps = each * (2 if boundary else 1)
    if pretraining is not None:
        run.task = copy.copy(run.task)  # others share it
        run.task.pretraining = replace(pretraining, steps=each)
    budget = trial.plain["budget"]
    short = {**budget, "epochs": None, "seconds": None, "flops": None, "patience": None, "steps": steps}
    run.trial, run.schedule = changed(trial, budget=short), Schedule(whole.per_epoch, steps, None)
    story.find_checkpoint(run)
    story.set_up(run)
    started = now()
    before, after = timed_fit(run, SomeBatches(run, each, steps // each), now)
    fitted = now()
    run.module.to(run.trainer.strategy.root_device)
    story.evaluate_last(run)
    story.take_best(run)
    story.evaluate(run)
    _save(run)
    ended = now()
    seconds = trial.config.network.budget.seconds
    if seconds is None:
        seconds = training_seconds(before, after, each, boundary, whole)
    fixed = (started - began) + (fitted - started) - (after[-1] - after[0])
    return fixed + seconds + share * (ended - fitted), share, steps


def training_seconds(
    before: Sequence[float], after: Sequence[float], each: int, boundary: int, whole: Schedule
) -> float:
    """Return the seconds of a whole training, from the marks of a pilot's.

    Args:
        before: a mark after each step [n], of what happens between steps the beginning.
        after: the beginning of training, then a mark after that is over for each step [n + 1]. After the pilot's last
            step there is a validation; after the first of two phases, what pretraining left is measured.
        each: steps of each phase of the pilot; the first ones warm up and do not count where there are others.
        boundary: steps of the whole training's first phase; 0 where there is one phase only.
        whole: the schedule of the whole training.
    """
    warm = WARM_UP if each > WARM_UP else 0
    found = 0.0
    lengths = [boundary, whole.steps - boundary] if boundary else [whole.steps]
    once = []
    for phase, length in enumerate(lengths):
        steps = range(phase * each + warm, (phase + 1) * each)
        step = sum(before[i] - after[i] for i in steps) / len(steps)
        between = [after[i + 1] - before[i] for i in steps[:-1]]
        once.append(after[(phase + 1) * each] - before[(phase + 1) * each - 1])
        found += length * (step + (sum(between) / len(between) if between else 0.0))
    return found + sum(once[:-1]) + once[-1] * validations(whole, boundary)


def validations(whole: Schedule, boundary: int) -> int:
    """Return how often a training is validated: every so many steps and at its end, not in the first of two phases."""
    if whole.every is None:
        return 1
    return whole.steps // whole.every - boundary // whole.every + (whole.steps % whole.every != 0)


def changed(trial: Trial, **sections: Any) -> Trial:
    """The same trial without trackers and a bar, with other sections of its config."""
    logger = {**trial.plain["logger"], "csv": False, "tensorboard": False}
    logger["wandb"] = {**logger["wandb"], "mode": "disabled"}
    silent = {"logger": logger, "trainer": {**trial.plain["trainer"], "progress": False}}
    return Trial({**trial.plain, **silent, **sections}, trial.trial_id)


def new_run(trial: Trial) -> Run:
    return Run(trial, None, Preemption(), Tracking(trial), Ranks())


def clock_of(trial: Trial) -> Now:
    """What tells the seconds of a pilot."""
    trainer = trial.config.trainer
    kind = "cpu" if trial.is_baseline else kind_of(trainer.accelerator)
    if kind == "cpu" and trainer.threads == 1:
        return time.process_time

    def wall() -> float:
        if kind == "cuda" and torch.cuda.is_initialized():
            torch.cuda.synchronize()
        return time.perf_counter()

    return wall


def read_blind(run: Run) -> float:
    """Prepare the data; return by how much validation and test sets together are more than validation so many times."""
    run.task, run.examples = prepared_task(run.trial, blind=True)
    evaluated = ("validation", "test", *run.task.further)
    counts = [len(run.examples.splits[name]) for name in evaluated]
    return sum(counts) / (len(counts) * counts[0])


def timed_fit(run: Run, batches: "SomeBatches", now: Now) -> tuple[list[float], list[float]]:
    """Train on batches as long as an epoch's are; see `training_seconds` for what comes back."""
    before, after = _Marks(now), _Marks(now)
    after.at_start = True
    run.trainer.callbacks = [before, *run.trainer.callbacks, after]  # type: ignore[attr-defined]
    with quiet():
        run.trainer.fit(run.module, batches)
    return before.marks, after.marks


class _Marks(lightning.Callback):
    """Notes the clock after each step, before or after the callbacks that stand on its other side."""

    at_start = False

    def __init__(self, now: Now):
        self.now, self.marks = now, list[float]()

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if self.at_start:
            self.marks.append(self.now())

    def on_train_batch_end(self, *given: Any) -> None:
        self.marks.append(self.now())


class SomeBatches:
    """Each phase gets the same batches: some to warm up, then a sample of an epoch's; or a rank's shares of them."""

    def __init__(self, run: Run, each: int, phases: int = 1, world: int = 1):
        split, size, seed = run.splits["train"], run.config.data.batch_size, run.config.seed
        chosen = sample(split, epoch_order(split, size, seed, 0), max(1, each - WARM_UP))
        warming = list(islice(cycle(chosen), each - len(chosen)))
        self.split, self.weights = split, split.weights()
        self.order, self.world = [*warming, *chosen] * phases, world

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        for step, index in enumerate(self.order):
            batch = self.split.batch(index) if self.world == 1 else share_of(self.split, index, 0, self.world)
            goes_on = self.split.in_order and step > 0
            yield replace(batch, normaliser=normaliser_of(self.weights[index]), goes_on=goes_on)


def sample(split: Split, order: Sequence[Tensor], count: int) -> list[Tensor]:
    """Return so many of an epoch's batches: the first ones; where lengths differ, by how much they hold.

    These are the middles of equal parts of the batches, sorted by padded positions, so that their mean is an epoch's.
    """
    keys = split.length_keys()
    if not keys:
        return [order[number % len(order)] for number in range(count)]
    by_size = sorted(order, key=lambda batch: len(batch) * sum(int(key[batch].max()) for key in keys))
    return [by_size[(2 * number + 1) * len(by_size) // (2 * count)] for number in range(count)]


def _save(run: Run) -> None:
    predictions.save(run.trial.directory, run.final.predictions)
    predictions.save_images(run.trial.directory, run.final.images)
    network = None if run.trial.is_baseline else run.network
    keep_looked_at(run.task, run.final.predictions["test"], network, run.trial.directory, run.replacing)

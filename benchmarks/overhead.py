"""What Unroll adds to a training step: the same training through Unroll and through a plain PyTorch loop.

Two cases against models written by hand: `ae`, the autoencoder 784-512-32-512-784 on MNIST (batch 128), and `lstm`, an
LSTM of 128 units on SST's binary sentences (batch 64). Both sides start from the same weights, see the same batches in
the same order (text in the same length buckets) and do the same work a step: loss, gradients clipped by norm, fused
Adam, cosine learning rate, the mean loss read every 50 steps; on one thread. Unroll's side is its own config, Lightning
trainer, module, callback, logger and batches. The other takes token ids, pixels and the shuffling generator alone.

Three cases against a plain loop over Unroll's own network, losses and batches, which shows what the trainer adds:
`attention` (bigru with additive attention on Multi30k), `gru` on ETTh1 and `tree_lstm` on SST's parses.

The two alternate in one process, the first of a pair in turn, after one pair that is not counted. Timings cover
training steps only, the making of their batches and of each epoch's order included: from asking for the first batch
until the last step is done. Start-up, data preparation, evaluation and checkpoints are outside on both sides. Before
that, the sides of `ae` and `lstm` must find the same batches, and the same loss and gradient norm on the first one.

    UNROLL_DATA=<folder> python -m benchmarks.overhead [--pairs 7] [--cases ae lstm] [--steps 200]

A ratio is Unroll's CPU seconds by the loop's: other work on the machine disturbs them less than wall seconds, of which
the ratios stand beside. The last lines are `overhead CASE <median of CPU ratios> [least, most]`.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.hand_written import SEED, HandAutoencoder, HandLSTM, hand_image_batches, hand_text_batches
from benchmarks.needed_data import require_data
from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.data.batching import TrainingBatches
from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.seeds import derive
from unroll.tasks.task import Task
from unroll.tracking.tracking import Tracking
from unroll.training.callbacks import Training
from unroll.training.checkpoint import Progress
from unroll.training.lightning_trainer import build_trainer, quiet
from unroll.training.module import TrialModule
from unroll.training.preemption import Preemption
from unroll.training.prepared import prepared_task
from unroll.training.ranks import Ranks

LEARNING_RATE, CLIP_NORM, LOG_EVERY = 1e-3, 1.0, 50


def _await_the_card() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


@dataclass
class Clock:
    """Wall and CPU seconds between start and stop."""

    started: tuple[float, float] = (0.0, 0.0)
    wall: float = 0.0
    cpu: float = 0.0

    def start(self) -> None:
        _await_the_card()
        self.started = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        _await_the_card()
        self.wall, self.cpu = time.perf_counter() - self.started[0], time.process_time() - self.started[1]


@dataclass
class Case:
    """One training, ready for both sides."""

    name: str
    steps: int
    trial: Trial
    task: Task
    hand_model: Any = None  # makes one; None: Unroll's own network in a plain loop
    hand_batches: Any = None  # gives an iterator of `Rows`
    weights: dict[str, Tensor] = field(default_factory=dict)  # of Unroll's network, at the start

    def network(self) -> Network:
        """Unroll's network with the initial weights."""
        network = self.task.network(self.trial.plain["architecture"], self.trial.plain["bottleneck"])
        if not self.weights:
            self.weights = {name: item.clone() for name, item in network.state_dict().items()}
        network.load_state_dict(self.weights)
        return network

    def hand(self) -> Any:
        """The hand-written model with the same weights."""
        model = self.hand_model()
        state = {}
        for name in model.state_dict():
            mine = next(prefix for prefix in model.NAMES if name.startswith(prefix))
            state[name] = self.weights[model.NAMES[mine] + name.removeprefix(mine)]
        model.load_state_dict(state)
        return model

    def unroll_batches(self, clock: Clock) -> "TimedBatches":
        """Unroll's batches; the clock starts when the first is asked for."""
        batch_size = self.trial.plain["data"]["batch_size"]
        return TimedBatches(clock, self.task.splits["train"], batch_size, SEED, 0, self.steps)


class TimedBatches(TrainingBatches):
    """Training batches that start a clock."""

    def __init__(self, clock: Clock, *given: Any):
        super().__init__(*given)
        self.clock = clock

    def __iter__(self) -> Iterator[Batch]:
        self.clock.start()
        return super().__iter__()


def run_unroll(case: Case) -> Clock:
    """Train as `unroll train` does, up to the first validation, which is after the last step."""
    clock, config = Clock(), case.trial.config

    def validate(module: TrialModule, trainer: Any) -> dict[str, float]:
        clock.stop()
        return {config.task.selection.name: 0.0}

    case.trial.directory.mkdir(parents=True, exist_ok=True)
    tracking = Tracking(case.trial)
    tracking.start(0)
    progress = Progress(case.trial.trial_id)
    training = Training(
        case.trial.directory,
        progress,
        validate,
        config.task.selection,
        None,
        config.network.budget,
        config.trainer,
        preemption=Preemption(),
        ranks=Ranks(),
        report=tracking.log,
    )
    trainer = build_trainer(config, training)
    graphed = config.data.batch_size if config.trainer.cuda_graphs else None
    module = TrialModule(case.task, case.network(), config.network.optimizer, SEED, 0, case.steps, graphed=graphed)
    module.network.precision = trainer.precision_plugin.forward_context
    with quiet():
        trainer.fit(module, case.unroll_batches(clock))
    tracking.finish("finished")
    assert progress.step == case.steps
    return clock


def run_plain(case: Case) -> Clock:
    """Train by a plain loop: of a model written by hand, or of Unroll's own network."""
    torch.use_deterministic_algorithms(False)  # Unroll asks for them by default; a loop like this would not
    torch.manual_seed(SEED)
    clock = Clock()
    if case.hand_batches is not None:
        model = case.hand()
        losses = (model.loss(*rows) for _, rows in case.hand_batches())
    else:
        model = case.network().train()
        losses = (
            case.task.objective(case.task.losses(model, batch)).sum() / batch.normaliser
            for batch in case.unroll_batches(Clock())
        )
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, LEARNING_RATE, fused=True)
    total, seen = torch.zeros(()), []
    clock.start()
    for step, loss in enumerate(islice(losses, case.steps), 1):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * (step - 1) / case.steps)) / 2
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        total += loss.detach()
        if step % LOG_EVERY == 0:
            seen.append(total.item() / LOG_EVERY)
            total.zero_()
    clock.stop()
    assert all(map(math.isfinite, seen))
    return clock


def check_same_work(case: Case) -> str:
    """Compare two epochs of batches, and loss and gradient norm of the first batch, without dropout:
    the sides draw its noise by other means.

    Raises:
        RuntimeError: the sides differ.
    """
    for theirs, (index, _) in zip(case.unroll_batches(Clock()), case.hand_batches(), strict=False):
        if not np.array_equal(theirs.index.numpy(), index):
            raise RuntimeError(f"{case.name}: the two sides make different batches")
    network, found = case.network().eval(), []
    module = TrialModule(case.task, network, case.trial.config.network.optimizer, SEED, 0, case.steps)
    batch, (_, rows), model = next(iter(case.unroll_batches(Clock()))), next(case.hand_batches()), case.hand().eval()
    for loss, parameters in (
        (
            lambda: module.task.objective(case.task.losses(network, batch)).sum() / batch.normaliser,
            network.parameters(),
        ),
        (lambda: model.loss(*rows), model.parameters()),
    ):
        value = loss()
        value.backward()
        norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        found.append((float(value.detach()), float(norm)))
    if not np.allclose(found[0], found[1], rtol=1e-5):
        raise RuntimeError(f"{case.name}: loss and gradient norm of the first batch are {found}")
    return f"{case.name}: the same batches; first loss {found[0][0]:.6f} and {found[1][0]:.6f}"


def build_case(name: str, steps: int, overrides: list[str], runs: Path) -> Case:
    """Load a case's data for both sides."""
    common = ["trainer=cpu", "trainer.threads=1", "trainer.progress=false", f"trainer.log_every={LOG_EVERY}"]
    budget = ["budget.epochs=null", f"budget.steps={steps}", "budget.validate_every=null", f"paths.runs={runs}"]
    trial = compose([*overrides, *common, *budget, f"optimizer.learning_rate={LEARNING_RATE}", f"seed={SEED}"])
    task, size = prepared_task(trial)[0], trial.plain["data"]["batch_size"]
    train: Any = task.splits["train"]
    if name == "ae":
        pixels = train.inputs.kept.flatten(1).float() / 255
        return Case(name, steps, trial, task, HandAutoencoder, lambda: hand_image_batches(pixels, size))
    if name != "lstm":
        return Case(name, steps, trial, task)
    padded, lengths = train.inputs.take(torch.arange(len(train)))
    vocabulary = len(getattr(task, "tokenizer"))  # noqa: B009
    batches = lambda: hand_text_batches(padded, lengths.numpy(), train.all_targets(), size)  # noqa: E731
    return Case(name, steps, trial, task, lambda: HandLSTM(vocabulary), batches)


def measure(case: Case, pairs: int) -> list[float]:
    """Run the pairs of a case; their ratios of CPU seconds."""
    ratios = []
    for pair in range(pairs + 1):
        sides = [run_unroll, run_plain] if pair % 2 else [run_plain, run_unroll]
        clocks = {side: side(case) for side in sides}
        ours, plain = clocks[run_unroll], clocks[run_plain]
        if pair:
            ratios.append(ours.cpu / plain.cpu)
            print(
                f"{case.name} pair {pair}: unroll {1e3 * ours.cpu / case.steps:.2f} CPU ms a step, "
                f"plain {1e3 * plain.cpu / case.steps:.2f}, ratio {ratios[-1]:.3f} "
                f"(of wall seconds {ours.wall / plain.wall:.3f})",
                flush=True,
            )
    return ratios


SENTENCES = ["task=sentiment", "data=sst2", "data.options.phrases=false"]
CASES = {  # overrides, and steps that are timed
    "ae": (["task=compression", "data=mnist", "architecture=ae"], 390),
    "lstm": ([*SENTENCES, "architecture=lstm"], 216),
    "attention": (["task=translation", "data=multi30k_de_en", "architecture=bigru", "task.attention=additive"], 12),
    "gru": (["task=forecasting", "data=etth1", "architecture=gru"], 60),
    "tree_lstm": ([*SENTENCES, "architecture=tree_lstm"], 60),
}


def main() -> None:
    """Measure the cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=7, help="alternations that count, at least 5")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--steps", type=int, help="of every case; each has its own number without it")
    options = parser.parse_args()
    if options.pairs < 5:
        raise UserError("Fewer alternations than the noise of a machine needs.", saw=options.pairs, allowed="5 or more")
    require_data("overhead", "sst", "mnist", "multi30k", "ett")
    torch.set_num_threads(1)
    found = {}
    with tempfile.TemporaryDirectory() as runs:
        for name in options.cases:
            overrides, steps = CASES[name]
            case = build_case(name, options.steps or steps, overrides, Path(runs))
            torch.manual_seed(derive(SEED, "initialisation"))
            if case.hand_model is not None:
                print(check_same_work(case), flush=True)
            found[name] = measure(case, options.pairs)
    for name, ratios in found.items():
        print(f"overhead {name} {statistics.median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))

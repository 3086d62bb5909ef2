"""What Unroll adds to a step of several ranks: the same training through Unroll and through a bare loop of torch's DDP.

Two cases: `lstm`, an LSTM of 128 units on SST's binary sentences (batch 64), and `ae`, the autoencoder on MNIST
(batch 128); two gloo ranks of one thread each. Both sides have the same network, each rank's share of the same
batches, the same noise, and do the same work a step: loss, exchange of gradients, clipping by norm, fused Adam, cosine
learning rate. Unroll's side is its trainer, module and callback besides: the log line every 50 steps, and after each
step the ranks' agreement on leaving and saving. The bare side is `DistributedDataParallel` and a loop; its gradients
are bucket views and no buffers are broadcast, as on Unroll's side. After each pair the weights must be equal, bit by
bit.

The two alternate in the same two processes, the first of a pair in turn, after one pair that is not counted. Timings
cover training steps, the making of their batches included; both ranks begin together. CPU seconds are the sum of both
ranks', wall seconds the slower one's. A machine that does other work stretches the wall's.

    UNROLL_DATA=<folder with sst/ and mnist/> python -m benchmarks.ranks [--pairs 5] [--steps-lstm 60] [--steps-ae 120]

The last lines are `bare loop by unroll <case>: <CPU> of CPU seconds, <wall> of wall seconds`, medians over the pairs:
1 where Unroll costs nothing, 0.95 where the bare loop takes 95 % of its seconds.
"""

import argparse
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from benchmarks.needed_data import require_data
from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.data.batching import Share, TrainingBatches
from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.models.noise import Rows, drawing
from unroll.seeds import derive
from unroll.tasks.task import Task
from unroll.training.callbacks import Training
from unroll.training.checkpoint import Progress
from unroll.training.devices import seed_noise
from unroll.training.lightning_trainer import build_trainer, quiet
from unroll.training.module import TrialModule, learning_rate
from unroll.training.optimizers import build_optimizer
from unroll.training.preemption import Preemption
from unroll.training.prepared import prepared_task
from unroll.training.ranks import Ranks, met

WORLD, SEED, LOG_EVERY = 2, 0, 50
CASES = {
    "lstm": ["task=sentiment", "data=sst2", "data.options.phrases=false", "architecture=lstm"],
    "ae": ["task=compression", "data=mnist", "architecture=ae"],
}
Seconds = tuple[float, float]  # CPU seconds of all ranks, wall seconds of the slowest


class Clock:
    """Starts when all ranks are there; stops once."""

    def __init__(self, ranks: Ranks):
        self.ranks = ranks

    def start(self) -> None:
        self.ranks.gathered(None)
        self.started = time.process_time(), time.perf_counter()

    def stop(self) -> None:
        self.own = time.process_time() - self.started[0], time.perf_counter() - self.started[1]

    def of_all(self) -> Seconds:
        cpu, wall = zip(*self.ranks.gathered(self.own), strict=True)
        return sum(cpu), max(wall)


class TimedBatches(TrainingBatches):
    """A rank's training batches, which start a clock."""

    def __init__(self, clock: Clock, task: Task, trial: Trial, steps: int):
        ranks, size = clock.ranks, trial.config.data.batch_size
        super().__init__(task.splits["train"], size, SEED, 0, steps, ranks.number, ranks.world)
        self.clock = clock

    def __iter__(self) -> Iterator[Batch]:
        self.clock.start()
        return super().__iter__()


class Loss(nn.Module):
    """The objective of a rank's share, of which DDP averages the gradients."""

    def __init__(self, task: Task, network: Network):
        super().__init__()
        self.task, self.network = task, network

    def forward(self, batch: Share) -> Tensor:
        with drawing(Rows(batch.examples, batch.rows)):
            losses = self.task.losses(self.network, batch)
        return (self.task.objective(losses) * batch.weight).sum() * (WORLD / batch.normaliser)


def run_unroll(trial: Trial, task: Task, network: Network, steps: int, ranks: Ranks) -> Seconds:
    """Train as each rank of `unroll train` does, up to the first validation, which is after the last step."""
    clock, config = Clock(ranks), trial.config

    def validate(module: TrialModule, trainer: Any) -> dict[str, float]:
        clock.stop()
        return {config.task.selection.name: 0.0}

    training = Training(
        trial.directory,
        Progress(trial.trial_id),
        validate,
        config.task.selection,
        None,
        config.network.budget,
        config.trainer,
        preemption=Preemption(),
        ranks=ranks,
        report=lambda metrics, step: None,
    )
    trainer = build_trainer(config, training)
    module = TrialModule(task, network, config.network.optimizer, SEED, 0, steps)
    with quiet():
        trainer.fit(module, TimedBatches(clock, task, trial, steps))
    return clock.of_all()


def run_bare(trial: Trial, task: Task, network: Network, steps: int, ranks: Ranks) -> Seconds:
    """Train by a loop over DDP."""
    torch.use_deterministic_algorithms(False)  # Unroll asks for them by default; a loop like this would not
    clock, options, device = Clock(ranks), trial.config.network.optimizer, torch.device("cpu")
    assert options.clip_norm is not None
    with quiet():  # torch would have the older options by their newer names
        given = Loss(task, network.train())
        model = DistributedDataParallel(given, broadcast_buffers=False, gradient_as_bucket_view=True)
    parameters, optimizer = list(network.parameters()), build_optimizer(network, options, fused=True)
    for step, batch in enumerate(TimedBatches(clock, task, trial, steps)):
        seed_noise(derive(SEED, "noise", step, 0), device)
        optimizer.param_groups[0]["lr"] = learning_rate(options, step, steps)
        loss = model(batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, options.clip_norm)
        optimizer.step()
    clock.stop()
    return clock.of_all()


SIDES: dict[str, Callable[..., Seconds]] = {"unroll": run_unroll, "bare": run_bare}


def measure(case: str, steps: int, pairs: int, runs: Path) -> list[dict[str, Seconds]]:
    """Run the pairs of a case on this rank; the seconds of each side of those that count.

    Raises:
        RuntimeError: the sides end with different weights.
    """
    budget = ["budget.epochs=null", f"budget.steps={steps}", "budget.validate_every=null", f"seed={SEED}"]
    own = ["trainer=cpu", f"trainer.devices={WORLD}", "trainer.progress=false", f"trainer.log_every={LOG_EVERY}"]
    trial = compose([*CASES[case], *own, *budget, f"paths.runs={runs}"])
    task, found = prepared_task(trial)[0], []
    trial.directory.mkdir(parents=True, exist_ok=True)
    with met(trial.trial_id, trial.config.trainer, "cpu") as ranks:
        for pair in range(pairs + 1):
            seconds, weights = {}, []
            for side in ("unroll", "bare") if pair % 2 else ("bare", "unroll"):
                torch.manual_seed(derive(SEED, "initialisation"))
                network = task.network(trial.plain["architecture"], trial.plain["bottleneck"])
                seconds[side] = SIDES[side](trial, task, network, steps, ranks)
                weights.append(network.state_dict())
            if not all(torch.equal(one, weights[1][name]) for name, one in weights[0].items()):
                raise RuntimeError(f"{case}: the two sides end with different weights")
            if pair:
                found.append(seconds)
    return found


def live(rank: int, port: int, options: argparse.Namespace, runs: Path) -> None:
    """One rank: measure the cases; rank 0 prints."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(WORLD)}
    os.environ |= {"LOCAL_WORLD_SIZE": str(WORLD), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ["TORCHELASTIC_RUN_ID"] = "ranks"  # Lightning asks for it
    torch.set_num_threads(1)
    lines = []
    for case in CASES:
        steps = getattr(options, f"steps_{case}")
        found = measure(case, steps, options.pairs, runs)
        for pair, seconds in enumerate(found, 1):
            sides = ", ".join(f"{side} {tell(seconds[side], steps)}" for side in SIDES)
            lines.append(f"{case} pair {pair}: {sides} ms a step (CPU of a rank, wall)")
        cpu, wall = (statistics.median(each["bare"][i] / each["unroll"][i] for each in found) for i in range(2))
        lines.append(f"bare loop by unroll {case}: {cpu:.2f} of CPU seconds, {wall:.2f} of wall seconds")
    if rank == 0:
        print("\n".join(lines), flush=True)


def tell(seconds: Seconds, steps: int) -> str:
    """Milliseconds of a step: CPU of a rank, wall."""
    return f"{1e3 * seconds[0] / (WORLD * steps):.2f} {1e3 * seconds[1] / steps:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the ranks and wait for them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="alternations that count")
    parser.add_argument("--steps-lstm", type=int, default=60)
    parser.add_argument("--steps-ae", type=int, default=120)
    options = parser.parse_args(arguments)
    require_data("ranks", "sst", "mnist")
    os.environ["OMP_NUM_THREADS"] = "1"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spawning = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as runs:
        ranks = [spawning.Process(target=live, args=(rank, port, options, Path(runs))) for rank in range(WORLD)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join()
    if any(process.exitcode for process in ranks):
        raise SystemExit(f"the ranks ended with {[process.exitcode for process in ranks]}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))

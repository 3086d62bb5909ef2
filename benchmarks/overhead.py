"""What Unroll adds to a training step: the same training through Unroll and through a hand-written PyTorch loop.

Two cases: `ae`, the autoencoder 784-512-32-512-784 on MNIST (batch 128), and `lstm`, an LSTM of 128 units on SST's
binary sentences (batch 64). Both sides start from the same weights, see the same batches in the same order (text in
the same length buckets) and do the same work a step: loss, gradients clipped by norm, fused Adam, cosine learning
rate, the mean loss read every 50 steps; on one thread. Unroll's side is its own config, Lightning trainer, module,
callback, logger and batches. The hand-written side takes token ids, pixels and the shuffling generator, nothing else.

The two alternate in one process, the first of a pair in turn, after one pair that is not counted. Timings cover
training steps only, the making of their batches and of each epoch's order included: from asking for the first batch
until the last step is done. Start-up, data preparation, evaluation and checkpoints are outside on both sides. Before
that, both must find the same batches, and the same loss and gradient norm on the first one.

    UNROLL_DATA=<folder> python benchmarks/overhead.py [--pairs 7] [--steps-ae 390] [--steps-lstm 216]

A ratio is Unroll's seconds by the hand-written loop's. The last two lines are `overhead ae <median ratio>` and
`overhead lstm <median ratio>`.
"""

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.data.batching import POOL, TrainingBatches
from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.seeds import derive, generator
from unroll.tasks.task import Task
from unroll.tracking.tracking import Tracking
from unroll.training.callbacks import Training
from unroll.training.checkpoint import Progress
from unroll.training.lightning_trainer import build_trainer, quiet
from unroll.training.module import TrialModule
from unroll.training.preemption import Preemption
from unroll.training.prepared import prepared_task
from unroll.training.ranks import Ranks

SEED, LEARNING_RATE, CLIP_NORM, LOG_EVERY = 0, 1e-3, 1.0, 50

Rows = tuple[np.ndarray, tuple[Tensor, ...]]  # indices [B], and what the hand-written model's loss takes


class HandAutoencoder(nn.Module):
    """784-512-32-512-784, ReLU; Gaussian nats a pixel with one learned scale."""

    NAMES = {  # noqa: RUF012
        "encode.0": "encoder.first",
        "encode.2": "bottleneck.projection",
        "decode.0": "decoder.hidden.0",
        "decode.2": "decoder.output",
        "log_scale": "heads.noise.log_scale",
    }

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 32))
        self.decode = nn.Sequential(nn.Linear(32, 512), nn.ReLU(), nn.Linear(512, 784), nn.Sigmoid())
        self.log_scale = nn.Parameter(torch.zeros(()))

    def loss(self, pixels: Tensor) -> Tensor:
        """Mean over pixels and images [B, 784]."""
        scale = self.log_scale.clamp(min=-5)
        return 0.5 * F.mse_loss(self.decode(self.encode(pixels)), pixels) * torch.exp(-2 * scale) + scale


class HandLSTM(nn.Module):
    """Word vectors, one LSTM layer, the state at the last word, a linear classifier; dropout before and after."""

    NAMES = {"embedding": "adapter.embedding", "lstm": "encoder.layers.0.ahead", "classify": "heads.classifier.1"}  # noqa: RUF012

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 128, padding_idx=0)
        self.lstm = nn.LSTM(128, 128, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.classify = nn.Linear(128, 2)

    def loss(self, ids: Tensor, last: Tensor, labels: Tensor) -> Tensor:
        """Mean nats over ids [B, T], whose real positions end at `last` [B]."""
        outputs = self.lstm(self.dropout(self.embedding(ids)))[0]
        return F.cross_entropy(self.classify(self.dropout(outputs[torch.arange(len(ids)), last])), labels)


def hand_image_batches(pixels: Tensor, batch_size: int) -> Iterator[Rows]:
    """Endless shuffled batches of pixels [N, 784]."""
    for epoch in count():
        order = generator(SEED, "order", epoch).permutation(len(pixels))
        for start in range(0, len(order), batch_size):
            index = order[start : start + batch_size]
            yield index, (pixels.index_select(0, torch.from_numpy(index)),)


def hand_text_batches(padded: Tensor, lengths: np.ndarray, labels: Tensor, batch_size: int) -> Iterator[Rows]:
    """Endless batches of ids [N, longest], sorted by length inside shuffled pools, in shuffled order."""
    for epoch in count():
        random = generator(SEED, "order", epoch)
        order = random.permutation(len(lengths))
        for start in range(0, len(order), POOL * batch_size):
            pool = order[start : start + POOL * batch_size]
            order[start : start + POOL * batch_size] = pool[np.argsort(lengths[pool], kind="stable")]
        starts = range(0, len(order), batch_size)
        for number in random.permutation(len(starts)):
            index = order[starts[number] : starts[number] + batch_size]
            rows, real = torch.from_numpy(index), lengths[index]
            yield index, (padded[:, : real.max()].index_select(0, rows), torch.from_numpy(real - 1), labels[rows])


@dataclass
class Clock:
    """Wall and CPU seconds between start and stop."""

    started: tuple[float, float] = (0.0, 0.0)
    wall: float = 0.0
    cpu: float = 0.0

    def start(self) -> None:
        self.started = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.wall, self.cpu = time.perf_counter() - self.started[0], time.process_time() - self.started[1]


@dataclass
class Case:
    """One training, ready for both sides."""

    name: str
    steps: int
    trial: Trial
    task: Task
    hand_model: Callable[[], Any]
    hand_batches: Callable[[], Iterator[Rows]]
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
    module = TrialModule(case.task, case.network(), config.network.optimizer, SEED, 0, case.steps)
    with quiet():
        trainer.fit(module, case.unroll_batches(clock))
    tracking.finish("finished")
    assert progress.step == case.steps
    return clock


def run_hand(case: Case) -> Clock:
    """Train by the hand-written loop."""
    torch.use_deterministic_algorithms(False)  # Unroll asks for them by default; a loop like this would not
    torch.manual_seed(SEED)
    model, clock = case.hand(), Clock()
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, LEARNING_RATE, fused=True)
    total, seen = torch.zeros(()), []
    clock.start()
    for step, (_, rows) in enumerate(islice(case.hand_batches(), case.steps), 1):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * (step - 1) / case.steps)) / 2
        loss = model.loss(*rows)
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
    """Compare two epochs of batches, and loss and gradient norm of the first batch, with the same noise.

    Raises:
        RuntimeError: the sides differ.
    """
    for theirs, (index, _) in zip(case.unroll_batches(Clock()), case.hand_batches(), strict=False):
        if not np.array_equal(theirs.index.numpy(), index):
            raise RuntimeError(f"{case.name}: the two sides make different batches")
    network, found = case.network().train(), []
    module = TrialModule(case.task, network, case.trial.config.network.optimizer, SEED, 0, case.steps)
    batch, (_, rows), model = next(iter(case.unroll_batches(Clock()))), next(case.hand_batches()), case.hand()
    for loss, parameters in (
        (
            lambda: module.task.objective(case.task.losses(network, batch)).sum() / batch.normaliser,
            network.parameters(),
        ),
        (lambda: model.loss(*rows), model.parameters()),
    ):
        torch.manual_seed(SEED)
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
        pixels = train.pixels.flatten(1).float() / 255
        return Case(name, steps, trial, task, HandAutoencoder, lambda: hand_image_batches(pixels, size))
    ids = train.tokens.flat.split(train.tokens.lengths.tolist())
    padded, lengths = nn.utils.rnn.pad_sequence(list(ids), batch_first=True), train.tokens.lengths.numpy()
    vocabulary = len(getattr(task, "tokenizer"))  # noqa: B009
    batches = lambda: hand_text_batches(padded, lengths, train.labels, size)  # noqa: E731
    return Case(name, steps, trial, task, lambda: HandLSTM(vocabulary), batches)


def measure(case: Case, pairs: int) -> float:
    """Run the pairs of a case; the median of their ratios of wall seconds."""
    ratios = []
    for pair in range(pairs + 1):
        sides = [run_unroll, run_hand] if pair % 2 else [run_hand, run_unroll]
        clocks = {side: side(case) for side in sides}
        ours, hand = clocks[run_unroll], clocks[run_hand]
        if pair:
            ratios.append(ours.wall / hand.wall)
            print(
                f"{case.name} pair {pair}: unroll {1e3 * ours.wall / case.steps:.2f} ms a step, "
                f"hand-written {1e3 * hand.wall / case.steps:.2f}, ratio {ratios[-1]:.3f} "
                f"(of CPU seconds {ours.cpu / hand.cpu:.3f})",
                flush=True,
            )
    return statistics.median(ratios)


def main() -> None:
    """Measure both cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=7, help="alternations that count, at least 5")
    parser.add_argument("--steps-ae", type=int, default=390)
    parser.add_argument("--steps-lstm", type=int, default=216)
    options = parser.parse_args()
    if options.pairs < 5:
        raise UserError("Fewer alternations than the noise of a machine needs.", saw=options.pairs, allowed="5 or more")
    data = os.environ.get("UNROLL_DATA")
    if not data or not Path(data).is_dir():
        raise UserError(
            "The benchmark needs SST and MNIST.",
            saw=f"UNROLL_DATA={data}",
            allowed="a folder that holds sst/ and mnist/",
            run="UNROLL_DATA=<folder> python benchmarks/overhead.py",
        )
    torch.set_num_threads(1)
    text = ["task=sentiment", "data=sst2", "data.options.phrases=false", "architecture=lstm"]
    images = ["task=compression", "data=mnist", "architecture=ae"]
    with tempfile.TemporaryDirectory() as runs:
        cases = [
            build_case("ae", options.steps_ae, images, Path(runs)),
            build_case("lstm", options.steps_lstm, text, Path(runs)),
        ]
        for case in cases:
            torch.manual_seed(derive(SEED, "initialisation"))
            print(check_same_work(case), flush=True)
        found = {case.name: measure(case, options.pairs) for case in cases}
    for name, ratio in found.items():
        print(f"overhead {name} {ratio:.2f}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))

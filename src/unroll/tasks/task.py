"""What every task is: the contract that training and evaluation rely on."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.batching import train_share
from unroll.data.examples import Examples
from unroll.data.splits import Batch, Split, unpadded
from unroll.data.tokenizers import PAD, UNKNOWN
from unroll.errors import UserError
from unroll.models.bottlenecks.variational import importance_weighted_nats
from unroll.models.contracts import Relation
from unroll.models.network import Coded, Network
from unroll.models.noise import Dropout, chosen
from unroll.records.looked_at import Confusion
from unroll.registry.declared import Need
from unroll.registry.metric import ExtraMetric, Measured
from unroll.tasks.baselines.views import SequenceView
from unroll.tasks.columns import Columns, kept_of
from unroll.tasks.extra import extra_metrics
from unroll.tasks.features import features
from unroll.tasks.pretraining import Pretraining
from unroll.tasks.raw import Raw

Outputs = dict[str, Any]  # per-example outputs of a split: arrays or lists, first axis in the split's order
Collect = Callable[[str], Outputs]  # run the network over a split, every example once


@dataclass
class Losses:
    """Loss of each example [B], in nats unless the task says otherwise."""

    task: Tensor
    penalty: Tensor | None = None
    reconstruction: Tensor | None = None


@dataclass
class Final:
    """What the final evaluation of a trial found."""

    metrics: dict[str, dict[str, float]] = field(default_factory=dict)  # split -> metric -> value
    predictions: dict[str, Outputs] = field(default_factory=dict)  # split -> per-example outputs
    labels: dict[str, str] = field(default_factory=dict)  # signatures and the like
    curves: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    images: Outputs = field(default_factory=dict)  # to look at: uint8 [n, side, side] each, no part of the result


class Task(Measured, ABC):
    """A task on one data set. Subclasses take their YAML's options as constructor arguments.

    `known_metrics` declares every metric that it reports, `poses`, `ways` and `overlap` what tables and statistics
    must know of its options; see `Measured`.
    """

    reconstruction_weight: float = 0.0
    values: int = 1  # values that an example's loss sums over; the objective is divided by them
    splits: dict[str, Split]
    further: tuple[str, ...] = ()  # test sets beside test: splits that the final evaluation reads, too, each once
    trees: bool = False  # the architecture's encoder reads trees: prepare them where the data has some
    relation: ClassVar[Relation] = "free"  # of its output to its input, where nothing is reconstructed beside it
    autoencodes: ClassVar[bool] = False  # the task itself is to reconstruct its input
    needs: ClassVar[tuple[Need, ...]] = ()  # of an architecture; see `unroll.registry.declared`
    reads_further: ClassVar[bool] = True  # its final evaluation reads the test sets of `further`, where data have some
    seen: ClassVar[str] = "train"  # the split whose examples show the train-test gap, made as validation is
    pretraining: Pretraining | None = None  # None: one phase, by `losses`
    extra: Mapping[str, ExtraMetric] = {}  # metrics of one's own, by name: `task.metrics` of the config
    learned: ClassVar[tuple[str, ...]] = ()  # attributes that `prepare` and `settle` make of train: all but examples

    @abstractmethod
    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """Fit preprocessing on train and turn examples into `self.splits`."""

    @abstractmethod
    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Build the network of an architecture for this task's prepared data."""

    def reports(self) -> Sequence[str]:
        """Names of the metrics of test that may be primary, of those declared or their variants. Needs no data.

        Empty: the task does not say, and a name that it has not got is found out at the end.
        """
        return [metric.name for metric in self.known_metrics]

    def reports_of_data(self, data: Mapping[str, Any]) -> Sequence[str]:
        """Further ones that a data config gives networks and baselines alike."""
        return ()

    def check_data(self, data: Mapping[str, Any]) -> None:
        """Raise UserError where the task reads an option of a data config in no way; needs no data."""

    def reports_of_networks(self, config: Mapping[str, Any]) -> Sequence[str]:
        """Further ones that a network has and a baseline lacks.

        Args:
            config: of the trial, resolved.
        """
        return ()

    def selects_by(self) -> Sequence[str]:
        """Names of the metrics of validation that may select the weights."""
        return self.reports()

    @abstractmethod
    def losses(self, network: Network, batch: Batch) -> Losses:
        """The losses of a batch."""

    def pretraining_losses(self, network: Network, batch: Batch) -> Losses:
        """Of a batch while pretraining: penalty and reconstruction; what the task asks costs nothing yet."""
        losses = self.losses(network, batch)
        return replace(losses, task=torch.zeros_like(losses.task))

    def supervised_losses(self, network: Network, batch: Batch) -> Losses:
        """Of a batch after pretraining: what the task asks, and nothing else."""
        return Losses(self.losses(network, batch).task)

    def objective(self, losses: Losses) -> Tensor:
        """What is minimised, per example [B]: nats by the values they sum over, so that one clipping fits all tasks."""
        total = losses.task
        if losses.penalty is not None:
            total = total + losses.penalty
        if losses.reconstruction is not None:
            total = total + self.reconstruction_weight * losses.reconstruction
        return total / self.values

    def validate(self, network: Network, batch: Batch) -> Outputs:
        """Per-example outputs for the selection metric while training; cheap."""
        return self.evaluate(network, batch)

    def selection(self, outputs: Outputs, split: str) -> dict[str, float]:
        """Metrics of `validate`'s outputs, the selection metric among them; of any of `splits`."""
        return self.metrics(outputs, split)

    @abstractmethod
    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        """Per-example outputs for the final evaluation."""

    @abstractmethod
    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """Metrics of a whole split's outputs; networks' and baselines' alike."""

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        """Scores of each example, for paired statistics."""
        return {}

    def truth(self, split: str) -> Any:
        """What is right, of each example in a split's order: labels [N], targets, references, pixels.

        A task that does not say it takes no extra metrics, and no baselines unless it has a `view` of its own.
        """
        raise lacks(self, "truth(split)", "what is right")

    def comparable(self, outputs: Outputs, split: str) -> tuple[Outputs, Any]:
        """The outputs and the truth of a split as extra metrics see them: example by example alike."""
        return outputs, self.truth(split)

    def measure_extra(self, final: Final, outputs: Outputs, split: str) -> None:
        """Add the extra metrics of a whole split's outputs, and their scores of each example.

        Args:
            final: whose metrics and predictions of the split there are.
            outputs: as `metrics` takes them.
        """
        if self.extra:
            seen, truth = self.comparable(outputs, split)
            values, scores = extra_metrics(self.extra, seen, truth, len(truth))
            final.metrics[split] |= values
            final.predictions[split] = {**final.predictions[split], **scores}

    def predictions(self, outputs: Outputs, split: str) -> Outputs:
        """What is kept of each example: outputs and scores."""
        return {**outputs, **self.scores(outputs, split)}

    def labels(self, outputs: Outputs, split: str) -> dict[str, str]:
        """What identifies a metric's variant, such as sacreBLEU's signature."""
        return {}

    def shown(self, outputs: Outputs, split: str) -> Outputs:
        """A few images of a whole split's outputs to look at: uint8 [n, side, side] each, by what they are."""
        return {}

    def counted(self, split: str) -> int:
        """How many examples of a split are scored."""
        return len(self.splits[split])

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """What the examples of index [n] look like, beside what was predicted: columns of one value an example, each a
        text, a number or a short list of such. By default the truth and the predictions that are short.

        Args:
            predictions: what is kept of the whole split.
            split: its name.
            index: whole numbers [n], in order.
            network: as it was evaluated; None of a baseline. Random numbers that it draws disturb nothing.
        """
        truth = {"truth": self.truth(split)} if type(self).truth is not Task.truth else {}
        return kept_of({**truth, **predictions}, index, self.counted(split))

    def confusion(self, predictions: Outputs, split: str) -> Confusion | None:
        """What was taken for what, of a whole split's predictions; None where there are no classes."""
        return None

    def finish(self, network: Network, collect: Collect, seed: int) -> Final:
        """The final evaluation: validation, test, then further test sets, each once."""
        final = Final()
        for split in ("validation", "test", *self.further):
            outputs = collect(split)
            final.metrics[split] = self.metrics(outputs, split)
            final.predictions[split] = self.predictions(outputs, split)
            final.labels.update(self.labels(outputs, split))
            self.measure_extra(final, outputs, split)
            if split not in self.further:
                final.images = self.shown(outputs, split)
        return final

    def raw(self, inputs: Any) -> Raw:
        """Raw inputs as splits, and what the network's outputs for them mean: what `predict` of a model does.

        Reads what `learned` names, and neither splits nor examples: an exported model has none.

        Raises:
            UserError: inputs that the task cannot read, or a task that does not say.
        """
        raise lacks(self, "raw(inputs)", "how raw inputs are read")

    def settle(self, network: Network, collect: Collect, seed: int) -> None:
        """Fit what `raw` and samples need beside the network, once it is trained; kept under names of `learned`.

        Args:
            network: trained, in evaluation mode.
            collect: as of `finish`.
            seed: the trial's.
        """

    def features(self, split: str, index: Tensor) -> np.ndarray:
        """Features [N,F] of a split's examples at index [N], for geometry; see `unroll.tasks.features`."""
        return features(self.splits[split], index)

    def view(self, split: str) -> Any:
        """A split as baselines see it, from `unroll.tasks.baselines.views`: inputs without padding, and `truth`."""
        return SequenceView(unpadded(self.splits[split])[0], self.truth(split))

    def decodes(self, architecture: Mapping[str, Any]) -> bool:
        """Whether the decoder is used."""
        return self.autoencodes or (architecture["reconstructs"] and self.reconstruction_weight > 0)


def lacks(task: Task, method: str, what: str) -> UserError:
    """Return the error for a method that a task does not have and that something asks for."""
    name = type(task).__name__
    return UserError(f"The task {name} does not say {what}.", saw=f"no {method}", allowed=f"{name}.{method}")


def reconstruction_nats(code: Coded, inputs: Tensor, nats: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """-log p(x | z) of each example [B] from `nats` (codes, inputs) -> [B]; the importance-weighted bound's nats where
    the bottleneck asks for that in training."""
    if code.context.importance is None:
        return nats(code.code, inputs)
    return importance_weighted_nats(code.context, lambda codes, samples: nats(codes, torch.cat([inputs] * samples)))


def shared_rows(examples: Examples, fraction: float) -> dict[str, Any]:
    """The examples' tables, train cut to its seeded share."""
    tables = dict(examples.splits)
    if fraction < 1.0:
        tables["train"] = tables["train"].select(train_share(len(tables["train"]), fraction))
    return tables


def shared_split(split: Split, fraction: float) -> Split:
    """A train split cut to its seeded share."""
    if fraction == 1.0:
        return split
    return split.part(torch.from_numpy(train_share(len(split), fraction)))


class TokenAdapter(nn.Module):
    """Token ids [B,T] -> word vectors [B,T,E] with dropout, started from N(0, scale^2); padding is zero.

    In training a share of the tokens is read as <unk> (word dropout: Bowman et al. 2016, section 3.1).
    """

    def __init__(self, vocabulary: int, width: int, dropout: float, scale: float, word_dropout: float = 0.0):
        super().__init__()
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=scale)
        with torch.no_grad():
            self.embedding.weight[0].zero_()
        self.dropout = Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        if self.training and self.word_dropout:
            hit = chosen(self.word_dropout, ids.shape, ids.device)
            ids = ids.masked_fill(hit & (ids != PAD), UNKNOWN)
        return self.dropout(self.embedding(ids))


class GaussianNoise(nn.Module):
    """A Gaussian likelihood with one scale, shared by all values: learned (its log, started at 0), or fixed."""

    def __init__(self, fixed: float | None = None):
        super().__init__()
        if fixed is None:
            self.log_scale = nn.Parameter(torch.zeros(()))
        else:
            self.register_buffer("log_scale", torch.tensor(math.log(fixed)))

    def forward(self, values: Tensor, mean: Tensor) -> Tensor:
        """-log N(values; mean, scale^2) summed over all but the first axis [B], without the constant log(2 pi)/2."""
        scale = self.log_scale.clamp(min=-5)
        squared = F.mse_loss(mean, values, reduction="none").flatten(1)
        return 0.5 * squared.sum(dim=1) * torch.exp(-2 * scale) + squared.shape[1] * scale


def gather_outputs(parts: Iterable[Outputs], index: np.ndarray) -> Outputs:
    """Join batches' outputs and put them into the order of index."""
    order = np.argsort(index, kind="stable")
    rows = list(parts)
    joined: Outputs = {}
    for name in rows[0]:
        if isinstance(rows[0][name], list):
            flat = [item for row in rows for item in row[name]]
            joined[name] = [flat[i] for i in order]
        else:
            joined[name] = np.concatenate([row[name] for row in rows])[order]
    return joined

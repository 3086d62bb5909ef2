"""Adding: numbers in, two of them marked; their sum out (many-to-one)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from unroll.data.batching import train_share
from unroll.data.examples import Examples
from unroll.data.fields import Dense
from unroll.data.splits import Batch, Split
from unroll.errors import UserError
from unroll.models.contracts import Relation, Shape, Side
from unroll.models.network import Network
from unroll.models.noise import Dropout
from unroll.registry.metric import Metric, Score, percentage
from unroll.registry.options import NotNegative, Share
from unroll.tasks.baselines.views import SequenceView
from unroll.tasks.columns import Columns, batch_of, scores_of
from unroll.tasks.raw import Raw, raw_numbers
from unroll.tasks.task import GaussianNoise, Losses, Outputs, Task

SOLVED = 0.04  # an absolute error below it counts as right (Hochreiter & Schmidhuber 1997, section 5.4)


class Adding(Task):
    """Add two marked numbers. Loss: Gaussian nats of the sum with one learned scale.

    Each step holds a number from U[0, 1) and a mark, 1 at two steps and else 0 (Hochreiter & Schmidhuber 1997,
    section 5.4, with the range of Le, Jaitly, Hinton 2015, section 4.1). Always saying 1 has an mse of 1/6.

    Args:
        dropout: on the code.
        reconstruction_weight: of the sequence's Gaussian nats (sum over it) where the architecture reconstructs.
    """

    known_metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(name="mse", unit="squared", direction="lower", score=Score(name="mse", least=0), least=0, exact=0),
        Metric(name="mae", unit="absolute", direction="lower", least=0),
        percentage("solved"),
    )
    relation: ClassVar[Relation] = "same"
    learned = ("length",)

    def __init__(self, dropout: Share, reconstruction_weight: NotNegative):
        self.dropout, self.reconstruction_weight = dropout, reconstruction_weight

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        self.splits = {}
        for name, table in examples.splits.items():
            kept = train_share(len(table), data["fraction"] if name == "train" else 1.0)
            numbers = np.frombuffer(b"".join(table["numbers"][:]), "<f4").reshape(len(table), -1)[kept]
            places = np.stack((table["first"][:], table["second"][:]), axis=1)[kept]
            sums = np.take_along_axis(numbers, places, axis=1).sum(axis=1)
            packed = np.concatenate((numbers, places.astype(np.float32)), axis=1)
            self.splits[name] = Split(Dense(torch.from_numpy(packed), _marked), Dense(torch.from_numpy(sums)))
            self.length = numbers.shape[1]

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Sequence -> code -> sum; with reconstruction also code -> sequence."""
        steps = Side(2, self.length)
        shape = Shape(input=steps, output=steps, reference_code=2 * self.length, relation=self.relation)
        decodes = self.decodes(architecture)
        network = Network(shape, architecture, bottleneck, nn.Identity(), decodes)
        network.heads["sum"] = nn.Sequential(Dropout(self.dropout), nn.Linear(network.bottleneck.size, 1))
        network.heads["noise"] = GaussianNoise()
        if decodes:
            network.add_output_head(2)
            network.heads["sequence_noise"] = GaussianNoise()
        return network

    def losses(self, network: Network, batch: Batch) -> Losses:
        code = network.encode(batch)
        nats = network.heads["noise"](batch.targets[:, None], network.heads["sum"](code.code))
        reconstruction = None
        if network.decoder is not None:
            shown = network.decode(code.code, None, self.length)
            reconstruction = network.heads["sequence_noise"](batch.inputs, shown)
        return Losses(nats, code.penalty, reconstruction)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        return {"prediction": network.heads["sum"](network.encode(batch).code)[:, 0].float().cpu().numpy()}

    def raw(self, inputs: Any) -> Raw:
        """Numbers with their marks [N, T, 2], 1 at the two steps to add -> their `sum` [N].

        Raises:
            UserError: another shape, or no finite numbers.
        """
        allowed = f"numbers and marks [N, {self.length}, 2], two marks of 1 in each"
        values = raw_numbers(inputs, allowed)
        if values.ndim != 3 or values.shape[1:] != (self.length, 2) or not len(values):
            raise UserError("These are no sequences of marked numbers.", saw=f"shape {values.shape}", allowed=allowed)
        split = Split(Dense(torch.from_numpy(values.astype(np.float32))))
        return Raw([split], lambda network, outputs: {"sum": outputs["prediction"]})

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """mse and mae of the sums, and the share within 0.04 of the truth in per cent."""
        found = {name: float(values.mean()) for name, values in self.scores(outputs, split).items()}
        return {"mse": found["mse"], "mae": found["mae"], "solved": 100 * found["solved"]}

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        truth = self.truth(split).astype(np.float64)
        error = np.abs(np.asarray(outputs["prediction"], np.float64) - truth)
        return {"mse": np.square(error), "mae": error, "solved": (error < SOLVED).astype(np.float64)}

    def truth(self, split: str) -> np.ndarray:
        """The sums [N]."""
        sums: np.ndarray = self.splits[split].all_targets().numpy()
        return sums

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The two marked numbers, their sum, and what was said."""
        inputs = batch_of(self.splits[split], index).inputs
        marked = [row[row[:, 1] == 1, 0].tolist() for row in inputs]
        return {
            "marked": marked,
            "sum": self.truth(split)[index].tolist(),
            **scores_of(predictions, index, self.counted(split)),
        }

    def view(self, split: str) -> SequenceView:
        whole = self.splits[split].batch(torch.arange(len(self.splits[split])))
        return SequenceView(whole.inputs.numpy(), self.truth(split))


def _marked(packed: Tensor) -> Tensor:
    """Numbers with the two marked places behind them [B, T + 2] -> numbers and marks [B, T, 2]."""
    numbers, places = packed[:, :-2], packed[:, -2:].long()
    return torch.stack((numbers, torch.zeros_like(numbers).scatter(1, places, 1.0)), dim=2)

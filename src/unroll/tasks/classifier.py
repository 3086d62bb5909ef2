"""What the tasks that end in a class share: a classifier on the code, its loss and its metrics."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.splits import Batch
from unroll.models.network import Coded, Network
from unroll.models.noise import Dropout
from unroll.records.looked_at import Confusion
from unroll.registry.declared import Need
from unroll.registry.metric import BINNED, CORRECT, Metric, Score, percentage
from unroll.tasks.columns import Columns, kept_of, scores_of
from unroll.tasks.metrics import classification
from unroll.tasks.pretraining import evaluating
from unroll.tasks.task import Losses, Outputs, Task, lacks


class Classifier(Task):
    """Input -> code -> class (many-to-one), and the input again where the architecture reconstructs.

    Loss: cross-entropy in nats an example. Subclasses set `classes` when they prepare their splits, whose targets are
    the labels [N]. Those that reconstruct their input give `reconstruction`; others need "forward".
    """

    known_metrics: ClassVar[tuple[Metric, ...]] = (
        percentage("accuracy", score=CORRECT),
        percentage("macro_f1"),
        percentage("ece", "lower", tolerance=BINNED),
        Metric(name="nll", unit="nats", direction="lower", score=Score(name="nll")),
    )
    needs: ClassVar[tuple[Need, ...]] = (Need("reconstructs", {"protocol": "pretrain"}),)
    dropout: float = 0.0  # share of the code's values that the classifier does not see in training
    classes: int

    def add_classifier(self, network: Network) -> None:
        """Give a network its head from the code to the classes."""
        network.heads["classifier"] = nn.Sequential(
            Dropout(self.dropout), nn.Linear(network.bottleneck.size, self.classes)
        )

    def reconstruction(self, network: Network, code: Tensor, batch: Batch) -> Tensor:
        """Nats of each example's input under the decoder [B]; asked where `reconstruction_weight` is above 0."""
        raise lacks(self, "reconstruction(network, code, batch)", "how it reconstructs its input")

    def truth(self, split: str) -> np.ndarray:
        """The labels of a split [N], in its examples' order."""
        labels: np.ndarray = self.splits[split].all_targets().numpy()
        return labels

    def nats(self, network: Network, code: Coded, batch: Batch) -> Tensor:
        """Cross-entropy of each example [B]."""
        return F.cross_entropy(network.heads["classifier"](code.code), batch.targets, reduction="none")

    def _reconstruction(self, network: Network, code: Coded, batch: Batch) -> Tensor | None:
        return self.reconstruction(network, code.code, batch) if network.decoder else None

    def losses(self, network: Network, batch: Batch) -> Losses:
        code = network.encode(batch)
        return Losses(self.nats(network, code, batch), code.penalty, self._reconstruction(network, code, batch))

    def pretraining_losses(self, network: Network, batch: Batch) -> Losses:
        code = network.encode(batch)
        return Losses(torch.zeros_like(batch.weight), code.penalty, self._reconstruction(network, code, batch))

    def supervised_losses(self, network: Network, batch: Batch) -> Losses:
        """Cross-entropy on the code without corruption or sampling; a frozen one is the code of evaluation."""
        assert self.pretraining is not None
        if self.pretraining.frozen:
            with torch.no_grad(), evaluating(network):
                code = network.encode(batch)
        else:
            with evaluating(network.bottleneck):
                code = network.encode(batch)
        return Losses(self.nats(network, code, batch))

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        return self.probabilities(network, network.encode(batch))

    def probabilities(self, network: Network, code: Coded) -> Outputs:
        """Of each class [B, classes]."""
        found = network.heads["classifier"](code.code).double().softmax(dim=-1)
        return {"probabilities": found.cpu().numpy()}

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """accuracy, macro_f1 and ece in per cent, nll in nats an example."""
        found = classification.summary(np.asarray(outputs["probabilities"]), self.truth(split))
        return {name: value if name == "nll" else 100 * value for name, value in found.items()}

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        return classification.example_scores(np.asarray(outputs["probabilities"]), self.truth(split))

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The label, the likeliest class, the probabilities [classes] and the scores."""
        if "probabilities" not in predictions:
            return super().example_columns(predictions, split, index, network)
        count = self.counted(split)
        probabilities = np.asarray(predictions["probabilities"])
        return {
            "label": self.truth(split)[index].tolist(),
            "predicted": probabilities[index].argmax(axis=1).tolist(),
            **kept_of({"probabilities": probabilities}, index, count),
            **scores_of(predictions, index, count),
        }

    def confusion(self, predictions: Outputs, split: str) -> Confusion | None:
        if "probabilities" not in predictions:
            return None
        truth, predicted = self.truth(split), np.asarray(predictions["probabilities"]).argmax(axis=1)
        names = list(map(str, range(self.classes)))
        return Confusion(names, classification.taken_for(truth, predicted, len(names)).tolist())

"""What the tasks that end in a class share: a classifier on the code, its loss and its metrics."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.network import Code, Network
from unroll.models.noise import Dropout
from unroll.tasks.metrics import classification
from unroll.tasks.pretraining import evaluating
from unroll.tasks.task import Losses, Outputs, Task


class Classifier(Task):
    """Input -> code -> class (many-to-one), and the input again where the architecture reconstructs.

    Loss: cross-entropy in nats an example. Subclasses set `dropout` (on the code), `classes` and `pretraining`, and
    give `reconstruction` and `truth`.
    """

    dropout: float
    classes: int

    def check(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> None:
        """Pretraining needs something to pretrain on."""
        if self.pretraining is not None and not self.decodes(architecture):
            raise UserError(
                "Pretraining is by reconstruction, and this architecture does not reconstruct.",
                saw=f"task.protocol=pretrain architecture={architecture['name']} "
                f"task.reconstruction_weight={self.reconstruction_weight}",
                allowed="an architecture with reconstructs: true and a weight above 0, or task.protocol=joint",
            )

    def add_classifier(self, network: Network) -> None:
        """Give a network its head from the code to the classes."""
        network.heads["classifier"] = nn.Sequential(
            Dropout(self.dropout), nn.Linear(network.bottleneck.size, self.classes)
        )

    @abstractmethod
    def reconstruction(self, network: Network, code: Tensor, batch: Batch) -> Tensor:
        """Nats of each example's input under the decoder [B]."""

    @abstractmethod
    def truth(self, split: str) -> np.ndarray:
        """The labels of a split [N], in its examples' order."""

    def nats(self, network: Network, code: Code, batch: Batch) -> Tensor:
        """Cross-entropy of each example [B]."""
        return F.cross_entropy(network.heads["classifier"](code.code), batch.targets, reduction="none")

    def _reconstruction(self, network: Network, code: Code, batch: Batch) -> Tensor | None:
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

    def probabilities(self, network: Network, code: Code) -> Outputs:
        """Of each class [B, classes]."""
        found = network.heads["classifier"](code.code).double().softmax(dim=-1)
        return {"probabilities": found.cpu().numpy()}

    def reports(self) -> dict[str, str]:
        return {"accuracy": "higher", "macro_f1": "higher", "ece": "lower", "nll": "lower"}

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """accuracy, macro_f1 and ece in per cent, nll in nats an example."""
        found = classification.summary(np.asarray(outputs["probabilities"]), self.truth(split))
        return {name: value if name == "nll" else 100 * value for name, value in found.items()}

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        return classification.example_scores(np.asarray(outputs["probabilities"]), self.truth(split))

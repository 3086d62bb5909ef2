"""Copying: symbols in, blanks, a delimiter; the symbols out again, or the answer to a question (many-to-many)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.batching import train_share
from unroll.data.examples import Examples
from unroll.data.fields import Dense
from unroll.data.splits import Batch, Split
from unroll.errors import UserError
from unroll.models.contracts import Shape, Side
from unroll.models.network import Coded, Network
from unroll.models.noise import Dropout
from unroll.registry.metric import Metric, Score, percentage
from unroll.registry.options import NotNegative, Share
from unroll.tasks.baselines.views import SequenceView
from unroll.tasks.columns import Columns, scores_of
from unroll.tasks.metrics.classification import SMALLEST_PROBABILITY
from unroll.tasks.raw import Raw, raw_numbers
from unroll.tasks.task import Losses, Outputs, Task


class Copying(Task):
    """Recall symbols after a pause. Loss: cross-entropy in nats; the objective is its mean over recalled symbols.

    The input of Arjovsky, Shah, Bengio 2016, section 4.1, as one-hot vectors: symbols, T - 1 blanks, a delimiter. Their
    trailing blanks, at which a network answers, are the decoder's steps here: it emits the symbols from the code alone
    and is never fed a target. Chance costs ln 8 nats a symbol.

    Data whose examples have a `question` are read without blanks and a delimiter, and their `symbols` are the answer,
    over the same alphabet: 12+34 -> 46 (Zaremba & Sutskever 2014).

    Args:
        dropout: on the code.
        reconstruction_weight: of the nats of the input's steps (sum over them) where the architecture reconstructs.
    """

    known_metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(name="nll", unit="nats", direction="lower", score=Score(name="nll"), exact=0),
        percentage("accuracy", score=Score(name="accuracy", factor=100, least=0, most=1)),
        percentage("whole_sequences"),
    )

    learned = ("alphabet", "classes", "length", "values", "blanks")

    def __init__(self, dropout: Share, reconstruction_weight: NotNegative):
        self.dropout, self.reconstruction_weight = dropout, reconstruction_weight

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """The alphabet is that of train, of questions and answers together."""
        self.splits = {}
        questions: dict[str, np.ndarray] = {}
        if "question" in examples.splits["train"].column_names:
            questions = {name: _rows(table["question"][:]) for name, table in examples.splits.items()}
        symbols = {name: _rows(table["symbols"][:]) for name, table in examples.splits.items()}
        self.alphabet = max(int(of["train"].max()) for of in (symbols, questions) if of) + 1
        self.classes = self.alphabet if questions else self.alphabet + 2
        for name, rows in symbols.items():
            index = train_share(len(rows), data["fraction"] if name == "train" else 1.0)
            kept = rows[index]
            self.blanks = int(examples.splits[name]["blanks"][0])
            steps = torch.from_numpy(questions[name][index]) if questions else self._steps(kept)
            wanted = Dense(torch.from_numpy(kept.astype(np.int64)))
            self.splits[name] = Split(Dense(steps, self._one_hot), wanted)
        self.length, self.values = steps.shape[1], kept.shape[1]

    @property
    def asks(self) -> bool:
        """Whether examples are questions, which have no blanks and no delimiter."""
        return self.classes == self.alphabet

    def _steps(self, symbols: np.ndarray) -> Tensor:
        """Symbols [N, R] with the blanks and the delimiter behind them [N, T]."""
        blanks = np.full((len(symbols), self.blanks), self.alphabet, np.uint8)
        ends = np.full((len(symbols), 1), self.alphabet + 1, np.uint8)
        return torch.from_numpy(np.concatenate((symbols, blanks, ends), axis=1))

    def _one_hot(self, steps: Tensor) -> Tensor:
        return (steps[..., None] == torch.arange(self.classes, device=steps.device)).float()

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Input -> code -> symbols, and the input's steps behind them where the architecture reconstructs."""
        decodes = self.decodes(architecture)
        shape = Shape(
            input=Side(self.classes, self.length),
            output=Side(self.classes, self.values + (self.length if decodes else 0)),
            reference_code=self.length * self.classes,
        )
        network = Network(shape, architecture, bottleneck, nn.Identity(), decodes=True)
        network.add_output_head(self.classes)
        network.heads["dropout"] = Dropout(self.dropout)
        return network

    def _decode(self, network: Network, code: Coded, length: int) -> Tensor:
        """Logits [B, length, classes]: the recalled symbols first."""
        return network.decode(network.heads["dropout"](code.code), code.memory, length)

    def losses(self, network: Network, batch: Batch) -> Losses:
        code = network.encode(batch)
        reconstructs = network.reconstructs and self.reconstruction_weight > 0
        logits = self._decode(network, code, self.values + (self.length if reconstructs else 0))
        steps = torch.cat((batch.targets, batch.inputs.argmax(dim=2)), dim=1)[:, : logits.shape[1]]
        nats = F.cross_entropy(logits.transpose(1, 2), steps, reduction="none")
        reconstruction = nats[:, self.values :].sum(dim=1) if reconstructs else None
        return Losses(nats[:, : self.values].sum(dim=1), code.penalty, reconstruction)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        logits = self._decode(network, network.encode(batch), self.values)
        return {"probabilities": logits.double().softmax(dim=2).float().cpu().numpy()}

    def raw(self, inputs: Any) -> Raw:
        """Symbols [N, R], from 0 -> those that are `recalled` after the blanks [N, R], and their `probabilities`; or
        questions [N, T] -> the symbols of their answers.

        Raises:
            UserError: another shape, or values that are no symbols of train.
        """
        size = self.length if self.asks else self.values
        allowed = f"whole numbers [N, {size}] from 0 to {self.alphabet - 1}"
        symbols = raw_numbers(inputs, allowed)
        if symbols.ndim != 2 or symbols.shape[1] != size or not len(symbols):
            raise UserError("These are no sequences of symbols.", saw=f"shape {symbols.shape}", allowed=allowed)
        wrong = (symbols != np.rint(symbols)) | (symbols < 0) | (symbols >= self.alphabet)
        if wrong.any():
            raise UserError("A value is no symbol of train.", saw=f"{symbols[wrong][0]:g}", allowed=allowed)

        def told(network: Network, outputs: Outputs) -> Outputs:
            found = np.asarray(outputs["probabilities"])
            return {"recalled": found.argmax(axis=2), "probabilities": found}

        whole = symbols.astype(np.uint8)
        steps = torch.from_numpy(whole) if self.asks else self._steps(whole)
        return Raw([Split(Dense(steps, self._one_hot))], told)

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """nll in nats a symbol; accuracy of symbols, and the share of wholly right sequences, in per cent."""
        found = {name: float(values.mean()) for name, values in self.scores(outputs, split).items()}
        return {
            "nll": found["nll"],
            "accuracy": 100 * found["accuracy"],
            "whole_sequences": 100 * found["whole_sequences"],
        }

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        probabilities, truth = np.asarray(outputs["probabilities"], np.float64), self.truth(split)
        given = np.take_along_axis(probabilities, truth[:, :, None], axis=2)[:, :, 0]
        right = probabilities.argmax(axis=2) == truth
        return {
            "nll": -np.log(given.clip(min=SMALLEST_PROBABILITY)).mean(axis=1),
            "accuracy": right.mean(axis=1),
            "whole_sequences": right.all(axis=1).astype(np.float64),
        }

    def predictions(self, outputs: Outputs, split: str) -> Outputs:
        return {"predicted": np.asarray(outputs["probabilities"]).argmax(axis=2), **self.scores(outputs, split)}

    def truth(self, split: str) -> np.ndarray:
        """The symbols [N, R]."""
        symbols: np.ndarray = self.splits[split].all_targets().numpy()
        return symbols

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The symbols, those recalled, and the scores."""
        return {
            "symbols": self.truth(split)[index].tolist(),
            "recalled": np.asarray(predictions["predicted"])[index].tolist(),
            **scores_of(predictions, index, self.counted(split)),
        }

    def view(self, split: str) -> SequenceView:
        whole = self.splits[split].batch(torch.arange(len(self.splits[split])))
        return SequenceView(whole.inputs.numpy(), self.truth(split))


def _rows(symbols: Sequence[bytes]) -> np.ndarray:
    """Bytes of one length as symbols [N, R]."""
    return np.frombuffer(b"".join(symbols), np.uint8).reshape(len(symbols), -1)

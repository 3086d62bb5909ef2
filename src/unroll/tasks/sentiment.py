"""Sentiment: a sentence in, a class out (many-to-one); with reconstruction of the tokens for autoencoders."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.architectures.contracts import Shape, length_mask
from unroll.architectures.network import Network
from unroll.architectures.noise import Dropout
from unroll.data.examples import Examples
from unroll.data.splits import Batch, LabelledTextSplit
from unroll.data.text import Ragged, build_tokenizer
from unroll.tasks.baselines.views import TextView
from unroll.tasks.measures import classification
from unroll.tasks.task import Losses, Outputs, Task, TokenAdapter, shared_rows


class Sentiment(Task):
    """Classify text. Loss: cross-entropy in nats an example.

    Args:
        embedding: width of the word vectors, learned from random ones.
        embedding_scale: standard deviation of those random ones.
        dropout: on word vectors and on the code.
        beta: weight of the bottleneck's penalties, read by their YAML.
        reconstruction_weight: of the tokens' nats (sum over a sentence) where the architecture reconstructs.
    """

    def __init__(
        self, embedding: int, embedding_scale: float, dropout: float, beta: float, reconstruction_weight: float
    ):
        self.embedding, self.embedding_scale, self.dropout, self.beta = embedding, embedding_scale, dropout, beta
        self.reconstruction_weight = reconstruction_weight

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """Vocabulary, classes and the longest sentence come from train; longer ones elsewhere are cut and counted."""
        tables = shared_rows(examples, data["fraction"])
        self.texts = {name: table["text"][:] for name, table in tables.items()}
        self.tokenizer = build_tokenizer(data["tokenizer"], self.texts["train"], data["languages"][0])
        ids = {name: self.tokenizer.encode(texts) for name, texts in self.texts.items()}
        self.max_length = data["max_length"] or max(map(len, ids["train"]))
        self.splits = {
            name: LabelledTextSplit(
                Ragged.pack(ids[name], self.max_length), torch.tensor(table["label"][:], dtype=torch.int64)
            )
            for name, table in tables.items()
        }
        self.classes = int(self.splits["train"].labels.max()) + 1

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Word vectors -> code -> class; with reconstruction also code -> tokens."""
        shape = Shape(
            input_width=self.embedding,
            max_length=self.max_length,
            output_width=self.embedding,
            output_length=self.max_length,
            reference_code=self.embedding,
        )
        adapter = TokenAdapter(len(self.tokenizer), self.embedding, self.dropout, self.embedding_scale)
        decodes = self.decodes(architecture)
        network = Network(shape, architecture, bottleneck, adapter, decodes)
        network.heads["classifier"] = nn.Sequential(
            Dropout(self.dropout), nn.Linear(network.bottleneck.size, self.classes)
        )
        if decodes:
            network.add_output_head(self.embedding)
            network.heads["vocabulary"] = nn.Linear(self.embedding, len(self.tokenizer))
        return network

    def losses(self, network: Network, batch: Batch) -> Losses:
        code = network.encode(batch.inputs, batch.lengths, batch.index)
        logits = network.heads["classifier"](code.code)
        nats = F.cross_entropy(logits, batch.targets, reduction="none")
        reconstruction = self._token_nats(network, code.code, batch) if network.decoder else None
        return Losses(nats, code.penalty, reconstruction)

    def _token_nats(self, network: Network, code: Tensor, batch: Batch) -> Tensor:
        """Nats of each sentence's tokens under the decoder [B]; only real positions reach the vocabulary."""
        decoded = network.decode(code, None, batch.inputs.shape[1])
        real = length_mask(batch.lengths, batch.inputs.shape[1])
        logits = network.heads["vocabulary"](decoded[real])
        nats = F.cross_entropy(logits, batch.inputs[real], reduction="none")
        return decoded.new_zeros(real.shape).masked_scatter(real, nats.to(decoded.dtype)).sum(dim=1)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        code = network.encode(batch.inputs, batch.lengths, batch.index)
        probabilities = network.heads["classifier"](code.code).double().softmax(dim=-1)
        return {"probabilities": probabilities.cpu().numpy()}

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """accuracy, macro_f1 and ece in per cent, nll in nats an example."""
        labels = self.splits[split].labels.numpy()
        found = classification.summary(np.asarray(outputs["probabilities"]), labels)
        return {name: value if name == "nll" else 100 * value for name, value in found.items()}

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        labels = self.splits[split].labels.numpy()
        return classification.example_scores(np.asarray(outputs["probabilities"]), labels)

    def view(self, split: str) -> TextView:
        words = [self.tokenizer.split(text) for text in self.texts[split]]
        return TextView(words, self.splits[split].labels.numpy())

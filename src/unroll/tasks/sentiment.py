"""Sentiment: a sentence in, a class out (many-to-one); with reconstruction of the tokens for autoencoders."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.architectures.contracts import Shape, length_mask
from unroll.architectures.network import Code, Network
from unroll.data.examples import Examples
from unroll.data.splits import Batch, LabelledTextSplit, TreeTextSplit
from unroll.data.text import Ragged, build_tokenizer
from unroll.data.treebanks import has_trees, node_classes, treebank, whole_sentences
from unroll.data.trees import UNLABELLED, Tree, roots
from unroll.tasks import pretraining
from unroll.tasks.baselines.views import TextView
from unroll.tasks.classifier import Classifier
from unroll.tasks.task import TokenAdapter, shared_rows


class Sentiment(Classifier):
    """Classify text. Loss: cross-entropy in nats an example.

    Where the data has trees and the encoder reads them, train holds whole sentences, and a sentence's loss is the sum
    over its labelled nodes (Socher et al. 2013, section 4); the objective is divided by their number in the batch, so
    that every labelled node weighs the same. Other architectures see the same phrases as examples of their own,
    repeated ones once. If train has no phrases, the root alone has a label. Evaluation is at the root.

    Args:
        embedding: width of the word vectors, learned from random ones.
        embedding_scale: standard deviation of those random ones.
        dropout: on word vectors and on the code.
        beta: weight of the bottleneck's penalties, read by their YAML.
        reconstruction_weight: of the tokens' nats (sum over a sentence) where the architecture reconstructs.
        protocol: joint | pretrain (the autoencoder first, then a classifier on its code).
        pretrain_share: of the budget's steps that pretrain.
        pretrain_steps: those steps themselves, instead of a share.
        frozen: whether the pretrained code stays as it is, or is fine-tuned.
    """

    def __init__(
        self,
        embedding: int,
        embedding_scale: float,
        dropout: float,
        beta: float,
        reconstruction_weight: float,
        protocol: str = "joint",
        pretrain_share: float = pretraining.SHARE,
        pretrain_steps: int | None = None,
        frozen: bool = True,
    ):
        self.embedding, self.embedding_scale, self.dropout, self.beta = embedding, embedding_scale, dropout, beta
        self.reconstruction_weight = reconstruction_weight
        self.pretraining = pretraining.chosen(protocol, pretrain_share, pretrain_steps, frozen)

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """Vocabulary, classes and the longest sentence come from train; longer ones elsewhere are cut and counted."""
        tables = shared_rows(examples, data["fraction"])
        train = tables["train"]
        self.tokenizer = build_tokenizer(data["tokenizer"], train["text"][:], data["languages"][0])
        ids = {name: self.tokenizer.encode(table["text"][:]) for name, table in tables.items()}
        self.max_length = data["max_length"] or max(map(len, ids["train"]))
        self.classes = max(train["label"][:]) + 1
        trees = self.trees and has_trees(tables)
        classes = node_classes(train) if trees else {}
        if trees:
            kept = whole_sentences(train)
            tables["train"], ids["train"] = train.select(kept), [ids["train"][row] for row in kept]
        self.texts = {name: table["text"][:] for name, table in tables.items()}
        self.splits = {}
        for name, table in tables.items():
            tokens, labels = Ragged.pack(ids[name], self.max_length), torch.tensor(table["label"][:], dtype=torch.int64)
            self.splits[name] = (
                TreeTextSplit(tokens, labels, treebank(table, ids[name], self.tokenizer, classes, self.max_length))
                if trees
                else LabelledTextSplit(tokens, labels)
            )

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Word vectors -> code -> class; with reconstruction also code -> tokens."""
        shape = Shape(
            input_width=self.embedding,
            max_length=self.max_length,
            output_width=self.embedding,
            output_length=self.max_length,
            reference_code=self.embedding,
            own_input=True,
        )
        adapter = TokenAdapter(len(self.tokenizer), self.embedding, self.dropout, self.embedding_scale)
        decodes = self.decodes(architecture)
        network = Network(shape, architecture, bottleneck, adapter, decodes)
        self.add_classifier(network)
        if decodes:
            network.add_output_head(self.embedding)
            network.heads["vocabulary"] = nn.Linear(self.embedding, len(self.tokenizer))
        return network

    def nats(self, network: Network, code: Code, batch: Batch) -> Tensor:
        if batch.tree is None:
            return super().nats(network, code, batch)
        return self._node_nats(network, code, batch.lengths, batch.tree)

    def _node_nats(self, network: Network, code: Code, lengths: Tensor, tree: Tree) -> Tensor:
        """Nats of each tree's labelled nodes, summed [B].

        Only the root passes through the bottleneck's terms; the other nodes' vectors are projected to the code's width.
        """
        states, size = code.memory.states, tree.height.shape[1] + 1
        assert states is not None
        root = roots(lengths, size)[:, None, None]
        nodes = network.bottleneck.projection(states)
        nodes = nodes.scatter(1, root.expand(-1, 1, nodes.shape[2]), code.code[:, None].to(nodes.dtype))
        logits = network.heads["classifier"](nodes).transpose(1, 2)
        return F.cross_entropy(logits, tree.labels, ignore_index=UNLABELLED, reduction="none").sum(dim=1)

    def reconstruction(self, network: Network, code: Tensor, batch: Batch) -> Tensor:
        """Nats of each sentence's tokens under the decoder [B]; only real positions reach the vocabulary."""
        decoded = network.decode(code, None, batch.inputs.shape[1])
        real = length_mask(batch.lengths, batch.inputs.shape[1])
        logits = network.heads["vocabulary"](decoded[real])
        nats = F.cross_entropy(logits, batch.inputs[real], reduction="none")
        return decoded.new_zeros(real.shape).masked_scatter(real, nats.to(decoded.dtype)).sum(dim=1)

    def truth(self, split: str) -> np.ndarray:
        labels: np.ndarray = self.splits[split].labels.numpy()
        return labels

    def view(self, split: str) -> TextView:
        words = [self.tokenizer.split(text) for text in self.texts[split]]
        return TextView(words, self.truth(split))

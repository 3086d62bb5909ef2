"""Sentiment: a sentence in, a class out (many-to-one); with reconstruction of the tokens for autoencoders."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.examples import Examples
from unroll.data.fields import Dense, Ragged
from unroll.data.profile import class_counts, require_classes
from unroll.data.splits import Batch, Split
from unroll.data.tokenizers import build_tokenizer
from unroll.data.treebanks import has_trees, labelled_phrases, node_classes, treebank, whole_sentences
from unroll.data.trees import UNLABELLED
from unroll.errors import UserError
from unroll.models.contracts import Relation, Shape, Side
from unroll.models.network import Coded, Network
from unroll.registry.declared import Need, Unless
from unroll.registry.metric import Metric, percentage
from unroll.registry.options import Count, NotNegative, Positive, Share
from unroll.tasks.baselines.views import TextView
from unroll.tasks.classifier import Classifier, names_of_classes
from unroll.tasks.columns import Columns
from unroll.tasks.pretraining import PretrainingOptions
from unroll.tasks.raw import Raw, raw_texts
from unroll.tasks.sequences import token_nats
from unroll.tasks.task import Collect, Final, Outputs, TokenAdapter, shared_rows

NODES = "_nodes"  # after the name of a split whose trees' labelled nodes are phrases


class Sentiment(Classifier):
    """Classify text. Loss: cross-entropy in nats an example.

    Where the data has trees and the encoder reads them, train holds whole sentences, and a sentence's loss is the sum
    over its labelled nodes (Socher et al. 2013, section 4); the objective is divided by their number in the batch, so
    that every labelled node weighs the same, or with `loss_per=sentence` by that of sentences, as in the papers' code.
    Other architectures see the same phrases as examples of their own, repeated ones once. If train has no phrases, the
    root alone has a label. Evaluation is at the root; with `nodes` also at every labelled node of the data's trees,
    whose words are a phrase to those that read no trees.

    Args:
        embedding: width of the word vectors, learned from random ones.
        embedding_scale: standard deviation of those random ones.
        dropout: on word vectors and on the code.
        word_dropout: on word vectors, where that is another.
        nodes: whether the final evaluation counts labelled nodes, too.
        loss_per: node | sentence.
        reconstruction_weight: of the tokens' nats (sum over a sentence) where the architecture reconstructs.
        protocol: joint | pretrain (the autoencoder first, then a classifier on its code).
        pretrain_share: of the budget's steps that pretrain.
        pretrain_steps: those steps themselves, instead of a share.
        frozen: whether the pretrained code stays as it is, or is fine-tuned.
        left_padding: whether padding stands before the texts of a batch and is read, as zero vectors; else it stands
            behind them and changes nothing. Evaluated batches are then of 128 texts in their split's order, on whose
            longest the others' padding depends.

    Raises:
        UserError: trees or reconstructed tokens with padding that is read.
    """

    known_metrics: ClassVar[tuple[Metric, ...]] = (*Classifier.known_metrics, percentage("accuracy_all"))
    ways: ClassVar[tuple[str, ...]] = ("protocol",)
    relation: ClassVar[Relation] = "same"
    learned = ("tokenizer", "max_length", "classes", "class_names", "parsed")
    needs = (*Classifier.needs, Need("nodes", {"loss_per": Unless("node")}))

    def __init__(
        self,
        embedding: Count,
        embedding_scale: Positive,
        dropout: Share,
        reconstruction_weight: NotNegative,
        phases: PretrainingOptions,
        word_dropout: Share | None = None,
        nodes: bool = False,
        loss_per: Literal["node", "sentence"] = "node",
        left_padding: bool = False,
    ):
        self.embedding, self.embedding_scale, self.dropout = embedding, embedding_scale, dropout
        self.reconstruction_weight = reconstruction_weight
        self.word_dropout = dropout if word_dropout is None else word_dropout
        self.nodes, self.loss_per, self.left_padding = nodes, loss_per, left_padding
        self.pretraining = phases.pretraining()

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """Vocabulary, classes and the longest sentence come from train; longer ones elsewhere are cut and counted."""
        tables = shared_rows(examples, data["fraction"])
        train = tables["train"]
        require_classes({name: class_counts(table["label"][:]) for name, table in tables.items()}, data["fraction"])
        self.tokenizer = build_tokenizer(data["tokenizer"], train["text"][:], data["languages"][0])
        ids = {name: self.tokenizer.encode(table["text"][:]) for name, table in tables.items()}
        self.max_length = data["max_length"] or max(map(len, ids["train"]))
        self.classes = max(train["label"][:]) + 1
        parsed = (self.trees or self.nodes) and has_trees(tables)
        self.parsed = trees = self.trees and parsed
        if parsed:
            self._require_no_left_padding("trees, whose nodes are of real words")
        self.class_names = names_of_classes(data)
        classes = node_classes(train) if parsed else {}
        if trees:
            kept = whole_sentences(train)
            tables["train"], ids["train"] = train.select(kept), [ids["train"][row] for row in kept]
        self.texts = {name: table["text"][:] for name, table in tables.items()}
        self.splits, self.owners = {}, {}
        for name, table in tables.items():
            tokens, labels = Ragged.pack(ids[name], self.max_length), torch.tensor(table["label"][:], dtype=torch.int64)
            self.splits[name] = Split(tokens, Dense(labels), left_padded=self.left_padding)
            if trees or (parsed and name != "train"):
                bank = treebank(table, ids[name], self.tokenizer, classes, self.max_length)
                if trees:
                    nodes = None if self.loss_per == "sentence" else bank.labelled()
                    self.splits[name] = Split(tokens, Dense(labels), bank, normalisers=nodes)
                else:
                    self.splits[f"{name}{NODES}"], self.owners[name] = labelled_phrases(tokens, bank)

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Word vectors -> code -> class; with reconstruction also code -> tokens."""
        shape = Shape(
            input=Side(self.embedding, self.max_length),
            output=Side(self.embedding, self.max_length),
            reference_code=self.embedding,
            relation=self.relation,
        )
        adapter = TokenAdapter(len(self.tokenizer), self.embedding, self.word_dropout, self.embedding_scale)
        decodes = self.decodes(architecture)
        if decodes:
            self._require_no_left_padding(f"architecture={architecture['name']}, which reconstructs the tokens")
        network = Network(shape, architecture, bottleneck, adapter, decodes)
        self.add_classifier(network)
        if decodes:
            network.add_output_head(self.embedding)
            network.heads["vocabulary"] = nn.Linear(self.embedding, len(self.tokenizer))
        return network

    def _require_no_left_padding(self, saw: str) -> None:
        if self.left_padding:
            raise UserError(
                "Padding that is read goes with classes alone.",
                saw=f"task.left_padding=true with {saw}",
                allowed="task.left_padding=false, or an architecture that reads no trees and reconstructs nothing",
            )

    def nats(self, network: Network, code: Coded, batch: Batch) -> Tensor:
        """Of each text [B]; of a tree, summed over its labelled nodes."""
        if batch.tree is None:
            return super().nats(network, code, batch)
        assert code.nodes is not None
        logits = network.heads["classifier"](code.nodes).transpose(1, 2)
        return F.cross_entropy(logits, batch.tree.labels, ignore_index=UNLABELLED, reduction="none").sum(dim=1)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        """Class probabilities of each text; with `nodes` and trees also its labelled `nodes` and how many are right."""
        if batch.tree is None or not self.nodes:
            return super().evaluate(network, batch)
        code, labels = network.encode(batch), batch.tree.labels
        right = network.heads["classifier"](code.nodes).argmax(dim=2) == labels
        return {
            **self.probabilities(network, code),
            "nodes": (labels != UNLABELLED).sum(dim=1).cpu().numpy(),
            "nodes_correct": right.sum(dim=1).cpu().numpy(),
        }

    def reports(self) -> Sequence[str]:
        return [*self.selects_by(), *(["accuracy_all"] if self.nodes else [])]

    def selects_by(self) -> Sequence[str]:
        return [metric.name for metric in Classifier.known_metrics]

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """As of every classifier, and accuracy_all in per cent of all labelled nodes where they were evaluated."""
        found = super().metrics(outputs, split)
        if "nodes" in outputs:
            found["accuracy_all"] = 100 * float(outputs["nodes_correct"].sum() / outputs["nodes"].sum())
        return found

    def finish(self, network: Network, collect: Collect, seed: int) -> Final:
        """Validation, then test; those that read no trees also classify the phrases of their trees."""

        def with_nodes(split: str) -> Outputs:
            outputs = collect(split)
            if split in self.owners:
                phrases, owners = f"{split}{NODES}", self.owners[split].numpy()
                right = collect(phrases)["probabilities"].argmax(axis=1) == self.truth(phrases)
                size = len(self.splits[split])
                outputs["nodes"] = np.bincount(owners, minlength=size)
                outputs["nodes_correct"] = np.bincount(owners[right], minlength=size)
            return outputs

        return super().finish(network, with_nodes, seed)

    def raw(self, inputs: Any) -> Raw:
        """Texts -> `label` and `probabilities`; longer ones than train's longest are cut, as in training.

        Raises:
            UserError: as `raw_texts`; or the network reads parse trees, which plain texts lack.
        """
        texts = raw_texts(inputs)
        if self.parsed:
            raise UserError(
                "This network reads parse trees, and was trained on those of its data: plain texts have none.",
                saw="texts without trees",
                allowed="a trial of another architecture, such as architecture=bilstm",
            )
        ids = Ragged.pack(self.tokenizer.encode(texts), self.max_length)
        return self.labelled(Split(ids, left_padded=self.left_padding))

    def reconstruction(self, network: Network, code: Tensor, batch: Batch) -> Tensor:
        """Nats of each sentence's tokens under the decoder [B]; only real positions reach the vocabulary."""
        decoded = network.decode(code, None, batch.inputs.shape[1])
        return token_nats(network.heads["vocabulary"], decoded, batch.inputs, batch.real_inputs).sum(dim=1)

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The text, and as of every classifier."""
        texts = [self.texts[split][place] for place in index]
        return {"text": texts, **super().example_columns(predictions, split, index, network)}

    def view(self, split: str) -> TextView:
        words = [self.tokenizer.split(text) for text in self.texts[split]]
        return TextView(words, self.truth(split))

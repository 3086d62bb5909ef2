"""Tagging: words in, a tag for each of them out (many-to-many, aligned)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from torch import nn

from unroll.data.examples import Examples
from unroll.data.fields import Ragged
from unroll.data.splits import Batch, Split, unpadded
from unroll.models.contracts import Relation, Shape, Side
from unroll.models.network import Network
from unroll.models.noise import Dropout
from unroll.records.looked_at import Confusion
from unroll.registry.declared import Need
from unroll.registry.metric import Metric, percentage
from unroll.registry.options import Count, Positive, Share
from unroll.tasks.baselines.views import TaggedView
from unroll.tasks.columns import Columns, rows_of
from unroll.tasks.metrics.classification import SMALLEST_PROBABILITY, taken_for
from unroll.tasks.metrics.tokens import CORRECT_TOKENS, NLL_TOKENS, by_token, padded
from unroll.tasks.sequences import token_nats
from unroll.tasks.task import Losses, Outputs, Task, shared_rows
from unroll.tasks.words import FormAdapter, Forms

UNSEEN = "(not in train)"  # a tag


class Tagging(Task):
    """Tag words. Loss: cross-entropy of the tags in nats; the objective is its mean over words.

    Each word is tagged from the code of its step. Its vector is the mean of those of its pieces. With a tokenizer of
    words, those that are not in the vocabulary, which is train's, share one vector, so that their tags hang on their
    neighbours and, with `characters`, on how they are spelled.

    Args:
        embedding: width of the word vectors, learned from random ones.
        embedding_scale: standard deviation of those random ones.
        dropout: on word vectors and on the codes of steps.
        characters: width of what a word's characters add to its vector: a convolution over three of them, then the
            largest value of each filter (dos Santos & Zadrozny 2014, section 2.1.2); None: words alone.
    """

    relation: ClassVar[Relation] = "per_step"
    known_metrics: ClassVar[tuple[Metric, ...]] = (
        percentage("accuracy", score=CORRECT_TOKENS),
        percentage("accuracy_unknown"),
        percentage("macro_f1"),
        Metric(name="nll", unit="nats", direction="lower", score=NLL_TOKENS),
    )
    needs = (Need("steps"), Need("forward"))

    def __init__(self, embedding: Count, embedding_scale: Positive, dropout: Share, characters: Count | None = None):
        self.embedding, self.embedding_scale = embedding, embedding_scale
        self.dropout, self.characters = dropout, characters

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """Vocabulary and tags come from train; a tag that train lacks is never right."""
        tables = shared_rows(examples, data["fraction"])
        self.words = {name: [row.split("\t") for row in table["words"][:]] for name, table in tables.items()}
        tags = {name: [row.split("\t") for row in table["tags"][:]] for name, table in tables.items()}
        self.tags = sorted({tag for row in tags["train"] for tag in row})
        numbers = {tag: number for number, tag in enumerate(self.tags)}
        unseen = len(numbers)
        self.forms = Forms.of(self.words, data["tokenizer"], data["languages"][0])
        self.splits = {}
        for name, rows in self.words.items():
            longest = (data["max_length"] if name == "train" else None) or max(map(len, rows))
            inputs = Ragged.pack(self.forms.encode(rows), longest)
            targets = Ragged.pack([[numbers.get(tag, unseen) for tag in row] for row in tags[name]], longest)
            self.splits[name] = Split(inputs, targets, normalisers=targets.lengths.float())

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Word vectors -> codes of steps -> tags."""
        adapter = FormAdapter(self.forms, self.embedding, self.characters, self.dropout, self.embedding_scale)
        longest = max(int(key.max()) for split in self.splits.values() for key in split.length_keys())
        side = Side(self.embedding + (self.characters or 0), longest)
        shape = Shape(side, side, reference_code=self.embedding, relation=self.relation)
        network = Network(shape, architecture, bottleneck, adapter, decodes=False)
        network.heads["output"] = Dropout(self.dropout)
        network.heads["tags"] = nn.Linear(network.bottleneck.size, len(self.tags))
        return network

    def losses(self, network: Network, batch: Batch) -> Losses:
        code = network.encode(batch)
        features = network.heads["output"](code.code)
        nats = token_nats(network.heads["tags"], features, batch.targets, batch.real_targets)
        return Losses(nats.sum(dim=1), code.penalty)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        """Probabilities of the tags of each sentence's words, [T, tags] each."""
        logits = network.heads["tags"](network.heads["output"](network.encode(batch).code))
        found = logits.double().softmax(dim=-1).cpu().numpy()
        return {"probabilities": [row[:size] for row, size in zip(found, batch.lengths.tolist(), strict=True)]}

    def truth(self, split: str) -> list[np.ndarray]:
        """Numbers of the tags of each sentence's words; one that train lacks has the number behind the last."""
        return unpadded(self.splits[split])[1]

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """accuracy, of all words and of those that are not in train, and macro_f1 of the tags in per cent; nll in nats
        a word."""
        from sklearn.metrics import f1_score

        truth, probabilities = np.concatenate(self.truth(split)), np.concatenate(list(outputs["probabilities"]))
        predicted = probabilities.argmax(axis=1)
        found = {
            "accuracy": 100 * float((predicted == truth).mean()),
            "macro_f1": 100 * float(f1_score(truth, predicted, average="macro", zero_division=0)),
            "nll": float(_nats(probabilities, truth).mean()),
        }
        unknown = ~self.forms.in_train.numpy()[np.concatenate(unpadded(self.splits[split])[0])]
        if unknown.any():
            found["accuracy_unknown"] = 100 * float((predicted == truth)[unknown].mean())
        return found

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        pairs = list(zip(outputs["probabilities"], self.truth(split), strict=True))
        counts = np.array([len(truth) for _, truth in pairs])
        right = np.array([(row.argmax(axis=1) == truth).sum() for row, truth in pairs])
        nats = np.array([_nats(row, truth).sum() for row, truth in pairs])
        return {CORRECT_TOKENS.name: by_token(right, counts), NLL_TOKENS.name: by_token(nats, counts)}

    def predictions(self, outputs: Outputs, split: str) -> Outputs:
        """Scores of each sentence, and the numbers of its words' tags [N, longest], -1 in the padding."""
        tags = padded([row.argmax(axis=1) for row in outputs["probabilities"]])
        return {**self.scores(outputs, split), "predicted": tags}

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The words, their tags, those predicted, and the share that is right; words cut off have none."""
        truth = rows_of(self.splits[split], index)[1]
        predicted = [
            np.asarray(predictions["predicted"])[place][: len(row)] for place, row in zip(index, truth, strict=True)
        ]
        names = [*self.tags, UNSEEN]
        return {
            "words": [self.words[split][place][: len(row)] for place, row in zip(index, truth, strict=True)],
            "tags": [[names[number] for number in row] for row in truth],
            "predicted": [[names[number] for number in row] for row in predicted],
            "correct_share": [float((row == wanted).mean()) for row, wanted in zip(predicted, truth, strict=True)],
        }

    def confusion(self, predictions: Outputs, split: str) -> Confusion:
        predicted, names = np.asarray(predictions["predicted"]), [*self.tags, UNSEEN]
        counts = taken_for(np.concatenate(self.truth(split)), predicted[predicted >= 0], len(names))
        if not counts[-1].any():  # no such tag
            names, counts = names[:-1], counts[:-1, :-1]
        return Confusion(names, counts.tolist())

    def view(self, split: str) -> TaggedView:
        rows = self.truth(split)
        words = [row[: len(tags)] for row, tags in zip(self.words[split], rows, strict=True)]
        return TaggedView(words, rows, len(self.tags))


def _nats(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """-log p of the true tags [n]; of one that has no probability as of the smallest."""
    known = np.minimum(truth, probabilities.shape[1] - 1)
    given = probabilities[np.arange(len(truth)), known] * (truth < probabilities.shape[1])
    return -np.log(given.clip(min=SMALLEST_PROBABILITY))

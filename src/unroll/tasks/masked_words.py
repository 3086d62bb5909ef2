"""Masked words: a sentence with words left out in, those words out (many-to-many, aligned)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.examples import Examples
from unroll.data.fields import Ragged
from unroll.data.splits import Batch, Split, unpadded
from unroll.data.tokenizers import PAD, SPECIALS, UNKNOWN, build_tokenizer
from unroll.errors import UserError
from unroll.models.contracts import Relation, Shape, Side, length_mask
from unroll.models.network import Network
from unroll.models.noise import Dropout, chosen
from unroll.models.rows import picked
from unroll.registry.declared import Need
from unroll.registry.metric import Metric, percentage
from unroll.registry.options import Count, Fraction, Positive, Share
from unroll.seeds import generator
from unroll.tasks.baselines.views import MaskedView
from unroll.tasks.columns import Columns, batch_of, in_words
from unroll.tasks.metrics.tokens import CORRECT_TOKENS, NLL_TOKENS, by_token, padded
from unroll.tasks.task import Collect, Final, Losses, Outputs, Task, TokenAdapter, shared_rows

BLANK = re.compile(r"_{2,}")  # stands for a word in a sentence of one's own
EXAMPLES = ("I am ___.", "I am ___ hungry.", "I am ___ hungry, and I can eat half a pig.")  # what follows decides
SHOWN = 3  # words for each blank


class MaskedWords(Task):
    """Guess words that are left out. Loss: cross-entropy in nats; the objective is its mean over masked words.

    A masked word is replaced by <mask> and guessed from the code of its step: an encoder of one direction knows what
    stands before it, one of two directions both sides (Devlin et al. 2019, section 3.1, task 1, there of a Transformer
    and with 80 % of the words replaced so). In training each known word is masked anew at every step with probability
    `share`; in validation and test that share of each sentence's known words, one at least, the same for all trials.

    Args:
        embedding: width of the word vectors, learned from random ones.
        embedding_scale: standard deviation of those random ones.
        dropout: on word vectors and before the vocabulary.
        share: of the words that are masked.
    """

    relation: ClassVar[Relation] = "per_step"
    poses = ("share", "data.tokenizer", "data.fraction")  # which words can be masked, and how many
    known_metrics: ClassVar[tuple[Metric, ...]] = (
        percentage("accuracy", score=CORRECT_TOKENS),
        Metric(name="nll", unit="nats", direction="lower", score=NLL_TOKENS),
    )
    needs = (Need("steps"), Need("forward"))

    def __init__(self, embedding: Count, embedding_scale: Positive, dropout: Share, share: Fraction):
        self.embedding, self.embedding_scale, self.dropout, self.share = embedding, embedding_scale, dropout, share

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """The vocabulary comes from train; unknown words are read and never masked.

        Raises:
            UserError: a split has no known word.
        """
        tables = shared_rows(examples, data["fraction"])
        self.tokenizer = build_tokenizer(data["tokenizer"], tables["train"]["text"][:], data["languages"][0])
        self.mask = len(self.tokenizer)
        self.splits = {}
        for name, table in tables.items():
            ids = self.tokenizer.encode(table["text"][:])
            words = Ragged.pack(ids, (data["max_length"] if name == "train" else None) or max(map(len, ids)))
            masked = Ragged(torch.from_numpy(self._chosen(words, name)), words.offsets)
            known = Ragged(words.flat != UNKNOWN, words.offsets)
            if not known.flat.any():
                raise UserError(
                    f"No word of {name} is in the vocabulary, so that none can be masked.",
                    saw=f"{len(self.tokenizer) - len(SPECIALS)} words of train, with data.tokenizer",
                    allowed="a lower data.tokenizer.min_count, or data whose splits have words in common",
                )
            self.splits[name] = Split(words, masked, normalisers=self.share * _sums(known).float())

    def _chosen(self, words: Ragged, split: str) -> np.ndarray:
        """1 where evaluation masks a word of a flat split, else 0: of each sentence's known words the first by lot."""
        lot = generator(0, f"masked words {split}").random(len(words.flat))
        lot[words.flat.numpy() == UNKNOWN] = 2.0
        masked = np.zeros(len(lot), np.int64)
        for start, end in zip(words.offsets[:-1].tolist(), words.offsets[1:].tolist(), strict=True):
            known = int((lot[start:end] < 1).sum())
            count = min(known, max(1, round(self.share * known)))
            masked[start + np.argsort(lot[start:end], kind="stable")[:count]] = 1
        return masked

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Word vectors, <mask> among them -> codes of steps -> words."""
        longest = max(int(key.max()) for split in self.splits.values() for key in split.length_keys())
        side = Side(self.embedding, longest)
        shape = Shape(side, side, reference_code=self.embedding, relation=self.relation)
        adapter = TokenAdapter(self.mask + 1, self.embedding, self.dropout, self.embedding_scale)
        network = Network(shape, architecture, bottleneck, adapter, decodes=False)
        network.heads["output"] = Dropout(self.dropout)
        network.heads["vocabulary"] = nn.Linear(network.bottleneck.size, self.mask)
        return network

    def _logits(self, network: Network, batch: Batch, masked: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Logits of the words at masked positions [n, V], sentence after sentence; where these are [n], as example
        x T + position; the penalty [B]."""
        places = masked.flatten().nonzero()[:, 0]
        code = network.encode(replace(batch, inputs=batch.inputs.masked_fill(masked, self.mask)))
        features = picked(network.heads["output"](code.code).flatten(0, 1), places)
        return network.heads["vocabulary"](features), places, code.penalty

    def losses(self, network: Network, batch: Batch) -> Losses:
        masked = batch.targets.bool()
        if network.training:
            known = length_mask(batch.lengths, batch.inputs.shape[1]) & (batch.inputs != UNKNOWN)
            masked = chosen(self.share, known.shape, known.device) & known
        logits, places, penalty = self._logits(network, batch, masked)
        nats = F.cross_entropy(logits, batch.inputs.flatten().index_select(0, places), reduction="none")
        return Losses(nats.new_zeros(masked.numel()).index_copy(0, places, nats).view(masked.shape).sum(dim=1), penalty)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        """Of each sentence's masked words: the word that is likeliest, and the nats of the true one."""
        masked = batch.targets.bool()
        logits, places, _ = self._logits(network, batch, masked)
        nats = F.cross_entropy(logits.double(), batch.inputs.flatten().index_select(0, places), reduction="none")
        ends = masked.sum(dim=1).cumsum(dim=0)[:-1].cpu().numpy()
        found = {"predicted": logits.argmax(dim=1), "nats": nats}
        return {name: np.split(values.cpu().numpy(), ends) for name, values in found.items()}

    def truth(self, split: str) -> list[np.ndarray]:
        """Ids of each sentence's masked words."""
        return [ids[masked == 1] for ids, masked in zip(*unpadded(self.splits[split]), strict=True)]

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """accuracy in per cent, and nll in nats, of masked words."""
        found = self.scores(outputs, split)
        accuracy, nll = (float(found[score.name].mean()) for score in (CORRECT_TOKENS, NLL_TOKENS))
        return {"accuracy": 100 * accuracy, "nll": nll}

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        truth = self.truth(split)
        counts = np.array(list(map(len, truth)))
        right = [(words == wanted).sum() for words, wanted in zip(outputs["predicted"], truth, strict=True)]
        nats = [values.sum() for values in outputs["nats"]]
        return {CORRECT_TOKENS.name: by_token(right, counts), NLL_TOKENS.name: by_token(nats, counts)}

    def predictions(self, outputs: Outputs, split: str) -> Outputs:
        """Scores of each sentence, and the ids that are guessed for its masked words [N, most], -1 in the padding."""
        return {**self.scores(outputs, split), "predicted": padded(outputs["predicted"])}

    def finish(self, network: Network, collect: Collect, seed: int) -> Final:
        """The final evaluation, and three sentences in which both sides of a word decide."""
        final = super().finish(network, collect, seed)
        final.labels |= {f"filled {number}": text for number, text in enumerate(self.filled(network, EXAMPLES), 1)}
        return final

    def filled(self, network: Network, sentences: Sequence[str]) -> list[str]:
        """Sentences of one's own, each ___ with the likeliest words for it: "I am [not 0.21 | very 0.12] hungry."

        Raises:
            UserError: a sentence has no blank.
        """
        return [self._filled(network, sentence) for sentence in sentences]

    def drawn(
        self, network: Network, prompt: str, count: int, length: int, random: torch.Generator, **limits: Any
    ) -> list[str]:
        """The sentence `prompt` with the likeliest words for each blank: nothing is left to chance.

        Raises:
            UserError: more than one is asked for, or a limit is, or there is no blank.
        """
        asked = [name for name, value in limits.items() if value not in (None, 1.0)] + ["count"] * (count > 1)
        if asked:
            saw, allowed = ", ".join(asked), "a prompt alone: its likeliest words are shown"
            raise UserError("Words for blanks are not drawn.", saw=saw, allowed=allowed)
        return self.filled(network, [prompt])

    def _filled(self, network: Network, sentence: str) -> str:
        parts = BLANK.split(sentence)
        if len(parts) == 1:
            raise UserError("The sentence has no blank to fill.", saw=sentence, allowed="I am ___ hungry.")
        ids: list[int] = []
        for number, part in enumerate(parts):
            ids += [self.mask] * (number > 0) + (self.tokenizer.encode([part])[0] if part.strip() else [])
        inputs = torch.tensor([ids], device=next(network.parameters()).device)
        masked, size = inputs == self.mask, torch.tensor([len(ids)], device=inputs.device)
        batch = Batch(size - 1, inputs, size, inputs, size, size.float())
        with torch.inference_mode(), network.precision():
            logits = self._logits(network, batch, masked)[0].float()
            logits[:, [PAD, UNKNOWN]] = float("-inf")
            likely = logits.softmax(dim=-1)[:, len(SPECIALS) :]
            chances, words = likely.topk(min(SHOWN, likely.shape[1]))
        options = [
            " | ".join(f"{self.tokenizer.decode([word])} {chance:.2f}" for word, chance in zip(*row, strict=True))
            for row in zip((words + len(SPECIALS)).tolist(), chances.tolist(), strict=True)
        ]
        return parts[0] + "".join(f"[{option}]{part}" for option, part in zip(options, parts[1:], strict=True))

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The sentence with ___ for each masked word, those words, the likeliest ones, and the share that is right."""
        batch, found = batch_of(self.splits[split], index), []
        for place, ids, masked, size in zip(index, batch.inputs, batch.targets == 1, batch.lengths, strict=True):
            ids, masked = ids[:size], masked[:size]
            hidden = ids[masked].tolist()
            predicted = np.asarray(predictions["predicted"])[place][: len(hidden)].tolist()
            right = [said == wanted for said, wanted in zip(predicted, hidden, strict=True)]
            found.append(
                (
                    self._with_blanks(ids.tolist(), masked.tolist()),
                    in_words(self.tokenizer, hidden),
                    in_words(self.tokenizer, predicted),
                    sum(right) / len(right) if right else None,
                )
            )
        return dict(zip(("text", "hidden", "predicted", "correct_share"), zip(*found, strict=True), strict=True))

    def _with_blanks(self, ids: list[int], masked: list[bool]) -> str:
        """A sentence as text, ___ for each masked word."""
        parts: list[str] = []
        for blank, run in groupby(zip(ids, masked, strict=True), key=lambda pair: pair[1]):
            numbers = [number for number, _ in run]
            parts += ["___"] * len(numbers) if blank else [self.tokenizer.decode(numbers)]
        return " ".join(part for part in parts if part)

    def view(self, split: str) -> MaskedView:
        words, masked = unpadded(self.splits[split])
        return MaskedView(words, [flags == 1 for flags in masked], self.mask)


def _sums(values: Ragged) -> Tensor:
    total = torch.cat((torch.zeros(1, dtype=torch.int64), values.flat.long().cumsum(dim=0)))
    return total[values.offsets[1:]] - total[values.offsets[:-1]]

"""Translation: a sentence in, a sentence of another language out (many-to-many, not aligned)."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.examples import Examples
from unroll.data.splits import Batch, PairSplit
from unroll.data.text import BEGIN, END, Ragged, Tokenizer, build_tokenizer
from unroll.errors import UserError
from unroll.models.contracts import Encoded, Shape, length_mask
from unroll.models.network import Code, Network
from unroll.models.noise import Dropout
from unroll.registry.components import locate
from unroll.registry.options import Count, NotNegative, Positive, Share
from unroll.tasks.baselines.views import PairView
from unroll.tasks.decoding import beam_search
from unroll.tasks.metrics import text as scores
from unroll.tasks.task import Losses, Outputs, Task, TokenAdapter, shared_rows


class Translation(Task):
    """Translate. Loss: cross-entropy of the target tokens and the end token; the objective is its mean over tokens.

    Recurrent decoders are autoregressive; parallel ones emit all positions at once, learn the end token and are cut at
    the first one, and their perplexity is named apart (`perplexity_parallel`), being no chain-rule likelihood.

    Args:
        embedding: width of the word vectors of both languages.
        embedding_scale: standard deviation of the random ones that they are learned from.
        dropout: on word vectors and before the vocabulary.
        attention: None | additive | multiplicative; recurrent encoders and decoders only.
        beam: hypotheses kept; 1 = greedy. Recurrent decoders only.
        length_penalty: see `beam_search`.
        max_output: tokens a hypothesis may have; None = the longest target of train.
        reconstruction_weight: must be 0: the target stands for the input here.

    Raises:
        UserError: beam search or attention with a parallel decoder.
    """

    def __init__(
        self,
        embedding: Count,
        embedding_scale: Positive,
        dropout: Share,
        attention: Literal["additive", "multiplicative"] | None,
        beam: Count,
        length_penalty: NotNegative,
        max_output: Count | None,
        reconstruction_weight: NotNegative,
    ):
        self.embedding, self.embedding_scale = embedding, embedding_scale
        self.dropout, self.attention = dropout, attention
        self.beam, self.length_penalty, self.max_output = beam, length_penalty, max_output
        self.reconstruction_weight = reconstruction_weight
        if beam == 1 and length_penalty != 1:
            raise UserError(
                "This option would change nothing.",
                saw=f"task.length_penalty={length_penalty} with task.beam=1",
                allowed="task.beam=2 or more, or task.length_penalty=1",
            )
        if reconstruction_weight:
            raise UserError(
                "Translation reconstructs the target, not the source.",
                saw=f"task.reconstruction_weight={reconstruction_weight}",
                allowed=0.0,
            )

    def check(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> None:
        parallel = locate(architecture["decoder"], "architecture.decoder", nn.Module).parallel  # type: ignore[attr-defined]
        asked = {"task.beam": self.beam if self.beam > 1 else None, "task.attention": self.attention}
        for key, value in asked.items():
            if parallel and value is not None:
                raise UserError(
                    f"{key} needs a decoder that works step by step.",
                    saw=f"{key}={value} with architecture={architecture['name']}, whose decoder is parallel",
                    allowed="task.beam=1 task.attention=null, or a recurrent architecture",
                )

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """Both vocabularies and both longest lengths come from train; longer sentences are cut and counted."""
        tables = shared_rows(examples, data["fraction"])
        self.lowercase, self.languages = data["tokenizer"]["lowercase"], data["languages"]
        self.texts = {name: (table["source"][:], table["target"][:]) for name, table in tables.items()}
        sides = [build_tokenizer(data["tokenizer"], self.texts["train"][side], self.languages[side]) for side in (0, 1)]
        self.source_tokenizer, self.target_tokenizer = sides
        ids = {
            name: (sides[0].encode(texts[0]), [[*row, END] for row in sides[1].encode(texts[1])])
            for name, texts in self.texts.items()
        }
        self.max_source, self.max_target = (data["max_length"] or max(map(len, ids["train"][side])) for side in (0, 1))
        self.splits = {
            name: PairSplit(Ragged.pack(sources, self.max_source), Ragged.pack(targets, self.max_target))
            for name, (sources, targets) in ids.items()
        }

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Source words -> code (and states) -> target words."""
        parallel = locate(architecture["decoder"], "architecture.decoder", nn.Module).parallel  # type: ignore[attr-defined]
        shape = Shape(
            input_width=self.embedding,
            max_length=self.max_source,
            output_width=self.embedding,
            output_length=self.max_target,
            reference_code=self.embedding,
            decoder_input=0 if parallel else self.embedding,
            attention=self.attention,
        )
        adapter = self._adapter(self.source_tokenizer)
        network = Network(shape, architecture, bottleneck, adapter, decodes=True)
        assert network.decoder is not None
        if not parallel:
            network.heads["target"] = self._adapter(self.target_tokenizer)
        network.heads["output"] = Dropout(self.dropout)
        network.heads["vocabulary"] = nn.Linear(network.decoder.width, len(self.target_tokenizer))
        return network

    def _adapter(self, tokenizer: Tokenizer) -> TokenAdapter:
        return TokenAdapter(len(tokenizer), self.embedding, self.dropout, self.embedding_scale)

    def _teacher_forced(self, network: Network, batch: Batch) -> tuple[Tensor, Code]:
        """Nats of each target, end token included [B]; only real positions reach the vocabulary."""
        code = network.encode(batch)
        targets = batch.targets
        inputs = None
        if "target" in network.heads:
            begin = torch.full_like(targets[:, :1], BEGIN)
            inputs = network.heads["target"](torch.cat((begin, targets[:, :-1]), dim=1))
        decoded = network.decode(code.code, code.memory, targets.shape[1], inputs)
        real = length_mask(batch.target_lengths, targets.shape[1])
        logits = network.heads["vocabulary"](decoded[real])
        nats = F.cross_entropy(logits, targets[real], reduction="none")
        summed = decoded.new_zeros(real.shape).masked_scatter(real, nats.to(decoded.dtype)).sum(dim=1)
        return summed, code

    def losses(self, network: Network, batch: Batch) -> Losses:
        nats, code = self._teacher_forced(network, batch)
        return Losses(nats, code.penalty)

    def validate(self, network: Network, batch: Batch) -> Outputs:
        nats, _ = self._teacher_forced(network, batch)
        return {"nll": nats.double().cpu().numpy(), "tokens": batch.target_lengths.cpu().numpy()}

    def reports(self) -> dict[str, str]:
        return {"sacrebleu": "higher", "chrf": "higher"}

    def reports_of_networks(self, config: Mapping[str, Any]) -> dict[str, str]:
        parallel = getattr(locate(config["architecture"]["decoder"], "architecture.decoder"), "parallel", False)
        return dict.fromkeys([f"{name}{'_parallel' * parallel}" for name in ("nll_per_token", "perplexity")], "lower")

    def selects_by(self) -> dict[str, str]:
        return {"nll_per_token": "lower"}

    def selection(self, outputs: Outputs, split: str) -> dict[str, float]:
        return {"nll_per_token": float(outputs["nll"].sum() / outputs["tokens"].sum())}

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        hypotheses = [self.target_tokenizer.decode(row) for row in self._decode(network, batch).tolist()]
        kind = "sequential" if "target" in network.heads else "parallel"
        return {**self.validate(network, batch), "hypotheses": hypotheses, "kind": [kind] * len(hypotheses)}

    def _decode(self, network: Network, batch: Batch) -> Tensor:
        """Hypotheses as ids [B, <= max_output]."""
        code = network.encode(batch)
        longest = self.max_output or self.max_target
        if "target" not in network.heads:
            decoded = network.decode(code.code, code.memory, min(longest, self.max_target))
            return network.heads["vocabulary"](decoded).argmax(dim=-1)
        decoder, heads = network.decoder, network.heads

        def step(state: list[Tensor], last: Tensor, code: Tensor, memory: Encoded) -> tuple[list[Tensor], Tensor]:
            state, output = decoder.step(state, heads["target"](last), code, memory)  # type: ignore[union-attr]
            return state, heads["vocabulary"](output).log_softmax(dim=-1)

        start = decoder.start(code.code)  # type: ignore[union-attr]
        return beam_search(step, start, code.code, code.memory, self.beam, longest, self.length_penalty)

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """sacrebleu and chrf in 0..100; nll_per_token in nats and its exponential, for networks."""
        references = self.texts[split][1]
        hypotheses = outputs["hypotheses"]
        found = {
            "sacrebleu": scores.corpus_bleu(hypotheses, references, self.lowercase, self.languages[1]).value,
            "chrf": scores.corpus_chrf(hypotheses, references, self.lowercase).value,
        }
        if "nll" in outputs:
            suffix = "" if outputs["kind"][0] == "sequential" else "_parallel"
            nll = self.selection(outputs, split)["nll_per_token"]
            found[f"nll_per_token{suffix}"] = nll
            found[f"perplexity{suffix}"] = float(np.exp(nll))
        return found

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        return scores.sentence_scores(outputs["hypotheses"], self.texts[split][1], self.lowercase, self.languages[1])

    def labels(self, outputs: Outputs, split: str) -> dict[str, str]:
        hypotheses, references = outputs["hypotheses"], self.texts[split][1]
        bleu = scores.corpus_bleu(hypotheses, references, self.lowercase, self.languages[1])
        chrf = scores.corpus_chrf(hypotheses, references, self.lowercase)
        return {"sacrebleu_signature": bleu.signature, "chrf_signature": chrf.signature}

    def view(self, split: str) -> PairView:
        return PairView(*self.texts[split], *self.languages)

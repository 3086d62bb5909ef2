"""Translation: a sentence in, a sentence of another language out (many-to-many, not aligned)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from unroll.data.examples import Examples
from unroll.data.fields import Ragged
from unroll.data.splits import Batch, Split
from unroll.data.tokenizers import END, Tokenizer, build_tokenizer
from unroll.errors import UserError
from unroll.models.contracts import Shape, Side
from unroll.models.network import Coded, Network, is_parallel
from unroll.models.noise import Dropout
from unroll.registry.components import locate
from unroll.registry.declared import Need, Unless
from unroll.registry.metric import DISCRETE, Former, Metric, Score
from unroll.registry.options import Count, NotNegative, Positive, Share
from unroll.tasks.baselines.views import PairView
from unroll.tasks.columns import Columns
from unroll.tasks.metrics import text as scores
from unroll.tasks.raw import Raw, raw_texts
from unroll.tasks.sequences import TeacherForcing, beam_search, next_tokens, teacher_forced, token_nats
from unroll.tasks.task import Losses, Outputs, Task, TokenAdapter, shared_rows

SUFFIXES = ("_parallel", "_free_running")  # of nats that are no likelihood of the target


class Translation(Task):
    """Translate. Loss: cross-entropy of the target tokens and the end token; the objective is its mean over tokens.

    Recurrent decoders are autoregressive; parallel ones emit all positions at once, learn the end token and are cut at
    the first one, and their perplexity is named apart (`perplexity_parallel`), being no chain-rule likelihood. So is
    that of a decoder that is fed its own words where it is asked for the target's (`perplexity_free_running`).

    Args:
        embedding: width of the word vectors of both languages.
        embedding_scale: standard deviation of the random ones that they are learned from.
        dropout: on word vectors and before the vocabulary.
        attention: None | additive | multiplicative; recurrent encoders and decoders only.
        beam: hypotheses kept; 1 = greedy. Recurrent decoders only.
        length_penalty: see `beam_search`.
        max_output: tokens a hypothesis may have; None = the longest target of train.
        forcing: what a decoder that works step by step is fed, see `TeacherForcing`.
        reconstruction_weight: must be 0: the target stands for the input here.

    Raises:
        UserError: a length penalty that greedy decoding does not read, or a weight for what there is not.
    """

    known_metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            name="sacrebleu",
            unit="BLEU",
            direction="higher",
            score=Score(name="bleu_counts", mean=False, corpus="bleu", least=0),
            tolerance=DISCRETE,
            least=0,
            most=100,
            signature="sacrebleu_signature",
            former=(Former(until=1, score=Score(name="sentence_bleu", mean=False, least=0, most=100)),),
        ),
        Metric(
            name="chrf",
            unit="chrF",
            direction="higher",
            score=Score(name="chrf_counts", mean=False, corpus="chrf", least=0),
            tolerance=DISCRETE,
            least=0,
            most=100,
            signature="chrf_signature",
            former=(Former(until=1, score=Score(name="sentence_chrf", mean=False, least=0, most=100)),),
        ),
        Metric(name="nll_per_token", unit="nats", direction="lower", suffixes=SUFFIXES),
        Metric(name="perplexity", unit="per token", direction="lower", least=0, suffixes=SUFFIXES),
    )
    learned = ("source_tokenizer", "target_tokenizer", "max_source", "max_target", "lowercase", "languages")
    needs = (
        Need("sequential", {"beam": Unless(1)}),
        *TeacherForcing.needs,
        Need("attends", {"attention": Unless(None)}),
        Need("states", {"attention": Unless(None)}),
        Need("coded_states", {"attention": Unless(None)}),
    )

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
        forcing: TeacherForcing,
    ):
        self.embedding, self.embedding_scale = embedding, embedding_scale
        self.dropout, self.attention = dropout, attention
        self.beam, self.length_penalty, self.max_output = beam, length_penalty, max_output
        self.forcing = forcing
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

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """Both vocabularies and both longest lengths come from train; longer sentences are cut and counted."""
        tables = shared_rows(examples, data["fraction"])
        self.lowercase, self.languages = data["tokenizer"].get("lowercase", False), data["languages"]
        self.texts = {name: (table["source"][:], table["target"][:]) for name, table in tables.items()}
        sides = [build_tokenizer(data["tokenizer"], self.texts["train"][side], self.languages[side]) for side in (0, 1)]
        self.source_tokenizer, self.target_tokenizer = sides
        ids = {
            name: (sides[0].encode(texts[0]), [[*row, END] for row in sides[1].encode(texts[1])])
            for name, texts in self.texts.items()
        }
        self.max_source, self.max_target = (data["max_length"] or max(map(len, ids["train"][side])) for side in (0, 1))
        self.splits = {}
        for name, (sources, targets) in ids.items():
            wanted = Ragged.pack(targets, self.max_target)
            packed = Ragged.pack(sources, self.max_source)
            self.splits[name] = Split(packed, wanted, normalisers=wanted.lengths.float())

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Source words -> code (and states) -> target words."""
        parallel = is_parallel(architecture)
        shape = Shape(
            input=Side(self.embedding, self.max_source),
            output=Side(self.embedding, self.max_target),
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

    def _nats(
        self, network: Network, batch: Batch, share: float = 1.0, free_running: bool = False
    ) -> tuple[Tensor, Coded]:
        """Nats of each target, end token included [B]."""
        code = network.encode(batch)
        decoded = teacher_forced(network, code, batch.targets, share, free_running)
        nats = token_nats(network.heads["vocabulary"], decoded, batch.targets, batch.real_targets)
        return nats.sum(dim=1), code

    def losses(self, network: Network, batch: Batch) -> Losses:
        nats, code = self._nats(network, batch, self.forcing.share(network.done))
        return Losses(nats, code.penalty)

    def validate(self, network: Network, batch: Batch) -> Outputs:
        nats, _ = self._nats(network, batch, free_running=self.forcing.free_running)
        return {"nll": nats.double().cpu().numpy(), "tokens": batch.target_lengths.cpu().numpy()}

    def reports(self) -> Sequence[str]:
        return ["sacrebleu", "chrf"]

    def reports_of_networks(self, config: Mapping[str, Any]) -> Sequence[str]:
        parallel = getattr(locate(config["architecture"]["decoder"], "architecture.decoder"), "parallel", False)
        suffix = "_parallel" if parallel else "_free_running" * self.forcing.free_running
        return [f"{name}{suffix}" for name in ("nll_per_token", "perplexity")]

    def selects_by(self) -> Sequence[str]:
        return ["nll_per_token"]

    def selection(self, outputs: Outputs, split: str) -> dict[str, float]:
        return {"nll_per_token": float(outputs["nll"].sum() / outputs["tokens"].sum())}

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        hypotheses = self._hypotheses(network, batch)
        sequential = "free_running" if self.forcing.free_running else "sequential"
        kind = sequential if "target" in network.heads else "parallel"
        return {**self.validate(network, batch), "hypotheses": hypotheses, "kind": [kind] * len(hypotheses)}

    def _hypotheses(self, network: Network, batch: Batch) -> list[str]:
        return [self.target_tokenizer.decode(row) for row in self._decode(network, batch).tolist()]

    def raw(self, inputs: Any) -> Raw:
        """Sentences -> a `translation` each, searched for as the task's options say; raises as `raw_texts`."""
        ids = self.source_tokenizer.encode(raw_texts(inputs, "sentences"))
        return Raw(
            [Split(Ragged.pack(ids, self.max_source))],
            lambda network, outputs: outputs,
            lambda network, batch: {"translation": self._hypotheses(network, batch)},
        )

    def _decode(self, network: Network, batch: Batch) -> Tensor:
        """Hypotheses as ids [B, <= max_output]."""
        code = network.encode(batch)
        longest = self.max_output or self.max_target
        if "target" not in network.heads:
            decoded = network.decode(code.code, code.memory, min(longest, self.max_target))
            return network.heads["vocabulary"](decoded).argmax(dim=-1)
        state, step = next_tokens(network, code, copies=self.beam)
        return beam_search(state, step, self.beam, longest, self.length_penalty)

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """sacrebleu and chrf in 0..100; nll_per_token in nats and its exponential, for networks."""
        references = self.truth(split)
        hypotheses = outputs["hypotheses"]
        found = {
            "sacrebleu": scores.corpus_bleu(hypotheses, references, self.lowercase, self.languages[1]).value,
            "chrf": scores.corpus_chrf(hypotheses, references, self.lowercase).value,
        }
        if "nll" in outputs:
            kind = outputs["kind"][0]
            suffix = "" if kind == "sequential" else f"_{kind}"
            nll = self.selection(outputs, split)["nll_per_token"]
            found[f"nll_per_token{suffix}"] = nll
            found[f"perplexity{suffix}"] = float(np.exp(nll))
        return found

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        return scores.corpus_counts(outputs["hypotheses"], self.texts[split][1], self.lowercase, self.languages[1])

    def labels(self, outputs: Outputs, split: str) -> dict[str, str]:
        hypotheses, references = outputs["hypotheses"], self.texts[split][1]
        bleu = scores.corpus_bleu(hypotheses, references, self.lowercase, self.languages[1])
        chrf = scores.corpus_chrf(hypotheses, references, self.lowercase)
        return {"sacrebleu_signature": bleu.signature, "chrf_signature": chrf.signature}

    def truth(self, split: str) -> list[str]:
        """The reference sentences, as text."""
        references: list[str] = self.texts[split][1]
        return references

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """Source, hypothesis, reference; BLEU and chrF of the sentence; of networks nats a token."""
        sources, references = ([texts[place] for place in index] for texts in self.texts[split])
        hypotheses = [str(predictions["hypotheses"][place]) for place in index]
        found: Columns = {
            "source": sources,
            "hypothesis": hypotheses,
            "reference": references,
            **scores.sentence_scores(hypotheses, references, self.lowercase, self.languages[1]),
        }
        if "nll" in predictions:
            nats, tokens = (np.asarray(predictions[name])[index] for name in ("nll", "tokens"))
            found["nll_per_token"] = (nats / tokens).tolist()
        return found

    def view(self, split: str) -> PairView:
        return PairView(*self.texts[split], *self.languages)

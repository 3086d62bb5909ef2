"""Language modelling: a text in, at each token the next one out (many-to-many, aligned); texts are drawn from it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from unroll.config.parts import parts_of
from unroll.data.examples import Examples
from unroll.data.fields import Ragged
from unroll.data.splits import Batch, Split, unpadded
from unroll.data.tokenizers import BEGIN, END, UNKNOWN, build_tokenizer
from unroll.errors import UserError
from unroll.models.bottlenecks.variational import log_weights
from unroll.models.contracts import Relation, Shape, Side
from unroll.models.network import Coded, Network, is_parallel
from unroll.models.noise import Dropout
from unroll.registry.declared import Need, Unless
from unroll.registry.metric import Metric, Score, percentage
from unroll.registry.options import Count, Positive, Share
from unroll.tasks.baselines.views import TokenView
from unroll.tasks.columns import Columns, batch_of, rows_of
from unroll.tasks.metrics.tokens import CORRECT_TOKENS, NLL_TOKENS, by_token
from unroll.tasks.raw import Raw, raw_texts
from unroll.tasks.sequences import (
    beam_search,
    draw,
    drawn_at_once,
    encoder_steps,
    next_tokens,
    right_tokens,
    shifted,
    teacher_forced,
    token_nats,
)
from unroll.tasks.task import Losses, Outputs, Task, TokenAdapter

PROMPT, CONTINUED = 6, 24  # tokens of an example that are read, and drawn after them, to look at
PERPLEXITY = Score(name=NLL_TOKENS.name, mean=False, corpus="exponential")
BITS = Score(name=NLL_TOKENS.name, mean=False, corpus="proportional")  # the same characters for every system


class LanguageModelling(Task):
    """Predict each token from those before it. Loss: cross-entropy in nats; the objective is its mean over tokens.

    unit=stream: a split is one stream, each line ended by <eos>. Training reads `data.batch_size` equal parts of it
    side by side, `steps` tokens at a time, the state carried on and the gradient cut (Mikolov et al. 2010; Zaremba,
    Sutskever, Vinyals 2014, section 4.1). Validation and test read their whole stream from its beginning, so that
    perplexity depends on no batch.
    unit=sentence: each line is an example by itself. An architecture that reconstructs is a model of sentences with a
    code (Bowman et al. 2016): its likelihood is bounded, and the bound, from `bound_samples` of the code
    (Burda, Grosse, Salakhutdinov 2016, eq. 8), has a name of its own. Of all others the bound is the likelihood.
    Sentences are cut at data.max_length tokens, by default those of train's longest.

    Args:
        embedding: width of the token vectors, learned from random ones.
        embedding_scale: standard deviation of those random ones.
        dropout: on token vectors and before the vocabulary.
        unit: stream | sentence.
        steps: tokens of the stream that gradients flow back through.
        block: tokens of the stream that are one example of validation and test; no metric depends on it.
        word_dropout: share of the tokens that a decoder is fed as <unk> in training (Bowman et al. 2016, section 3.1).
        bound_samples: of the bound; sentences with a code only.
        accuracy: whether validation and test count the tokens that are the likeliest ones, too; stream only.

    Raises:
        UserError: an option of sentences where the unit is the stream.
    """

    relation: ClassVar[Relation] = "per_step"
    learned = ("tokenizer", "max_length", "spelled")
    poses = ("unit", "data.tokenizer", "data.fraction")  # which decide the vocabulary
    known_metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(name="perplexity", unit="per token", direction="lower", score=PERPLEXITY, least=1),
        Metric(name="nll_per_token", unit="nats", direction="lower", score=NLL_TOKENS),
        Metric(name="bits_per_character", unit="bits", direction="lower", score=BITS),
        Metric(name="perplexity_bound", unit="per token", direction="lower", score=PERPLEXITY, least=1),
        Metric(name="nll_bound_per_token", unit="nats", direction="lower", score=NLL_TOKENS),
        Metric(name="kl", unit="nats", direction="lower", least=0),
        percentage("accuracy", score=CORRECT_TOKENS),
    )
    needs = (
        *(Need(name, {"unit": "stream"}) for name in ("steps", "causal", "stateful", "forward")),
        Need("likelihood", {"unit": "sentence"}),
        Need("reconstructs", {"word_dropout": Unless(0.0)}),
        Need("sequential", {"word_dropout": Unless(0.0)}),
    )

    def __init__(
        self,
        embedding: Count,
        embedding_scale: Positive,
        dropout: Share,
        unit: Literal["stream", "sentence"],
        steps: Count,
        block: Count,
        word_dropout: Share,
        bound_samples: Count,
        accuracy: bool = False,
    ):
        self.embedding, self.embedding_scale, self.dropout = embedding, embedding_scale, dropout
        self.unit, self.steps, self.block, self.word_dropout = unit, steps, block, word_dropout
        self.bound_samples = bound_samples
        self.accuracy = accuracy
        if unit == "sentence" and accuracy:
            raise UserError("Accuracy is of a stream's tokens.", saw="task.unit=sentence", allowed="task.unit=stream")
        if unit == "stream" and (word_dropout or bound_samples != 1):
            raise UserError(
                "This option would change nothing.",
                saw=f"task.word_dropout={word_dropout} task.bound_samples={bound_samples}, task.unit=stream",
                allowed="task.unit=sentence, or task.word_dropout=0 task.bound_samples=1",
            )

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """The vocabulary comes from train, of which data.fraction keeps the first lines."""
        lines = {name: table["text"][:] for name, table in examples.splits.items()}
        lines["train"] = lines["train"][: max(1, round(data["fraction"] * len(lines["train"])))]
        self.tokenizer = build_tokenizer(data["tokenizer"], lines["train"], data["languages"][0])
        self.spelled = _is_spelled(data)
        ids = {name: [[*row, END] for row in self.tokenizer.encode(texts)] for name, texts in lines.items()}
        self.max_length = data["max_length"] or max(map(len, ids["train"]))
        self.splits, self.characters = {}, {}
        for name, rows in ids.items():
            if all(len(row) <= self.max_length for row in rows) or self.unit == "stream":
                self.characters[name] = sum(len(line) + 1 for line in lines[name])
            if self.unit == "sentence":
                sentences = Ragged.pack(rows, self.max_length)
                self.splits[name] = Split(sentences, normalisers=sentences.lengths.float())
                continue
            self.splits[name] = _stream(rows, self.steps if name == "train" else self.block)

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Token vectors -> codes of steps -> next tokens; or of a sentence: -> code -> the sentence again."""
        decodes = architecture["reconstructs"]
        width = self.embedding
        side = Side(width, self.max_length if self.unit == "sentence" else max(self.steps, self.block))
        sequential = decodes and not is_parallel(architecture)
        shape = Shape(side, side, width, "same" if decodes else self.relation, decoder_input=width if sequential else 0)
        network = Network(shape, architecture, bottleneck, self._adapter(0.0), decodes)
        if sequential:
            network.heads["target"] = self._adapter(self.word_dropout)
        network.heads["output"] = Dropout(self.dropout)
        features = network.bottleneck.size if network.decoder is None else network.decoder.width
        network.heads["vocabulary"] = nn.Linear(features, len(self.tokenizer))
        return network

    def _adapter(self, word_dropout: float) -> TokenAdapter:
        return TokenAdapter(len(self.tokenizer), self.embedding, self.dropout, self.embedding_scale, word_dropout)

    def _coded(self, network: Network, batch: Batch) -> Coded:
        reads_shifted = self.unit == "sentence" and network.decoder is None
        return network.encode(replace(batch, inputs=shifted(batch.inputs)) if reads_shifted else batch)

    def _nats(self, network: Network, code: Coded, targets: Tensor, real: Tensor) -> Tensor:
        """-log p of each example's tokens, those at `real` positions, summed [B]; given its code where there is one."""
        if network.decoder is None:
            features = network.heads["output"](code.code)
        else:
            features = teacher_forced(network, code, targets)
        return token_nats(network.heads["vocabulary"], features, targets, real).sum(dim=1)

    def losses(self, network: Network, batch: Batch) -> Losses:
        code = self._coded(network, batch)
        return Losses(self._nats(network, code, batch.targets, batch.real_targets), code.penalty)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        """Nats and tokens of each block of the stream, or of each sentence: a bound's where it has a random code."""
        code = self._coded(network, batch)
        found = {"tokens": batch.target_lengths}
        if network.decoder is None:
            found["nll"] = self._nats(network, code, batch.targets, batch.real_targets).double()
            if self.accuracy:
                features = network.heads["output"](code.code)
                found["correct"] = right_tokens(
                    network.heads["vocabulary"], features, batch.targets, batch.real_targets
                )
        else:
            found |= self._bounds(network, code, batch)
        return {name: values.cpu().numpy() for name, values in found.items()}

    def _bounds(self, network: Network, code: Coded, batch: Batch) -> dict[str, Tensor]:
        """Minus the importance-weighted bound, and KL(q || p), of each sentence [B], in nats."""
        posterior, prior = code.context.posterior, code.context.prior
        assert posterior is not None
        assert prior is not None

        def nats(codes: Tensor, count: int) -> Tensor:
            copies = torch.arange(count, device=codes.device)[:, None] * batch.targets.numel()
            real = (copies + batch.real_targets).flatten()
            return self._nats(network, code._replace(code=codes), batch.targets.repeat(count, 1), real)

        noise = (torch.randn_like(posterior.mean)[None] for _ in range(self.bound_samples))  # one by one: memory
        weights = torch.cat([log_weights(posterior, prior, one, nats) for one in noise])
        bound = math.log(self.bound_samples) - weights.double().logsumexp(dim=0)
        return {"bound": bound, "kl": posterior.divergence(prior).sum(dim=-1).double()}

    def reports(self) -> tuple[str, ...]:
        if self.unit == "sentence":
            return ("perplexity_bound", "nll_bound_per_token")
        return ("perplexity", "nll_per_token")

    def check_data(self, data: Mapping[str, Any]) -> None:
        if self.unit == "stream" and data["max_length"] is not None:
            saw = f"data.max_length={data['max_length']} with task.unit=stream"
            allowed = "data.max_length=null, or task=sentence_modelling"
            raise UserError("This option would change nothing.", saw=saw, allowed=allowed)

    def reports_of_data(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        return ("bits_per_character",) if _is_spelled(data) else ()

    def reports_of_networks(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        if self.accuracy:
            return ("accuracy",)
        return ("kl",) if self.unit == "sentence" and parts_of(config).reconstructs else ()

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """nll_per_token in nats and its exponential; bits_per_character, line ends counted, where tokens are pieces or
        characters and none was cut; of sentences the names of a bound, and kl in nats a sentence."""
        tokens = float(outputs["tokens"].sum())
        found: dict[str, float] = {}
        if "nll" in outputs:
            nats = float(outputs["nll"].sum())
            found |= {"nll_per_token": nats / tokens, "perplexity": _exponential(nats / tokens)}
            if self.spelled and split in self.characters:
                found["bits_per_character"] = nats / math.log(2) / self.characters[split]
        if self.unit == "sentence":
            nats = float(outputs["nll" if "nll" in outputs else "bound"].sum())
            found |= {"nll_bound_per_token": nats / tokens, "perplexity_bound": _exponential(nats / tokens)}
        if "correct" in outputs:
            found["accuracy"] = 100 * float(outputs["correct"].sum()) / tokens
        if "kl" in outputs:
            found["kl"] = float(outputs["kl"].mean())
        return found

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        found = {NLL_TOKENS.name: by_token(outputs["nll" if "nll" in outputs else "bound"], outputs["tokens"])}
        if "correct" in outputs:
            found[CORRECT_TOKENS.name] = by_token(outputs["correct"], outputs["tokens"])
        return found

    def truth(self, split: str) -> list[np.ndarray]:
        """Ids of each example's tokens."""
        return unpadded(self.splits[split])[1]

    def drawn(
        self, network: Network, prompt: str, count: int, length: int, random: torch.Generator, **limits: Any
    ) -> list[str]:
        """Texts that go on from a prompt, `length` tokens each and none of them <unk>; of sentences with a code those
        that codes of the prior decode to.

        Args:
            count: how many.
            random: on the CPU.
            limits: temperature, top_k and top_p, as of `sequences.restricted`.

        Raises:
            UserError: a limit out of range, or a prompt where codes are decoded.
        """
        if prompt and network.decoder is not None:
            raise UserError(
                "A sentence that is decoded from a code cannot go on from a prompt.", saw=prompt, allowed="no prompt"
            )
        read, limits = self.tokenizer.encode([prompt])[0] if prompt else [], {**limits, "without": [UNKNOWN]}
        with torch.inference_mode(), network.precision():
            if network.decoder is not None:
                ids = self._from_codes(network, count, length, random, limits)
            else:
                first = torch.tensor([[BEGIN, *read]] * count, device=next(network.parameters()).device)
                stop = END if self.unit == "sentence" else None
                ids = draw(*encoder_steps(network, first[:, :-1]), first[:, -1], length, random, stop, **limits)
        return [self._continued(prompt, read, row) for row in ids.tolist()]

    def raw(self, inputs: Any) -> Raw:
        """Texts -> what each costs: `nll` in nats, `tokens`, and `perplexity`, the exponential of the nats a token.

        A text is read by itself, from the network's first state, each of its lines ended by <eos>; a sentence is cut at
        the longest of train. Of sentences with a code `nll` is a bound. Continuations are drawn: see `drawn`.

        Raises:
            UserError: as `raw_texts`.
        """
        rows = [[[*row, END] for row in self.tokenizer.encode(text.split("\n"))] for text in raw_texts(inputs)]
        if self.unit == "sentence":
            sentences = [row for text in rows for row in text]
            splits = [Split(Ragged.pack(sentences, self.max_length))]
            sizes = [len(text) for text in rows]
        else:
            splits = [_stream(text, self.block) for text in rows]
            sizes = [len(split) for split in splits]
        starts = np.cumsum([0, *sizes[:-1]])

        def told(network: Network, outputs: Outputs) -> Outputs:
            nats = np.add.reduceat(outputs["nll" if "nll" in outputs else "bound"], starts)
            tokens = np.add.reduceat(outputs["tokens"], starts)
            return {"nll": nats, "tokens": tokens, "perplexity": np.exp(nats / tokens)}

        return Raw(splits, told)

    def _continued(self, prompt: str, read: list[int], ids: list[int]) -> str:
        """A prompt and what was drawn after it, spaced as its tokenizer joins tokens."""
        before, whole = self.tokenizer.decode(read), self._text([*read, *ids])
        return prompt + whole[len(before) :] if whole.startswith(before) else f"{prompt} {self._text(ids)}"

    def _from_codes(
        self, network: Network, count: int, length: int, random: torch.Generator, limits: Mapping[str, Any]
    ) -> Tensor:
        """Ids of sentences [count, <= length] that are decoded from codes drawn from the prior."""
        ids = torch.full((count, 1), END, device=next(network.parameters()).device)
        ones = torch.ones(count, dtype=torch.int64, device=ids.device)
        code = network.encode(Batch(ones, ids, ones, ids, ones, ones.float()))  # for its shapes, and the prior
        assert code.context.prior is not None
        noise = torch.randn(code.code.shape, generator=random).to(code.code)
        code = code._replace(code=code.context.prior.sample(noise)[0])
        if "target" in network.heads:
            return draw(*next_tokens(network, code), torch.full_like(ones, BEGIN), length, random, **limits)
        decoded = network.decode(code.code, None, min(length, self.max_length))
        return drawn_at_once(network.heads["vocabulary"](decoded).log_softmax(dim=-1), random, **limits)

    def _text(self, ids: list[int]) -> str:
        """Ids as text, a line for each <eos> that is not the last of them."""
        lines: list[list[int]] = [[]]
        for token in ids:
            if token == END:
                lines.append([])
            else:
                lines[-1].append(token)
        return "\n".join(self.tokenizer.decode(line) for line in lines).rstrip("\n")

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The text, its tokens, and their nats (a bound's where it is one); of networks what they make of it: how they
        go on from its first tokens, the same draws for all, or the sentence as it is decoded from its code.
        """
        rows = rows_of(self.splits[split], index)[1]
        nats, tokens = np.asarray(predictions["nll" if "nll" in predictions else "bound"])[index], list(map(len, rows))
        found: Columns = {
            "text": [self._text(row.tolist()) for row in rows],
            "tokens": tokens,
            "nll_per_token": (nats / np.array(tokens)).tolist(),
        }
        if network is None:
            return found
        with torch.inference_mode(), network.precision():
            if network.decoder is None:
                return {**found, **self._gone_on(network, rows)}
            device = next(network.parameters()).device
            ids = self._decoded(network, batch_of(self.splits[split], index).to(device))
        return {**found, "reconstruction": [self._text(row) for row in ids.tolist()]}

    def _gone_on(self, network: Network, rows: list[np.ndarray]) -> Columns:
        """What is drawn after the first tokens of examples; None after one that has no more."""
        longer = [place for place, row in enumerate(rows) if len(row) > PROMPT]
        found: list[str | None] = [None] * len(rows)
        if longer:
            read = [[BEGIN, *rows[place][:PROMPT].tolist()] for place in longer]
            ids = torch.tensor(read, device=next(network.parameters()).device)
            random, stop = torch.Generator().manual_seed(0), END if self.unit == "sentence" else None
            state, step = encoder_steps(network, ids[:, :-1])
            drawn = draw(state, step, ids[:, -1], CONTINUED, random, stop, without=[UNKNOWN])
            for place, row in zip(longer, drawn.tolist(), strict=True):
                found[place] = self._text(row)
        return {"prompt": [self._text(row[:PROMPT].tolist()) for row in rows], "continuation": found}

    def _decoded(self, network: Network, batch: Batch) -> Tensor:
        """Ids of the likeliest sentences given the codes of a batch [B, <= max_length], token by token or at once."""
        code = self._coded(network, batch)
        if "target" in network.heads:
            return beam_search(*next_tokens(network, code), 1, self.max_length, 0.0)
        decoded = network.decode(code.code, None, self.max_length)
        return network.heads["vocabulary"](decoded).argmax(dim=-1)

    def view(self, split: str) -> TokenView:
        size = None if self.unit == "sentence" else self.block
        rows = self.truth(split)
        return TokenView(rows if size is None else [np.concatenate(rows)], len(self.tokenizer), size)


def _stream(rows: list[list[int]], size: int) -> Split:
    """Lines of ids, each with its <eos>, as one stream in blocks of so many tokens: at each the next one is asked."""
    stream = torch.tensor([token for row in rows for token in row])
    before = torch.cat((torch.tensor([BEGIN]), stream[:-1]))
    targets, inputs = Ragged.chunks(stream, size), Ragged.chunks(before, size)
    return Split(inputs, targets, normalisers=targets.lengths.float(), in_order=True)


def _is_spelled(data: Mapping[str, Any]) -> bool:
    """Whether tokens are characters, or pieces that are spelled out."""
    return data["tokenizer"].get("kind") in ("bpe", "character")


def _exponential(nats: float) -> float:
    """e to so many nats; infinity, which no record holds, where that is too large."""
    return math.exp(nats) if nats < 700 else math.inf

"""Language models: perplexity of a stream step by step, likelihoods that sum to one, exact bounds."""

import math
from typing import Any

import made_up
import numpy as np
import pytest
import reference
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data import batching
from unroll.data.batching import TrainingBatches
from unroll.data.splits import Batch
from unroll.data.tokenizers import BEGIN, END, UNKNOWN
from unroll.errors import UserError
from unroll.models.contracts import Context
from unroll.models.distributions import DiagonalGaussian, StandardNormal
from unroll.models.network import Coded, Network
from unroll.tasks.language_modelling import LanguageModelling
from unroll.tasks.task import Outputs, Task
from unroll.training.carry import Carry
from unroll.training.evaluation import evaluate_split

SENTENCE = "task.unit=sentence"
RECURRENT_VAE = ["architecture.reconstructs=true", "bottleneck=variational", SENTENCE]


def evaluated(task: Task, network: Network, split: str = "test") -> Outputs:
    return evaluate_split(task.evaluate, network, task.splits[split], 0, torch.device("cpu"))


def stream_of(task: Any, split: str) -> list[int]:
    """The lines of a split one after the other, each ended by <eos>."""
    texts = made_up.running_text()[split]["text"]
    return [token for ids in task.tokenizer.encode(texts) for token in (*ids, END)]


def step_by_step(network: Network, stream: list[int]) -> np.ndarray:
    """-log p of every token, the encoder stepped from its start to the stream's end."""
    state, nats, before = network.encoder.start(1), [], BEGIN
    for token in stream:
        state, features = network.encoder.step(state, network.adapter(torch.tensor([before])))
        nats.append(-network.heads["vocabulary"](features).double().log_softmax(dim=-1)[0, token].item())
        before = token
    return np.array(nats)


def test_accuracy_is_of_all_tokens_of_a_stream_where_it_is_asked_for() -> None:
    task, network = made_up.frozen("language_modelling", "gru", "task.accuracy=true")
    nn.init.normal_(network.heads["vocabulary"].weight)
    stream, state, before, right = stream_of(task, "test"), network.encoder.start(1), BEGIN, 0
    for token in stream:
        state, features = network.encoder.step(state, network.adapter(torch.tensor([before])))
        right += int(network.heads["vocabulary"](features).argmax()) == token
        before = token
    outputs = evaluated(task, network)
    assert task.metrics(outputs, "test")["accuracy"] == pytest.approx(100 * right / len(stream))
    assert task.scores(outputs, "test")["correct_tokens"].mean() == pytest.approx(right / len(stream))
    plain, other = made_up.frozen("language_modelling", "gru")
    assert "accuracy" not in plain.metrics(evaluated(plain, other), "test")
    with pytest.raises(UserError, match="of a stream's tokens"):
        made_up.built("language_modelling", "gru", SENTENCE, "task.accuracy=true")


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru", "deep_lstm"])
def test_perplexity_is_that_of_the_whole_stream(architecture: str) -> None:
    task, network = made_up.frozen("language_modelling", architecture)
    for split in ("validation", "test"):
        stream = stream_of(task, split)
        nats = step_by_step(network, stream)
        outputs = evaluated(task, network, split)
        found = task.metrics(outputs, split)
        assert found["nll_per_token"] == pytest.approx(nats.mean(), rel=1e-6)
        assert found["perplexity"] == pytest.approx(np.exp(nats.mean()), rel=1e-6)
        assert outputs["tokens"].sum() == len(stream)
        np.testing.assert_allclose(outputs["nll"][0], nats[:6].sum(), rtol=1e-5)


def test_nothing_of_it_hangs_on_blocks_or_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for overrides in ([], ["task.block=1"], ["task.block=1000"], ["data.batch_size=3"], ["task.steps=9"]):
        task, network = made_up.frozen("language_modelling", "lstm", *overrides)
        found.append(task.metrics(evaluated(task, network), "test"))
    monkeypatch.setattr(batching, "EVALUATION_BATCH", 2)
    found.append(task.metrics(evaluated(task, network), "test"))
    for one in found[1:]:
        assert one == pytest.approx(found[0], rel=1e-6)


def test_where_the_state_is_not_carried_it_would_be_another_number() -> None:
    task, network = made_up.frozen("language_modelling", "lstm")
    split = task.splits["test"]
    apart = [task.evaluate(network, split.batch(index)) for index in torch.arange(len(split)).split(1)]
    nats = np.concatenate([part["nll"] for part in apart])
    assert abs(nats / evaluated(task, network)["nll"] - 1).max() > 1e-3


@pytest.mark.parametrize("overrides", [["data.fraction=0.5"], []])
def test_every_token_is_predicted_once_from_the_one_before_it(overrides: list[str]) -> None:
    task, _ = made_up.frozen("language_modelling", "gru", *overrides)
    kept = 12 if overrides else 24
    lines = task.tokenizer.encode(made_up.running_text()["train"]["text"][:kept])
    train = [token for ids in lines for token in (*ids, END)]
    for split, stream, size in (("train", train, 4), ("test", stream_of(task, "test"), 6)):
        inputs, targets = task.splits[split].inputs, task.splits[split].targets
        assert np.concatenate(task.truth(split)).tolist() == targets.flat.tolist() == stream
        assert inputs.flat.tolist() == [BEGIN, *stream[:-1]]
        assert targets.lengths.tolist()[:-1] == [size] * (math.ceil(len(stream) / size) - 1)
        assert targets.lengths.sum() == len(stream)
        assert task.splits[split].weights().sum() == len(stream)


@pytest.mark.parametrize("batch_size", [1, 3, 5])
def test_an_epoch_reads_parallel_parts_with_the_state_carried(batch_size: int) -> None:
    """The loss of every batch, summed, is that of each part read from its beginning to its end."""
    task, network = made_up.frozen("language_modelling", "lstm")
    split = task.splits["train"]
    steps = math.ceil(len(split) / batch_size)
    carry, total, count = Carry(), 0.0, 0
    for batch in TrainingBatches(split, batch_size, 0, 0, 2 * steps):
        total += float(task.losses(network, carry.into(batch)).task.sum())
        count += int(batch.target_lengths.sum())
        carry.keep(batch, network)
    stream, inputs = split.targets.flat.tolist(), split.inputs.flat.tolist()
    expected = 0.0
    for start in range(0, len(stream), 4 * steps):
        state = network.encoder.start(1)
        for place in range(start, min(start + 4 * steps, len(stream))):
            state, features = network.encoder.step(state, network.adapter(torch.tensor([inputs[place]])))
            scores = network.heads["vocabulary"](features).log_softmax(dim=-1)
            expected -= scores[0, stream[place]].item()
    assert count == 2 * len(stream)
    assert total == pytest.approx(2 * expected, rel=1e-5)


def test_no_gradient_flows_back_over_a_batch() -> None:
    task, network = made_up.built("language_modelling", "lstm")
    first, second = list(TrainingBatches(task.splits["train"], 2, 0, 0, 2))
    carry = Carry()
    task.losses(network, carry.into(first))
    carry.keep(first, network)
    goes_on = carry.into(second)
    assert goes_on.state is not None
    assert not any(tensor.requires_grad for tensor in goes_on.state)
    assert all(tensor.abs().sum() > 0 for tensor in goes_on.state)


@pytest.mark.parametrize(("kind", "spelled"), [("word", False), ("character", True), ("bpe", True)])
def test_bits_per_character_count_the_line_ends(kind: str, spelled: bool) -> None:
    task, network = made_up.frozen("language_modelling", "gru", f"data.tokenizer.kind={kind}")
    outputs = evaluated(task, network)
    found = task.metrics(outputs, "test")
    assert ("bits_per_character" in found) is spelled
    characters = len("\n".join(made_up.running_text()["test"]["text"])) + 1
    if spelled:
        nats = step_by_step(network, stream_of(task, "test")).sum()
        assert found["bits_per_character"] == pytest.approx(nats / np.log(2) / characters, rel=1e-6)


def test_sentences_that_are_cut_have_no_bits_per_character() -> None:
    for longest, there in ((40, True), (10, False)):
        task, network = made_up.frozen(
            "language_modelling", "gru", "data.tokenizer.kind=character", SENTENCE, f"data.max_length={longest}"
        )
        outputs = evaluated(task, network)
        assert ("bits_per_character" in task.metrics(outputs, "test")) is there
        assert outputs["tokens"].max() <= longest


def test_metrics_and_scores_by_hand() -> None:
    task, _ = made_up.frozen("language_modelling", "gru")
    outputs = {"nll": np.array([6.0, 2.0]), "tokens": np.array([6, 2])}
    assert task.metrics(outputs, "test") == pytest.approx({"nll_per_token": 1.0, "perplexity": math.e})
    scores = task.scores(outputs, "test")["nll_tokens"]
    assert scores.tolist() == [1.5, 0.5]
    assert scores.mean() == 1.0
    assert list(task.reports()) == ["perplexity", "nll_per_token"]


@pytest.mark.parametrize(
    ("option", "said", "more"),
    [
        ("task.bound_samples=5", "would change nothing", [SENTENCE]),
        ("task.word_dropout=0.1", "needs an architecture that reconstructs", RECURRENT_VAE),
    ],
)
def test_options_of_sentences_on_a_stream(option: str, said: str, more: list[str]) -> None:
    with pytest.raises(UserError, match=said) as caught:
        made_up.prepared(made_up.trial("language_modelling", "architecture=gru", option))
    assert option in str(caught.value.saw)
    made_up.prepared(made_up.trial("language_modelling", "architecture=gru", option, *more))


def test_likelihoods_of_sentences_sum_to_one() -> None:
    """Over all that end within three tokens, and the rest by how it begins."""
    task, network = made_up.frozen("language_modelling", "gru", SENTENCE)
    network.double()
    words = range(len(task.tokenizer))
    total = 0.0
    for ids in reference.sequences([*words], END, 3):
        target = torch.tensor([ids])
        size = torch.tensor([len(ids)])
        batch = Batch(size, target, size, target, size, size.double())
        total += math.exp(-task.evaluate(network, batch)["nll"][0])
    assert len(words) == 12
    assert total == pytest.approx(1.0, abs=1e-9)


def test_a_sentence_is_read_from_its_beginning_and_ends_with_eos() -> None:
    task, network = made_up.frozen("language_modelling", "gru", SENTENCE)
    lines = task.tokenizer.encode(made_up.running_text()["test"]["text"])
    expected = [step_by_step(network, [*ids, END]).sum() for ids in lines]
    outputs = evaluated(task, network)
    np.testing.assert_allclose(outputs["nll"], expected, rtol=1e-5)
    assert outputs["tokens"].tolist() == [len(ids) + 1 for ids in lines]
    found = task.metrics(outputs, "test")
    assert found["nll_bound_per_token"] == found["nll_per_token"]  # the likelihood itself
    assert found["perplexity_bound"] == found["perplexity"]
    assert "kl" not in found
    batch = task.splits["test"].batch(torch.arange(11))
    np.testing.assert_allclose(task.losses(network, batch).task, expected, rtol=1e-5)


class Blind(nn.Module):
    """A decoder that looks at no code: one distribution of tokens at every place."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.decoder, self.heads = nn.Identity(), nn.ModuleDict({"vocabulary": nn.Identity()})
        self.logits = logits

    def decode(self, code: Tensor, memory: Any, length: int) -> Tensor:
        return self.logits.expand(len(code), length, -1)


class Seeing(Blind):
    """p(token 1 | z) = sigmoid(3 z), of two tokens and a code of one value."""

    def decode(self, code: Tensor, memory: Any, length: int) -> Tensor:
        logits = torch.stack((torch.zeros_like(code), 3 * code), dim=-1)
        return logits.expand(-1, length, -1)


def coded(mean: Tensor, log_variance: Tensor) -> Coded:
    context = Context(
        x=mean, mask=mean, index=mean, hidden=mean, projected=mean, encode=lambda x: x, weights=lambda: (),
        noise=torch.randn_like, posterior=DiagonalGaussian(mean, log_variance), prior=StandardNormal(mean),
    )  # fmt: skip
    return Coded(mean, None, None, context)  # type: ignore[arg-type]


def bounds(network: nn.Module, code: Coded, rows: list[list[int]], samples: int) -> dict[str, Tensor]:
    task = object.__new__(LanguageModelling)
    task.bound_samples = samples
    size = torch.tensor([len(row) for row in rows])
    targets = torch.tensor([row + [0] * (int(size.max()) - len(row)) for row in rows])
    batch = Batch(size, targets, size, targets, size, size.float())
    return task._bounds(network, code, batch)  # type: ignore[arg-type]


def test_bounds_of_a_decoder_that_ignores_its_code() -> None:
    """log p(x) is then that of the tokens alone: many samples reach it, one is the KL away on average."""
    torch.manual_seed(0)
    logits = torch.tensor([0.0, 1.0, -0.5, 0.3])
    rows = [[1, 3, 2], [2]]
    exact = [-float(logits.log_softmax(0)[row].sum()) for row in rows]
    mean, log_variance = torch.tensor([[0.5, -0.3], [0.0, 0.0]]), torch.tensor([[0.2, -0.4], [0.0, 0.0]])
    kl = 0.5 * (0.25 + np.exp(0.2) - 1 - 0.2) + 0.5 * (0.09 + np.exp(-0.4) - 1 + 0.4)
    found = bounds(Blind(logits), coded(mean, log_variance), rows, 4000)
    assert found["bound"].tolist() == pytest.approx(exact, abs=0.02)
    assert found["kl"].tolist() == pytest.approx([kl, 0.0], abs=1e-6)
    repeated = coded(mean[:1].expand(4000, -1), log_variance[:1].expand(4000, -1))
    ones = bounds(Blind(logits), repeated, rows[:1] * 4000, 1)["bound"]
    assert ones.mean().item() == pytest.approx(exact[0] + kl, abs=4 * ones.std().item() / 4000**0.5)


@pytest.mark.parametrize("row", [[1, 1], [1, 0, 1], [0]])
def test_the_bound_reaches_a_likelihood_that_is_integrated(row: list[int]) -> None:
    torch.manual_seed(1)
    z = np.linspace(-12, 12, 20_001)
    signs = 2 * np.array(row)[:, None] - 1
    log_p = F.logsigmoid(torch.tensor(3 * z * signs)).numpy().sum(axis=0)
    exact = -math.log(np.trapezoid(np.exp(log_p + stats.norm.logpdf(z)), z))
    q = stats.norm(0.3, 1.1**0.5)
    elbo = np.trapezoid(q.pdf(z) * (log_p + stats.norm.logpdf(z) - q.logpdf(z)), z)
    code = coded(torch.tensor([[0.3]]), torch.tensor([[1.1]]).log())
    assert bounds(Seeing(torch.zeros(2)), code, [row], 4000)["bound"].item() == pytest.approx(exact, abs=0.06)
    repeated = coded(torch.full((20_000, 1), 0.3), torch.full((20_000, 1), math.log(1.1)))
    ones = bounds(Seeing(torch.zeros(2)), repeated, [row] * 20_000, 1)["bound"]
    assert ones.mean().item() == pytest.approx(-elbo, abs=5 * ones.std().item() / 20_000**0.5)


@pytest.mark.parametrize(("architecture", "more"), [("ae_variational", [SENTENCE]), ("gru", RECURRENT_VAE)])
def test_sentences_with_a_code_have_a_bound_that_falls_with_its_samples(architecture: str, more: list[str]) -> None:
    found = {}
    for samples in (1, 64):
        task, network = made_up.frozen(
            "language_modelling", architecture, "bottleneck.size=4", f"task.bound_samples={samples}", *more
        )
        outputs = evaluated(task, network)
        found[samples] = task.metrics(outputs, "test")
        assert found[samples].keys() == {"nll_bound_per_token", "perplexity_bound", "kl"}
        assert found[samples]["kl"] == pytest.approx(outputs["kl"].mean())
    assert found[64]["nll_bound_per_token"] < found[1]["nll_bound_per_token"]
    assert task.reports_of_networks(made_up.trial("language_modelling", f"architecture={architecture}", *more).plain)


def test_weights_are_selected_by_the_bound_that_is_reported() -> None:
    task, network = made_up.frozen(
        "language_modelling", "ae_variational", "bottleneck.size=4", "task.bound_samples=8", SENTENCE
    )
    split = task.splits["validation"]
    scores = (task.validate, task.evaluate)
    selected, reported = (evaluate_split(score, network, split, 0, torch.device("cpu")) for score in scores)
    assert task.selection(selected, "validation") == task.metrics(reported, "validation")


def test_the_training_loss_of_a_code_is_one_sample_of_the_negative_elbo() -> None:
    task, network = made_up.frozen(
        "language_modelling", "gru", *RECURRENT_VAE, "bottleneck.size=3", "task.bound_samples=1"
    )
    batch = task.splits["test"].batch(torch.arange(2))
    network.bottleneck.train()
    many = [task.losses(network, batch) for _ in range(300)]
    losses = torch.stack([one.task + one.penalty for one in many])
    network.eval()
    ones = torch.stack([torch.from_numpy(task.evaluate(network, batch)["bound"]) for _ in range(300)])
    error = 5 * (losses.std(0) + ones.std(0)) / 300**0.5 + 1e-3
    assert (abs(losses.mean(0) - ones.mean(0)) < error).all()


def test_word_dropout_is_of_what_the_decoder_is_fed_in_training() -> None:
    task, network = made_up.built("language_modelling", "gru", *RECURRENT_VAE, "task.word_dropout=0.6")
    seen: dict[str, list[Tensor]] = {"encoder": [], "decoder": []}
    network.adapter.embedding.register_forward_pre_hook(lambda module, given: seen["encoder"].append(given[0]))
    target = network.heads["target"]
    target.embedding.register_forward_pre_hook(lambda module, given: seen["decoder"].append(given[0]))
    batch = task.splits["train"].batch(torch.arange(24))
    for training in (True, False):
        task.losses(network.train(training), batch)
    fed = torch.cat((torch.full((24, 1), BEGIN), batch.targets[:, :-1]), dim=1)
    real = fed != 0
    assert torch.equal(seen["encoder"][0], batch.inputs)
    assert torch.equal(seen["decoder"][1], fed)
    changed = seen["decoder"][0] != fed
    assert (seen["decoder"][0][changed] == UNKNOWN).all()
    assert not (changed & ~real).any()
    assert stats.binomtest(int(changed.sum()), int(real.sum()), 0.6).pvalue > 0.01


def test_rows_of_test_change_nothing_that_is_trained_on() -> None:
    spoilt = made_up.running_text()
    spoilt["test"]["text"] = ["zebra " * 40] * 11
    chosen = made_up.trial("language_modelling")
    clean, changed = made_up.prepared(chosen), made_up.prepared(chosen, spoilt)
    assert len(clean.tokenizer) == len(changed.tokenizer)
    for split in ("train", "validation"):
        assert torch.equal(clean.splits[split].inputs.flat, changed.splits[split].inputs.flat)
    assert set(np.concatenate(changed.truth("test"))) == {UNKNOWN, END}

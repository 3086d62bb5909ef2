"""Sentiment and translation: losses on fixed logits, truncation, and nothing of test in what is trained."""

from collections.abc import Callable
from typing import Any

import made_up
import numpy as np
import pytest
import torch
from torch import nn

from unroll.data.tokenizers import BEGIN, END, until_end
from unroll.errors import UserError
from unroll.tasks.task import Task

ROWS = torch.arange(9)


def same(one: Task, other: Task, split: str) -> bool:
    index = torch.arange(len(one.splits[split]))
    mine, yours = one.splits[split].batch(index), other.splits[split].batch(index)
    return all(torch.equal(getattr(mine, n), getattr(yours, n)) for n in ("inputs", "lengths", "targets"))


def spoil(rows: dict[str, list[Any]]) -> None:
    """Unseen words, longer texts, other labels."""
    for name, values in rows.items():
        if name in ("text", "source", "target"):
            rows[name] = ["zebra " * 40] * len(values)
        elif name == "label":
            rows[name] = [1 - label for label in values]


@pytest.mark.parametrize("kind", ["word", "bpe"])
@pytest.mark.parametrize(("name", "data"), [("sentiment", made_up.labelled_text), ("translation", made_up.pairs)])
def test_rows_of_test_change_nothing_that_is_trained_on(name: str, data: Callable[[], Any], kind: str) -> None:
    chosen = made_up.trial(
        name, f"data.tokenizer.kind={kind}", "data.tokenizer.words=whitespace", "data.tokenizer.vocabulary_size=60"
    )
    spoilt = data()
    spoil(spoilt["test"])
    spoil(spoilt["validation"])
    clean, changed = made_up.prepared(chosen), made_up.prepared(chosen, spoilt)
    text = "the film is good ZEBRA zebra"
    for tokenizer in ("tokenizer",) if name == "sentiment" else ("source_tokenizer", "target_tokenizer"):
        mine, yours = getattr(clean, tokenizer), getattr(changed, tokenizer)
        assert len(mine) == len(yours)
        assert mine.encode([text]) == yours.encode([text])
    for longest in ("max_length",) if name == "sentiment" else ("max_source", "max_target"):
        assert getattr(clean, longest) == getattr(changed, longest)
    assert same(clean, changed, "train")
    assert not same(clean, changed, "test")


def test_a_share_of_train_decides_the_vocabulary_and_leaves_test_whole() -> None:
    sizes = []
    for fraction in (0.2, 0.5, 1.0):
        task = made_up.prepared(made_up.trial("sentiment", f"data.fraction={fraction}", "data.tokenizer.min_count=1"))
        sizes.append(len(task.splits["train"]))
        assert set(task.tokenizer.words[4:]) == {word for text in task.texts["train"] for word in text.split()}
        assert len(task.splits["test"]) == 11
    assert sizes == [5, 12, 24]


def test_shares_of_train_are_nested() -> None:
    small, large = (made_up.prepared(made_up.trial("sentiment", f"data.fraction={f}")) for f in (0.2, 0.5))
    assert set(small.texts["train"]) <= set(large.texts["train"])


def test_longer_texts_are_cut_and_counted() -> None:
    task = made_up.prepared(made_up.trial("sentiment", "data.max_length=3"))
    long = sum(text.count(" ") >= 3 for text in task.texts["test"])
    assert task.splits["test"].inputs.truncated == long > 0
    assert int(task.splits["test"].inputs.lengths.max()) == 3
    assert made_up.prepared(made_up.trial("sentiment")).splits["train"].inputs.truncated == 0


def test_padding_that_is_read_moves_a_texts_class_and_the_houses_does_not() -> None:
    """The same text in two batches: alone, and beside a longer one."""
    for options, moves in (([], False), (["task.left_padding=true"], True)):
        task, network = made_up.frozen("sentiment", "lstm", *options)
        (split,) = task.raw(["good film", "the film is good the film is good"]).splits
        pair, alone = (network.encode(split.batch(torch.tensor(index))).code[0] for index in ([0, 1], [0]))
        assert torch.allclose(pair, alone, atol=1e-5) is not moves


def test_a_text_is_read_after_its_padding_as_zero_vectors() -> None:
    task, network = made_up.frozen("sentiment", "rnn", "task.left_padding=true")
    lengths = task.splits["train"].inputs.lengths
    short, long = int(lengths.argmin()), int(lengths.argmax())
    batch = task.splits["train"].batch(torch.tensor([short, long]))
    words = network.adapter(batch.inputs)[0, -int(lengths[short]) :]
    zeros = torch.zeros(int(lengths[long] - lengths[short]), words.shape[1])
    expected = network.encoder.layers[0].ahead(torch.cat((zeros, words))[None])[0][0, -1]
    torch.testing.assert_close(network.encode(batch).code[0], expected)


def test_padding_that_is_read_is_refused_where_it_would_be_reconstructed_or_a_node() -> None:
    with pytest.raises(UserError, match=r"goes with classes alone"):
        made_up.built("sentiment", "ae", "task.left_padding=true")
    trees = {
        split: {**rows, "text": ["a film"] * len(rows["text"]), "tree": ["(2 (2 a) (3 film))"] * len(rows["text"])}
        for split, rows in made_up.labelled_text().items()
    }
    with pytest.raises(UserError, match=r"goes with classes alone"):
        made_up.prepared(made_up.trial("sentiment", "task.left_padding=true", "task.nodes=true"), trees)


def test_every_target_ends_with_the_end_token() -> None:
    task = made_up.prepared(made_up.trial("translation"))
    batch = task.splits["train"].batch(ROWS)
    last = batch.targets.gather(1, batch.target_lengths[:, None] - 1)
    assert last.unique().tolist() == [END]
    assert (batch.targets == END).sum() == len(ROWS)
    assert BEGIN not in batch.targets


class Always(nn.Module):
    """A head that gives the same logits at every position."""

    def __init__(self, logits: torch.Tensor):
        super().__init__()
        self.logits = logits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(*x.shape[:-1], -1)


def test_sentiment_loss_is_cross_entropy_in_nats() -> None:
    task, network = made_up.built("sentiment", "mlp")
    network.heads["classifier"] = Always(torch.log(torch.tensor([0.2, 0.8])))
    batch = task.splits["train"].batch(ROWS)
    expected = [-np.log((0.2, 0.8)[label]) for label in batch.targets.tolist()]
    losses = task.losses(network, batch)
    np.testing.assert_allclose(losses.task.detach(), expected, rtol=1e-6)
    torch.testing.assert_close(task.objective(losses), losses.task)
    np.testing.assert_allclose(task.evaluate(network.eval(), batch)["probabilities"], [[0.2, 0.8]] * 9, rtol=1e-6)


def test_a_sentences_reconstruction_is_the_sum_over_its_tokens() -> None:
    """Uniform logits cost log V a token; padding costs nothing."""
    task, network = made_up.built("sentiment", "ae")
    words = len(task.tokenizer)
    network.heads["vocabulary"] = Always(torch.zeros(words))
    batch = task.splits["train"].batch(ROWS)
    losses = task.losses(network, batch)
    assert losses.reconstruction is not None
    np.testing.assert_allclose(losses.reconstruction.detach(), batch.lengths * np.log(words), rtol=1e-6)
    expected = losses.task + task.reconstruction_weight * losses.reconstruction
    torch.testing.assert_close(task.objective(losses), expected)


def test_sentiment_without_reconstruction_builds_no_decoder() -> None:
    for architecture, option in (("lstm", []), ("ae", ["task.reconstruction_weight=0"])):
        task, network = made_up.built("sentiment", architecture, *option)
        assert network.decoder is None
        assert task.losses(network, task.splits["train"].batch(ROWS)).reconstruction is None


@pytest.mark.parametrize("architecture", ["gru", "mlp"])
def test_translation_loss_is_the_sum_over_target_tokens(architecture: str) -> None:
    task, network = made_up.built("translation", architecture)
    words = len(task.target_tokenizer)
    network.heads["vocabulary"] = Always(torch.zeros(words))
    batch = task.splits["train"].batch(ROWS)
    losses = task.losses(network, batch)
    np.testing.assert_allclose(losses.task.detach(), batch.target_lengths * np.log(words), rtol=1e-6)
    outputs = task.evaluate(network.eval(), batch)
    assert task.selection(outputs, "train")["nll_per_token"] == pytest.approx(np.log(words), rel=1e-6)


@pytest.mark.parametrize(
    ("language", "tokeniser", "perfect"), [("zh", "zh", True), ("th", "char", True), ("fr", "13a", False)]
)
def test_bleu_is_of_the_target_language(language: str, tokeniser: str, perfect: bool) -> None:
    """By 13a a sentence without spaces is one word, and four in a row are never right."""
    task = made_up.prepared(made_up.trial("translation", f"data.languages=[en,{language}]"))
    sentences = ["我喜欢你的猫", "她在公园里跑步"]
    task.texts = {"test": (["a", "b"], sentences)}
    outputs = {"hypotheses": sentences}
    assert f"|tok:{tokeniser}|" in task.labels(outputs, "test")["sacrebleu_signature"]
    assert (task.metrics(outputs, "test")["sacrebleu"] > 99) is perfect
    counts = task.scores(outputs, "test")["bleu_counts"]
    assert (counts[:, 2:6] == counts[:, 6:]).all()


@pytest.mark.parametrize(("architecture", "name"), [("gru", "perplexity"), ("mlp", "perplexity_parallel")])
def test_perplexity_says_what_kind_it_is(architecture: str, name: str) -> None:
    """Of uniform logits it is the size of the vocabulary."""
    task, network = made_up.built("translation", architecture)
    words = len(task.target_tokenizer)
    network.heads["vocabulary"] = Always(torch.zeros(words))
    split = task.splits["validation"]
    outputs = task.evaluate(network.eval(), split.batch(torch.arange(len(split))))
    found = task.metrics(outputs, "validation")
    assert found[name] == pytest.approx(words, rel=1e-5)
    assert {key for key in found if key.startswith("perplexity")} == {name}


@pytest.mark.parametrize("attention", ["null", "additive"])
def test_greedy_words_are_the_teacher_forced_argmax_of_themselves(attention: str) -> None:
    """Feeding a greedy hypothesis back as the target gives the same words at every step."""
    torch.manual_seed(1)
    task, network = made_up.built("translation", "gru", f"task.attention={attention}")
    nn.init.normal_(network.heads["vocabulary"].weight)
    network.eval()
    batch = task.splits["validation"].batch(ROWS)
    with torch.no_grad():
        hypotheses = task._decode(network, batch)
        code = network.encode(batch)
        fed = torch.cat((torch.full_like(hypotheses[:, :1], BEGIN), hypotheses[:, :-1]), dim=1)
        decoded = network.decode(code.code, code.memory, fed.shape[1], network.heads["target"](fed))
        logits = network.heads["vocabulary"](decoded)
    logits[..., [0, BEGIN]] = -np.inf
    for row, words in zip(hypotheses.tolist(), logits.argmax(-1).tolist(), strict=True):
        length = len(until_end(row)) + 1
        assert row[:length] == words[:length]


def test_a_wider_beam_never_has_a_lower_score_without_length_penalty() -> None:
    torch.manual_seed(2)
    totals = []
    for beam in ([], ["task.beam=12", "task.length_penalty=0"]):
        torch.manual_seed(3)
        task, network = made_up.built("translation", "gru", *beam)
        nn.init.normal_(network.heads["vocabulary"].weight)
        network.eval()
        batch = task.splits["validation"].batch(ROWS)
        with torch.no_grad():
            ids = task._decode(network, batch)
            lengths = torch.tensor([min(len(until_end(row)) + 1, len(row)) for row in ids.tolist()])
            found = task.losses(network, type(batch)(ROWS, batch.inputs, batch.lengths, ids, lengths, batch.weight))
        totals.append(float(found.task.sum()))
    assert totals[1] <= totals[0]


def test_greedy_decoding_has_no_length_penalty() -> None:
    with pytest.raises(UserError, match="change nothing"):
        made_up.built("translation", "gru", "task.length_penalty=0.5")


def test_a_hypothesis_has_at_most_max_output_tokens() -> None:
    for architecture in ("gru", "mlp"):
        task, network = made_up.built("translation", architecture, "task.max_output=2")
        ids = task._decode(network.eval(), task.splits["test"].batch(ROWS))
        assert ids.shape[1] <= 2


def test_bleu_of_the_references_is_a_hundred() -> None:
    task = made_up.prepared(made_up.trial("translation"))
    outputs = {"hypotheses": list(task.texts["test"][1])}
    found = task.metrics(outputs, "test")
    assert found == pytest.approx({"sacrebleu": 100, "chrf": 100})
    assert "tok:13a" in task.labels(outputs, "test")["sacrebleu_signature"]


@pytest.mark.parametrize("option", ["task.beam=4", "task.attention=additive"])
def test_parallel_decoders_refuse_what_needs_steps(option: str) -> None:
    made_up.trial("translation", "architecture=lstm", option)
    for architecture in ("mlp", "ae"):
        with pytest.raises(UserError, match="needs a decoder that") as caught:
            made_up.trial("translation", f"architecture={architecture}", option)
        assert f"architecture={architecture}" in str(caught.value)

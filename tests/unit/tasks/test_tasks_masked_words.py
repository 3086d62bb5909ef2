"""Masked words: which are masked and when, what each kind of encoder can know of them, sentences that are filled."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import made_up
import numpy as np
import pytest
import torch
from scipy import stats

from unroll.data.batching import TrainingBatches
from unroll.data.splits import unpadded
from unroll.data.tokenizers import PAD, UNKNOWN
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.tasks.task import Task


def text(**splits: list[str]) -> dict[str, dict[str, list[Any]]]:
    return {name: {"text": lines, "document": [0] * len(lines)} for name, lines in splits.items()}


def masked_words(splits: Mapping[str, Mapping[str, Any]], *overrides: str) -> Task:
    return made_up.prepared(made_up.trial("masked_words", *overrides), splits)


TRAIN = ["a b c d e f g h", "b c d", "a"]
LONG = " ".join(np.random.default_rng(0).choice([*"abcdefghxyz"], 4000))  # x, y, z are not in train


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_evaluation_masks_the_share_of_each_sentences_known_words_and_one_at_least(share: float) -> None:
    lines = ["a", "a b", "a x", "x y", "a b c d e f g h a b", "x a y b z c", LONG]
    task = masked_words(text(train=TRAIN, validation=lines, test=lines), f"task.share={share}")
    for split in ("validation", "test"):
        for line, masked in zip(lines, task.view(split).masked, strict=True):
            known = np.array([word in "abcdefgh" for word in line.split()])
            assert not (masked & ~known).any()
            assert masked.sum() == min(known.sum(), max(1, round(share * known.sum())))
    *_, masked = task.view("test").masked
    places = np.flatnonzero(masked) / len(masked)
    assert stats.kstest(places, "uniform").pvalue > 0.01


def test_evaluation_masks_the_same_words_for_every_trial() -> None:
    """Of whatever seed and architecture, and whatever train there is; validation's and test's by lots of their own."""
    lines = {"validation": [LONG], "test": [LONG]}
    first = masked_words(text(train=TRAIN, **lines))
    again = masked_words(text(train=[*TRAIN, "h"], **lines), "seed=5", "architecture=birnn")
    masked = {split: first.view(split).masked[0] for split in lines}
    assert all(np.array_equal(again.view(split).masked[0], masked[split]) for split in lines)
    assert not np.array_equal(masked["validation"], masked["test"])


def test_truth_and_view_are_of_the_masked_words() -> None:
    task = masked_words(text(train=TRAIN, validation=["a"], test=["a b c d e f g h", "a x"]))
    view = task.view("test")
    assert view.vocabulary == len(task.tokenizer) == task.mask == 12
    for words, masked, truth in zip(view.words, view.masked, task.truth("test"), strict=True):
        assert truth.tolist() == words[masked].tolist()
    assert list(map(len, task.truth("test"))) == [1, 1]


def trial(architecture: str, *more: str) -> Any:
    return made_up.trial("masked_words", f"architecture={architecture}", *made_up.SMALL, *more)


def built(architecture: str, splits: Mapping[str, Any], *more: str) -> tuple[Task, Network]:
    torch.manual_seed(0)
    chosen = trial(architecture, *more)
    task = made_up.prepared(chosen, splits)
    return task, made_up.network_of(chosen, task)


def test_training_masks_known_words_anew_at_every_step() -> None:
    lines = [" ".join(row) for row in np.random.default_rng(1).choice([*"abcdefg"], (60, 40))] + ["a rare"] * 2
    task, network = built("gru", text(train=lines, validation=["a"], test=["a"]), "data.tokenizer.min_count=3")
    seen: list[torch.Tensor] = []
    network.adapter.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    batch = task.splits["train"].batch(torch.arange(62))
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        losses = task.losses(network, batch)
    known = (batch.inputs != PAD) & (batch.inputs != UNKNOWN)
    masked = [ids == task.mask for ids in seen]
    assert not torch.equal(masked[0], masked[1])
    assert torch.equal(masked[0], masked[2])
    assert not (masked[0] & ~known).any()
    assert torch.equal(seen[0][~masked[0]], batch.inputs[~masked[0]])
    hits = int(masked[0].sum() + masked[1].sum())
    assert stats.binomtest(hits, 2 * int(known.sum()), 0.15).pvalue > 0.01
    assert torch.equal(losses.task > 0, masked[2].any(dim=1))
    assert task.splits["train"].weights().tolist() == pytest.approx((0.15 * known.sum(dim=1)).tolist())


def test_the_loss_is_what_is_evaluated_where_nothing_is_trained() -> None:
    task, network = built("bigru", made_up.running_text())
    network.eval().requires_grad_(False)
    batch = task.splits["validation"].batch(torch.arange(9))
    outputs = task.evaluate(network, batch)
    np.testing.assert_allclose(task.losses(network, batch).task, [row.sum() for row in outputs["nats"]], rtol=1e-5)
    assert list(map(len, outputs["nats"])) == list(map(len, task.truth("validation")))
    assert list(map(len, outputs["predicted"])) == list(map(len, task.truth("validation")))


def test_metrics_by_hand() -> None:
    task = masked_words(text(train=TRAIN, validation=["a"], test=["a b c d e f g h", "a x", "x"]), "task.share=0.25")
    (one, two), (three,), () = task.truth("test")
    outputs = {
        "predicted": [np.array([one, one]), np.array([three]), np.array([], np.int64)],
        "nats": [np.array([0.5, 2.0]), np.array([0.2]), np.array([])],
    }
    assert one != two
    found, scores = task.metrics(outputs, "test"), task.scores(outputs, "test")
    assert found == pytest.approx({"accuracy": 100 * 2 / 3, "nll": 2.7 / 3})
    assert scores["correct_tokens"].tolist() == [1, 1, 0]  # by one masked word on average
    assert scores["nll_tokens"].tolist() == pytest.approx([2.5, 0.2, 0])
    assert task.predictions(outputs, "test")["predicted"].tolist() == [[one, one], [three, -1], [-1, -1]]


@pytest.mark.parametrize(("architecture", "reads_on"), [("gru", False), ("lstm", False), ("bigru", True)])
def test_only_two_directions_see_what_stands_behind(architecture: str, reads_on: bool) -> None:
    task, network = built(architecture, text(train=TRAIN, validation=["a"], test=["a b c d", "a b c h"]))
    network.eval().requires_grad_(False)
    batch = task.splits["test"].batch(torch.arange(2))
    masked = torch.tensor([[False, True, False, False]] * 2)
    logits, *_ = task._logits(network, batch, masked)
    assert torch.allclose(logits[0], logits[1], atol=1e-6) is not reads_on
    other = replace(batch, inputs=batch.inputs.index_fill(1, torch.tensor([0]), UNKNOWN))
    assert not torch.allclose(task._logits(network, other, masked)[0], logits, atol=1e-3)  # all see what stands before


def test_a_tiny_language_of_which_one_side_tells_half() -> None:
    """The second word follows from the first and the first from the second: who reads on knows both."""
    pairs = [f"{word} {word.upper()}" for word in "abcd"]
    splits = text(train=pairs * 8, validation=pairs, test=pairs * 10)
    found = {}
    for architecture in ("gru", "bigru"):
        task, network = built(architecture, splits, "task.share=0.5")
        optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
        batch = task.splits["train"].batch(torch.arange(32))
        for _ in range(100):
            optimizer.zero_grad()
            (task.losses(network, batch).task.sum() / task.splits["train"].weights().sum()).backward()
            optimizer.step()
        network.eval().requires_grad_(False)
        outputs = task.evaluate(network, task.splits["test"].batch(torch.arange(40)))
        first = np.array([flags[0] for flags in task.view("test").masked])
        nats = np.concatenate(outputs["nats"])
        assert 8 < first.sum() < 32
        found[architecture] = nats[first].mean(), nats[~first].mean()
    assert found["bigru"] == pytest.approx((0, 0), abs=0.2)
    assert found["gru"][1] == pytest.approx(0, abs=0.2)
    assert found["gru"][0] > np.log(4) - 0.3  # four words are equally likely


OPTION = r"[A-Za-z]+ [01]\.\d\d"
THREE = rf"\[{OPTION} \| {OPTION} \| {OPTION}\]"


@pytest.mark.parametrize(
    ("sentence", "filled"),
    [
        ("a ___ b", f"a {THREE} b"),
        ("__", THREE),
        ("___ a unheard __!", f"{THREE} a unheard {THREE}!"),
        ("____________", THREE),
    ],
)
def test_filled_shows_words_and_their_chances(sentence: str, filled: str) -> None:
    """Also of a network that has learned nothing: words, and no special token."""
    task, network = built("bigru", text(train=["a b c d e f g h"], validation=["a"], test=["a"]))
    network.heads["vocabulary"].bias.data[:4] = 20.0
    network.eval()
    (found,) = task.filled(network, [sentence])
    assert re.fullmatch(filled, found), found


def test_filled_says_what_the_network_does() -> None:
    task, network = built("bigru", text(train=["a b c d e f g h"], validation=["a"], test=["a b c"]))
    network.eval().requires_grad_(False)
    logits, *_ = task._logits(
        network, task.splits["test"].batch(torch.tensor([0])), torch.tensor([[False, True, False]])
    )
    logits[0, [PAD, UNKNOWN]] = float("-inf")
    chances, words = logits[0].softmax(dim=0)[4:].sort(descending=True)
    expected = " | ".join(
        f"{task.tokenizer.words[word + 4]} {chance:.2f}" for word, chance in zip(words[:3], chances[:3], strict=True)
    )
    assert task.filled(network, ["a ___ c"]) == [f"a [{expected}] c"]


def test_filled_with_fewer_words_than_are_shown() -> None:
    task, network = built("gru", text(train=["a b"], validation=["a"], test=["b"]))
    (found,) = task.filled(network.eval(), ["___"])
    assert sorted(re.findall("[ab]", found)) == ["a", "b"]


@pytest.mark.parametrize("sentence", ["", "I am hungry", "I am _ hungry"])
def test_a_sentence_without_a_blank(sentence: str) -> None:
    task, network = built("gru", made_up.running_text())
    with pytest.raises(UserError, match="no blank") as caught:
        task.filled(network, ["a ___", sentence])
    assert caught.value.saw == sentence


def test_the_three_sentences_are_in_the_result() -> None:
    task, network = built("bigru", made_up.running_text())
    network.eval().requires_grad_(False)

    def collect(split: str) -> Any:
        part = task.splits[split]
        return task.evaluate(network, part.batch(torch.arange(len(part))))

    labels = task.finish(network, collect, 0).labels
    assert [*labels] == ["filled 1", "filled 2", "filled 3"]
    assert re.fullmatch(r"I am \[.*\] hungry, and I can eat half a pig\.", labels["filled 3"])


def test_sentences_that_train_knows_no_word_of() -> None:
    """Nothing is masked in them: they add nothing to loss or normaliser, alone in a batch as among others."""
    lines = ["a a a b b b", "rare", "odd"]
    splits = text(train=lines, validation=["a"], test=["a"])
    task, network = built("gru", splits, "data.tokenizer.min_count=2")
    batches = list(TrainingBatches(task.splits["train"], 1, 0, 0, 3))
    for batch in batches:
        loss = (task.losses(network.train(), batch).task / batch.normaliser).sum()
        loss.backward()
        unknown = (batch.inputs == UNKNOWN).all()
        assert batch.normaliser == pytest.approx(1.0 if unknown else 0.15 * 6)
        assert not unknown or loss == 0
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters() if parameter.grad is not None)


def test_a_split_of_which_no_word_can_be_masked_is_told_of() -> None:
    with pytest.raises(UserError, match="No word of test") as caught:
        masked_words(text(train=TRAIN, validation=["a"], test=["x y", "z"]))
    assert caught.value.allowed


def test_max_length_and_fraction_cut_train_alone() -> None:
    task = masked_words(
        text(train=TRAIN * 4, validation=[LONG], test=["a b c d"]), "data.max_length=3", "data.fraction=0.5"
    )
    assert {name: len(split) for name, split in task.splits.items()} == {"train": 6, "validation": 1, "test": 1}
    assert max(map(len, unpadded(task.splits["train"])[0])) == 3
    assert list(map(len, task.view("test").words)) == [4]

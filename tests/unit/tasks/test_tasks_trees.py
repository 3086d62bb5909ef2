"""Sentiment with encoders that read trees: labelled nodes in training, the root in evaluation."""

from typing import Any

import made_up
import numpy as np
import pytest
import torch

from unroll.config.trial import Trial
from unroll.data.batching import share_of
from unroll.data.readers.sst import sst
from unroll.data.trees import UNLABELLED
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.models.noise import Rows, drawing
from unroll.models.trees import TreeEncoder
from unroll.tasks.task import Task
from unroll.training.train import check

FILES = {
    "train.txt": b"(3 (2 a) (4 (3 good) (2 film)))\n(1 (2 a) (0 (1 bad) (2 plot)))\n(2 (2 the) (3 fine))\n(4 fine)",
    "dev.txt": b"(3 (2 the) (3 plot))\n(0 (1 bad) (2 (2 bad) (2 film)))",
    "test.txt": b"(1 (2 a) (1 bad))\n(4 (2 (2 the) (2 unheard)) (4 fine))",
}
N = UNLABELLED


def prepared(architecture: str, *overrides: str, classes: Any = 2, phrases: bool = True) -> tuple[Trial, Task]:
    chosen = made_up.trial("sentiment", f"architecture={architecture}", *made_up.SMALL, *overrides)
    return chosen, made_up.prepared(chosen, sst(FILES, classes=classes, phrases=phrases))


def built(architecture: str, *overrides: str, **options: Any) -> tuple[Task, Network]:
    torch.manual_seed(0)
    chosen, task = prepared(architecture, *overrides, **options)
    return task, made_up.network_of(chosen, task).eval()


@pytest.mark.parametrize(
    ("options", "labels", "weights"),
    [
        ({}, [[N, 1, N, 1, 1], [N, 0, N, 0, 0], [1, N, N, N, N]], [3, 3, 1]),
        ({"phrases": False}, [[N, N, N, N, 1], [N, N, N, N, 0], [1, N, N, N, N]], [1, 1, 1]),
        (
            {"classes": 5},
            [[2, 3, 2, 4, 3], [2, 1, 2, 0, 1], [2, 3, N, 2, N], [4, N, N, N, N]],
            [5, 5, 3, 1],
        ),
    ],
    ids=["two classes", "sentences only", "five classes"],
)
def test_train_holds_whole_sentences_with_labelled_nodes(
    options: dict[str, Any], labels: list[list[int]], weights: list[int]
) -> None:
    split = prepared("tree_lstm", **options)[1].splits["train"]
    batch = split.batch(torch.arange(len(split)))
    assert batch.tree is not None
    assert batch.tree.labels.tolist() == labels
    assert split.weights().tolist() == weights


def test_architectures_without_trees_keep_phrases_and_the_vocabulary_is_the_same() -> None:
    trees, plain = prepared("recursive")[1], prepared("lstm")[1]
    assert (len(trees.splits["train"]), len(plain.splits["train"])) == (3, 7)
    assert plain.splits["train"].batch(torch.arange(2)).tree is None
    assert trees.tokenizer.words == plain.tokenizer.words
    for split in ("validation", "test"):
        index = torch.arange(2)
        mine, other = trees.splits[split].batch(index), plain.splits[split].batch(index)
        assert torch.equal(mine.inputs, other.inputs)
        assert torch.equal(mine.targets, other.targets)


@pytest.mark.parametrize("architecture", ["recursive", "rntn", "tree_lstm", "vecavg"])
def test_a_sentences_loss_is_the_sum_over_its_labelled_nodes(architecture: str) -> None:
    task, network = built(architecture)
    batch = task.splits["train"].batch(torch.arange(3))
    assert batch.tree is not None
    with torch.no_grad():
        states = network.encode(batch).memory.states
        assert states is not None
        nats = -network.heads["classifier"](states).log_softmax(dim=2)
        found = task.losses(network, batch)
    expected = [
        sum(float(nats[row, node, label]) for node, label in enumerate(labels) if label != N)
        for row, labels in enumerate(batch.tree.labels.tolist())
    ]
    np.testing.assert_allclose(found.task, expected, rtol=1e-5)
    torch.testing.assert_close(task.objective(found), found.task)


@pytest.mark.parametrize("phrases", [False, True])
def test_with_a_bottleneck_the_root_is_the_code_and_the_other_nodes_are_projected(phrases: bool) -> None:
    task, network = built("tree_lstm", "bottleneck=undercomplete", "bottleneck.size=3", phrases=phrases)
    batch = task.splits["train"].batch(torch.arange(3))
    with torch.no_grad():
        code = network.encode(batch).code
        nats = torch.nn.functional.cross_entropy(network.heads["classifier"](code), batch.targets, reduction="none")
        found = task.losses(network, batch).task
    assert code.shape == (3, 3)
    root_alone = torch.tensor([not phrases, not phrases, True])  # the last sentence is one word
    torch.testing.assert_close(found[root_alone], nats[root_alone])
    assert (found[~root_alone] > nats[~root_alone]).all()


@pytest.mark.parametrize("bottleneck", ["ksparse", "sparse_kl", "dropout", "variational"])
def test_every_node_passes_through_the_terms(bottleneck: str) -> None:
    task, network = built("recursive", f"bottleneck={bottleneck}", "bottleneck.size=8", "bottleneck.ratio=null")
    batch = task.splits["train"].batch(torch.arange(3))
    for training in (True, False):
        network.train(training)
        code = network.encode(batch)
        assert code.nodes is not None
        assert torch.equal(code.nodes[[0, 1, 2], [4, 4, 0]], code.code), "the root's is the example's"
        other, plain = code.nodes[0, 0], network.bottleneck.projection(code.memory.states[0, 0])
        changes = training or bottleneck in ("ksparse", "sparse_kl")
        assert torch.allclose(other, plain) != changes
        if bottleneck == "ksparse":
            assert (code.nodes != 0).sum(dim=2).unique().tolist() == [1]
        if bottleneck == "sparse_kl":
            torch.testing.assert_close(other, plain.sigmoid())


def test_evaluation_is_at_the_root() -> None:
    task, network = built("rntn")
    batch = task.splits["test"].batch(torch.arange(2))
    with torch.inference_mode():
        found = task.evaluate(network, batch)["probabilities"]
        expected = network.heads["classifier"](network.encode(batch).code).double().softmax(dim=1)
    np.testing.assert_allclose(found, expected)


def test_the_parse_matters_and_a_balanced_tree_is_read_where_there_is_none() -> None:
    task, network = built("recursive")
    assert isinstance(network.encoder, TreeEncoder)
    batch = task.splits["validation"].batch(torch.arange(2))
    plain = prepared("lstm")[1].splits["validation"].batch(torch.arange(2))
    with torch.no_grad():
        parsed, even = network.encode(batch).code, network.encode(plain).code
    assert torch.allclose(parsed[0], even[0])
    assert not torch.allclose(parsed[1], even[1], atol=1e-3)


def test_texts_without_trees_are_phrases_as_before() -> None:
    task = made_up.prepared(made_up.trial("sentiment", "architecture=tree_lstm", *made_up.SMALL))
    assert task.splits["train"].trees is None


def test_a_longer_sentence_is_cut_with_its_tree() -> None:
    split = prepared("recursive", "data.max_length=2")[1].splits["train"]
    batch = split.batch(torch.arange(3))
    assert batch.tree is not None
    assert batch.tree.children.shape == (3, 1, 2)
    assert batch.tree.labels.tolist() == [[N, 1, 1], [N, 0, 0], [1, N, N]]


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_trees_lie_over_the_tokens_of_either_tokenizer(kind: str) -> None:
    size = "data.tokenizer.vocabulary_size=" + {"word": "60", "bpe": "22"}[kind]
    task = prepared("recursive", f"data.tokenizer.kind={kind}", "data.tokenizer.words=whitespace", size)[1]
    batch = task.splits["train"].batch(torch.arange(3))
    assert batch.tree is not None
    assert (batch.lengths.tolist() == [3, 3, 1]) == (kind == "word")
    assert ((batch.tree.height > 0).sum(dim=1) == batch.lengths - 1).all()
    assert (batch.tree.labels != N).sum(dim=1).tolist() == [3, 3, 1]


def test_a_tokenizer_that_splits_otherwise_is_refused() -> None:
    trees = ["(1 (2 a) (2 bc))", "(0 (2 a) (2 bc))"]
    split = {"text": ["ab c"] * 2, "label": [1, 0], "phrase": [False] * 2, "tree": trees}
    chosen = made_up.trial("sentiment", "architecture=recursive", "data.tokenizer.min_count=1")
    with pytest.raises(UserError, match="word by word"):
        made_up.prepared(chosen, dict.fromkeys(("train", "validation", "test"), split))


@pytest.mark.parametrize("architecture", ["tree_lstm", "vecavg"])
def test_ranks_find_the_losses_of_one_process(architecture: str) -> None:
    """Dropout on words and on every node's vector included."""
    task, network = built(architecture, "task.dropout=0.5")
    network.train()
    batch = task.splits["train"].batch(torch.arange(3))
    torch.manual_seed(4)
    whole = task.losses(network, batch).task
    for rank in range(2):
        mine = share_of(task.splits["train"], torch.arange(3), rank, 2)
        torch.manual_seed(4)
        with drawing(Rows(mine.examples, mine.rows)):
            torch.testing.assert_close(task.losses(network, mine).task, whole[rank::2])


def test_attention_reads_every_node() -> None:
    task, network = made_up.built("translation", "tree_lstm", "task.attention=additive")
    batch = task.splits["train"].batch(torch.arange(6))
    memory = network.encode(batch).memory
    assert memory.states is not None
    assert memory.states.shape[:2] == memory.mask.shape == (6, 2 * batch.inputs.shape[1] - 1)
    assert torch.equal(memory.mask.sum(dim=1), 2 * batch.lengths - 1)
    memory.states.retain_grad()
    decoded = network.decode(memory.summary, memory, 3, torch.zeros(6, 3, task.embedding))
    decoded.sum().backward()
    assert memory.states.grad is not None
    assert torch.equal(memory.states.grad.abs().sum(dim=2) > 0, memory.mask)


NODES = ["task.nodes=true"]


def evaluated(task: Task, network: Network) -> Any:
    """The final evaluation, as `evaluate_split` collects it, in one batch a split."""

    def collect(split: str) -> Any:
        with torch.inference_mode():
            return task.evaluate(network, task.splits[split].batch(torch.arange(len(task.splits[split]))))

    return task.finish(network, collect, 0)


@pytest.mark.parametrize(
    ("classes", "phrases", "expected"),
    [
        (5, True, [("the", 2), ("plot", 3), ("the plot", 3), ("bad", 1), ("bad", 2), ("film", 2), ("bad film", 2),
                   ("bad bad film", 0)]),
        (2, True, [("plot", 1), ("<unk> plot", 1), ("bad", 0), ("bad bad film", 0)]),
        (2, False, [("<unk> plot", 1), ("bad bad film", 0)]),
    ],
    ids=["five classes", "two classes", "sentences only"],
)  # fmt: skip
def test_labelled_nodes_are_phrases_to_those_that_read_no_trees(
    classes: int, phrases: bool, expected: list[tuple[str, int]]
) -> None:
    task = prepared("lstm", *NODES, "data.tokenizer.min_count=1", classes=classes, phrases=phrases)[1]
    split = task.splits["validation_nodes"]
    batch = split.batch(torch.arange(len(split)))
    found = [task.tokenizer.decode(row[:size]) for row, size in zip(batch.inputs.tolist(), batch.lengths, strict=True)]
    assert list(zip(found, batch.targets.tolist(), strict=True)) == expected
    first = sum(text.split()[0] in ("the", "<unk>", "plot") for text, _ in expected)
    assert task.owners["validation"].tolist() == [0] * first + [1] * (len(expected) - first)


def test_all_labelled_nodes_are_counted_by_either_way() -> None:
    """The mean of a phrase's word vectors is the same whether it is a node or an example: so are their classes."""
    task, network = built("vecavg", *NODES, classes=5)
    plain = prepared("lstm", *NODES, classes=5)[1]
    with torch.no_grad():
        network.adapter.embedding.weight.normal_()
        network.heads["classifier"][1].bias[2] += 1  # the commonest
    found, other = evaluated(task, network), evaluated(plain, network)
    assert found.metrics == other.metrics
    for split, nodes in (("validation", [3, 5]), ("test", [3, 5])):
        kept = found.predictions[split]
        assert kept["nodes"].tolist() == other.predictions[split]["nodes"].tolist() == nodes
        assert kept["nodes_correct"].tolist() == other.predictions[split]["nodes_correct"].tolist()
        right = 100 * kept["nodes_correct"].sum() / sum(nodes)
        assert found.metrics[split]["accuracy_all"] == pytest.approx(right)
    assert 0 < found.metrics["test"]["accuracy_all"] < 100


@pytest.mark.parametrize("architecture", ["recursive", "lstm"])
def test_nodes_change_nothing_else(architecture: str) -> None:
    plain, counted = built(architecture), built(architecture, *NODES)
    found, more = evaluated(*plain), evaluated(*counted)
    for split, metrics in found.metrics.items():
        assert metrics.items() < more.metrics[split].items()
        assert more.metrics[split].keys() - metrics.keys() == {"accuracy_all"}
        for name, values in found.predictions[split].items():
            assert np.array_equal(values, more.predictions[split][name])


def test_only_roots_are_labelled_where_train_has_no_phrases() -> None:
    found = evaluated(*built("tree_lstm", *NODES, phrases=False)).metrics["test"]
    assert found["accuracy_all"] == found["accuracy"]


def test_texts_without_trees_have_no_nodes() -> None:
    found = evaluated(*made_up.built("sentiment", "lstm", *NODES)).metrics["test"]
    assert "accuracy_all" not in found


def test_the_loss_is_a_mean_over_nodes_or_over_sentences() -> None:
    for per, weights in (("node", [5, 5, 3, 1]), ("sentence", [1, 1, 1, 1])):
        split = prepared("rntn", f"task.loss_per={per}", classes=5)[1].splits["train"]
        assert split.weights().tolist() == weights


def test_a_mean_over_sentences_is_refused_where_no_trees_are_read() -> None:
    with pytest.raises(UserError, match="reads trees"):
        check(made_up.trial("sentiment", "architecture=lstm", "task.loss_per=sentence"))
    check(made_up.trial("sentiment", "architecture=tree_lstm", "task.loss_per=sentence"))


def test_dropout_of_words_may_be_another_than_the_codes() -> None:
    for options, shares in ((["task.word_dropout=0"], (0, 0.5)), ([], (0.5, 0.5))):
        network = built("tree_lstm", "task.dropout=0.5", *options)[1]
        assert (network.adapter.dropout.share, network.heads["classifier"][0].share) == shares


@pytest.mark.parametrize("architecture", ["vecavg", "recursive", "rntn"])
def test_as_wide_as_the_words_the_softmax_reads_nodes_and_words_are_leaves(architecture: str) -> None:
    """Socher et al. 2013: beside composition, only word vectors and one softmax for all nodes are learned."""
    _, network = built(architecture, "task.embedding=6", classes=5)
    names = {name for name, _ in network.named_parameters()}
    composition = {"vecavg": [], "recursive": ["weight", "bias"], "rntn": ["weight", "bias"]}[architecture]
    expected = {"adapter.embedding.weight", "heads.classifier.1.weight", "heads.classifier.1.bias"}
    expected |= {f"encoder.composition.{name}" for name in composition}
    assert names == expected | ({"encoder.tensor"} if architecture == "rntn" else set())

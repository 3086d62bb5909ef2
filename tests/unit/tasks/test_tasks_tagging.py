"""Tagging: metrics by hand, what is a word, and what its spelling tells."""

from collections.abc import Mapping, Sequence
from typing import Any

import made_up
import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch.nn import functional as F

from unroll.data.tokenizers import PAD, UNKNOWN
from unroll.models.network import Network
from unroll.tasks.task import Task
from unroll.tasks.words import FormAdapter, Forms

WORDS = {"kind": "word", "words": "whitespace", "lowercase": False, "vocabulary_size": 100, "min_count": 1}


def sentences(*rows: str) -> dict[str, list[str]]:
    """Rows of word/tag, apart by spaces; an underscore in a word is a space."""
    pairs = [[token.rsplit("/", 1) for token in row.split()] for row in rows]
    return {
        "words": ["\t".join(word.replace("_", " ") for word, _ in row) for row in pairs],
        "tags": ["\t".join(tag for _, tag in row) for row in pairs],
    }


SPLITS = {
    "train": sentences("the/D dog/N runs/V", "New_York/N sleeps/V", "a/D cat/N"),
    "validation": sentences("the/D cat/N"),
    "test": sentences("the/D bird/N runs/V", "oh/I a/D", "York/N"),
}


def tagging(splits: Mapping[str, Mapping[str, Any]] = SPLITS, *overrides: str) -> Task:
    return made_up.prepared(made_up.trial("tagging", *overrides), splits)


def probabilities(*rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    return {"probabilities": [np.array(row) for row in rows]}


# Of the tags D, N, V. Right: the, runs; bird is taken for V, oh has a tag that train lacks, a for N, York right.
OUTPUTS = probabilities(
    [[0.7, 0.2, 0.1], [0.1, 0.4, 0.5], [0.0, 0.25, 0.75]], [[0.5, 0.25, 0.25], [0.125, 0.875, 0.0]], [[0.25, 0.5, 0.25]]
)


def test_metrics_by_hand() -> None:
    task = tagging()
    assert task.tags == ["D", "N", "V"]
    assert [row.tolist() for row in task.truth("test")] == [[0, 1, 2], [3, 0], [1]]
    found = task.metrics(OUTPUTS, "test")
    assert found["accuracy"] == pytest.approx(100 * 3 / 6)
    assert found["accuracy_unknown"] == pytest.approx(100 * 1 / 3)  # bird, oh and York
    assert found["nll"] == pytest.approx(-np.log([0.7, 0.4, 0.75, 1e-12, 0.125, 0.5]).mean())
    truth, predicted = list("DNVIDN"), list("DVVDNN")
    assert found["macro_f1"] == pytest.approx(100 * f1_score(truth, predicted, average="macro", zero_division=0))
    assert found["macro_f1"] == pytest.approx(100 * (1 / 2 + 1 / 2 + 2 / 3 + 0) / 4)


def test_a_split_without_unknown_words_has_no_accuracy_of_them() -> None:
    task = tagging()
    found = task.metrics(probabilities([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), "validation")
    assert found == {"accuracy": 100, "macro_f1": 100, "nll": 0}


def test_the_mean_of_the_scores_is_the_metric() -> None:
    task = tagging()
    found, scores = task.metrics(OUTPUTS, "test"), task.scores(OUTPUTS, "test")
    assert scores["correct_tokens"].tolist() == [2 / 2, 0 / 2, 1 / 2]  # of 2 words on average
    for metric in task.known_metrics:
        if metric.score is not None:
            values = metric.score.factor * scores[metric.score.name] + metric.score.offset
            assert values.mean() == pytest.approx(found[metric.name])


def test_predictions_are_the_tags_and_padded() -> None:
    found = tagging().predictions(OUTPUTS, "test")
    assert found["predicted"].tolist() == [[0, 2, 2], [0, 1, -1], [1, -1, -1]]
    assert set(found) == {"predicted", "correct_tokens", "nll_tokens"}


def test_the_loss_is_of_real_words_and_agrees_with_what_is_evaluated() -> None:
    torch.manual_seed(0)
    task, network = made_up.built("tagging", "bigru")
    network.eval().requires_grad_(False)
    batch = task.splits["validation"].batch(torch.arange(9))
    losses = task.losses(network, batch)
    outputs = task.evaluate(network, batch)
    expected = [
        -np.log(rows[np.arange(len(tags)), tags]).sum()
        for rows, tags in zip(outputs["probabilities"], task.truth("validation"), strict=True)
    ]
    np.testing.assert_allclose(losses.task, expected, rtol=1e-5)
    counts = task.splits["validation"].weights()
    assert counts.tolist() == [len(tags) for tags in task.truth("validation")]
    mean = losses.task.sum().item() / counts.sum().item()
    assert mean == pytest.approx(task.metrics(outputs, "validation")["nll"], rel=1e-5)


def test_a_tag_that_train_lacks_harms_no_evaluation() -> None:
    task = tagging(SPLITS, "architecture=gru", *made_up.SMALL)
    network = made_up.network_of(made_up.trial("tagging", "architecture=gru", *made_up.SMALL), task)
    batch = task.splits["test"].batch(torch.arange(3))
    found = task.metrics(task.evaluate(network.eval().requires_grad_(False), batch), "test")
    assert network.heads["tags"].out_features == 3
    assert np.isfinite(list(found.values())).all()


def test_max_length_cuts_train_alone() -> None:
    task = tagging(SPLITS, "data.max_length=2")
    assert task.splits["train"].inputs.lengths.tolist() == [2, 2, 2]
    assert task.splits["train"].inputs.truncated == 1
    assert task.splits["train"].weights().tolist() == [2, 2, 2]
    assert task.splits["test"].inputs.lengths.tolist() == [3, 2, 1]
    view = task.view("train")
    assert view.words == [["the", "dog"], ["New York", "sleeps"], ["a", "cat"]]
    assert [row.tolist() for row in view.tags] == [[0, 1], [1, 2], [0, 1]]
    assert task.forms.in_train[task.forms.numbers["runs"]]  # train has it, cut or not


def test_a_share_of_train_decides_tags_and_words() -> None:
    splits = {**SPLITS, "train": sentences("x/A", "y/B", "z/C", "v/D")}
    task = tagging({**splits, "test": sentences("x/A y/B z/C v/D")}, "data.fraction=0.5")
    kept = [row[0] for row in task.words["train"]]
    assert len(kept) == 2
    assert task.tags == sorted({"x": "A", "y": "B", "z": "C", "v": "D"}[word] for word in kept)
    assert [word for word in "xyzv" if task.forms.in_train[task.forms.numbers[word]]] == sorted(kept, key="xyzv".index)
    assert sorted(task.truth("test")[0].tolist()) == [0, 1, 2, 2]  # two that it lacks
    assert len(task.splits["test"]) == 1


def test_words_with_a_space_in_them_are_one_word() -> None:
    task = tagging()
    assert task.words["train"][1] == ["New York", "sleeps"]
    assert task.splits["train"].inputs.lengths.tolist() == [3, 2, 2]
    forms = task.forms
    assert (forms.pieces[forms.numbers["New York"]] != PAD).sum() == 2
    assert forms.pieces[forms.numbers["York"]].tolist()[0] in forms.pieces[forms.numbers["New York"]].tolist()
    assert forms.in_train[forms.numbers["New York"]]
    assert not forms.in_train[forms.numbers["York"]]


@pytest.mark.parametrize(
    ("options", "known", "unknown"),
    [
        ({}, ["dog"], ["Dog", "fog", "do", "dogs"]),
        ({"lowercase": True}, ["dog", "Dog", "DOG"], ["fog"]),
        ({"kind": "character"}, ["dog"], ["god", "Dog"]),
        ({"kind": "bpe"}, ["dog"], ["god", "dogs"]),
        ({"min_count": 2}, ["dog", "cat"], ["fog"]),  # train has a rare word, though the vocabulary has not
    ],
)
def test_what_train_has(options: dict[str, Any], known: list[str], unknown: list[str]) -> None:
    rows = {"train": [["dog", "dog", "cat"]], "test": [known, unknown]}
    forms = Forms.of(rows, {**WORDS, **options}, "en")
    assert [word for word in known if not forms.in_train[forms.numbers[word]]] == []
    assert [word for word in unknown if forms.in_train[forms.numbers[word]]] == []


def test_a_vector_is_the_mean_of_the_pieces() -> None:
    forms = Forms.of({"train": [["ab", "b", "a b"]], "test": [["ac"]]}, {**WORDS, "kind": "character"}, "en")
    adapter = FormAdapter(forms, 4, None, 0.0, 0.5).eval()
    weight = adapter.embedding.weight.detach()
    ids = {letter: int(forms.pieces[forms.numbers["a b"], place]) for place, letter in enumerate("a b")}
    numbers = torch.tensor([[forms.numbers["ab"], forms.numbers["a b"]], [forms.numbers["ac"], PAD]])
    found = adapter(numbers).detach()
    torch.testing.assert_close(found[0, 0], (weight[ids["a"]] + weight[ids["b"]]) / 2)
    torch.testing.assert_close(found[0, 1], (weight[ids["a"]] + weight[ids[" "]] + weight[ids["b"]]) / 3)
    torch.testing.assert_close(found[1, 0], (weight[ids["a"]] + weight[UNKNOWN]) / 2)  # c is not in train
    assert found[1, 1].tolist() == [0.0] * 4


def test_unknown_words_share_one_vector_unless_they_are_spelled() -> None:
    forms = Forms.of({"train": [["ab", "ba"]], "test": [["aab", "bba", "ccc"]]}, WORDS, "en")
    numbers = torch.tensor([[forms.numbers[word] for word in ("aab", "bba", "ccc", "ab")]])
    plain, *others = FormAdapter(forms, 3, None, 0.0, 1.0)(numbers)[0].detach()
    assert torch.equal(plain, others[0])
    assert torch.equal(plain, others[1])
    assert not torch.equal(plain, others[2])
    spelled = FormAdapter(forms, 3, 2, 0.0, 1.0)(numbers)[0].detach()
    assert spelled.shape == (4, 5)
    assert torch.equal(spelled[0, :3], spelled[1, :3])
    assert not torch.equal(spelled[0, 3:], spelled[1, 3:])


def test_spelling_by_hand() -> None:
    """The largest value of each filter over three characters, the word's ends padded by nothing."""
    torch.manual_seed(0)
    forms = Forms.of({"train": [["abc", "b"]], "test": [["bacbac", "az"]]}, WORDS, "en")
    spelling = FormAdapter(forms, 3, 4, 0.0, 1.0).spelling
    assert spelling is not None
    letters = {letter: number for number, letter in enumerate("abc", 4)}
    weight, bias = spelling.filters.weight.detach(), spelling.filters.bias.detach()
    words = ["abc", "b", "bacbac", "az"]
    numbers = torch.tensor([[forms.numbers[word] for word in words] + [PAD, PAD]])
    found = spelling(numbers)[0].detach()
    for word, vector in zip(words, found, strict=False):
        ids = [letters.get(letter, UNKNOWN) for letter in word]
        vectors = spelling.embedding.weight[ids].detach()
        ended = F.pad(vectors, (0, 0, 1, 1))
        values = [
            torch.stack([(weight[f] * ended[place : place + 3].T).sum() + bias[f] for f in range(4)])
            for place in range(len(word))
        ]
        torch.testing.assert_close(vector, torch.stack(values).amax(dim=0))
    assert found[4:].abs().sum() == 0


def test_a_longer_word_in_another_split_changes_no_bit() -> None:
    found = []
    for test in (["a"], ["a" * 67]):
        torch.manual_seed(0)
        forms = Forms.of({"train": [["abcab", "ba"]], "test": [test]}, WORDS, "en")
        adapter = FormAdapter(forms, 8, 16, 0.0, 1.0)
        found.append(adapter(torch.tensor([[forms.numbers["abcab"], forms.numbers["ba"]]])))
    assert torch.equal(*found)


ENDINGS = {"ing": "V", "ness": "N", "ous": "A"}


def endings(seed: int, sizes: Mapping[str, int]) -> dict[str, dict[str, list[str]]]:
    """Words of a random stem and one of three endings, which tell the tag; hardly any word comes twice."""
    random = np.random.default_rng(seed)
    splits = {}
    for name, count in sizes.items():
        rows = []
        for _ in range(count):
            chosen = random.choice([*ENDINGS], 4)
            stems = ["".join(random.choice([*"abdeklmrt"], 5)) for _ in chosen]
            rows.append(" ".join(f"{stem}{end}/{ENDINGS[end]}" for stem, end in zip(stems, chosen, strict=True)))
        splits[name] = sentences(*rows)
    return splits


def trained(task: Task, network: Network, steps: int) -> Network:
    """After so many steps of Adam on the whole of train."""
    batch = task.splits["train"].batch(torch.arange(len(task.splits["train"])))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        (task.losses(network, batch).task.sum() / batch.target_lengths.sum()).backward()
        optimizer.step()
    return network.eval().requires_grad_(False)


def test_characters_tell_unknown_words_by_their_ending() -> None:
    splits = endings(0, {"train": 60, "validation": 2, "test": 40})
    accuracies = {}
    for characters in ("null", "8"):
        torch.manual_seed(0)
        chosen = made_up.trial("tagging", "architecture=gru", f"task.characters={characters}", *made_up.SMALL)
        task = made_up.prepared(chosen, splits)
        network = trained(task, made_up.network_of(chosen, task), 30)
        outputs = task.evaluate(network, task.splits["test"].batch(torch.arange(40)))
        accuracies[characters] = task.metrics(outputs, "test")["accuracy_unknown"]
    assert accuracies["8"] > 90
    assert accuracies["null"] < 60


@pytest.mark.parametrize("kind", ["word", "bpe", "character"])
def test_rows_of_test_change_nothing_that_is_trained_on(kind: str) -> None:
    chosen = made_up.trial("tagging", f"data.tokenizer.kind={kind}", "architecture=gru", "task.characters=3")
    spoilt = {**SPLITS, "test": sentences("zzzzzzzzzzzzzz/Z " * 9)}
    found = []
    for splits in (SPLITS, spoilt):
        torch.manual_seed(0)
        task = made_up.prepared(chosen, splits)
        network = made_up.network_of(chosen, task)
        loss = task.losses(network, task.splits["train"].batch(torch.arange(3))).task
        found.append((task.tags, task.forms.sizes, [*network.state_dict()], loss.tolist()))
    assert found[0] == found[1]

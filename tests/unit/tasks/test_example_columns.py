"""What each task says of the examples that are looked at, against the data that they are made of."""

from typing import Any

import made_up
import numpy as np
import pytest
import torch

from unroll.data.tokenizers import END
from unroll.models.network import Network
from unroll.seeds import derive
from unroll.tasks.columns import in_words, kept_of, scores_of, spread_over
from unroll.tasks.metrics.classification import taken_for
from unroll.tasks.metrics.text import sentence_scores
from unroll.training.evaluation import evaluate_split
from unroll.training.looked_at import what_is_looked_at

CPU = torch.device("cpu")
INDEX = np.array([0, 4, 9])


def columns(task: Any, network: Network, index: np.ndarray = INDEX) -> dict[str, Any]:
    outputs = evaluate_split(task.evaluate, network, task.splits["test"], 0, CPU)
    found: dict[str, Any] = task.example_columns(task.predictions(outputs, "test"), "test", index, network)
    assert {len(values) for values in found.values()} == {len(index)}
    return found


def test_a_sentence_has_its_text_and_its_probabilities() -> None:
    found, rows = columns(*made_up.frozen("sentiment", "gru")), made_up.labelled_text()["test"]
    assert found["text"] == [rows["text"][place] for place in INDEX]
    assert found["label"] == [rows["label"][place] for place in INDEX]
    assert found["predicted"] == np.argmax(found["probabilities"], axis=1).tolist()
    assert found["correct"] == [a == b for a, b in zip(found["label"], found["predicted"], strict=True)]
    given = [row[label] for row, label in zip(found["probabilities"], found["label"], strict=True)]
    assert found["nll"] == pytest.approx(-np.log(given))


def test_a_translation_has_source_hypothesis_and_reference() -> None:
    found, rows = columns(*made_up.frozen("translation", "gru")), made_up.pairs()["test"]
    assert found["source"] == [rows["source"][place] for place in INDEX]
    assert found["reference"] == [rows["target"][place] for place in INDEX]
    assert {"hypothesis", "sentence_bleu", "sentence_chrf", "nll_per_token"} < found.keys()


def test_sentences_have_scores_of_their_own() -> None:
    found = sentence_scores(["a b", "a b c d e", "x"], ["a b", "a b c d f", "y"])
    assert found["sentence_bleu"][0] == pytest.approx(100)
    assert found["sentence_bleu"][1] == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert found["sentence_bleu"][2] == found["sentence_chrf"][2] == 0
    assert found["sentence_chrf"][0] == pytest.approx(100)


@pytest.mark.parametrize("channels", ["joint", "independent"])
def test_a_forecast_is_in_original_units(channels: str) -> None:
    task, network = made_up.frozen("forecasting", "gru", f"task.channels={channels}")
    found, rows = columns(task, network), made_up.series()
    whole = {name: np.concatenate([rows[split][name] for split in made_up.series()]) for name in ("c0", "c1")}
    assert task.counted("test") == 18
    assert found["channel"] == ["c0", "c1", "c0"]
    assert found["seen_steps"][0] == [-2, -1, 0]
    assert found["steps"][0] == [1, 2, 3]
    for place, name, seen, truth in zip(INDEX, found["channel"], found["seen"], found["truth"], strict=True):
        np.testing.assert_allclose(truth, whole[name][75 + place : 78 + place], rtol=1e-4)
        np.testing.assert_allclose(seen, whole[name][72 + place : 75 + place], rtol=1e-4)
    assert {"mse", "mae"} < found.keys()
    outputs = evaluate_split(task.evaluate, network, task.splits["test"], 0, CPU)
    errors = task._errors(outputs, "test")[INDEX, :, [0, 1, 0]] * task.deviation[[0, 1, 0]][:, None]
    np.testing.assert_allclose(np.subtract(found["forecast"], found["truth"]), errors, atol=1e-4)


@pytest.mark.parametrize(("horizon", "shown"), [(1, 1), (48, 48), (49, 25), (720, 48)])
def test_long_horizons_are_thinned_evenly(horizon: int, shown: int) -> None:
    found = spread_over(horizon, 48)
    assert (len(found), found[-1]) == (shown, horizon - 1)
    assert len(set(np.diff(found))) <= 1


def test_masked_words_are_blanks() -> None:
    task, network = made_up.frozen("masked_words", "bigru")
    found, rows = columns(task, network), made_up.running_text()["test"]["text"]
    for place, text, hidden, predicted in zip(INDEX, found["text"], found["hidden"], found["predicted"], strict=True):
        words = iter(hidden)
        assert " ".join(next(words) if word == "___" else word for word in text.split()) == rows[place]
        assert len(hidden) == len(predicted) == text.split().count("___") > 0
    right = [np.mean(np.equal(a, b)) for a, b in zip(found["hidden"], found["predicted"], strict=True)]
    assert found["correct_share"] == right


def test_words_have_their_tags() -> None:
    task, network = made_up.frozen("tagging", "gru")
    found, rows = columns(task, network), made_up.tagged_words()["test"]
    assert found["words"] == [rows["words"][place].split("\t") for place in INDEX]
    assert found["tags"] == [rows["tags"][place].split("\t") for place in INDEX]
    assert list(map(len, found["predicted"])) == list(map(len, found["tags"]))
    assert {tag for row in found["predicted"] for tag in row} <= set(task.tags)


def test_a_tag_that_train_lacks_has_a_row_of_its_own() -> None:
    splits = made_up.tagged_words()
    splits["test"]["tags"][0] = "\t".join("NEW" for _ in splits["test"]["words"][0].split("\t"))
    chosen = made_up.trial("tagging", "architecture=gru", *made_up.SMALL)
    task = made_up.prepared(chosen, splits)
    outputs = evaluate_split(task.evaluate, made_up.network_of(chosen, task).eval(), task.splits["test"], 0, CPU)
    found = task.confusion(task.predictions(outputs, "test"), "test")
    assert found is not None
    assert found.names[-1] == "(not in train)"
    assert sum(found.counts[-1]) == len(splits["test"]["words"][0].split("\t"))
    assert sum(map(sum, found.counts)) == sum(len(row.split("\t")) for row in splits["test"]["words"])


def test_a_language_model_goes_on_from_an_example() -> None:
    task, network = made_up.frozen("language_modelling", "gru", "task.block=12")
    found = columns(task, network, np.array([0, 1]))
    truth = task.truth("test")[0].tolist()
    assert found["tokens"][0] == 12
    assert found["prompt"][0] == task._text(truth[:6])
    assert found["text"][0] == task._text(truth)
    assert found["continuation"][0]
    assert "<unk>" not in found["continuation"][0]
    assert columns(task, network, np.array([0, 1])) == found


def test_a_sentence_with_a_code_is_decoded_from_it() -> None:
    options = ["task.unit=sentence", "task.steps=4"]
    task, network = made_up.frozen("language_modelling", "ae_variational", *options)
    found = columns(task, network)
    assert found.keys() == {"text", "tokens", "nll_per_token", "reconstruction"}
    assert [len(text.split()) + 1 for text in found["text"]] == found["tokens"]
    assert all(isinstance(text, str) for text in found["reconstruction"])


def test_random_numbers_go_on_as_if_none_had_been_drawn() -> None:
    task, network = made_up.frozen("language_modelling", "gru")
    outputs = evaluate_split(task.evaluate, network, task.splits["test"], 0, CPU)
    torch.manual_seed(derive(1, "here"))
    before = torch.get_rng_state()
    what_is_looked_at(task, task.predictions(outputs, "test"), network)
    assert torch.equal(torch.get_rng_state(), before)


def test_short_predictions_of_each_example_are_kept() -> None:
    predictions = {
        "probability": np.array([0.5, 0.25, 0.75]),
        "correct": np.array([1.0, 0.0, 1.0]),
        "said": ["a", "b", "c"],
        "tags": [np.array([1]), np.array([2, 3]), np.array([4])],
        "code": np.zeros((3, 65)),
        "samples": np.zeros((5, 2)),
    }
    found = kept_of(predictions, np.array([0, 1]), 3)
    assert found == {"probability": [0.5, 0.25], "correct": [1.0, 0.0], "said": ["a", "b"], "tags": [[1], [2, 3]]}
    assert scores_of(predictions, np.array([0, 1]), 3) == {"probability": [0.5, 0.25], "correct": [True, False]}


def test_what_was_taken_for_what() -> None:
    assert taken_for(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), 3).tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_ids_without_text_are_unknown() -> None:
    class Letters:
        def decode(self, ids: list[int]) -> str:
            return "" if ids == [END] else "abcdefgh"[ids[0]]

    assert in_words(Letters(), [4, 1, END]) == ["e", "<unk>", "<unk>"]  # type: ignore[arg-type]

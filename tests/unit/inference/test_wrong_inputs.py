"""Whatever a model cannot read gets one message that says what was seen and what is allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import unroll
from unroll.errors import UserError
from unroll.inference.model import Model
from unroll.tasks.copying import Copying
from unroll.tasks.task import Task

Make = Callable[[str], Model]
WINDOW, CHANNELS = np.zeros((12, 3)), ("first", "second", "third")
HOLE = WINDOW.copy()
HOLE[3, 1] = np.nan


@pytest.mark.parametrize(
    ("task", "inputs", "what"),
    [
        ("sentiment", "a good film", "One text is not a list of texts."),
        ("sentiment", [], "There are no inputs."),
        ("sentiment", ["good", " "], "Input 2 is empty."),
        ("sentiment", [["a", "good", "film"]], "Words are given in place of texts."),
        ("sentiment", ["good", 3], "Input 2 is no text."),
        ("sentiment", ["good", None], "Input 2 is no text."),
        ("sentiment", 7, "The inputs are no list."),
        ("sentiment", {"text": ["good"]}, "The inputs are no list."),
        ("translation", "the cat", "One text is not a list of sentences."),
        ("masked_words", ["the cat"], "The sentence has no blank to fill."),
        ("forecasting", WINDOW[:5], "The window is too short."),
        ("forecasting", WINDOW[:, :2], "These are no windows of the channels."),
        ("forecasting", WINDOW[:0], "The window is too short."),
        ("forecasting", HOLE, "A value is missing or infinite."),
        ("forecasting", WINDOW + 1e30, "A value is too far from those of train."),
        ("forecasting", [["a", "b", "c"]], "The inputs are no array of numbers."),
        ("forecasting", [[1, 2, 3], [4, 5]], "The inputs are no array of numbers."),
        ("forecasting", "now", "The inputs are no array of numbers."),
        ("forecasting", pl.DataFrame({"first": [1.0], "second": [2.0]}), "The table has no column 'third'."),
        ("compression", np.zeros((2, 32, 32), np.uint8), "These are no images of the size that the network reads."),
        ("compression", np.zeros((0, 28, 28), np.uint8), "These are no images of the size that the network reads."),
        ("compression", np.full((1, 28, 28), 200.0), "Grey values are out of range."),
        ("compression", np.full((1, 28, 28), -1), "Grey values are out of range."),
        ("compression", np.full((1, 28, 28), np.nan), "A value is missing or infinite."),
        ("compression", ["an image"], "The inputs are no array of numbers."),
        ("copying", [[0, 1, 99]], "A value is no symbol of train."),
        ("copying", [[0.5, 1, 2]], "A value is no symbol of train."),
        ("copying", [[0, 1]], "These are no sequences of symbols."),
    ],
)
def test_what_a_task_cannot_read_is_refused(model: Make, task: str, inputs: Any, what: str) -> None:
    with pytest.raises(UserError) as raised:
        model(task).predict(inputs)
    assert raised.value.what == what
    assert raised.value.saw is not None
    assert raised.value.allowed is not None


def test_what_there_is_in_other_forms_is_read_as_well(model: Make) -> None:
    """Data frames with other columns beside, longer windows, one image, floats: the same numbers, the same answers."""
    values = np.random.default_rng(0).normal(10, 3, (20, 3))
    expected = model("forecasting").predict(values[-12:])["forecast"]
    assert expected.shape == (1, 4, 3)
    frame = pl.DataFrame({"date": range(20)} | {name: values[:, place] for place, name in enumerate(CHANNELS)})
    for same in (values, frame, frame.select("third", "second", "first"), frame.to_dict(), values[None, -12:]):
        np.testing.assert_array_equal(model("forecasting").predict(same)["forecast"], expected)
    image = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    shown = model("compression").predict(image[None])["reconstruction"]
    for picture in (image, image / 255, image.astype(np.int64), image.tolist()):
        np.testing.assert_array_equal(model("compression").predict(picture)["reconstruction"], shown)
    assert model("sentiment").predict(np.array(["good", "bad"]))["label"] == model("sentiment").predict(
        ["good", "bad"]
    )["label"]  # fmt: skip


def test_an_answer_hangs_on_its_own_input_alone(model: Make) -> None:
    alone = [model("sentiment").predict([text])["probabilities"][0] for text in ("good", "the plot is very bad")]
    both = model("sentiment").predict(["good", "the plot is very bad"])["probabilities"]
    np.testing.assert_allclose(np.stack(alone), both, atol=1e-6)
    texts = ["the cat", "a dog\na tree"]
    alone_nll = [model("language_modelling").predict([text])["nll"][0] for text in texts]
    np.testing.assert_allclose(model("language_modelling").predict(texts)["nll"], alone_nll, rtol=1e-6)


def test_samples_are_images_or_texts_by_task(model: Make) -> None:
    drawn = model("generation").samples(5)
    assert drawn.shape == (5, 28, 28)
    np.testing.assert_array_equal(drawn, model("generation").samples(5, seed=model("generation").trial.plain["seed"]))
    texts = model("language_modelling").samples(2, "the cat", length=4, seed=3)
    assert len(texts) == 2
    assert all(text.startswith("the cat") for text in texts)
    for wrong in (
        lambda: model("generation").samples(0),
        lambda: model("generation").samples(2, "the"),
        lambda: model("language_modelling").samples(2, temprature=1.0),
        lambda: model("sentiment").samples(2),
    ):
        with pytest.raises(UserError) as raised:
            wrong()
        assert raised.value.allowed is not None


def test_a_task_that_does_not_say_how_it_reads_inputs_is_refused_once(
    model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a task of one's own without these two: it still trains, and says what to write."""
    monkeypatch.setattr(Copying, "raw", Task.raw)
    with pytest.raises(UserError, match="does not say how raw inputs are read") as raised:
        model("copying").predict([[0, 1, 2]])
    assert raised.value.allowed == "Copying.raw(inputs)"
    monkeypatch.setattr(Copying, "learned", ())
    with pytest.raises(UserError, match="does not say what it has learned"):
        model("copying").export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("split", "data", "what"),
    [
        ("train", [], "There is no such split."),
        ("test", ["task=copying"], "Only the data can be others."),
        ("test", "data=etth1", "Overrides are a list of texts."),
        ("test", ["data=etth1"], "The task sentiment works on labelled_text"),
    ],
)
def test_evaluate_refuses_what_it_cannot(model: Make, split: str, data: Any, what: str) -> None:
    with pytest.raises(UserError) as raised:
        model("sentiment").evaluate(split, data)
    assert raised.value.what.startswith(what)


def test_a_device_that_is_not_there_is_refused(model: Make) -> None:
    if torch.cuda.is_available():
        return
    with pytest.raises(UserError, match="cannot be put on this device"):
        unroll.load(model("copying").trial, device="cuda")

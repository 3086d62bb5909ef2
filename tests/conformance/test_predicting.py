"""Each shipped task: what `predict` says of raw test inputs is what the trial's own final evaluation found.

Before export, and after it in a fresh process, with the data gone.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_data import HORIZON, TASKS, WINDOW, Tiny

import unroll
from unroll import api
from unroll.config.trial import Trial
from unroll.data.splits import unpadded
from unroll.inference.model import Model

ARCHITECTURES = {
    "adding": "lstm",
    "classification": "bigru",
    "compression": "ae",
    "copying": "gru",
    "forecasting": "gru",
    "generation": "ae_variational",
    "language_modelling": "lstm",
    "masked_words": "bilstm",
    "sentence_modelling": "lstm",
    "sentiment": "bilstm",
    "tagging": "bilstm",
    "translation": "gru",
}
OPTIONS = {"translation": ["task.beam=3"], "tagging": ["task.characters=6"], "forecasting": ["seed=1"]}


@dataclass(frozen=True)
class Used:
    """A trained tiny model, with what its final evaluation left."""

    trial: Trial
    model: Model
    found: dict[str, np.ndarray]  # of test

    @property
    def texts(self) -> list[str]:
        return self.table["text"][:]

    @property
    def table(self) -> Any:
        from unroll.data.examples import load_examples

        return load_examples(self.trial.plain["data"], self.trial.plain["paths"]).splits["test"]

    def pixels(self) -> np.ndarray:
        return np.frombuffer(b"".join(self.table["pixels"][:]), np.uint8).reshape(-1, 28, 28)

    def inputs(self) -> Any:
        """The test examples as a person has them."""
        task, name = self.model.task, self.trial.plain["task"]["name"]
        if name in ("adding", "copying"):
            view = task.view("test")
            return np.stack(view.inputs) if name == "adding" else view.targets
        if name == "forecasting":
            first, count = task.spans["test"]
            series = task.series.astype(np.float64) * task.deviation + task.mean
            return np.stack([series[first + place : first + place + WINDOW] for place in range(count)])
        if name in ("classification", "compression", "generation"):
            return self.pixels()
        if name == "language_modelling":
            return ["\n".join(self.texts)]
        if name == "masked_words":
            masked = unpadded(task.splits["test"])[1]
            written = (text.split() for text in self.texts)
            return [
                " ".join("___" if hidden else word for word, hidden in zip(row, flags, strict=True))
                for row, flags in zip(written, masked, strict=True)
            ]
        column = {"tagging": "words", "translation": "source"}.get(name, "text")
        return self.table[column][:]


def _compare(name: str, used: Used, said: dict[str, Any]) -> None:
    found = used.found
    if name in ("classification", "sentiment"):
        np.testing.assert_allclose(said["probabilities"], found["probabilities"], atol=1e-6)
        assert said["label"] == found["probabilities"].argmax(axis=1).tolist()
    elif name == "adding":
        np.testing.assert_allclose(said["sum"], found["prediction"], atol=1e-6)
    elif name == "copying":
        np.testing.assert_array_equal(said["recalled"], found["predicted"])
    elif name == "translation":
        assert said["translation"] == found["hypotheses"].tolist()
    elif name == "forecasting":
        task = used.model.task
        expected = found["forecast"].astype(np.float64) * task.deviation + task.mean
        assert said["forecast"].shape[1:] == (HORIZON, 3)
        np.testing.assert_allclose(said["forecast"], expected, rtol=1e-5, atol=1e-5)
    elif name == "compression":
        np.testing.assert_allclose(said["mse"], found["mse"], rtol=1e-4)
        assert said["reconstruction"].shape == (32, 28, 28)
    elif name == "generation":
        np.testing.assert_allclose(said["code"], found["code"], atol=1e-6)
    elif name == "language_modelling":
        np.testing.assert_allclose(said["nll"][0], found["nll"].sum(), rtol=1e-6)
        assert said["tokens"][0] == found["tokens"].sum()
    elif name == "sentence_modelling":
        np.testing.assert_allclose(said["nll"], found["nll"], rtol=1e-6)
    elif name == "tagging":
        numbers = [[used.model.task.tags.index(tag) for tag in row] for row in said["tags"]]
        assert numbers == [[tag for tag in row if tag >= 0] for row in found["predicted"].tolist()]
    elif name == "masked_words":
        tokenizer = used.model.task.tokenizer
        for row, guesses in zip(found["predicted"].tolist(), said["words"], strict=True):
            true = [tokenizer.decode([word]) for word in row if word >= 0]
            assert len(guesses) == len(true)
            for word, guess, number in zip(true, guesses, row, strict=False):
                assert number < 4 or guess[0] == word  # <unk> is no guess for a blank
    else:
        raise AssertionError(f"{name} is not compared")


@pytest.fixture(scope="module", params=TASKS)
def used(request: pytest.FixtureRequest, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Used:
    name = request.param
    options = [f"architecture={ARCHITECTURES[name]}", "budget.epochs=1", *OPTIONS.get(name, ())]
    trial = tiny.trial(name, tmp_path_factory.mktemp(f"used_{name}"), *options)
    api.train(trial)
    with np.load(trial.directory / "predictions.npz") as arrays:
        found = {key.removeprefix("test/"): arrays[key] for key in arrays.files if key.startswith("test/")}
    return Used(trial, unroll.load(trial.directory), found)


def test_predictions_for_raw_inputs_are_those_of_the_final_evaluation(used: Used) -> None:
    _compare(used.trial.plain["task"]["name"], used, used.model.predict(used.inputs()))


def test_evaluate_finds_what_the_record_says(used: Used) -> None:
    record = api.find_record(used.trial.directory)
    assert used.model.evaluate() == record["result"]["metrics"]["test"]


def test_the_summary_counts_all_parameters(used: Used) -> None:
    found, record = used.model.summary(), api.find_record(used.trial.directory)
    assert sum(layer.parameters for layer in found.layers) == record["parameters"]["total"]
    assert found.forward_flops == record["flops"]["forward_per_example"]
    assert max(map(len, str(found).splitlines())) <= 100
    assert any(layer.shape.startswith("[B, ") for layer in found.layers)


ELSEWHERE = """
import json, sys, numpy as np, torch, unroll
torch.set_num_threads(1)
def plain(value):
    if isinstance(value, np.ndarray | np.generic): return value.tolist()
    if isinstance(value, dict): return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
inputs = json.load(open(sys.argv[2]))
print(json.dumps(plain(unroll.load(sys.argv[1]).predict(inputs))))
"""


def test_an_exported_model_says_the_same_in_a_fresh_process(
    used: Used, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No data and no trial: it has the folder alone."""
    inputs = used.inputs()
    folder = used.model.export(tmp_path / "model")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.json", "weights.ckpt"]
    about = (folder / "model.json").read_text()
    assert str(used.trial.plain["paths"]["cache"]) not in about
    (tmp_path / "inputs.json").write_text(json.dumps(_plain(inputs)))
    for key in ("UNROLL_DATA", "UNROLL_CACHE"):
        monkeypatch.setenv(key, str(tmp_path / "nowhere"))
    command = [sys.executable, "-c", ELSEWHERE, str(folder), str(tmp_path / "inputs.json")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    arrays = ("probabilities", "sum", "recalled", "forecast", "reconstruction", "code", "mse", "nll", "tokens")
    ragged = used.trial.plain["task"]["name"] in ("tagging", "masked_words")
    _compare(
        used.trial.plain["task"]["name"],
        used,
        {key: np.array(item) if key in arrays and not ragged else item for key, item in said.items()},
    )


def _plain(inputs: Any) -> Any:
    return inputs.tolist() if isinstance(inputs, np.ndarray) else inputs

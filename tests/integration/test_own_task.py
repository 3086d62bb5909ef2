"""A task of one's own, the recipes' classification of series, with its reader, its kind and its baseline."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from recipes import recipe, write_data

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.data.examples import load_examples
from unroll.errors import UserError
from unroll.records.audit import audit
from unroll.tasks.baselines.views import SequenceView
from unroll.tasks.classifier import Classifier
from unroll.training.prepared import prepared_task
from unroll.training.train import check_components, train

YAML = "mine/task/series_classification.yaml"
MORE = """
from series_classification import SeriesClassification
from unroll.tasks.classifier import Classifier
from unroll.tasks.task import Task

class NoPrepare(Classifier):
    def network(self, architecture, bottleneck): ...

class Bare(Task): ...

class NoReconstruction(SeriesClassification):
    needs = ()
    reconstruction_weight = 1.0
    def network(self, architecture, bottleneck):
        network = super().network(architecture, bottleneck)
        network.decoder = network.encoder
        return network

class NoTruth(SeriesClassification):
    truth = Task.truth
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The recipes' folder; data and runs lie beside it."""
    for title in ("A task", "A baseline", "A metric"):
        recipe(title).write(tmp_path)
    (tmp_path / "mine" / "more.py").write_text(MORE)
    write_data(tmp_path / "files")
    monkeypatch.setenv("UNROLL_DATA", str(tmp_path / "files"))
    monkeypatch.setenv("UNROLL_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "mine"
    for name in ("series_classification", "nearest_mean", "recordings", "more", "mcc"):
        sys.modules.pop(name, None)


def trial(mine: Path, *overrides: str) -> Trial:
    places = [f"paths.runs={mine.parent / 'runs'}", "trainer.accelerator=cpu"]
    return compose(["task=series_classification", *places, *overrides], str(mine))


@pytest.mark.parametrize("architecture", ["gru", "bilstm", "deep_lstm", "mlp", "linear"])
def test_series_of_any_length_are_learned(architecture: str, mine: Path) -> None:
    record = train(trial(mine, f"architecture={architecture}", "data.batch_size=8", "data.epochs=30"))
    assert record["result"]["metrics"]["test"]["accuracy"] >= 87.5
    assert audit(mine.parent / "runs").failures == []


def test_the_baseline_sees_what_the_networks_see(mine: Path) -> None:
    chosen = ["baseline=nearest_mean", "+task/metric@task.metrics=mcc"]
    record = train(trial(mine, *chosen))
    assert record["result"]["metrics"]["test"]["accuracy"] == 100
    assert record["result"]["metrics"]["test"]["mcc"] == 1
    task, _ = prepared_task(trial(mine, *chosen))
    view = task.view("train")
    assert isinstance(view, SequenceView)
    assert {one.shape[1] for one in view.inputs} == {2}
    assert len({len(one) for one in view.inputs}) > 3
    steps = np.concatenate(view.inputs)
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(view.targets, task.truth("train"))


@torch.no_grad()
def test_padding_is_no_step(mine: Path) -> None:
    made = trial(mine, "architecture=bigru")
    task, examples = prepared_task(made)
    network = task.network(made.plain["architecture"], made.plain["bottleneck"]).eval()
    split = task.splits["test"]
    whole = task.evaluate(network, split.batch(torch.arange(len(split))))["probabilities"]
    for row in range(len(split)):
        alone = task.evaluate(network, split.batch(torch.tensor([row])))["probabilities"]
        np.testing.assert_allclose(alone[0], whole[row], atol=1e-6)
    lengths = [len(one) for one in examples.splits["test"]["values"]]
    assert split.length_keys()[0].tolist() == lengths


def test_what_its_yaml_leaves_unsaid_has_a_value(mine: Path) -> None:
    found = trial(mine).config.task
    assert (found.protocol_version, found.baselines, found.quickstart_steps) == (1, [], 100)
    assert trial(mine, "task.width=7").plain["architecture"]["encoder"]["width"] == 7
    assert trial(mine, "task.width=7", "architecture.width=7").trial_id == trial(mine, "architecture.width=7").trial_id
    assert trial(mine, "budget=quickstart").plain["budget"]["steps"] == 100
    variational = trial(mine, "bottleneck=variational").plain["bottleneck"]["terms"]["variational"]
    assert variational["beta"] == 0.001


@pytest.mark.parametrize("key", ["name", "kind", "primary", "selection"])
def test_what_it_has_to_say_is_asked_for(key: str, mine: Path) -> None:
    file = mine.parent / YAML
    file.write_text(re.sub(rf"^{key}: .*\n", "", file.read_text(), flags=re.MULTILINE))
    with pytest.raises(UserError, match=key):
        trial(mine)


def test_what_does_not_fit_is_refused_before_any_data(mine: Path) -> None:
    with pytest.raises(UserError, match="does not reconstruct its input"):
        trial(mine, "architecture=ae")
    with pytest.raises(UserError, match="does not serve the task"):
        trial(mine, "baseline=majority")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("NoPrepare", "names a class that lacks methods.*allowed: prepare"),
        ("Bare", "names a class that lacks methods.*evaluate, losses, metrics, network, prepare"),
        ("Classifier", "names a class that lacks methods.*network, prepare"),
    ],
)
def test_a_task_that_lacks_methods_is_one_message(name: str, says: str, mine: Path) -> None:
    with pytest.raises(UserError, match=f"(?s){says}"):
        check_components(trial(mine, f"task._target_=more.{name}"))


@pytest.mark.parametrize(
    ("name", "overrides", "says"),
    [
        ("NoReconstruction", ["architecture=gru"], "does not say how it reconstructs its input"),
        ("NoTruth", ["baseline=nearest_mean"], "does not say what is right"),
    ],
)
def test_a_method_that_is_asked_for_is_named(name: str, overrides: list[str], says: str, mine: Path) -> None:
    with pytest.raises(UserError, match=says):
        train(trial(mine, f"task._target_=more.{name}", *overrides))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x,y\n1,\n", "cannot read the files.*ValueError"),
        ("x,y\n1,nan\n", "column values of .* is not of floats.*not finite"),
        ("x\n1\n", r"column values of .* is not of floats.*numbers \[1, 1\]"),
        ("x,y\n", r"column values of .* is not of floats.*numbers \[0"),
    ],
)
def test_a_file_that_is_no_series_is_one_message(content: str, says: str, mine: Path) -> None:
    (mine.parent / "files" / "gestures" / "wave" / "78.csv").write_text(content)
    with pytest.raises(UserError, match=f"(?s){says}"):
        load_examples(trial(mine).plain["data"], trial(mine).plain["paths"])


def test_the_classifier_has_its_defaults() -> None:
    assert Classifier.__abstractmethods__ == {"prepare", "network"}

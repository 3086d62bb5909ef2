"""A metric of one's own, from a folder outside the checkout: trained with, audited, shown, compared, verified."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from recipes import recipe
from sklearn.metrics import matthews_corrcoef
from tiny_data import TASKS, Tiny, write_tiny

from unroll.analysis.comparisons import sample
from unroll.analysis.render.page import sections
from unroll.analysis.tables import make_tables
from unroll.config.again import again
from unroll.config.by_hydra import compose_node
from unroll.config.compose import Composer
from unroll.config.trial import Trial, make_trial
from unroll.errors import TrialFailed, UserError
from unroll.records.audit import audit
from unroll.records.scores import copy_scores, scores_under
from unroll.registry.components import locate
from unroll.registry.facts import facts
from unroll.registry.groups import config_directories, group_value
from unroll.training.train import train
from unroll.verification.compare import gaps
from unroll.verification.verify import verify

MORE = '''
import numpy as np

from unroll.registry.metric import ExtraMetric


class Sure(ExtraMetric):
    """Mean probability of the right class, in per cent; it has a score of each example."""

    unit, direction, least, most = "%", "higher", 0, 100

    def __init__(self, factor: float = 100.0):
        self.factor = factor

    def __call__(self, outputs, truth):
        return self.scores(outputs, truth).mean()

    def scores(self, outputs, truth):
        return self.factor * np.asarray(outputs["probabilities"])[np.arange(len(truth)), truth]


class Seen(ExtraMetric):
    """How many examples it was shown, twice."""

    unit, direction = "examples", "higher"

    def __call__(self, outputs, truth):
        counts = {len(values) for name, values in outputs.items() if name != "bytes"}
        return len(truth) if counts == {len(truth)} else -1


class Fails(ExtraMetric):
    unit, direction = "%", "lower"

    def __call__(self, outputs, truth):
        raise ValueError("no such thing")


class Nought(ExtraMetric):
    unit, direction = "%", "lower"

    def __call__(self, outputs, truth):
        return float("nan")


class Unsaid(ExtraMetric):
    unit = "%"

    def __call__(self, outputs, truth):
        return 1.0


class TooFew(Sure):
    def scores(self, outputs, truth):
        return super().scores(outputs, truth)[:5]
'''
PRIMARY = ["task.primary.name=mcc", "task.primary.direction=higher", "task.primary.unit='of 1'"]
SURE = ["task.primary.name=sure", "task.primary.direction=higher", "task.primary.unit=%"]
KINDS = {"sure": "Sure", "seen": "Seen", "fails": "Fails", "nought": "Nought", "unsaid": "Unsaid", "too_few": "TooFew"}
NODES = {name: f"my_metrics.{kind}" for name, kind in {**KINDS, "accuracy": "Sure", "odd-name": "Seen"}.items()}


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    tiny = write_tiny(tmp_path_factory.mktemp("mine") / "data")
    folder = Path(tiny.config_dir)
    (folder / "my_metrics.py").write_text(MORE)
    (folder / "task" / "metric").mkdir(parents=True)
    for place, text in recipe("A metric").files.items():
        (folder / place.removeprefix("mine/")).write_text(text)
    for name, target in NODES.items():
        (folder / "task" / "metric" / f"{name}.yaml").write_text(f"{name}: {{_target_: {target}}}\n")
    yield tiny
    for module in ("my_metrics", "mcc"):
        sys.modules.pop(module, None)


def chosen(*names: str) -> str:
    return f"+task/metric@task.metrics=[{','.join(names)}]"


def trial(mine: Tiny, runs: Path, *overrides: str, task: str = "sentiment", method: str = "architecture=gru") -> Trial:
    steps = [] if method.startswith("baseline") else ["budget.epochs=null", "budget.steps=2"]
    return mine.trial(task, runs, method, *steps, *overrides)


def untrusted(config: Any) -> Any:
    """A config as somebody else's record has it: its classes are nowhere."""
    return json.loads(json.dumps(config).replace("my_metrics.", "nowhere.at_all.").replace("mcc.Matt", "nowhere.Matt"))


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        ([0, 1, 1, 0, 1], [0, 1, 0, 0, 1]),
        ([0, 1, 2, 2, 1, 0], [0, 2, 2, 2, 1, 1]),
        ([0, 0, 1, 1], [1, 1, 0, 0]),
        ([0, 1, 0, 1], [0, 0, 0, 0]),
    ],
)
def test_matthews_on_literals(truth: list[int], predicted: list[int], mine: Tiny) -> None:
    config_directories(mine.config_dir)
    metric = locate({"_target_": "mcc.Matthews"}, "here")()
    found = metric({"probabilities": np.eye(3)[predicted]}, np.array(truth))
    assert found == pytest.approx(matthews_corrcoef(truth, predicted), abs=1e-12)


def test_it_is_primary_audited_shown_and_verified(mine: Tiny, tmp_path: Path) -> None:
    networks = [
        train(trial(mine, tmp_path, "+task/metric@task.metrics=mcc", f"seed={seed}", *PRIMARY)) for seed in range(2)
    ]
    baseline = train(trial(mine, tmp_path, chosen("mcc"), *PRIMARY, method="baseline=majority"))
    records = [*networks, baseline]
    for record in records:
        assert {"mcc"} < record["result"]["metrics"]["validation"].keys() == record["result"]["metrics"]["test"].keys()
        with np.load(tmp_path / record["trial_id"] / "predictions.npz") as kept:
            predicted, right = kept["test/predicted"], kept["test/correct"]
        truth = np.where(right == 1, predicted, 1 - predicted)
        assert record["result"]["primary"]["value"] == pytest.approx(matthews_corrcoef(truth, predicted), abs=1e-12)
        assert record["result"]["primary"]["name"] == "mcc"
    assert baseline["result"]["primary"]["value"] == 0.0
    found = audit(tmp_path)
    assert (found.failures, len(found.records)) == ([], len(records))
    (table,) = make_tables(records)
    assert (table.metric, table.unit, table.direction) == ("mcc", "of 1", "higher")
    assert table.with_unit("mcc") == "mcc, of 1"
    assert "mcc, of 1" in str(sections([table], "Ours"))
    again_ = verify(networks[0], trust=True)
    assert again_ is not None
    assert again_.identical
    (gap,) = [gap for gap in gaps(networks[0], networks[1]) if gap.metric == "test.mcc"]
    assert gap.allowed == pytest.approx(max(0.01 * abs(gap.reported), 3 / 32))
    with pytest.raises(UserError, match="None of it was run"):
        verify(networks[0])


def test_its_scores_serve_the_paired_statistics(mine: Tiny, tmp_path: Path) -> None:
    runs = [
        train(trial(mine, tmp_path, chosen("sure"), *SURE, method=f"architecture={name}")) for name in ("gru", "lstm")
    ]
    read = scores_under(tmp_path)
    for record in runs:
        assert record["result"]["scores_sha256"]
        scores = read(untrusted(record))
        assert scores is not None
        assert scores.mean() == pytest.approx(record["result"]["metrics"]["test"]["sure"], rel=1e-9)
        assert copy_scores(record, tmp_path / record["trial_id"], tmp_path) is not None
    assert audit(tmp_path).failures == []
    assert sample(untrusted(runs)[:1], read).examples == 32


@pytest.mark.parametrize("task", TASKS)
def test_every_task_says_what_is_right(task: str, mine: Tiny, tmp_path: Path) -> None:
    baseline = group_value("task", task, "baselines")[0]
    for method in ("architecture=gru", f"baseline={baseline}"):
        record = train(trial(mine, tmp_path, chosen("seen"), task=task, method=method))
        assert [record["result"]["metrics"][split]["seen"] for split in ("validation", "test")] == [32, 32], method
        assert facts(record["config"]["task"]).unit("seen") == "examples"


def test_channels_that_are_read_apart_are_seen_together(mine: Tiny, tmp_path: Path) -> None:
    record = train(trial(mine, tmp_path, chosen("seen"), "task.channels=independent", task="forecasting"))
    assert record["result"]["examples"]["test"] == 3 * 32
    assert record["result"]["metrics"]["test"]["seen"] == 32


def test_no_id_changes_without_one_and_a_record_is_read_without_its_code(mine: Tiny, tmp_path: Path) -> None:
    plain, one, two = (trial(mine, tmp_path, *more) for more in ([], [chosen("mcc")], [chosen("sure", "mcc")]))
    assert "metrics" not in plain.plain["task"]
    emptied = {**plain.plain, "task": {**plain.plain["task"], "metrics": {}}}
    assert make_trial(emptied).trial_id == plain.trial_id
    assert len({plain.trial_id, one.trial_id, two.trial_id}) == 3
    assert trial(mine, tmp_path, chosen("mcc", "sure")).trial_id == two.trial_id
    assert trial(mine, tmp_path, chosen("sure", "mcc"), "+task.metrics.sure.factor=100.0").trial_id == two.trial_id
    assert trial(mine, tmp_path, chosen("sure", "mcc"), "+task.metrics.sure.factor=1.0").trial_id != two.trial_id
    theirs = untrusted(two.plain)
    assert make_trial(theirs).trial_id == two.trial_id
    metric = facts(theirs["task"]).metric("sure")
    assert metric is not None
    assert (metric.unit, metric.direction, metric.most, metric.score and metric.score.name) == (
        *("%", "higher", 100, "score_sure"),
    )
    assert facts(theirs["task"]).metric("accuracy") == facts(plain.plain["task"]).metric("accuracy")


@pytest.mark.parametrize("more", [[], ["+task.metrics.sure.factor=2.0"]])
def test_hydra_composes_it_alike(more: list[str], mine: Tiny) -> None:
    texts = ["task=classification", chosen("sure", "mcc"), *more]
    theirs = OmegaConf.to_container(compose_node("train", texts, mine.config_dir), resolve=False)
    ours = Composer(mine.config_dir)._plain("train", texts)
    assert theirs["task"] == ours["task"]  # type: ignore[call-overload,index]
    assert list(ours["task"]["metrics"]) == ["sure", "mcc"]


def test_the_command_that_trains_it_again_names_it(mine: Tiny, tmp_path: Path) -> None:
    for method in ("architecture=gru", "baseline=majority"):
        one = trial(mine, tmp_path, chosen("sure", "mcc"), *PRIMARY, "+task.metrics.sure.factor=2.0", method=method)
        found = again(one.trial_id, one.plain, mine.config_dir)
        assert "+task/metric@task.metrics=[sure,mcc]" in found.overrides
        assert found.trial.trial_id == one.trial_id


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ([chosen("accuracy")], "has a metric 'accuracy' already"),
        ([chosen("odd-name")], "cannot name a metric"),
        ([chosen("unsaid")], "does not say what it is: 'direction'"),
        ([chosen("mcc"), "+task.metrics.mcc.weight=3"], "has no option 'weight'"),
        ([chosen("sure"), "+task.metrics.sure.factor=much"], "is of another type"),
        (["+task.metrics.mcc={_target_: mcc.Mathews}"], "Did you mean 'Matthews'"),
        (["+task.metrics.mcc={_target_: fractions.Fraction}"], "something else than a class of the kind"),
        (["+task.metrics.mcc={_target_: collections.OrderedDict}"], "a class whose options cannot be told"),
        (["+task.metrics.mcc=mcc.Matthews"], "is no component"),
        (["+task.metrics=mcc"], "task.metrics"),
        ([*PRIMARY], "has no such metric"),
        ([chosen("mcc"), "task.primary.name=mcc"], "'task.primary.unit' does not fit the metric mcc"),
        ([chosen("mcc"), "task.selection.name=mcc"], "has no such metric"),
    ],
)
def test_what_is_wrong_is_said_before_training(overrides: list[str], says: str, mine: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        train(trial(mine, tmp_path / "runs", *overrides))
    assert says in str(error.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("fails", "The metric 'fails' cannot be computed: ValueError: no such thing."),
        ("too_few", "The scores of the metric 'too_few' are not one finite number an example."),
    ],
)
def test_a_metric_that_fails_is_named(name: str, says: str, mine: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        train(trial(mine, tmp_path, chosen(name)))
    assert says in str(error.value)
    assert f"task.metrics.{name}: my_metrics." in str(error.value)


def test_what_is_no_finite_number_fails_the_trial(mine: Tiny, tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="nought of validation is not finite"):
        train(trial(mine, tmp_path, chosen("nought")))

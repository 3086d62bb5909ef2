"""Overrides become trials, and each mistake becomes one message that says what is allowed."""

from pathlib import Path

import pytest

from unroll.config.compose import compose
from unroll.errors import UserError
from unroll.registry.groups import group_options, group_value, options_where
from unroll.sweeps.suite import plan

MISTAKES = [
    # what was typed, what the message must say
    (["optimizer.learning_rte=1"], ["no key 'learning_rte' in 'optimizer'", "Did you mean 'learning_rate'?"]),
    (["optimiser.name=sgd"], ["no key 'optimiser'", "Did you mean 'optimizer'?"]),
    (["optimzer=adam"], ["Did you mean 'optimizer'?"]),
    (["architecture=lstn"], ["no architecture 'lstn'", "Did you mean 'lstm'?", "bilstm"]),
    (["optimizer.learning_rte=1", "architecture=lstn"], ["no architecture 'lstn'"]),
    (["task=sentimnt"], ["Did you mean 'sentiment'?", "forecasting"]),
    (["optimizer.learning_rate=fast"], ["'optimizer.learning_rate'", "'fast'"]),
    (["optimizer.learning_rate=-1"], ["'optimizer.learning_rate' is out of range", "more than 0"]),
    (["optimizer.learning_rate=nan"], ["out of range"]),
    (["task.strengths.sparse=inf"], ["'task.strengths.sparse'"]),
    (["+data.options.share=nan"], ["'data.options.share' is not a finite number"]),
    (["data.fraction=0"], ["more than 0 and at most 1"]),
    (["data.batch_size=12.5"], ["'data.batch_size'", "12.5"]),
    (["task=forecasting", "task.drop_last=0"], ["'task.drop_last' is out of range"]),
    (["trainer.devices=0"], ["at least 1"]),
    (["architecture.depth=0"], ["'architecture.depth' is out of range", "at least 1"]),
    (["architecture.merge=sm", "architecture.bidirectional=true"], ["no such option", "Did you mean 'sum'?"]),
    (["architecture.biases=3"], ["'architecture.biases' has no such option", "1, 2"]),
    (["architecture.truncate=1.5"], ["'architecture.truncate'", "a whole number at least 1 or null"]),
    (["architecture.encoder.biases=true"], ["'architecture.encoder.biases'"]),
    (["architecture=ae_ksparse", "bottleneck.terms.ksparse.alpha=0.5"], ["terms.ksparse.alpha' is out of range"]),
    (["architecture=ae_sparse", "bottleneck.terms.sparse.kind=kll"], ["Did you mean 'kl'?"]),
    (["architecture=ae_contractive", "bottleneck.terms.contractive.jacobian=closed"], ["closed_form", "hutchinson"]),
    (["task=forecasting", "task.channels=jiont"], ["Did you mean 'joint'?"]),
    (["task=translation", "task.beam=0"], ["'task.beam' is out of range", "at least 1"]),
    (["task=compression", "task.likelihood=bernouli"], ["Did you mean 'bernoulli'?"]),
    (["seed=-1"], ["'seed' is not a seed", "whole number from 0"]),
    (["seed=null"], ["'seed' is not a seed", "null"]),
    (["seed=1.5"], ["'seed' is not a seed"]),
    (["seed=1,2"], ["need a multirun", "the same command -m"]),
    (["+foo=1"], ["no key 'foo'"]),
    (["+optimizer.foo=1"], ["no key 'foo' in 'optimizer'", "weight_decay"]),
    (["+architecture.widht=3"], ["No part of this architecture reads 'widht'", "Did you mean 'width'?"]),
    (["architecture.merge=cat"], ["'architecture.merge'", "concat, sum, mul, average, max"]),
    (["architecture.cell=lstn"], ["'architecture.cell'", "Did you mean 'lstm'?"]),
    (["task=translation", "task.attention=multiplicativ"], ["'task.attention'", "multiplicative"]),
    (["trainer.precision=16"], ["'trainer.precision'", "16-mixed"]),
    (["architecture=_recurrent"], ["has no value yet"]),
    (["budget.steps=10"], ["exactly one", "budget.epochs=null budget.steps=10"]),
    (["budget.epochs=null"], ["exactly one", "none of them"]),
    (["data=mnist"], ["sentiment works on labelled_text", "data=mnist is images", "data=sst2"]),
    (["optimizer.clip_value=1"], ["not by both", "optimizer.clip_norm=null"]),
    (["optimizer.schedule=exponential"], ["has to end above 0", "final_learning_rate=1e-06"]),
    (["optimizer=adagrad", "optimizer.momentum=0.5"], ["optimizer.momentum with adagrad", "optimizer=sgd"]),
    (["optimizer=adagrad", "optimizer.betas=[0.5,0.9]"], ["optimizer.betas with adagrad", "optimizer=adam"]),
    (["task=adding", "optimizer.embedding_weight_decay=0"], ["embedding_weight_decay without word vectors"]),
    (["task=adding", "optimizer.embedding_learning_rate=1"], ["embedding_learning_rate without word vectors"]),
    (["task.loss_per=phrase"], ["'task.loss_per'", "node, sentence"]),
    (["baseline=majority", "architecture=gru"], ["takes a network's place", "architecture=gru"]),
    (["architecture=baseline"], ["no architecture 'baseline'"]),
    (["baseline=gmm"], ["gmm does not serve the task sentiment", "baseline=majority"]),
    (["architecture.name=../up"], ["cannot name a directory"]),
    (["seed=${nowhere}"], ["refers to a value that is not there", "nowhere"]),
    (["~optimizer"], ["'optimizer.name' has no value"]),
    (["trainer="], ["no trainer ''", "cpu"]),
    (["a b=["], ["not written as Hydra reads them"]),
    (["debug=fst"], ["Did you mean 'fast'?"]),
]


@pytest.mark.parametrize(("overrides", "said"), MISTAKES, ids=[" ".join(typed) for typed, _ in MISTAKES])
def test_a_mistake_is_one_message(overrides: list[str], said: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        compose(overrides)
    for words in said:
        assert words in str(caught.value)


def test_defaults_are_a_trial() -> None:
    trial = compose([])
    assert trial.trial_id.startswith("sentiment-rotten_tomatoes_snippets-lstm-s0-")
    assert trial.directory == Path("runs") / trial.trial_id
    assert trial.plain["budget"]["epochs"] == trial.plain["data"]["epochs"]


def test_zero_is_a_seed() -> None:
    assert compose(["seed=0"]).plain["seed"] == 0
    assert compose(["seed=0"]).trial_id != compose(["seed=1"]).trial_id


def test_a_task_brings_its_data_and_an_architecture_its_bottleneck() -> None:
    config = compose(["task=compression", "architecture=ae_variational"]).plain
    assert (config["data"]["kind"], config["bottleneck"]["name"]) == ("images", "variational")
    config = compose(["task=compression", "architecture=ae", "data=mnist", "bottleneck=none"]).plain
    assert (config["data"]["name"], config["bottleneck"]["name"]) == ("mnist", "none")


def test_home_is_expanded() -> None:
    runs = compose(["paths.runs='~/here'"]).plain["paths"]["runs"]
    assert runs == str(Path.home() / "here")


def test_paths_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLL_DATA", "/somewhere")
    assert compose([]).plain["paths"]["data"] == "/somewhere"
    monkeypatch.delenv("UNROLL_DATA")
    assert compose([]).plain["paths"]["data"] is None


def test_numbers_take_their_type() -> None:
    """1 and 1.0 are the same learning rate."""
    assert compose(["optimizer.learning_rate=1"]).trial_id == compose(["optimizer.learning_rate=1.0"]).trial_id


def test_a_users_folder_adds_yaml(tmp_path: Path) -> None:
    (tmp_path / "architecture").mkdir()
    (tmp_path / "architecture" / "wide.yaml").write_text("defaults: [lstm, _self_]\nname: wide\nwidth: 999\n")
    trial = compose(["architecture=wide"], str(tmp_path))
    assert trial.plain["architecture"]["encoder"]["width"] == 999
    with pytest.raises(UserError, match="Did you mean 'wide'"):
        compose(["architecture=widee"], str(tmp_path))
    with pytest.raises(UserError, match="not there"):
        compose([], str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["task=translation", "data.languages=[en]"], r"data\.languages names another number of languages"),
        (["task=translation", "data.languages=[de,en,fr]"], r"e\.g\. data\.languages=\[de,en\]"),
        (["task=sentiment", "data.languages=[]"], r"e\.g\. data\.languages=\[en\]"),
        (["task=translation", "data.languages=[german,en]"], "holds codes"),
    ],
)
def test_text_is_of_languages(overrides: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        compose(overrides)


def test_damaged_yaml_of_a_user_is_named(tmp_path: Path) -> None:
    (tmp_path / "architecture").mkdir()
    (tmp_path / "architecture" / "bad.yaml").write_text("name: [unclosed\n")
    with pytest.raises(UserError, match=r"bad\.yaml"):
        compose(["architecture=bad"], str(tmp_path))


@pytest.mark.parametrize("architecture", group_options("architecture"))
def test_every_shipped_architecture_composes(architecture: str) -> None:
    if architecture != "baseline":
        assert compose([f"architecture={architecture}"]).plain["architecture"]["name"] == architecture


@pytest.mark.parametrize("task", group_options("task"))
def test_every_shipped_data_set_and_baseline_composes_with_its_task(task: str) -> None:
    kind = compose([f"task={task}"]).plain["task"]["kind"]
    for data in options_where("data", "kind", kind):
        assert compose([f"task={task}", f"data={data}"]).plain["data"]["name"] == data
    for baseline in options_where("baseline", "tasks", None, contains=task):
        row = compose([f"task={task}", f"baseline={baseline}"]).row
        assert row == baseline


@pytest.mark.parametrize("group", ["optimizer", "trainer", "logger", "budget", "bottleneck"])
def test_every_other_shipped_option_composes(group: str) -> None:
    for option in group_options(group):
        assert compose([f"{group}={option}"]).trial_id


@pytest.mark.parametrize("experiment", group_options("experiment"))
def test_every_shipped_experiment_composes(experiment: str) -> None:
    assert compose([f"experiment={experiment}"]).trial_id


@pytest.mark.parametrize("suite", group_options("suite"))
def test_every_shipped_suite_says_what_it_is(suite: str) -> None:
    assert group_value("suite", suite, "name") == suite
    assert group_value("suite", suite, "description")


@pytest.mark.parametrize(
    ("overrides", "run"),
    [
        (["suite=quickstart"], "unroll sweep suite=quickstart"),
        (["workers=2"], "unroll train -m hydra/launcher=local hydra.launcher.workers=2 seed=0,1"),
        (["sweep.retries=3"], "unroll sweep suite=quickstart sweep.retries=3"),
    ],
)
def test_a_sweeps_key_is_told_from_a_trials(overrides: list[str], run: str) -> None:
    with pytest.raises(UserError, match="is a key of `unroll sweep`") as error:
        compose(overrides)
    assert error.value.run == run


def test_a_sweep_is_of_one_suite() -> None:
    with pytest.raises(UserError, match="A sweep is of one suite") as error:
        plan(["suite=quickstart,reference", "workers=2"])
    assert error.value.saw == "suite=quickstart,reference"
    error.value.mend(["sweep", "suite=quickstart,reference", "workers=2", "seed=1"])
    assert error.value.run == "unroll sweep workers=2 seed=1 suite=quickstart"

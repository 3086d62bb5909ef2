"""What composing met in users' folders and on command lines: each once went another way than Hydra, or ended badly."""

from pathlib import Path

import pytest

from unroll.config.by_hydra import compose_node, hydra_set_up
from unroll.config.compose import Composer, _plain, compose
from unroll.config.defaults_list import Unusual
from unroll.errors import UserError
from unroll.sweeps.matrix import matrix
from unroll.sweeps.suite import plan


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def as_hydra(folder: Path, *overrides: str) -> None:
    """The config is the one that Hydra composes, and not left to it."""
    ours = Composer(str(folder))._plain("train", overrides)
    with hydra_set_up():
        assert ours == dict(_plain(compose_node("train", overrides, str(folder))))


def test_an_option_in_a_folder_of_its_group_has_the_groups_place(tmp_path: Path) -> None:
    write(tmp_path, "optimizer/x/fast.yaml", "name: adam\nlearning_rate: 0.5\n")
    write(
        tmp_path,
        "architecture/mine/up.yaml",
        "defaults: [/architecture/lstm@_global_.architecture, _self_]\ndepth: 2\n",
    )
    write(tmp_path, "experiment/s1.yaml", "# @package _global_\nseed: 4\n")
    write(tmp_path, "experiment/sub/s1.yaml", "# @package _global_\nseed: 5\n")
    write(tmp_path, "experiment/sub/s2.yaml", "# @package _global_\ndefaults: [s1, _self_]\n")
    as_hydra(tmp_path, "optimizer=x/fast", "architecture=mine/up")
    as_hydra(tmp_path, "experiment=sub/s2")
    assert compose(["optimizer=x/fast", "architecture=mine/up"], str(tmp_path)).config.network.optimizer.name == "adam"


def test_of_several_experiments_the_last_one_overrides(tmp_path: Path) -> None:
    write(tmp_path, "experiment/a.yaml", "# @package _global_\ndefaults: [{override /architecture: gru}]\nseed: 1\n")
    write(tmp_path, "experiment/b.yaml", "# @package _global_\ndefaults: [{override /architecture: rnn}]\nseed: 2\n")
    as_hydra(tmp_path, "experiment=[a,b]")
    assert compose(["experiment=[a,b]"], str(tmp_path)).row == "rnn"


@pytest.mark.parametrize("seed", ["${seed}", "${ seed }", "${oc.select:seed}", "a${..seed}"])
def test_a_seed_that_is_passed_on_follows_the_seed(seed: str, tmp_path: Path) -> None:
    word = seed if seed.startswith("a") else f"a{seed}"
    write(tmp_path, "experiment/e.yaml", f"# @package _global_\npaths:\n  runs: '{word}'\n")
    composer = Composer(str(tmp_path))
    found = [composer.trial(["experiment=e", f"seed={number}"]).config.paths.runs for number in (3, 5)]
    assert found == ["a3", "a5"]


@pytest.mark.parametrize("text", ["hydra=3", "hydrant=1"])
def test_what_only_begins_as_hydras_part_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        compose([text])
    with pytest.raises(UserError):
        plan(["suite=quickstart", text])


def test_a_suites_trials_have_no_options_of_hydras(tmp_path: Path) -> None:
    write(tmp_path, "suite/odd.yaml", "name: odd\noverrides: [hydra/launcher=joblib]\ngrid: {task: [adding]}\n")
    with pytest.raises(UserError, match="no options of Hydra's"):
        plan(["suite=odd"], str(tmp_path))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["+bottleneck.terms.x.beta=1"], "bottleneck.terms.x names no component"),
        (["+bottleneck/term@bottleneck.terms.v=variational"], "names no component"),
        (["task=compression", "baseline=pca", "~baseline._target_"], "baseline names no component"),
        (["task=compression", "baseline=pca", "baseline.tasks=null"], "does not serve"),
        (["task=compression", "baseline=pca", "baseline.components=[]"], "at least 1 of a whole number"),
        (["task=compression", "baseline=pca", "baseline.rate=-1"], "'baseline.rate' is out of range"),
        (["task=forecasting", "baseline=seasonal", "baseline.period=0"], "'baseline.period' is out of range"),
        (["optimizer.betas=[0.1]"], "a list of 2 of a number at least 0"),
        (["optimizer.supervised=null"], "allowed: a mapping"),
        (["task.primary=null"], "allowed: a mapping"),
        (["task=forecasting", "data=mnist_5k"], "works on series"),
        (["seed=٣"], "seed"),
        (["architecture=tree_lstm", "architecture.cell=lstm"], "No part of this architecture reads 'cell'"),
        (["architecture=vecavg", "architecture.shape=3"], "No part of this architecture reads 'shape'"),
    ],
)
def test_a_mistake_is_one_clear_message(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        compose(overrides)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["defaults:\n", "defaults: lstm\n", "defaults: [[lstm]]\n", "defaults: [odd]\n", "name: a\nname: b\n", "[1, 2]\n"],
)
def test_a_defaults_list_that_is_none_is_told(content: str, tmp_path: Path) -> None:
    write(tmp_path, "architecture/odd.yaml", content)
    with pytest.raises(UserError):
        compose(["architecture=odd"], str(tmp_path))
    compose(["architecture=gru"], str(tmp_path))


def test_a_key_that_stands_twice_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, "data/x.yaml", "name: x\nkind: series\nname: y\n")
    with pytest.raises(UserError) as caught:
        plan(["suite=quickstart", "data=x"], str(tmp_path))
    assert "x.yaml" in str(caught.value)
    assert "line 3" in str(caught.value)


@pytest.mark.parametrize("text", ["suite.foo=1", "sweep.foo=1"])
def test_a_misspelt_key_of_a_sweep_is_told(text: str) -> None:
    with pytest.raises(UserError):
        plan(["suite=quickstart", text])


@pytest.mark.parametrize("text", ["taskk=3", "optimizer.lr=1", "seed=0,1"])
def test_a_mistake_of_all_cells_is_no_matrix(text: str) -> None:
    with pytest.raises(UserError):
        matrix([text])


def test_what_hydra_reads_alone_is_left_to_it(tmp_path: Path) -> None:
    write(tmp_path, "architecture/old.yaml", "# @package _group_\nname: old\n")
    with pytest.raises(Unusual):
        Composer(str(tmp_path))._plain("train", ["architecture=old"])


def test_a_debugged_baseline_is_not_to_be_reported() -> None:
    assert not compose(["debug=fast", "task=compression", "baseline=png"]).config.trainer.reportable

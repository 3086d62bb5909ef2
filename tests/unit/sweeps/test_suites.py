"""A suite's YAML becomes its list of trials."""

from pathlib import Path

import pytest

from unroll.errors import UserError
from unroll.sweeps.suite import plan


@pytest.fixture
def conf(tmp_path: Path) -> str:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "two.yaml").write_text(
        "name: two\noverrides: [budget=quickstart, architecture.width=8]\n"
        "grid: {task: [compression, generation], architecture: [mlp], seed: [0, 1]}\n"
        "when: {task=generation: [budget.steps=7]}\nbaselines: true\n"
    )
    (tmp_path / "suite" / "parts.yaml").write_text(
        "name: parts\noverrides: [budget=quickstart]\ngrid: {seed: [0, 1]}\nparts:\n"
        "  deep: {grid: {task: [sentiment], architecture: [gru]}, overrides: [architecture.depth=2]}\n"
        "  wide:\n    grid: {task: [compression], architecture: [mlp, ae], seed: [5]}\n"
        "    when: {architecture=ae: [budget.steps=7]}\n"
        "baselines: false\n"
    )
    (tmp_path / "suite" / "odd.yaml").write_text("name: odd\ngrid: {task: [compression]}\nwhen: {tsk=a: []}\n")
    return str(tmp_path)


def test_networks_are_crossed_and_baselines_follow(conf: str) -> None:
    trials = plan(["suite=two"], conf).trials
    assert [(item.trial.plain["task"]["name"], item.trial.row, item.trial.plain["seed"]) for item in trials] == [
        ("compression", "mlp", 0),
        ("compression", "mlp", 1),
        ("generation", "mlp", 0),
        ("generation", "mlp", 1),
        ("compression", "mean_image", 0),
        ("compression", "pca", 0),
        ("compression", "png", 0),
        ("generation", "independent_pixels", 0),
        ("generation", "gmm", 0),
        ("generation", "real_images", 0),
        ("generation", "independent_pixels", 1),
        ("generation", "gmm", 1),
        ("generation", "real_images", 1),
    ]


def test_parts_are_crossed_each_by_itself_and_share_what_the_suite_says(conf: str) -> None:
    trials = [item.trial for item in plan(["suite=parts"], conf).trials]
    assert [(trial.plain["task"]["name"], trial.row, trial.plain["seed"]) for trial in trials] == [
        ("sentiment", "gru", 0),
        ("sentiment", "gru", 1),
        ("compression", "mlp", 5),
        ("compression", "ae", 5),
    ]
    assert [trial.plain["architecture"]["depth"] for trial in trials] == [2, 2, 1, 1]
    assert [trial.plain["budget"]["steps"] for trial in trials] == [130, 130, 200, 7]


def test_other_architectures_stand_beside_at_fewer_seeds(conf: str) -> None:
    (path,) = Path(conf).glob("suite/parts.yaml")
    more = path.read_text().replace("name: parts", "name: more\nbeside: {architecture: [lstm, mlp], seed: [0]}")
    path.with_stem("more").write_text(more)
    alone, beside = (
        {
            (item.trial.plain["task"]["name"], item.trial.row, item.trial.plain["seed"])
            for item in plan([words], conf).trials
        }
        for words in ("suite=parts", "suite=more")
    )
    assert alone < beside
    rows = {(task, row, 0) for task in ("sentiment", "compression") for row in ("lstm", "mlp")}
    assert beside - alone == rows


def test_overrides_of_one_choice_reach_its_trials_only(conf: str) -> None:
    networks = plan(["suite=two"], conf).trials[:4]
    assert {item.trial.plain["task"]["name"]: item.trial.plain["budget"]["steps"] for item in networks} == {
        "compression": networks[0].trial.plain["task"]["quickstart_steps"],
        "generation": 7,
    }


def test_what_is_typed_wins_over_the_suite(conf: str) -> None:
    trials = plan(["suite=two", "budget.steps=3", "seed=4,5", "task=generation"], conf).trials
    networks = [item.trial.plain for item in trials if item.trial.row == "mlp"]
    assert [(config["seed"], config["budget"]["steps"]) for config in networks] == [(4, 3), (5, 3)]


def test_several_values_of_another_key_are_crossed_too(conf: str) -> None:
    trials = plan(["suite=two", "task=compression", "seed=0", "optimizer.learning_rate=0.1,0.2"], conf).trials
    rates = [item.trial.plain["optimizer"]["learning_rate"] for item in trials if item.trial.row == "mlp"]
    assert rates == [0.1, 0.2]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], ["Which suite?", "suite=quickstart"]),
        (["suite=quickstrat"], ["Did you mean 'quickstart'?"]),
        (["suite=two", "workers=0"], ["'workers' is out of range"]),
        (["suite=two", "workers=many"], ["'workers'"]),
        (["suite=odd"], ["Did you mean 'task'?"]),
        (["suite=two", "suite.gird=3"], ["no key 'gird' in 'suite'", "Did you mean 'grid'?"]),
        (["suite=two", "architecture=lstn"], ["Did you mean 'lstm'?"]),
        (["suite=two", "optimizer.learning_rte=1"], ["Did you mean 'learning_rate'?"]),
    ],
)
def test_mistakes(conf: str, overrides: list[str], said: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        plan(overrides, conf)
    for words in said:
        assert words in str(caught.value)


def test_a_misspelt_key_of_a_part_is_named(tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "odd.yaml").write_text("name: odd\nparts: {one: {gird: {task: [adding]}}}\n")
    with pytest.raises(UserError, match=r"no key 'gird' in 'suite.parts.one'.*grid"):
        plan(["suite=odd"], str(tmp_path))


def test_the_matrix_crosses_every_architecture_that_ships() -> None:
    trials = [item.trial for item in plan(["suite=matrix"]).trials]
    networks = {trial.row for trial in trials if not trial.is_baseline}
    conf = Path(__file__).resolve().parents[3] / "conf" / "architecture"
    assert networks == {path.stem for path in conf.glob("[!_]*.yaml")}


OWN = """
import numpy as np


class Guess:
    def fit(self, data):
        pass

    def predict(self, split):
        return {"reconstruction": np.zeros_like(split.pixels)}
"""


@pytest.fixture
def guess(conf: str) -> str:
    """The folder with a baseline of its own for compression."""
    folder = Path(conf)
    (folder / "guesses.py").write_text(OWN)
    (folder / "baseline").mkdir()
    text = "name: guess\ntasks: [compression, copying]\nseeded: false\n_target_: guesses.Guess\n"
    (folder / "baseline" / "guess.yaml").write_text(text)
    return conf


def rows(overrides: list[str], conf: str) -> list[tuple[str, str]]:
    trials = [item.trial for item in plan(overrides, conf).trials]
    return [(trial.plain["task"]["name"], trial.row) for trial in trials if trial.is_baseline]


def test_a_baseline_of_ones_own_joins_the_tasks_that_it_serves(guess: str) -> None:
    shipped = [("compression", name) for name in ("mean_image", "pca", "png")]
    shipped += [("generation", name) for name in ("independent_pixels", "gmm", "real_images") * 2]
    assert rows(["suite=two"], guess) == shipped
    assert rows(["suite=two", "suite.baselines=[guess]"], guess) == [
        *shipped[:3],
        ("compression", "guess"),
        *shipped[3:],
    ]
    assert rows(["suite=two", "suite.baselines=[pca]"], guess) == shipped
    assert rows(["suite=two", "suite.baselines=false"], guess) == []


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("[gues]", "Did you mean 'guess'"),
        ("[seasonal]", "serves no task of this suite"),
        ("guess", "suite.baselines"),
        ("[3]", "no baseline '3'"),
    ],
)
def test_a_baseline_that_joins_nothing_is_refused(chosen: str, said: str, guess: str) -> None:
    with pytest.raises(UserError) as error:
        plan(["suite=two", f"suite.baselines={chosen}"], guess)
    assert said in str(error.value)

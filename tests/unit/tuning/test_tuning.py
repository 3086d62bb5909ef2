"""Studies: what they ask for, that all try as much, and that they go on where they stopped."""

import copy
import functools
import json
import operator
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from stub_records import distance, write_failed, write_finished

from unroll.config.compose import compose
from unroll.config.identity import is_baseline
from unroll.config.planned import Planned
from unroll.config.search_space import Space, read_space
from unroll.config.trial import Trial, make_trial
from unroll.errors import UserError
from unroll.records.state import state
from unroll.tuning.search import TriedPoint, Tuned, finals, suggest_point, tune
from unroll.tuning.study import Study, TuningOptions, make_studies
from unroll.tuning.summary import summarise, table, unequal

SPACE = {"optimizer.learning_rate": "tag(log, interval(1e-5, 1))", "architecture.width": "choice(16,32,64,128)"}
Write = Callable[[Trial], None]


@functools.cache
def composed(architecture: str) -> Trial:
    method = [f"architecture={architecture}", "budget=quickstart"] if architecture else ["baseline=pca"]
    return compose(["task=compression", *method])


def quick(overrides: Sequence[str]) -> Trial:
    """Compose a trial of an architecture by setting keys of one composed before."""
    given = dict(text.split("=", 1) for text in overrides)
    config = copy.deepcopy(composed(given.pop("architecture", "")).plain)
    for key, text in given.items():
        *path, last = key.split(".")
        node = functools.reduce(operator.getitem, path, config)
        passed_on = [config["architecture"][part] for part in ("encoder", "decoder") if path == ["architecture"]]
        for each in [node, *(part for part in passed_on if last in part)]:
            if not isinstance(each.get(last), dict):
                each[last] = yaml.safe_load(text)
    return make_trial(config)


def suite(runs: Path, architectures: Sequence[str] = ("mlp", "lstm"), seeds: Sequence[int] = (3, 4)) -> list[Planned]:
    shared = ["task=compression", "budget=quickstart", f"paths.runs={runs}"]
    found = [
        (*shared, "architecture.width=8", f"architecture={name}", f"seed={seed}")
        for name in architectures
        for seed in seeds
    ]
    return [Planned(quick(given), given) for given in [*found, ("task=compression", shared[-1], "baseline=pca")]]


def studies(planned: Sequence[Planned], options: TuningOptions, space: dict[str, str] | None = None) -> list[Study]:
    return make_studies(planned, read_space(space or SPACE), options, quick)


class Trainer:
    """Trains by writing records; dies when it is about to train more than `lives` trials."""

    def __init__(self, write: Write = write_finished, lives: int | None = None):
        self.write, self.lives = write, lives
        self.batches: list[list[str]] = []

    @property
    def trained(self) -> list[str]:
        return [trial_id for batch in self.batches for trial_id in batch]

    def __call__(self, planned: Sequence[Planned], line: str) -> bool:
        self.batches.append([])
        for item in planned:
            if state(item.trial) == "missing":
                if self.lives is not None and len(self.trained) >= self.lives:
                    raise KeyboardInterrupt
                self.write(item.trial)
                self.batches[-1].append(item.trial.trial_id)
        return True


def run(
    runs: Path, options: TuningOptions, trainer: Trainer, architectures: Sequence[str] = ("mlp", "lstm")
) -> list[Tuned]:
    planned = suite(runs, architectures)
    baselines = [item for item in planned if is_baseline(item.trial.plain)]
    seen: list[int] = []
    tuned = tune(
        studies(planned, options),
        baselines,
        options,
        runs / "optuna",
        quick,
        trainer,
        lambda so_far: seen.append(len(so_far[0].points)),
    )
    assert seen == sorted(seen)
    return tuned


def values(tuned: Sequence[Tuned]) -> list[list[dict[str, str]]]:
    return [[point.values for point in one.points] for one in tuned]


def history(study: Study, count: int, value: Callable[[int], float | None]) -> list[TriedPoint]:
    """Points on a line through the space, as if they were trained."""
    found = []
    for number in range(count):
        at = {"optimizer.learning_rate": repr(10.0 ** (-5 + number / 4)), "architecture.width": "64"}
        status = "failed" if value(number) is None else "finished"
        found.append(TriedPoint(number, at, Planned(study.example, ()), status, value(number)))
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return studies(suite(tmp_path_factory.mktemp("runs")), TuningOptions(20))[0]


def test_a_study_is_the_trials_that_differ_by_seed_and_space(tmp_path: Path) -> None:
    found = studies(suite(tmp_path), TuningOptions(5))
    assert [one.example.row for one in found] == ["mlp", "lstm"]
    assert {one.seeds for one in found} == {(3, 4)}
    assert {one.tuning_seed for one in found} == {3}
    assert not any(text.startswith(("seed=", "architecture.width=")) for one in found for text in one.overrides)


def test_the_name_holds_all_that_decides_the_points(tmp_path: Path) -> None:
    planned = suite(tmp_path, ["mlp"])
    (plain,) = studies(planned, TuningOptions(5))
    for same in (TuningOptions(7), TuningOptions(5, parallel=1), TuningOptions(5, final_seeds=False)):
        assert studies(planned, same)[0].name == plain.name
    others = [
        TuningOptions(5, seed=1),
        TuningOptions(5, sampler="random"),
        TuningOptions(5, tuning_seed=9),
        TuningOptions(5, random_points=2),
    ]
    names = {plain.name, *(studies(planned, one)[0].name for one in others)}
    names.add(studies(planned, TuningOptions(5), {**SPACE, "architecture.width": "choice(16,32)"})[0].name)
    assert len(names) == 6


def test_suggestions_are_a_function_of_what_is_known(study: Study) -> None:
    options, known = TuningOptions(20, random_points=4), history(study, 12, lambda number: float(number))
    first = suggest_point(study, options, known)
    assert first == suggest_point(study, options, known)
    assert first != suggest_point(study, options, history(study, 12, lambda number: -float(number)))
    assert first != suggest_point(study, replace(options, seed=1), known)
    assert first != suggest_point(replace(study, name="other"), options, known)
    assert first != suggest_point(study, options, known[:11])


def test_open_points_count_and_random_ignores_outcomes(study: Study) -> None:
    known = history(study, 12, lambda number: float(number))
    opened = [*known[:-1], replace(known[-1], status="open", value=None)]
    random = TuningOptions(20, sampler="random")
    assert suggest_point(study, random, known) == suggest_point(study, random, opened)
    assert suggest_point(study, TuningOptions(20, random_points=4), opened)["architecture.width"] in (
        "16",
        "32",
        "64",
        "128",
    )


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_the_sampler_goes_where_validation_is_better(study: Study, better: str) -> None:
    """Of learning rates from 1e-5 to 1, small ones are better under one direction, large ones under the other."""
    towards = replace(study, metric={"name": "mse", "direction": better})
    known = history(study, 20, lambda number: float(number))
    rates = [
        float(suggest_point(towards, TuningOptions(99, random_points=4, seed=seed), known)["optimizer.learning_rate"])
        for seed in range(12)
    ]
    low = sum(rate < 3e-3 for rate in rates)
    assert low >= 9 if better == "lower" else low <= 3


@pytest.mark.parametrize(("better", "best"), [("lower", 1), ("higher", 3)])
def test_the_best_point_is_by_direction_and_the_earlier_of_equals(study: Study, better: str, best: int) -> None:
    outcomes = [2.0, 1.0, None, 3.0, 1.0, 3.0]
    points = history(study, 6, lambda number: outcomes[number])
    found = Tuned(replace(study, metric={"name": "mse", "direction": better}), points).best
    assert found is not None
    assert found.number == best


def test_no_point_comes_twice_and_a_finite_space_is_exhausted(tmp_path: Path) -> None:
    space = {"architecture.width": "choice(16,32,64)", "architecture.depth": "range(1,5)"}
    (study,) = studies(suite(tmp_path, ["lstm"]), TuningOptions(12), space)
    known: list[TriedPoint] = []
    for number in range(12):
        at = suggest_point(study, TuningOptions(12, random_points=3), known)
        known.append(TriedPoint(number, at, Planned(study.example, ()), "finished", 1.0))
    assert len({tuple(point.values.items()) for point in known}) == 12


def test_every_study_tries_as_many_points(tmp_path: Path) -> None:
    trainer = Trainer()
    tuned = run(tmp_path, TuningOptions(5, parallel=2), trainer)
    assert [len(one.points) for one in tuned] == [5, 5]
    assert [len(batch) for batch in trainer.batches] == [2 + 2 + 1, 4, 2], "baselines once, with the first points"
    trained = trainer.trained
    assert len(trained) == len(set(trained))
    summary = summarise(tuned, TuningOptions(5), [], [])
    assert {name: (one["points"], one["seconds"]) for name, one in summary["effort"].items()} == {
        "mlp": (5, 10.0),
        "lstm": (5, 10.0),
    }
    assert unequal(summary) is None


def test_the_best_on_validation_is_found_though_test_says_otherwise(tmp_path: Path) -> None:
    options = TuningOptions(12, parallel=3, random_points=5)
    tuned = run(tmp_path, options, Trainer(), ["mlp"])
    (one,) = tuned
    assert one.best is not None
    trials = [point.planned.trial for point in one.points]
    assert one.best.planned.trial == min(trials, key=distance)
    chosen = finals(tuned, options, quick)
    assert [item.trial.plain["seed"] for item in chosen[0]] == [3, 4]
    assert chosen[0][0].trial.trial_id == one.best.planned.trial.trial_id, "the tuning seed is not trained again"
    assert [len(found) for found in finals(tuned, TuningOptions(12, final_seeds=False), quick)] == [1]


@pytest.mark.parametrize("lives", [0, 1, 4, 7, 11])
def test_a_tuning_that_was_killed_tries_the_points_of_one_that_was_not(tmp_path: Path, lives: int) -> None:
    options = TuningOptions(7, parallel=2, random_points=3)
    whole = run(tmp_path / "whole", options, Trainer())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", options, Trainer(lives=lives))
    again = Trainer()
    resumed = run(tmp_path / "killed", options, again)
    assert values(resumed) == values(whole)
    assert len(again.trained) == 15 - lives, "what has a record is told, not trained"


def test_more_trials_go_on_from_fewer(tmp_path: Path) -> None:
    run(tmp_path / "short", TuningOptions(4, parallel=2, random_points=3), Trainer())
    more = TuningOptions(8, parallel=2, random_points=3)
    assert values(run(tmp_path / "short", more, Trainer())) == values(run(tmp_path / "long", more, Trainer()))


def test_a_point_that_another_sweep_has_put_there_is_taken(tmp_path: Path) -> None:
    (study,) = studies(suite(tmp_path, ["mlp"]), TuningOptions(2))
    folder = tmp_path / "optuna" / study.name
    folder.mkdir(parents=True)
    at = {"optimizer.learning_rate": "0.5", "architecture.width": "16"}
    (folder / "point-0001.json").write_text(json.dumps({"number": 1, "values": at}))
    assert values(run(tmp_path, TuningOptions(2), Trainer(), ["mlp"]))[0][1] == at
    (folder / "point-0001.json").write_text('{"number": 1, "val')
    with pytest.raises(UserError, match=r"rm .*point-0001\.json"):
        run(tmp_path, TuningOptions(2), Trainer(), ["mlp"])


def test_a_point_that_fails_costs_itself_only(tmp_path: Path) -> None:
    def fragile(trial: Trial) -> None:
        large = not trial.is_baseline and trial.config.network.optimizer.learning_rate > 0.001
        write_failed(trial) if large else write_finished(trial)

    options = TuningOptions(10, parallel=5)
    tuned = run(tmp_path, options, Trainer(fragile), ["mlp"])
    failed = [point for point in tuned[0].points if point.status == "failed"]
    assert 0 < len(failed) < 10
    assert all(float(point.values["optimizer.learning_rate"]) > 0.001 for point in failed)
    assert tuned[0].best is not None
    assert tuned[0].best.status == "finished"
    summary = summarise(tuned, options, [], [])
    assert summary["effort"]["mlp"]["failed"] == len(failed)
    lines = list(table(summary))
    assert max(map(len, lines)) <= 80
    assert [line.strip().partition("=")[0] for line in lines if "=" in line] == list(tuned[0].best.values)
    assert summary["studies"][0]["tried"] == 10


def test_a_study_without_a_value_has_no_best_point(tmp_path: Path) -> None:
    options = TuningOptions(2)
    tuned = run(tmp_path / "failed", options, Trainer(write_failed), ["mlp"])
    assert tuned[0].best is None
    assert finals(tuned, options, quick) == [[]]
    summary = summarise(tuned, options, [[]], [])
    assert summary["studies"][0]["best"] is None
    head, name, numbers, said, *_ = table(summary)
    assert head.split() == ["validation", "test", "points", "failed", "seconds"]
    assert (name, said) == ("mlp on compression (mnist_5k)", "    no point has a value")
    assert numbers.split()[:4] == ["-", "-", "2", "2"]
    no_value = Trainer(lambda trial: write_finished(trial, lambda _: None))
    assert run(tmp_path / "none", options, no_value, ["mlp"])[0].best is None


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (
            {"architecture.merge": "choice(concat,sum,mul,max,average)"},
            ["mlp has no 'architecture.merge'", "skip_absent=true", ".width"],
        ),
        ({"optimizer.learning_rte": "interval(0.1,1)"}, ["Did you mean 'optimizer.learning_rate'?"]),
        ({"architecture.width": "interval(16,64)"}, ["a whole number at least 1", "int(interval(...))"]),
        ({"architecture.width": "int(interval(0,64))"}, ["out of range", "architecture.width=0"]),
        (
            {"optimizer.name": "choice(adam,sdg)", "optimizer.weight_decay": "interval(0.0,0.9)"},
            ["names no optimizer", "Did you mean 'sgd'?"],
        ),
        ({"trainer.threads": "int(interval(1,64))"}, ["does not change a trial's result"]),
        ({"seed": "range(0,99)"}, ["cannot be tuned"]),
        ({"task.rate": "interval(0.1,1)"}, ["cannot be tuned"]),
        ({"architecture.width": "choice(16,32)"}, ["fewer points", "at most 2 trials"]),
    ],
)
def test_mistakes_are_told_before_training(tmp_path: Path, space: dict[str, str], said: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        make_studies(suite(tmp_path, ["mlp"], [3]), read_space(space), TuningOptions(5), compose)
    for words in said:
        assert words in str(caught.value)


def test_absent_keys_can_be_left_out(tmp_path: Path) -> None:
    options = TuningOptions(5, skip_absent=True)
    space = {"architecture.merge": "choice(concat,sum,mul)", "architecture.width": "choice(16,32)"}
    lstm, mlp = studies(suite(tmp_path, ["lstm", "mlp"]), options, space)
    assert (lstm.absent, mlp.absent) == ((), ("architecture.merge",))
    assert (lstm.trials, mlp.trials) == (5, 2)
    tuned = [Tuned(lstm, history(lstm, 5, lambda number: None)), Tuned(mlp, history(mlp, 2, lambda number: None))]
    assert unequal(summarise(tuned, options, [], [])) == "Effort differs: studies tried from 2 to 5 points."


@pytest.mark.parametrize(
    "wrong", [{"sampler": "tpr"}, {"trials": 0}, {"parallel": 0}, {"random_points": True}, {"tuning_seed": -1}]
)
def test_options_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        make_studies([], Space(()), TuningOptions(**{"trials": 5, **wrong}), compose)


def test_without_optuna_it_says_what_to_install(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"unroll-bench\[optuna\]"):
        suggest_point(study, TuningOptions(5), [])


def test_suggesting_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from unroll.config.compose import compose\n"
        "from unroll.config.search_space import read_space\n"
        "from unroll.tuning.study import TuningOptions, make_studies\n"
        "from unroll.config.planned import Planned\n"
        "from unroll.tuning.search import suggest_point\n"
        "from unroll.tuning import summary\n"
        "made = ['task=compression', 'architecture=mlp']\n"
        f"space = read_space({SPACE!r})\n"
        "one, = make_studies([Planned(compose(made), tuple(made))], space, TuningOptions(3), compose)\n"
        "print(suggest_point(one, TuningOptions(3), []))\n"
        "assert not {'torch', 'pytorch_lightning'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "optimizer.learning_rate" in done.stdout

"""Half a budget on literals: what is halved, what stays, what has no half, and whose half a trial is."""

from typing import Any

import pytest

from unroll.config.compose import Composer, compose
from unroll.config.half import half_of, half_planned, halved, is_half
from unroll.config.overrides import refuse_repeated
from unroll.config.planned import Planned
from unroll.errors import UserError

GRU = ["task=sentiment", "architecture=gru"]
PRETRAINED = ["task=sentiment", "architecture=ae", "task.protocol=pretrain", "task.reconstruction_weight=1"]
PRETRAINED += ["budget.epochs=null"]


def config(*overrides: str) -> dict[str, Any]:
    return compose([*GRU, *overrides]).plain


@pytest.mark.parametrize(
    ("overrides", "changes"),
    [
        (["budget.epochs=4"], {"budget.epochs": 2.0}),
        (["budget.epochs=3"], {"budget.epochs": 1.5}),
        (["budget.epochs=0.5"], {"budget.epochs": 0.25}),
        (["budget.epochs=null", "budget.steps=6"], {"budget.steps": 3}),
        (["budget.epochs=null", "budget.steps=5"], {"budget.steps": 2}),
        (["budget.epochs=null", "budget.steps=2"], {"budget.steps": 1}),
        (["budget.epochs=null", "budget.seconds=9", "optimizer.schedule=constant"], {"budget.seconds": 4.5}),
        (["budget.epochs=null", "budget.flops=1e12"], {"budget.flops": 5e11}),
        (["budget=quickstart"], {"budget.steps": 65}),
        (
            ["budget.epochs=4", "optimizer.warmup_steps=25"],
            {"budget.epochs": 2.0, "optimizer.warmup_steps": 12},
        ),
        (["budget.epochs=4", "budget.patience=3", "budget.validate_every=0.5"], {"budget.epochs": 2.0}),
        (["budget.epochs=4", "budget.parameters=20000"], {"budget.epochs": 2.0}),
    ],
)
def test_the_limit_is_halved_and_what_else_counts_steps(overrides: list[str], changes: dict[str, Any]) -> None:
    assert halved(config(*overrides)) == {**changes, "budget.name": "half"}


def test_two_phases_are_both_halved() -> None:
    given = ["budget.steps=101", "task.pretrain_steps=41"]
    supervised = "optimizer.supervised.warmup_steps=7"
    assert halved(compose([*PRETRAINED, *given, supervised]).plain) == {
        "budget.steps": 50,
        "task.pretrain_steps": 20,
        "optimizer.supervised.warmup_steps": 3,
        "budget.name": "half",
    }


@pytest.mark.parametrize(
    ("steps", "first", "seen"),
    [
        (1, None, "budget.steps=1"),
        (9, 1, "budget.steps=9 task.pretrain_steps=1"),
        (3, 2, "budget.steps=3 task.pretrain_steps=2"),
    ],
)
def test_what_has_no_half_says_so(steps: int, first: int | None, seen: str) -> None:
    plain = compose([*PRETRAINED, "budget.steps=10"]).plain
    plain = {**plain, "budget": {**plain["budget"], "steps": steps}, "task": {**plain["task"], "pretrain_steps": first}}
    with pytest.raises(UserError, match="This budget has no half") as error:
        halved(plain)
    assert error.value.saw == seen
    assert half_of(plain) is None


@pytest.mark.parametrize(
    ("whole", "half"),
    [
        (["budget.epochs=3"], ["budget.epochs=1.5"]),
        (["budget=quickstart"], ["budget.epochs=null", "budget.steps=65", "budget.validate_every=null"]),
        (["budget.epochs=4", "optimizer.warmup_steps=25"], ["budget.epochs=2", "optimizer.warmup_steps=12"]),
    ],
)
def test_the_half_is_found_by_config_whatever_its_budget_is_called(whole: list[str], half: list[str]) -> None:
    found = half_of(config(*whole))
    assert found is not None
    assert found.trial_id == compose([*GRU, *half]).trial_id
    assert found.plain["seed"] == config(*whole)["seed"]


def test_the_rest_of_a_config_tells_halves_apart() -> None:
    halves = [half_of(config(*more)) for more in ([], ["seed=1"], ["optimizer.learning_rate=0.5"], ["budget.epochs=7"])]
    assert len({half.trial_id for half in halves if half is not None}) == 4


def test_the_config_that_is_halved_stays_as_it_is() -> None:
    plain = config("budget.epochs=3", "optimizer.warmup_steps=4")
    half_of(plain)
    assert (plain["budget"]["epochs"], plain["budget"]["name"]) == (3.0, "default")
    assert plain["optimizer"]["warmup_steps"] == 4


def test_a_baseline_and_unknown_code_have_no_half() -> None:
    assert half_of(compose(["task=sentiment", "baseline=majority"]).plain) is None
    plain = config()
    encoder = {**plain["architecture"]["encoder"], "_target_": "no.such.Class"}
    assert half_of({**plain, "architecture": {**plain["architecture"], "encoder": encoder}}) is None


def test_the_overrides_of_a_half_make_it_by_themselves() -> None:
    make = Composer().trial
    texts = (*GRU, "budget.epochs=null", "budget.steps=9", "seed=3")
    half = half_planned(Planned(make(texts), texts), make)
    assert half.overrides == (*GRU, "budget.epochs=null", "seed=3", "budget.steps=4", "budget.name=half")
    refuse_repeated(half.overrides)
    assert compose(half.overrides).trial_id == half.trial.trial_id
    assert is_half(half.trial.plain)
    assert not is_half(make(texts).plain)

"""Configs that Unroll composes are those that Hydra composes: over random choices of groups and values."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.config.by_hydra import compose_node, hydra_set_up
from unroll.config.compose import Composer, _plain
from unroll.config.defaults_list import Unusual
from unroll.config.interpolation import _by_omegaconf, resolved
from unroll.registry.groups import conf_directory, group_options
from unroll.registry.yaml_files import yaml_file

COMPOSER = Composer()
GROUPS = ("task", "data", "architecture", "baseline", "bottleneck", "budget", "optimizer", "trainer", "logger")
TERMS = group_options("bottleneck/term")
VALUES = (
    "seed=3",
    "architecture.width=17",
    "architecture.anything=1",
    "++architecture.encoder.width=5",
    "optimizer.betas=[0.5,0.6]",
    "optimizer={momentum: 0.5}",
    "optimizer.supervised={momentum: 0.5, schedule: linear}",
    "~optimizer.clip_norm",
    "+bottleneck.terms={}",
    "data.options.new={a: [1, {b: null}]}",
    "data.max_length=null",
    "data.name='a, b'",
    "budget.steps=${data.batch_size}",
    "budget.seconds=1e3",
    "task.dropout=.5",
    "task.width=${seed}",
    "task.primary.name=a_${seed}_b",
    "paths.runs='${oc.env:HOME,x}/y'",
    "logger.wandb.tags=[a,'b c']",
    "trainer.progress=true",
)
SELDOM = (
    "experiment=mnist_vae",
    "experiment=[sst2_lstm]",
    "debug=fast",
    "~bottleneck.terms.sparse",
    "~architecture.decoder",
    "+seed=4",
    "optimizer.nothing=1",
    "architecture.encoder=3",
    "data=nowhere",
    "bottleneck=null",
    "~optimizer",
    "task.attention.kind=1",
    "data.options='${task.kind}'",
    "+a.b.c=1",
)


@st.composite
def overrides(draw: st.DrawFn) -> list[str]:
    chosen = [
        f"{group}={draw(st.sampled_from(group_options(group)))}"
        for group in draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=4))
    ]
    if draw(st.integers(0, 3)) == 0:
        terms = draw(st.lists(st.sampled_from(TERMS), unique=True, min_size=1, max_size=2))
        plus = draw(st.sampled_from(["", "+"]))
        chosen.append(f"{plus}bottleneck/term@bottleneck.terms=[{','.join(terms)}]")
    chosen += draw(st.lists(st.sampled_from(VALUES), unique=True, max_size=4))
    if draw(st.integers(0, 3)) == 0:
        chosen.append(draw(st.sampled_from(SELDOM)))
    return draw(st.permutations(chosen))


def outcome(make: Any) -> Any:
    """What composing gives, or that it is refused."""
    try:
        return make()
    except Exception:
        return "refused"


@settings(max_examples=150)
@given(overrides())
def test_a_config_is_the_one_that_hydra_composes(given: list[str]) -> None:
    """What Unroll leaves to Hydra (`Unusual`) is Hydra's own; so is every refusal."""
    try:
        ours = COMPOSER._plain("train", given)
    except Unusual:
        return
    with hydra_set_up():
        theirs = outcome(lambda: dict(_plain(compose_node("train", given))))
    assert ours == theirs
    assert outcome(lambda: resolved(ours)) == outcome(lambda: dict(_by_omegaconf(ours)))


@pytest.mark.parametrize("experiment", [None, *group_options("experiment")])
def test_what_ships_is_composed_without_hydra(experiment: str | None) -> None:
    chosen = [] if experiment is None else [f"experiment={experiment}"]
    assert COMPOSER._plain("train", chosen)["task"]["name"]


def test_an_override_of_a_suite_needs_no_hydra() -> None:
    assert COMPOSER._plain("sweep", ["suite=matrix", "workers=2", "sweep.retries=0"])["sweep"]["retries"] == 0


def test_yaml_is_read_as_omegaconf_reads_it() -> None:
    from omegaconf import OmegaConf

    for path in conf_directory().rglob("*.yaml"):
        assert yaml_file(path).content == (OmegaConf.to_container(OmegaConf.load(path)) or {}), path

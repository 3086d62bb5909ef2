"""Equal parameters: the width solved for, by hand; what it leaves alone; what cannot be solved."""

from collections.abc import Mapping
from typing import Any

import made_up
import pytest
import torch
from torch import nn

from unroll.config.compose import compose
from unroll.config.trial import make_trial
from unroll.errors import UserError
from unroll.models.sizing import Sizing, count_parameters, solve
from unroll.registry.components import SOLVED
from unroll.training.prepared import sized

NODES = {"architecture": {"width": SOLVED, "encoder": {"sizes": [SOLVED, 2]}}, "bottleneck": {}}


def squares(nodes: Mapping[str, Any]) -> nn.Module:
    """A layer of width x width weights, the width read deep in a node."""
    width = nodes["architecture"]["encoder"]["sizes"][0]
    return nn.Linear(width, width, bias=False)


@pytest.mark.parametrize(
    ("target", "width", "achieved", "off"),
    [(100, 10, 100, 0.0), (101, 10, 100, -0.9901), (120, 11, 121, 0.8333), (110, 10, 100, -9.0909), (1, 1, 1, 0.0)],
)
def test_the_nearest_width_is_taken(target: int, width: int, achieved: int, off: float) -> None:
    nodes, sizing = solve(NODES, target, squares)
    assert sizing == Sizing(target, achieved, off, width, None)
    assert nodes == {"architecture": {"width": width, "encoder": {"sizes": [width, 2]}}, "bottleneck": {}}


def test_of_two_equally_near_widths_the_smaller_is_taken() -> None:
    def steps(nodes: Mapping[str, Any]) -> nn.Module:
        return nn.Linear(2 * nodes["architecture"]["width"], 1, bias=False)

    assert solve(NODES, 7, steps)[1].width == 3


def test_a_nearest_width_that_is_far_off_stands_outside() -> None:
    expected = Sizing(5, 4, -20.0, 2, "its nearest width, 2, has 4 parameters")
    assert solve(NODES, 5, squares)[1] == expected


def test_what_the_smallest_width_already_passes_stands_outside() -> None:
    sizing = solve(NODES, 10, lambda nodes: nn.Linear(nodes["architecture"]["width"] + 20, 1))[1]
    assert (sizing.width, sizing.achieved, sizing.off_per_cent) == (1, 22, 120.0)
    assert sizing.outside == "its smallest width, 1, already has 22 parameters"


def test_a_width_that_changes_no_parameter_stands_outside() -> None:
    nodes, sizing = solve(NODES, 100, lambda nodes: nn.Linear(3, 4))
    assert nodes["architecture"]["width"] == 1
    assert sizing == Sizing(100, 16, -84.0, 1, "no width changes its 16 parameters")


def test_an_architecture_without_a_width_keeps_its_sizes_and_stands_outside() -> None:
    nodes = {"architecture": {"depth": 3}, "bottleneck": {}}
    found, sizing = solve(nodes, 10, lambda nodes: nn.Linear(4, nodes["architecture"]["depth"], bias=False))
    assert found == nodes
    assert sizing == Sizing(10, 12, 20.0, None, "the architecture has no width")


def test_widths_that_an_option_refuses_are_too_small() -> None:
    def at_least(nodes: Mapping[str, Any]) -> nn.Module:
        if nodes["architecture"]["width"] < 7:
            raise UserError("Seven units of the code stay.", saw=nodes["architecture"]["width"])
        return squares(nodes)

    assert solve(NODES, 100, at_least)[1].width == 10
    sizing = solve(NODES, 10, at_least)[1]
    assert (sizing.width, sizing.outside) == (7, "its smallest width, 7, already has 49 parameters")


def test_what_refuses_every_width_says_so() -> None:
    def never(nodes: Mapping[str, Any]) -> nn.Module:
        raise UserError("No network at all.")

    with pytest.raises(UserError, match="No network at all"):
        solve(NODES, 100, never)


def test_a_count_that_falls_at_one_width_hides_no_nearer_one() -> None:
    """10 w + 130, but 1280 at a width of 128, as where a tree's words are as wide as its nodes and need no map."""

    def falling(nodes: Mapping[str, Any]) -> nn.Module:
        width = nodes["architecture"]["width"]
        return nn.Linear(10 * width + (0 if width == 128 else 130), 1, bias=False)

    assert solve(NODES, 1340, falling)[1] == Sizing(1340, 1340, 0.0, 121, None)
    assert solve(NODES, 1343, falling)[1] == Sizing(1343, 1340, -0.2234, 121, None)


def test_an_lstm_on_sentiment_by_hand() -> None:
    """4 w (5 + w + 2) + 2 w + 2 is 938 at a width of 12 and 1068 at 13."""
    trial = made_up.trial("sentiment", "architecture=lstm", "budget.parameters=1000")
    build, sizing = sized(trial, made_up.prepared(trial))
    assert sizing == Sizing(1000, 938, -6.2, 12, None)
    network = build()
    assert network.encoder.summary_width == 12  # type: ignore[attr-defined]
    assert count_parameters(network)["counted"] == 938


def test_a_sized_network_starts_as_one_whose_width_was_given() -> None:
    """Solving draws nothing, and the width reaches encoder and decoder."""
    trial = made_up.trial("forecasting", "architecture=bigru", "budget.parameters=900", "architecture.width=50")
    task = made_up.prepared(trial)
    torch.manual_seed(5)
    build, sizing = sized(trial, task)
    found = build().state_dict()
    assert sizing is not None
    same = made_up.trial("forecasting", "architecture=bigru", f"architecture.width={sizing.width}")
    torch.manual_seed(5)
    expected = made_up.network_of(same, task).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_the_given_width_is_not_in_the_id_and_is_checked() -> None:
    chosen = ["architecture=lstm", "budget.parameters=20000"]
    ids = {compose([*chosen, f"architecture.width={width}"]).trial_id for width in (8, 64)}
    assert ids == {compose(chosen).trial_id}
    assert compose(chosen).trial_id != compose([chosen[0], "budget.parameters=30000"]).trial_id
    assert compose(chosen).plain["architecture"]["encoder"]["width"] == SOLVED
    with pytest.raises(UserError, match=r"architecture.width"):
        compose([*chosen, "architecture.width=0"])


def test_without_a_target_nothing_is_solved_and_the_id_is_what_it_was() -> None:
    trial = made_up.trial("sentiment", "architecture=lstm", "architecture.width=6")
    assert sized(trial, made_up.prepared(trial))[1] is None
    older = {key: value for key, value in trial.plain["budget"].items() if key not in ("flops", "parameters")}
    assert make_trial({**trial.plain, "budget": older}).trial_id == trial.trial_id

"""Trials are named by what components are: where a class lies, and what a default is called, changes no name."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from unroll.config.compose import compose
from unroll.config.trial import make_trial
from unroll.registry.versions import LIST, Component, listed

LISTING = runpy.run_path(str(Path(__file__).resolve().parents[3] / "tools" / "list_components.py"))
ENCODER = """
from unroll.models.recurrent import RecurrentEncoder

class {name}(RecurrentEncoder):
    {body}
    def __init__(self, shape, width: int{options}):
        super().__init__(shape, "gru", width)
"""


def trial_id(folder: Path, file: str, *overrides: str, name: str = "Mine", body: str = "", options: str = "") -> str:
    """The id of a trial with an encoder of one's own, which lies in a file of this name."""
    (folder / f"{file}.py").write_text(ENCODER.format(name=name, body=body, options=options))
    (folder / "architecture").mkdir(exist_ok=True)
    lines = [
        "defaults: [{/bottleneck@_global_.bottleneck: none}, _self_]",
        "name: mine",
        "reconstructs: false",
        f"encoder: {{_target_: {file}.{name}, width: 8}}",
        "decoder: {_target_: unroll.models.feedforward.FeedForwardDecoder, width: 8}",
    ]
    (folder / "architecture" / "mine.yaml").write_text("\n".join(lines))
    return compose(["architecture=mine", *overrides], str(folder)).trial_id


def test_a_class_of_ones_own_may_move_and_get_options(tmp_path: Path) -> None:
    first = trial_id(tmp_path, "first_place")
    assert trial_id(tmp_path, "second_place") == first
    assert trial_id(tmp_path, "third_place", name="Renamed", body='component = "Mine"') == first
    assert trial_id(tmp_path, "fourth_place", options=", heads: int = 2") == first
    assert trial_id(tmp_path, "fourth_place", "+architecture.encoder.heads=2", options=", heads: int = 2") == first
    others = {
        trial_id(tmp_path, "fourth_place", "+architecture.encoder.heads=3", options=", heads: int = 2"),
        trial_id(tmp_path, "fifth_place", name="Renamed"),
        trial_id(tmp_path, "sixth_place", body="version = 2"),
        trial_id(tmp_path, "first_place", "architecture.encoder.width=9"),
    }
    assert len(others | {first}) == 5


def test_a_record_of_a_class_of_ones_own_is_named_without_running_its_code(tmp_path: Path) -> None:
    found = trial_id(tmp_path, "here_first")
    config = json.loads(json.dumps(compose(["architecture=mine"], str(tmp_path)).config))
    config["architecture"]["encoder"]["_target_"] = "nowhere.at_all.Mine"
    assert make_trial(config).trial_id == found


def test_the_committed_list_is_that_of_the_code() -> None:
    old = json.loads(LIST.read_text(encoding="utf-8"))
    assert LISTING["unlike"](old, LISTING["found"]()) == []
    now = {kind: {key: one._asdict() for key, one in each.items()} for kind, each in LISTING["found"]().items()}
    assert json.loads(json.dumps(now)) == old, "run: python tools/list_components.py"


@pytest.mark.parametrize("kind", ["components", "readers", "sections"])
def test_a_name_means_one_component(kind: str) -> None:
    names = [component.name for component in listed(kind).values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Component("A", 1, {"depth": 1, "kind": "x"}), []),
        (Component("A", 1, {"depth": 2, "kind": "x"}), ["A.depth was 1 by default, now 2: raise the version of A"]),
        (Component("A", 1, {"kind": "x"}), ["A.depth was 1 by default, now 'no default'"]),
        (Component("A", 2, {"kind": "y"}), []),
        (Component("A", 1, {"depth": 1, "kind": "x", "more": None}), []),
    ],
)
def test_a_default_that_changes_asks_for_a_version(now: Component, said: list[str]) -> None:
    old: dict[str, Any] = {"components": {"there.A": Component("A", 1, {"depth": 1, "kind": "x"})._asdict()}}
    found = LISTING["unlike"](old, {"components": {"here.A": now}})
    assert len(found) == len(said)
    assert all(text in line for text, line in zip(said, found, strict=True))

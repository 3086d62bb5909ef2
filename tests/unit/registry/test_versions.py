"""Trials are named by what components are: where a class lies, and what a default is called, changes no name."""

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unroll.config.compose import compose
from unroll.config.trial import make_trial
from unroll.errors import UserError
from unroll.registry import versions
from unroll.registry.components import locate
from unroll.registry.versions import LIST, described

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
    config = json.loads(json.dumps(compose(["architecture=mine"], str(tmp_path)).plain))
    config["architecture"]["encoder"]["_target_"] = "nowhere.at_all.Mine"
    assert make_trial(config).trial_id == found


def test_the_committed_list_is_that_of_the_code() -> None:
    old = json.loads(LIST.read_text(encoding="utf-8"))
    assert LISTING["unlike"](old, LISTING["found"]()) == []
    now = LISTING["merged"](old, LISTING["found"]())
    assert json.loads(json.dumps(now)) == old, "run: python tools/list_components.py"


def test_two_classes_of_the_package_have_two_names() -> None:
    content = json.loads(LIST.read_text(encoding="utf-8"))["components"]
    places = [entry["target"] for entry in content.values()]
    assert len(set(places)) == len(places) >= 40


def entry(version: int, *required: str, **defaults: Any) -> dict[str, Any]:
    return {"target": "there.A", "version": version, "defaults": defaults, "required": list(required)}


OLD = {"components": {"A": {**entry(1, "width", depth=1, kind="x"), "former": [], "earlier": {}}}}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"A": entry(1, "width", depth=1, kind="x")}, None),
        ({"A": entry(1, "width", depth=1, kind="x", more=None)}, None),
        ({"A": entry(2, kind="y")}, None),
        ({"A": entry(1, "width", depth=2, kind="x")}, "A.depth was 1 by default, now 2: raise the version of A"),
        ({"A": entry(1, "width", kind="x")}, "A.depth was 1 by default, now 'no default'"),
        ({"A": entry(1, depth=1, kind="x", width=8)}, "A.width had no default and has one now"),
        ({"B": entry(1, "width", depth=1, kind="x")}, "state component = 'A' in the class"),
    ],
)
def test_what_would_change_ids_unsaid_is_refused(now: dict[str, Any], said: str | None) -> None:
    found = LISTING["unlike"](OLD, {"components": now})
    assert found == [] if said is None else said in found[0]


def test_the_list_keeps_former_places_and_the_defaults_of_earlier_versions() -> None:
    now = {"A": {**entry(2, depth=3), "target": "here.A"}}
    found = LISTING["merged"](OLD, {"components": now})["components"]["A"]
    assert found["former"] == ["there.A"]
    assert found["earlier"] == {"1": {"depth": 1, "kind": "x"}}


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The recurrent encoder has moved, and is of version 3: its depth is 2 by default."""
    content = json.loads(LIST.read_text(encoding="utf-8"))
    encoder = content["components"]["RecurrentEncoder"]
    encoder |= {"former": ["once.was.Here"], "version": 3, "earlier": {**encoder["earlier"], "2": encoder["defaults"]}}
    encoder["defaults"] = {**encoder["defaults"], "depth": 2}
    monkeypatch.setattr(versions, "_content", lambda: content)
    for kept in (versions._by_place, versions.listed):
        kept.cache_clear()
    yield
    for kept in (versions._by_place, versions.listed):
        kept.cache_clear()


@pytest.fixture(scope="module")
def gru() -> str:
    """The id of a trial under version 2."""
    return compose(["architecture=gru"]).trial_id


def test_a_raised_version_makes_other_trials_and_leaves_the_records_of_before_true(gru: str, raised: None) -> None:
    config = compose(["architecture=gru"]).plain
    assert config["architecture"]["encoder"]["_version_"] == 3
    assert make_trial(config).trial_id != gru
    config["architecture"]["encoder"]["_version_"] = 2
    assert make_trial(config).trial_id == gru


def test_recurrent_parts_of_records_before_residual_sums_have_the_defaults_of_then() -> None:
    """A node without a version is of the first: an LSTM's forget gate as torch draws it, and no sums to state."""
    node = {"_target_": "unroll.models.recurrent.RecurrentEncoder", "cell": "lstm", "width": 8, "forget_bias": None}
    then, now = versions.component(node), versions.component({**node, "_version_": 2})
    assert then.hashed(versions.own_options(node)) == {"is": "RecurrentEncoder@1", "cell": "lstm", "width": 8}
    assert now.hashed(versions.own_options(node)) == {
        "is": "RecurrentEncoder@2", "cell": "lstm", "width": 8, "forget_bias": None
    }  # fmt: skip
    assert "residual" not in then.defaults
    assert now.defaults["residual"] is True


def test_a_record_of_a_class_that_has_moved_keeps_its_id_and_finds_its_class(gru: str, raised: None) -> None:
    config = compose(["architecture=gru"]).plain
    config["architecture"]["encoder"] |= {"_version_": 2, "_target_": "once.was.Here"}
    assert make_trial(config).trial_id == gru
    assert locate(config["architecture"]["encoder"], "encoder").__name__ == "RecurrentEncoder"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("component = 3", "names itself by no text"),
        ("version = 'two'", "names itself by no text"),
        ("component = 'RecurrentEncoder'", "has the name of a component that ships with Unroll"),
    ],
)
def test_a_class_that_cannot_be_told_is_refused(body: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        trial_id(tmp_path, f"wrong_{len(body)}", body=body)


def test_what_a_config_cannot_hold_is_no_default(tmp_path: Path) -> None:
    found = trial_id(tmp_path, "endless", options=", limit: float = float('inf'), kind=object()")
    kept = compose(["architecture=mine"], str(tmp_path)).plain["architecture"]["encoder"]["_component_"]
    assert kept == {"name": "Mine", "version": 1, "defaults": {}}
    assert found == trial_id(tmp_path, "endless_no_more")


def test_a_subclass_is_a_component_of_its_own() -> None:
    class Parent:
        component, version = "Mine", 2

    class Child(Parent):
        pass

    assert described(Parent).title == "Mine@2"
    assert described(Child).title == "Child@1"


def test_what_a_node_keeps_is_not_set_by_hand(gru: str) -> None:
    kept = "+architecture.encoder._component_={name: A, version: 1, defaults: {}}"
    with pytest.raises(UserError, match="is not set by hand"):
        compose(["architecture=gru", kept])
    config = compose(["architecture=gru"]).plain
    config["architecture"]["encoder"]["_component_"] = {"name": "A", "version": 1, "defaults": {"cell": "gru"}}
    assert make_trial(config).trial_id == gru, "of the package's own classes the list tells"


def test_a_file_that_cannot_be_imported_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "torn.py").write_text("class Mine(:\n")
    with pytest.raises(UserError, match="cannot be imported: SyntaxError"):
        compose(["architecture=gru", "architecture.encoder._target_=torn.Mine"], str(tmp_path))

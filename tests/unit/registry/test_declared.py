"""What classes declare: as JSON, the same as in the committed list, and a wrong declaration is told of."""

import json
from typing import Any

import pytest

from unroll.errors import UserError
from unroll.registry import versions
from unroll.registry.components import locate
from unroll.registry.declared import CAPABILITIES, DECLARED, Need, Unless, When, declarations, holds
from unroll.registry.versions import LIST

LISTED = json.loads(LIST.read_text(encoding="utf-8"))["components"]


def component(**stated: Any) -> type:
    """A class with an option `kind` and one `depth`, and these attributes."""

    def __init__(self: Any, kind: str = "x", depth: int = 1) -> None: ...

    return type("Mine", (), {"__init__": __init__, **stated})


def test_a_class_that_says_nothing_declares_nothing() -> None:
    assert declarations(component()) == {}
    assert declarations(component(**{name: values[0] for name, values in DECLARED.items()})) == {}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in DECLARED.items() for value in values[1:]]
)
def test_every_other_value_is_declared(name: str, value: Any) -> None:
    assert declarations(component(**{name: value})) == {name: value}


def test_where_an_option_decides() -> None:
    found = declarations(component(causal=When(kind="x", depth=Unless(1)), stateful=When(kind=None)))
    assert found == {
        "causal": {"when": {"kind": "x", "depth": {"unless": 1}}},
        "stateful": {"when": {"kind": None}},
    }
    assert json.loads(json.dumps(found)) == found


def test_needs_in_order() -> None:
    found = declarations(component(needs=(Need("steps"), Need("causal", {"depth": Unless(2), "kind": "y"}))))
    assert found["needs"] == [
        {"capability": "steps", "where": {}},
        {"capability": "causal", "where": {"depth": {"unless": 2}, "kind": "y"}},
    ]


def test_a_need_alone_is_one_need() -> None:
    assert declarations(component(needs=Need("steps"))) == declarations(component(needs=[Need("steps")]))


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"states": "step"}, ("Mine.states has no such value", "'step'", "'steps'")),
        ({"states": True}, ("Mine.states has no such value", "True", "'nodes'")),
        ({"causal": 1}, ("Mine.causal has no such value", "1", "When(option=value)")),
        ({"causal": None}, ("Mine.causal has no such value", "None", "True")),
        ({"relation": ["same"]}, ("Mine.relation has no such value", "['same']", "'per_step'")),
        ({"needs": (Need("casual"),)}, ("Mine needs what no part has. Did you mean 'causal'?", "'casual'", "steps")),
        ({"needs": ("steps",)}, ("Mine needs what no part has.", "'steps'", "Need(")),
        ({"needs": "steps"}, ("Mine needs what no part has.", "'steps'", "Need(")),
        ({"needs": (Need(["steps"]),)}, ("Mine needs what no part has.", "['steps']", "Need(")),
        (
            {"causal": When(kin="x")},
            ("Mine.causal hangs on an option that Mine has not. Did you mean 'kind'?", "kin", "depth"),
        ),
        (
            {"needs": (Need("steps", {"dept": 1}),)},
            ("Mine.needs hangs on an option that Mine has not.", "dept", "depth"),
        ),
    ],
)
def test_a_wrong_declaration_is_told_of(stated: dict[str, Any], says: tuple[str, str, str]) -> None:
    with pytest.raises(UserError) as caught:
        declarations(component(**stated))
    what, saw, allowed = says
    assert caught.value.what.startswith(what)
    assert saw in str(caught.value.saw)
    assert allowed in str(caught.value)


def test_what_a_class_inherits_may_hang_on_an_option_that_it_fixes() -> None:
    class Fixed(component(causal=When(kind="x"), needs=(Need("steps", {"kind": "y"}),))):  # type: ignore[misc]
        def __init__(self, depth: int = 1): ...

    assert declarations(Fixed)["causal"] == {"when": {"kind": "x"}}


@pytest.mark.parametrize(
    ("conditions", "options", "expected"),
    [
        ({}, {}, True),
        ({}, {"beam": 3}, True),
        ({"beam": 1}, {"beam": 1}, True),
        ({"beam": 1}, {"beam": 1.0}, True),
        ({"beam": 1}, {"beam": 2}, False),
        ({"beam": 1}, {"beam": True}, False),  # a bool is no number
        ({"tied": False}, {"tied": 0}, False),
        ({"tied": False}, {"tied": False}, True),
        ({"beam": 1}, {}, False),
        ({"attention": None}, {"attention": None}, True),
        ({"beam": {"unless": 1}}, {"beam": 1}, False),
        ({"beam": {"unless": 1}}, {"beam": True}, True),
        ({"beam": {"unless": 1}}, {"beam": 4}, True),
        ({"share": {"unless": None}}, {"share": 0.0}, True),
        ({"share": {"unless": None}}, {"share": None}, False),
        ({"unit": "stream", "beam": {"unless": 1}}, {"unit": "stream", "beam": 2}, True),
        ({"unit": "stream", "beam": {"unless": 1}}, {"unit": "stream", "beam": 1}, False),
        ({"unit": "stream", "beam": {"unless": 1}}, {"unit": "sentence", "beam": 2}, False),
    ],
)
def test_conditions_hold_where_all_of_them_do(
    conditions: dict[str, Any], options: dict[str, Any], expected: bool
) -> None:
    assert holds(conditions, options) is expected


@pytest.mark.parametrize("name", LISTED)
def test_the_list_declares_what_the_class_does(name: str) -> None:
    entry = LISTED[name]
    kind = locate({"_target_": entry["target"]}, name)
    assert entry["declares"] == declarations(kind)
    assert versions.listed_declarations(entry["target"]) == entry["declares"]


def test_each_capability_is_needed_by_somebody() -> None:
    """But for two that bottleneck.states asks for, and `posterior`, for tasks of one's own."""
    needed = {need["capability"] for entry in LISTED.values() for need in entry["declares"].get("needs", ())}
    assert set(CAPABILITIES) - needed == {"attention", "narrows", "posterior"}


def test_each_value_is_declared_by_somebody() -> None:
    said = {
        (name, value)
        for entry in LISTED.values()
        for name, value in entry["declares"].items()
        if name != "needs" and not isinstance(value, dict)
    }
    decided = {
        name for entry in LISTED.values() for name, value in entry["declares"].items() if isinstance(value, dict)
    }
    assert {(name, value) for name, values in DECLARED.items() for value in values[1:] if name not in decided} <= said

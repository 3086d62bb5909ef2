"""The space of a tuning, read from Hydra's override grammar."""

from typing import Any

import pytest

from unroll.config.overrides import expand
from unroll.config.search_space import probing, read_space, split, tunes
from unroll.errors import UserError


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        ("choice(32,64,128)", ["32", "64", "128"]),
        ("32,64,32", ["32", "64"]),
        ("choice(adam, sgd)", ["adam", "sgd"]),
        ("choice([0.9, 0.99], [0.8, 0.9])", ["[0.9,0.99]", "[0.8,0.9]"]),
        ("range(1,4)", ["1", "2", "3"]),
        ("range(10,1,-3)", ["4", "7", "10"]),
        ("range(0,1,0.25)", ["0.0", "0.25", "0.5", "0.75"]),
        ("int(interval(2,5))", ["2", "3", "4", "5"]),
        ("tag(log, int(interval(2,5)))", ["2", "3", "4", "5"]),
        ("interval(0,1)", None),
        ("tag(log, interval(1e-4, 1e-2))", None),
    ],
)
def test_values_of_a_key(written: str, texts: list[str] | None) -> None:
    space = read_space({"a.b": written})
    (dimension,) = space.dimensions
    assert dimension.texts == texts
    assert space.size == (None if texts is None else len(texts))
    assert [dimension.text(dimension.value(text)) for text in dimension.probes] == dimension.probes
    assert texts is None or set(dimension.probes) <= set(texts), "what is probed is in the space"
    inside = dimension.distribution()
    assert all(inside._contains(inside.to_internal_repr(dimension.value(text))) for text in dimension.probes)


def test_a_logarithmic_scale_is_optunas() -> None:
    space = read_space(
        {"a": "tag(log, interval(1e-4, 1e-2))", "b": "tag(log, int(interval(8, 64)))", "c": "range(1,9,2)"}
    )
    a, b, c = (dimension.distribution() for dimension in space.dimensions)
    assert (a.low, a.high, a.log) == (1e-4, 1e-2, True)  # type: ignore[attr-defined]
    assert (type(b.low), b.low, b.high, b.log) == (int, 8, 64, True)  # type: ignore[attr-defined]
    assert (c.low, c.high, c.step, c.log) == (1, 7, 2, False)  # type: ignore[attr-defined]


def test_numbers_are_short_and_stay_inside() -> None:
    (dimension,) = read_space({"a": "interval(0.123456789, 0.2)"}).dimensions
    assert dimension.text(0.15000000000000002) == "0.15"
    assert dimension.text(0.123456789) == "0.123457"
    assert dimension.text(0.1234567890001) == "0.123457"
    (dimension,) = read_space({"a": "interval(0.1234564, 0.1234569)"}).dimensions
    assert [dimension.text(0.12345641), dimension.text(0.1234568)] == ["0.1234564", "0.1234569"]


@pytest.mark.parametrize(
    "written",
    [
        "0.1",
        "interval(1)",
        "interval(2, 1)",
        "tag(log, interval(0, 1))",
        "tag(log, range(1, 9, 2))",
        "tag(log, range(0.5, 4.5, 1))",
        "tag(log, choice(1, 2))",
        "tag(lgo, interval(1, 2))",
        "range(3, 3)",
        "glob(*)",
        "choice()",
        "[1, 2]",
        "interval(1, inf)",
    ],
)
def test_what_is_no_space(written: str) -> None:
    with pytest.raises(UserError) as caught:
        read_space({"optimizer.learning_rate": written})
    assert f"optimizer.learning_rate={written}" in str(caught.value)
    assert "tag(log, interval(1e-4, 1e-2))" in str(caught.value)


def test_an_empty_space() -> None:
    with pytest.raises(UserError, match="no space to search"):
        read_space({})


def test_nested_mappings_are_dotted_keys() -> None:
    nested: dict[str, Any] = {"optimizer": {"learning_rate": "interval(0.1, 1)"}, "architecture.width": "choice(1, 2)"}
    assert read_space(nested).keys == ["architecture.width", "optimizer.learning_rate"]


def test_all_points_of_a_finite_space() -> None:
    space = read_space({"a": "1,2", "b": "range(0,3)"})
    points = list(space.points())
    assert len(points) == space.size == 6
    assert len({tuple(point.items()) for point in points}) == 6


def test_a_multiruns_overrides_are_told_apart() -> None:
    given = split(["task=compression", "seed=0,1", "optimizer.learning_rate=interval(0.1,1)", "architecture.width=4,8"])
    assert given.fixed == ["task=compression"]
    assert given.seeds == ["seed=0,1"]
    assert given.space == {"optimizer.learning_rate": "interval(0.1,1)", "architecture.width": "4,8"}
    shown = probing(given)
    assert ["task=compression", "seed=1", "architecture.width=4", "optimizer.learning_rate=0.1"] in shown
    assert ["task=compression", "seed=0", "architecture.width=8", "optimizer.learning_rate=0.1"] in shown
    assert ["task=compression", "seed=0", "architecture.width=4", "optimizer.learning_rate=1.0"] in shown


def test_intervals_need_the_sweeper_that_tunes() -> None:
    assert tunes(["hydra/sweeper=optuna"])
    assert not tunes(["hydra/sweeper=optuna", "hydra/sweeper=resumable"])
    with pytest.raises(UserError, match="hydra/sweeper=optuna"):
        expand(["seed=0,1", "optimizer.learning_rate=interval(0.1,1)"])

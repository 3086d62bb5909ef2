"""Published tables: each committed file keeps the schema and its rows compose; mistakes are named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_tables import table

from unroll.config.compose import Composer, Make
from unroll.errors import UserError
from unroll.reproduction.plan import plan_table
from unroll.reproduction.published import CPU, Reported, read_file, read_table, table_names
from unroll.reproduction.run import counted, run_reproduction


@pytest.fixture(scope="module")
def make() -> Make:
    return Composer().trial


def nothing(trial_id: str) -> None:
    return None


@pytest.mark.parametrize("name", table_names())
def test_every_row_maps_to_trials_that_compose_or_says_why_not(name: str, make: Make) -> None:
    table = read_table(name)
    for budget in table.budgets or [CPU]:
        for row in plan_table(table, nothing, (), None, budget, make).rows:
            if row.row.cannot is not None or row.row.count is not None:
                assert row.trials == ()
            elif row.is_open:
                assert len({point.planned.trial.trial_id for point in row.points}) == len(row.points)
            else:
                assert len(row.trials) in (1, len(row.row.seeds or table.seeds))


@pytest.mark.parametrize("name", table_names())
def test_published_parameters_are_counted_exactly(name: str) -> None:
    for row in read_table(name).rows.values():
        if row.count is not None:
            assert counted(row.count) == row.reported["parameters"].value, row.says


def written(folder: Path, **changes: Any) -> Callable[[], Reported]:
    (folder / "made_up.yaml").write_text(yaml.safe_dump(table(**changes)))
    return lambda: read_file(folder / "made_up.yaml")


def test_a_number_is_a_value_without_spread(tmp_path: Path) -> None:
    published = written(tmp_path)().rows["one"].reported["mse"]
    assert (published.value, published.spread, published.n) == (1.0, None, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tolerance": {"relative": 0.1, "exact": True}}, "one of relative, absolute, decimals and exact"),
        ({"rows": {"one": {"says": "One", "reported": {"mae": 1.0}, "cannot": "x"}}}, "no such metric mae"),
        ({"rows": {"one": {"says": "One", "cannot": "x"}}}, "shows its published values"),
        ({"rows": {"one": {"says": "One", "overrides": [], "cannot": "x"}}}, "not overrides and cannot"),
        ({"rows": {"one": {"says": "One"}}}, "one of overrides, count and cannot"),
        ({"budgets": {}}, "has budgets.cpu"),
        ({"budgets": {"cpu": {"says": "short"}, "gpu": {"says": "long"}}}, "gpu is none of paper, cpu"),
        ({"orderings": [{"says": "x", "metric": "mse", "rows": ["one", "two"]}]}, "no such row two"),
        (
            {"rows": {"one": {"says": "One", "overrides": [], "budgets": {"paper": []}}}},
            "rows.one.budgets: the table has no paper",
        ),
        (
            {"budgets": {"cpu": {"says": "short", "fields": {"mae": "result.metrics.test.mae"}}}},
            "budgets.cpu.fields: no such metric mae",
        ),
        (
            {"rows": {"one": {"says": "One", "reported": {"mse": {"value": 1, "spread": -1}}, "cannot": "x"}}},
            "or equal to 0",
        ),
        ({"rows": {"one": {"says": "One", "reported": {"mse": {"value": 1, "n": 0}}, "cannot": "x"}}}, "or equal to 1"),
        ({"rows": {"one": {"says": "One", "reported": {"mse": float("nan")}, "cannot": "x"}}}, "finite number"),
        (
            {"rows": {"one": {"says": "One", "reported": {"mse": {"value": 1, "spread": 1, "n": 1}}, "cannot": "x"}}},
            "n: 1 has no spread",
        ),
        (
            {
                "rows": {
                    "one": {"says": "One", "reported": {"mse": {"value": 1, "spread_of": "evaluations"}}, "cannot": "x"}
                }
            },
            "spread_of belongs to a spread",
        ),
        ({"tolerance": {"absolute": 0}}, "tolerance.absolute: Input should be greater than 0"),
        ({"tolerance": {"relative": -0.1}}, "tolerance.relative: Input should be greater than 0"),
        ({"tolerance": {"decimals": -1}}, "or equal to 0"),
        ({"name": "other"}, "another name inside"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_mistakes_in_a_table_are_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        written(tmp_path, **changes)()
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("words", "rows", "said"),
    [
        (["ltsf_linear_eth"], [], "Did you mean 'ltsf_linear_etth'"),
        ([], [], "No published table is named"),
        (["ltsf_linear_etth", "budget=gpu"], [], "paper, cpu"),
        (["ltsf_linear_etth"], ["repeat_97"], "no such row in"),
    ],
)
def test_mistakes_in_a_command_are_named(words: list[str], rows: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        run_reproduction(words, rows)
    assert said in str(error.value)


def test_a_count_of_no_known_kind_is_refused() -> None:
    with pytest.raises(UserError, match="of one kind"):
        counted([{"lstm": [1, 2]}])


def test_a_table_of_ones_own_stands_beside_the_shipped(tmp_path: Path) -> None:
    (tmp_path / "reported").mkdir()
    written(tmp_path / "reported")
    assert set(table_names(str(tmp_path))) - set(table_names()) == {"made_up"}
    assert read_table("made_up", str(tmp_path)).name == "made_up"
    with pytest.raises(UserError, match="no published table 'made_up'"):
        read_table("made_up")
    (tmp_path / "reported" / "ltsf_linear_etth.yaml").write_text("name: ltsf_linear_etth\n")
    with pytest.raises(UserError, match="Two published tables have one name"):
        table_names(str(tmp_path))

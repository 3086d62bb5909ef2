"""Networks across problems: who takes part, in which group, and what the page says of it."""

from typing import Any

import pytest
from table_records import record

from unroll.analysis.across import FIRST_OF_EACH, Across, across, family
from unroll.analysis.report import markdown
from unroll.analysis.tables import make_tables

CELLS = ("rnn", "gru", "lstm")


def on(data: str, names: tuple[str, ...], seeds: int = 2, **changes: Any) -> list[dict[str, Any]]:
    """Records in which each next network is better by 10 and each next seed by 1."""
    cell = {"architecture__cell": "any"} if set(names) <= set(CELLS) else {}
    return [
        record(name, seed, 10.0 * place + seed, data__name=data, **{**cell, **changes})
        for place, name in enumerate(names)
        for seed in range(seeds)
    ]


def found(*records: list[dict[str, Any]]) -> Across:
    return across(make_tables([one for some in records for one in some]))


@pytest.mark.parametrize(
    ("architecture", "terms", "name"),
    [
        ({"cell": "gru"}, {}, "Recurrent networks, one direction"),
        ({"cell": "gru", "bidirectional": True, "reconstructs": False}, {}, "Recurrent networks, both directions"),
        ({"reconstructs": True}, {}, "Autoencoders"),
        ({"reconstructs": True}, {"sparse": {}}, "Regularised autoencoders"),
        ({"kind": "constituency"}, {}, "Recursive, linear and feed-forward networks"),
    ],
)
def test_a_family_is_what_the_config_says(architecture: dict[str, Any], terms: dict[str, Any], name: str) -> None:
    assert family({"architecture": architecture, "bottleneck": {"terms": terms}}) == name


def test_networks_are_ranked_over_the_problems_and_seeds_that_all_have() -> None:
    (group,) = found(on("a", CELLS), on("b", CELLS)).groups
    assert group.networks == ("lstm", "gru", "rnn")
    assert group.ranking.mean_ranks == (1.0, 2.0, 3.0)
    assert (group.ranking.blocks, group.problems) == (4, ("sentiment on a", "sentiment on b"))


def test_a_failed_trial_ranks_last_and_a_missing_one_takes_its_block_away() -> None:
    second = on("b", CELLS)
    second[-1] = record("lstm", 1, None, data__name="b", architecture__cell="any")
    (group,) = found(on("a", CELLS), second).groups
    assert dict(zip(group.networks, group.ranking.mean_ranks, strict=True)) == {"lstm": 1.5, "gru": 1.75, "rnn": 2.75}
    assert group.failed == (1, 0, 0)
    (shorter,) = found(on("a", CELLS), second[:-1]).groups
    assert (shorter.ranking.blocks, shorter.failed) == (3, (0, 0, 0))


def test_a_network_of_fewer_problems_is_left_out_and_named() -> None:
    cell = {"architecture__cell": "any"}
    (group,) = found(on("a", (*CELLS, "deep"), **cell), on("b", CELLS, **cell)).groups
    assert (group.networks, group.left_out) == (("lstm", "gru", "rnn"), ("deep",))


def test_of_more_than_eight_the_best_are_taken() -> None:
    names = tuple(f"n{number}" for number in range(10))
    (group,) = found(on("a", names), on("b", names)).groups
    assert group.networks == tuple(f"n{number}" for number in range(9, 1, -1))
    assert group.left_out == ("n0", "n1")


def test_one_problem_or_two_networks_make_no_group() -> None:
    assert found(on("a", CELLS)) == Across((), None, ())
    assert found(on("a", CELLS[:2]), on("b", CELLS[:2])).groups == ()


def test_networks_that_differ_in_more_than_the_architecture_do_not_meet() -> None:
    rates = {"rnn": 0.1, "gru": 0.2, "lstm": 0.3}
    each = [on(data, (name,), optimizer__learning_rate=rate) for data in "ab" for name, rate in rates.items()]
    assert found(*each) == Across((), None, ())


def test_the_first_of_each_family_meet() -> None:
    def three(data: str, prefix: str, **changes: Any) -> list[dict[str, Any]]:
        return on(data, tuple(f"{prefix}{number}" for number in range(3)), **changes)

    records = [
        three(data, prefix, **changes)
        for data in "ab"
        for prefix, changes in (
            ("ae", {"architecture__reconstructs": True}),
            ("rec", {"architecture__cell": "any"}),
            ("other", {}),
        )
    ]
    groups = found(*records).groups
    assert [group.name for group in groups][-1] == FIRST_OF_EACH
    assert set(groups[-1].networks) == {"ae2", "rec2", "other2"}


def test_improvement_is_on_the_network_of_the_best_mean_rank() -> None:
    result = found(on("a", CELLS), on("b", CELLS[::-1]), on("c", CELLS))
    assert result.reference == "lstm"
    assert {name: one.probability for name, one in result.improvements} == pytest.approx({"gru": 1 / 3, "rnn": 1 / 3})


def test_lower_is_better_where_the_task_says_so() -> None:
    records = [*on("a", CELLS), *on("b", CELLS)]
    for each in records:
        each["config"]["task"]["primary"]["direction"] = each["result"]["primary"]["direction"] = "lower"
    (group,) = found(records).groups
    assert group.networks == ("rnn", "gru", "lstm")


def test_the_page_says_what_the_ranking_can_resolve() -> None:
    text = markdown([*on("a", CELLS), *on("b", CELLS)], "Report")
    assert "## Across problems" in text
    assert "| lstm | **1.00** | 0 | — |" in text
    assert "| rnn | 3.00 | 0 | lstm |" in text
    assert "- 4 blocks of 2 problems: sentiment on a; sentiment on b." in text
    assert "- Critical difference: 1.66 ranks at 5 %." in text
    assert "|  | P(better than lstm) | 95 % bootstrap interval | problems | trials of both |" in text
    assert "| gru | 0.00 | 0.00 to 0.00 | 2 | 4 and 4 |" in text
    assert "A failed trial loses all its comparisons" in text
    assert "Across problems" not in markdown(on("a", CELLS), "Report")

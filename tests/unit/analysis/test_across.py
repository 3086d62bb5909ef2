"""Networks across problems: what a problem is, who meets whom, when a test is made, and what the page says of it."""

import math
from typing import Any

import pytest
from table_records import record

from unroll.analysis.across import Across, across, profiles
from unroll.analysis.report import markdown
from unroll.analysis.tables import make_tables

CELLS = ("rnn", "gru", "lstm")


def on(data: str, names: tuple[str, ...], seeds: int = 2, **changes: Any) -> list[dict[str, Any]]:
    """Records in which each next network is better by 10 and each next seed by 1."""
    return [
        record(name, seed, 10.0 * place + seed, data__name=data, **changes)
        for place, name in enumerate(names)
        for seed in range(seeds)
    ]


def found(*records: list[dict[str, Any]]) -> Across:
    return across(make_tables([one for some in records for one in some]))


def test_a_block_is_a_problem_however_many_its_seeds() -> None:
    for seeds in (2, 7):
        (group,) = found(on("a", CELLS, seeds), on("b", CELLS, seeds)).groups
        assert (group.name, group.networks) == ("3 networks of 2 problems", ("lstm", "gru", "rnn"))
        assert group.problems == ("sentiment on a", "sentiment on b")
        assert group.ranks == ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0))
        assert group.p == ()


def test_a_networks_value_in_a_problem_is_the_mean_over_its_seeds() -> None:
    """On b the rnn's seeds are 0 and 99, so that it is behind in one and ahead in the mean."""
    second = on("b", CELLS)
    second[1] = record("rnn", 1, 99.0, data__name="b")
    (group,) = found(on("a", CELLS), second).groups
    assert dict(zip(group.networks, zip(*group.ranks, strict=True), strict=True)) == {
        "lstm": (1.0, 2.0),
        "gru": (2.0, 3.0),
        "rnn": (3.0, 1.0),
    }
    assert group.mean_ranks == (1.5, 2.0, 2.5)


def test_settings_of_a_problem_are_averaged_and_are_no_more_problems() -> None:
    """On a with two learning rates: in one the order is turned round, so that the ranks there are alike."""
    turned = on("a", CELLS[::-1], optimizer__learning_rate=0.1)
    (group,) = found(on("a", CELLS), turned, on("b", CELLS)).groups
    assert group.problems == ("sentiment on a", "sentiment on b")
    assert [setting.problem for setting in group.settings] == ["sentiment on a", "sentiment on a", "sentiment on b"]
    assert group.weights == (0.25, 0.25, 0.5)
    assert group.ranks == ((2.0, 2.0, 2.0), (1.0, 2.0, 3.0))
    assert group.improvements[0].probability == pytest.approx(0.25 * 1 + 0.25 * 0 + 0.5 * 0)


def test_a_failed_trial_makes_its_network_the_last_and_a_missing_one_does_not() -> None:
    second = on("b", CELLS, 3)
    second[-1] = record("lstm", 2, None, data__name="b")
    (group,) = found(on("a", CELLS, 3), second).groups
    assert group.networks == ("gru", "lstm", "rnn")
    assert (group.mean_ranks, group.failed) == ((1.5, 2.0, 2.5), (0, 1, 0))
    (shorter,) = found(on("a", CELLS, 3), second[:-1]).groups
    assert (shorter.networks, shorter.failed) == (("lstm", "gru", "rnn"), (0, 0, 0))


def test_one_seed_says_nothing_of_a_network() -> None:
    alone = [record("deep", 0, 99.0, data__name=data) for data in "ab"]
    result = found(on("a", CELLS), on("b", CELLS), alone)
    assert (result.groups[0].networks, result.single) == (("lstm", "gru", "rnn"), ("deep",))
    assert found(on("a", CELLS, 1), on("b", CELLS, 1)) == Across((), (), ("gru", "lstm", "rnn"))


def test_networks_meet_where_they_stand_in_the_same_problems() -> None:
    both = ("ae", "vae")
    result = found(*(on(data, CELLS) for data in "abc"), *(on(data, both) for data in "xy"))
    assert [group.networks for group in result.groups] == [("lstm", "gru", "rnn"), ("vae", "ae")]
    assert [group.problems[0] for group in result.groups] == ["sentiment on a", "sentiment on x"]


def test_one_that_stands_in_more_problems_than_all_others_joins_them() -> None:
    """The rnn has a fourth problem for itself, as a sweep that has not ended leaves it."""
    (group,) = found(*(on(data, CELLS) for data in "abc"), on("d", ("rnn",))).groups
    assert (group.networks, len(group.problems)) == (("lstm", "gru", "rnn"), 3)


def test_one_that_stands_in_fewer_problems_is_left_out_and_named() -> None:
    result = found(on("a", (*CELLS, "deep")), on("b", (*CELLS, "deep")), on("c", CELLS))
    assert (result.groups[0].networks, result.left_out) == (("lstm", "gru", "rnn"), ("deep",))


def test_one_problem_or_one_network_makes_no_group() -> None:
    assert found(on("a", CELLS)) == Across((), (), ())
    assert found(on("a", CELLS), on("a", CELLS, optimizer__learning_rate=0.1)) == Across((), (), ())
    assert found(on("a", ("rnn",)), on("b", ("rnn",))) == Across((), ("rnn",), ())
    assert found(on("a", CELLS[:2]), on("b", CELLS[:2])).groups[0].networks == ("gru", "rnn")


def test_networks_that_differ_in_more_than_the_architecture_do_not_meet() -> None:
    rates = {"rnn": 0.1, "gru": 0.2, "lstm": 0.3}
    each = [on(data, (name,), optimizer__learning_rate=rate) for data in "ab" for name, rate in rates.items()]
    assert found(*each).groups == ()


def test_one_of_other_settings_does_not_part_those_that_share_theirs() -> None:
    """The deep one stands in the same three problems, in one of them at another learning rate."""
    odd = [
        on(data, ("deep",), optimizer__learning_rate=rate) for data, rate in (("a", 0.001), ("b", 0.001), ("c", 0.1))
    ]
    result = found(*(on(data, CELLS) for data in "abc"), *odd)
    assert [(group.networks, len(group.problems)) for group in result.groups] == [(("lstm", "gru", "rnn"), 3)]
    assert result.left_out == ("deep",)


def test_a_setting_that_some_do_not_have_is_not_counted() -> None:
    (group,) = found(*(on(data, CELLS) for data in "ab"), on("a", CELLS[:1], optimizer__learning_rate=0.1)).groups
    assert (group.networks, len(group.settings)) == (("lstm", "gru", "rnn"), 2)


def test_lower_is_better_where_the_task_says_so() -> None:
    records = [*on("a", CELLS), *on("b", CELLS)]
    for each in records:
        each["config"]["task"]["primary"]["direction"] = each["result"]["primary"]["direction"] = "lower"
    (group,) = found(records).groups
    assert group.networks == ("rnn", "gru", "lstm")


def test_a_test_is_made_from_as_many_problems_as_can_reject_on() -> None:
    """Three pairs take seven problems: 3 * 2^-6 = 0.047."""
    (six,) = found(*(on(data, CELLS) for data in "abcdef")).groups
    assert (six.p, six.surely_worse(2, 0)) == ((), False)
    (seven,) = found(*(on(data, CELLS) for data in "abcdefg")).groups
    adjusted = 3 * 2**-6
    assert seven.networks == ("lstm", "gru", "rnn")
    assert seven.p == ((1.0, 1.0, 1.0), (adjusted, 1.0, 1.0), (adjusted, adjusted, 1.0))
    assert (seven.surely_worse(2, 0), seven.surely_worse(0, 2)) == (True, False)


def test_settings_do_not_help_a_test() -> None:
    rates = (0.1, 0.2, 0.3)
    records = [on(data, CELLS, optimizer__learning_rate=rate) for data in "abc" for rate in rates]
    (group,) = found(*records).groups
    assert (len(group.settings), len(group.problems), group.p) == (9, 3, ())


def test_a_group_of_too_few_problems_is_not_tested_and_costs_the_others_nothing() -> None:
    """With the pairs of both, 3 + 1, the larger would need eight problems; without it, seven."""
    large, small = found(*(on(data, CELLS) for data in "abcdefg"), *(on(data, ("ae", "vae")) for data in "xy")).groups
    assert (large.family, large.surely_worse(2, 0)) == (3, True)
    assert (small.family, small.p) == (4, ())


def test_a_group_that_cannot_decide_by_itself_does_not_stop_another() -> None:
    """Nine problems are too few for the 15 pairs of six networks, which take ten, and enough for one pair."""
    six = tuple(f"n{number}" for number in range(6))
    large, small = found(
        *(on(data, six) for data in "abcdefghi"), *(on(data, ("ae", "vae")) for data in "pqrstu")
    ).groups
    assert (large.p, large.family) == ((), 16)
    assert (small.family, small.surely_worse(1, 0)) == (1, True)


def test_of_groups_that_cannot_decide_together_the_one_of_most_problems_does() -> None:
    """Three pairs in seven problems and one in six: together they would take eight."""
    large, small = found(
        *(on(data, CELLS) for data in "abcdefg"), *(on(data, ("ae", "vae")) for data in "pqrstu")
    ).groups
    assert (large.family, large.surely_worse(2, 0)) == (3, True)
    assert (small.family, small.p) == (4, ())


def test_groups_that_can_decide_share_one_correction() -> None:
    more = (on(data, ("ae", "vae")) for data in "opqrstuv")
    large, small = found(*(on(data, CELLS) for data in "abcdefgh"), *more).groups
    assert large.family == small.family == 4
    assert small.p[1][0] == pytest.approx(4 * 2**-7)


BASELINES = {"majority": 0.0, "tfidf_lr": 20.0}


def with_baselines(data: str, **changes: Any) -> list[dict[str, Any]]:
    made = [record("tfidf_lr", 0, value, data__name=data, **changes) for value in BASELINES.values()]
    for each, name in zip(made, BASELINES, strict=True):
        each["config"]["baseline"]["name"] = name
        each["trial_id"] += name
    return made


def test_skill_needs_five_seeds_of_all_and_two_baselines_that_differ() -> None:
    five, baselines = [on(data, CELLS, 5) for data in "ab"], [with_baselines(data) for data in "ab"]
    (group,) = found(*five, *baselines).groups
    assert group.skills is not None
    assert group.skills.marks[0] == ("sentiment on a", "majority", "tfidf_lr")
    assert group.skills.strata[0][0] == (1.0, 1.05, 1.1, 1.15, 1.2)
    assert [one.value for one in group.skills.means] == pytest.approx([1.1, 0.6, 0.1])
    assert group.skills.above == ((1.0, 0.8), (1.0, 0.0), (0.8, 0.0))
    assert found(*five, baselines[0]).groups[0].skills is None
    assert found(*five, baselines[0], baselines[1][:1]).groups[0].skills is None
    four = found(on("a", CELLS, 5), on("b", CELLS, 4), *baselines).groups[0]
    assert (four.skills, four.fewest, profiles(four)) == (None, 4, [])


def test_a_baseline_marks_the_scale_of_the_settings_that_share_what_it_reads() -> None:
    five = [on(data, CELLS, 5, data__fraction=share) for data in "ab" for share in (0.5, 1.0)]
    two = [with_baselines(data, data__fraction=0.5) for data in "ab"]
    (group,) = found(*five, *two).groups
    assert [setting.has_scale for setting in group.settings] == [True, False, True, False]


def test_a_profile_is_drawn_from_nought_or_below_to_one_or_above() -> None:
    (group,) = found(*(on(data, CELLS, 5) for data in "ab"), *(with_baselines(data) for data in "ab")).groups
    best, *_, worst = profiles(group)
    assert (best.network, worst.network, best.seeds) == ("lstm", "rnn", 5)
    assert (best.skills[0], best.skills[-1]) == (0.0, pytest.approx(1.2))
    assert (best.shares[0].value, best.shares[-1].value) == (1.0, 0.0)
    assert [share.value for share in worst.shares] == sorted((share.value for share in worst.shares), reverse=True)


def test_the_page_says_that_few_problems_decide_nothing() -> None:
    text = markdown([*on("a", CELLS), *on("b", CELLS)], "Report")
    assert "## Across problems" in text
    assert "|  | mean rank (1 is best) | ranks | failed | P(better than lstm) |\n" in text
    assert "| gru | 2.00 | 2 to 2 | 0 | 0.00 |" in text
    assert "- N = 2 problems: sentiment on a; sentiment on b.\n" in text
    assert (
        "- 2 problems decide nothing: a network ahead of another in all of them has p = 0.5 by Wilcoxon's signed-rank "
        "test. At least 7 problems would be needed, with Holm's correction over 3 pairs of networks. So no test is "
        "made."
    ) in text
    assert "- P has an interval where both have 5 seeds or more in each setting (the fewest here: 2)" in text
    assert (
        "- No interquartile mean and no performance profile: they take 5 seeds of every network in each setting; "
        "a common scale takes two ranked baselines that differ, not so in sentiment on a, sentiment on b."
    ) in text
    assert "surely" not in text[text.index("## Across problems") : text.index("## sentiment on a")]
    assert "Across problems" not in markdown(on("a", CELLS), "Report")


def test_five_problems_of_two_networks_have_a_p_of_one_in_sixteen() -> None:
    text = markdown([one for data in "abcde" for one in on(data, CELLS[:2])], "Report")
    assert "5 problems decide nothing: a network ahead of another in all of them has p = 0.0625" in text
    assert "At least 6 problems would be needed, with Holm's correction over 1 pair of networks." in text


def test_the_page_says_what_was_tested_and_who_is_worse() -> None:
    text = markdown([one for data in "abcdefg" for one in on(data, CELLS)], "Report")
    assert "| P(better than lstm) | worse than, surely (p) |\n" in text
    assert "| rnn | 3.00 | 3 to 3 | 0 | 0.00 | lstm (0.047), gru (0.047) |" in text
    assert "by Wilcoxon's signed-rank test over the 7 problems, after Holm's correction over the 3 pairs" in text
    assert "decide nothing" not in text


def test_the_page_shows_skill_with_its_scale() -> None:
    records = [one for data in "ab" for one in (*on(data, CELLS, 5), *with_baselines(data))]
    text = markdown(records, "Report")
    assert "| interquartile mean of skill [95 %] | trials above 0 | trials above 1 |\n" in text
    assert "| lstm | 1.00 | 1 to 1 | 0 | — | 1.10 [1.04, 1.16] | 100 % | 80 % |" in text
    assert "Baselines: sentiment on a: majority, tfidf_lr; sentiment on b: majority, tfidf_lr." in text


def test_the_page_says_that_one_seed_says_nothing() -> None:
    text = markdown([*on("a", CELLS, 1), *on("b", CELLS, 1)], "Report")
    assert "Nothing is said across problems: no two networks share two problems with two seeds or more in each." in text


def test_failed_trials_show_and_lose() -> None:
    failed = [record("deep", seed, None, data__name=data) for data in "abcdefgh" for seed in range(2)]
    (group,) = found(*(on(data, CELLS) for data in "abcdefgh"), failed).groups
    assert (group.networks[-1], group.failed[-1]) == ("deep", 16)
    assert group.p[3][0] == pytest.approx(math.comb(4, 2) * 2**-7)

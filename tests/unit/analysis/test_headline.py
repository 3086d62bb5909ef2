"""What a page says in words: what won, by how much, and whether that is sure; on made-up records."""

import pytest
from table_records import FIVE, record

from unroll.analysis.tables import Table, make_tables
from unroll.analysis.webpage.headline import NOTHING, SURE, UNSURE, UNTESTED, Headline, headline, overall

Values = dict[str, tuple[float, ...]]


def table(values: Values, direction: str = "higher") -> Table:
    """A table of accuracies by row, a seed each, compared by seeds alone."""
    records = [record(row, seed, value) for row, own in values.items() for seed, value in enumerate(own)]
    for each in records:
        each["config"]["task"]["primary"]["direction"] = each["result"]["primary"]["direction"] = direction
    (found,) = make_tables(records, scores=lambda _: None)
    return found


AHEAD = {"lstm": (90.0, 90.1, 89.9), "rnn": (70.0, 70.2, 69.8), "tfidf_lr": (60.0,)}
BEHIND = {"lstm": (70.0, 70.1, 69.9), "rnn": (60.0, 60.1, 59.9), "tfidf_lr": (90.0,)}
CLOSE = {"lstm": (80.0, 82.0, 84.0), "rnn": (79.0, 81.5, 84.5), "tfidf_lr": (60.0,)}


def test_a_network_surely_ahead_of_all_with_its_lead_and_the_interval_of_that() -> None:
    found = headline(table(AHEAD))
    assert (found.winner, found.baseline, found.verdict) == ("lstm", False, SURE)
    assert found.text.startswith("**lstm** is best on average, 90.00 ± 0.10 %; next is rnn, 70.00 ± 0.20 %, 20.00 % ")
    assert "behind (95 %: 19." in found.text
    assert "The best baseline, tfidf_lr, has 60.00 %." in found.text
    assert found.text.endswith("It is surely better than all 2 others.")


def test_what_is_lower_and_better_leads_by_a_positive_number_too() -> None:
    found = headline(table(AHEAD, "lower"))
    assert (found.winner, found.verdict) == ("tfidf_lr", SURE)
    assert "The best network, rnn, has 70.00 ± 0.20 %, 10.00 % behind (95 %: 9." in found.text


def test_a_lead_that_may_be_chance_names_who_may_be_as_good() -> None:
    found = headline(table(CLOSE))
    assert (found.winner, found.verdict) == ("lstm", UNSURE)
    assert "0.33 % behind (95 %: -" in found.text
    assert found.text.endswith("It is surely better than 1 of 2 others. May be as good: rnn.")


def test_a_baseline_ahead_is_said_to_be() -> None:
    found = headline(table(BEHIND))
    assert (found.winner, found.baseline, found.verdict) == ("tfidf_lr", True, SURE)
    assert found.text.startswith("No network beats the baseline **tfidf_lr**, 90.00 %. The best network, lstm, has ")
    assert found.text.endswith("The baseline is surely better than every network.")


def test_equal_means_are_no_lead() -> None:
    found = headline(table({"lstm": (80.0,), "rnn": (80.0,)}))
    assert "**lstm** is best on average, 80.00 %; just as good is rnn, 80.00 %." in found.text


def test_too_few_seeds_test_nothing() -> None:
    found = headline(make_tables(FIVE)[0])
    assert found.verdict == UNTESTED
    assert found.text.endswith("Nothing is tested: no network has the 3 seeds that a test needs.")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lstm": (80.0,)}, "Only **lstm** stands here, with 80.00 %."),
        ({"tfidf_lr": (80.0,)}, "Only **tfidf_lr** stands here, with 80.00 %."),
    ],
)
def test_one_row_wins_nothing(values: Values, said: str) -> None:
    assert headline(table(values)) == Headline(next(iter(values)), "tfidf_lr" in values, said, NOTHING)


def test_rows_without_a_finished_trial_are_said_to_be_none() -> None:
    (found,) = make_tables([record("lstm", 0, None)])
    assert headline(found).text == "No ranked row has a finished trial."


def said(*tables: Table) -> str:
    return overall([(one, headline(one)) for one in tables])


def test_all_problems_in_words() -> None:
    assert said(table(AHEAD), table(CLOSE), table(BEHIND)) == (
        "**A network is ahead in 2 of 3 problems**; sure is only **lstm** in sentiment on sst2. "
        "**A baseline is ahead in 1 of 3 problems**; all of that is sure: **tfidf_lr** in sentiment on sst2. "
        "In 1 the lead may be chance: of the seeds drawn, or of the test examples."
    )


def test_networks_without_a_baseline_are_ahead_of_nothing() -> None:
    alone = table({"lstm": (90.0, 90.1, 89.9), "rnn": (70.0, 70.2, 69.8)})
    assert said(alone) == (
        "In 1 problem no baseline stands beside the networks; all of that is sure: **lstm** in sentiment on sst2."
    )
    assert said(make_tables(FIVE)[0]).endswith("who is best is sure nowhere. In 1 no lead is tested.")


def test_where_nothing_can_be_compared_it_says_so() -> None:
    assert said(table({"lstm": (80.0,)})).startswith("Nothing can be compared yet")
    assert said().startswith("Nothing can be compared yet")

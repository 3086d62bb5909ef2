"""Names as papers print them: of everything that ships, each its own; others of one's own; digits by metric."""

import pytest
from table_records import FIVE, record

from unroll.analysis.labels import DATA, ROWS, Labels, labels_of, named
from unroll.analysis.render.cells import main
from unroll.analysis.tables import make_tables
from unroll.errors import UserError
from unroll.registry.groups import group_options


@pytest.mark.parametrize(("group", "known"), [("architecture", ROWS), ("baseline", ROWS), ("data", DATA)])
def test_everything_that_ships_has_a_name(group: str, known: dict[str, str]) -> None:
    called = Labels().data if group == "data" else Labels().row
    names = [called(name) for name in group_options(group)]
    assert len(set(names)) == len(names)
    assert not any("_" in name for name in names)
    assert len(set(known.values())) == len(known)


def test_names_of_ones_own_come_first_and_others_stay() -> None:
    called = labels_of(["gru=My GRU", "mse=Squared error"])
    assert [called.row(name) for name in ("gru", "lstm", "attentive")] == ["My GRU", "LSTM", "Attentive"]
    assert (called.metric("mse"), called.data("etth1"), called.data("river")) == ("Squared error", "ETTh1", "River")
    assert called.metric("frechet_mnist_classifier_2000") == "Fréchet distance (2000 samples)"


@pytest.mark.parametrize("wrong", [["gru=LSTM"], ["gru"], ["=x"], ["gru="], ["gru=a", "gru=b"]])
def test_a_label_that_says_nothing_or_hides_another_is_refused(wrong: list[str]) -> None:
    with pytest.raises(UserError, match=r"label|called the same"):
        labels_of(wrong)


def test_a_whole_row_with_its_options_may_have_a_name() -> None:
    rows = [record("lstm", 0, 81.0, task__dropout=dropout) for dropout in (0.1, 0.5)]
    plain, labelled = (
        make_tables(rows, labels=labels)[0].rows for labels in (Labels(), labels_of(["lstm task.dropout=0.5=Ours"]))
    )
    assert [row.label for row in plain] == ["LSTM task.dropout=0.1", "LSTM task.dropout=0.5"]
    assert [row.label for row in labelled] == ["LSTM task.dropout=0.1", "Ours"]


def test_tables_are_called_so_in_every_place() -> None:
    (table,) = make_tables(FIVE, labels=Labels())
    assert [row.label for row in table.rows] == ["LSTM", "RNN", "Logistic regression, tf-idf"]
    assert (table.heading, table.title) == ("Sentiment on SST-2", "sentiment on sst2")
    assert table.with_unit("nll") == "NLL, nats"
    assert not any("lstm" in note or "tfidf" in note for note in table.notes if not note.startswith("Failed"))


@pytest.mark.parametrize(
    ("metric", "unit", "decimals"),
    [
        ("accuracy", "%", 1),
        ("sacrebleu", "BLEU", 1),
        ("psnr", "dB", 2),
        ("mse", "", 3),
        ("mine", "%", 1),
        ("mine", "", None),
    ],
)
def test_digits_follow_the_metric(metric: str, unit: str, decimals: int | None) -> None:
    assert Labels().decimals(metric, unit) == decimals


def test_a_spread_that_its_digits_would_not_show_has_one_of_its_own() -> None:
    (table,) = make_tables([record("lstm", 0, 81.0), record("lstm", 1, 81.04)], labels=Labels())
    assert main(table, intervals=False).rows[0][1] == "81.0 ± 0.03"
    (plain,) = make_tables([record("lstm", 0, 81.0), record("lstm", 1, 81.04)])
    assert main(plain, intervals=False).rows[0][1] == "81.02 ± 0.03"


def test_a_name_or_a_part_that_no_other_has() -> None:
    names = ["sentiment-sst2", "sentiment-sst5", "tagging-ud"]
    assert named("sentiment-sst2", names, "table", "--table") == "sentiment-sst2"
    assert named("Tagging", names, "table", "--table") == "tagging-ud"
    for name, why in (("sentiment", "2 tables are called so"), ("tagging-uf", "Did you mean 'tagging-ud'")):
        with pytest.raises(UserError, match=why):
            named(name, names, "table", "--table")

"""Tables on five-line literals: grouping, means, what is best, what a baseline beats, what is shown."""

import copy
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from table_records import FIVE, record

from unroll.analysis.render.cells import decimals, number
from unroll.analysis.render.terminal import rich_table, short, winners
from unroll.analysis.report import markdown, report, summary
from unroll.analysis.tables import Table, make_tables
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.record import write_record
from unroll.records.store import frame, read_records
from unroll.registry.facts import facts

pytestmark = pytest.mark.usefixtures("believed")


def test_rows_hold_mean_spread_counts_parameters_and_seconds() -> None:
    (table,) = make_tables(FIVE)
    lstm, rnn, tfidf = table.rows
    assert [row.label for row in table.rows] == ["lstm", "rnn", "tfidf_lr"]
    assert lstm.primary is not None
    assert (lstm.primary.mean, lstm.primary.sd, lstm.primary.n) == (81.5, pytest.approx(0.5**0.5), 2)
    assert (lstm.parameters, lstm.seconds) == (1234, 10.5)
    assert (rnn.count("finished"), rnn.count("failed")) == (1, 1)
    assert (tfidf.baseline, tfidf.seeded) == (True, False)


def test_the_order_of_records_changes_nothing() -> None:
    assert markdown(FIVE, "x") == markdown(FIVE[::-1], "x")


def test_markdown_says_everything_that_belongs_to_a_number() -> None:
    text = markdown(FIVE, "Report")
    assert "| lstm | 81.50 ± 0.71 | 2 | 75.15 to 87.85 | 1,234 | 10.5 |" in text
    assert "| rnn | 70.00 | 1, 1 failed | — | 1,234 | 10.0 |" in text
    assert "| tfidf_lr (baseline) | 83.12 | no seed |" in text
    assert "| accuracy, % (↑ higher is better) | n |" in text.replace("|  |", "|")
    assert (
        "The baseline tfidf_lr (83.12 %) is better than the mean of every network; the best of them reaches 81.5 %."
        in text
    )
    assert "Protocol 1 of the task." in text
    assert "Checkpoint of each trial: lowest validation nll." in text
    assert "Task options of all networks: dropout=0.5." in text
    assert "Failed, and left out of the mean of rnn: sentiment-sst2-rnn-s1-." in text
    assert "Not reportable: 1 of 5 trials, because the trial failed." in text
    assert "| lstm | 81.50 ± 0.71 | 0.4500 ± 0.0000 |" in text
    assert "Test split" in text
    assert "sample standard deviation" in text


def test_networks_below_a_baseline_are_named() -> None:
    means = {"lstm": 80.0, "gru": 60.0, "rnn": 50.0}
    records = [record(name, seed, mean) for name, mean in means.items() for seed in range(2)]
    (alone,) = make_tables([*records[::2], record("tfidf_lr", 0, 70.0)])
    assert alone.notes == (), "one seed says nothing of a network"
    (table,) = make_tables([*records, record("tfidf_lr", 0, 70.0)])
    assert table.notes == ("Of a mean worse than the baseline tfidf_lr (70 %): gru, rnn. Surely worse: none.",)


def test_a_beaten_baseline_is_not_announced() -> None:
    (table,) = make_tables([*FIVE[:4], record("tfidf_lr", 0, 81.4)])
    assert not [note for note in table.notes if "every network" in note]


def test_only_what_is_surely_best_is_best_and_worse_networks_are_told_apart() -> None:
    def three(name: str, mean: float) -> list[dict[str, Any]]:
        return [record(name, seed, mean + seed) for seed in range(3)]

    def table(*rows: list[dict[str, Any]]) -> Table:
        (found,) = make_tables([one for row in rows for one in row], scores=lambda found: None)
        return found

    baseline = [record("tfidf_lr", 0, 75.0)]
    found = table(three("lstm", 80.0), three("gru", 74.0), three("rnn", 50.0), baseline)
    assert [(row.label, row.letters, row.best) for row in found.rows] == [
        ("lstm", "a", True),
        ("gru", "b", False),
        ("rnn", "c", False),
        ("tfidf_lr", "b", False),
    ]
    assert "Of a mean worse than the baseline tfidf_lr (75 %): rnn. Surely worse: rnn." in found.notes
    close = table(three("lstm", 80.0), three("gru", 79.8), three("rnn", 50.0))
    assert [(row.letters, row.best) for row in close.rows] == [("a", False), ("a", False), ("b", False)]
    few = table(three("lstm", 80.0), three("gru", 74.0), [record("rnn", 0, 50.0)])
    assert [(row.letters, row.best) for row in few.rows] == [("a", False), ("b", False), (None, False)]
    assert [row.best for row in table(three("lstm", 80.0)).rows] == [False]


def test_a_table_of_more_groups_than_letters_says_so() -> None:
    records = [record(f"n{row}", seed, 100 - row + 0.01 * seed) for row in range(60) for seed in range(3)]
    text = markdown(records, "x", scores=lambda found: None)
    assert "The rows fall into more groups than there are letters." in text
    assert "not surely apart |" not in text


def test_networks_that_are_equal_are_said_to_be() -> None:
    text = markdown([record(n, s, 50.0 + s) for n in "ab" for s in range(3)], "x", scores=lambda found: None)
    assert "**3 seeds decide nothing here between networks.** Their means are equal." in text


def test_lower_is_better_where_the_task_says_so() -> None:
    records = copy.deepcopy(FIVE)
    for each in records:
        each["config"]["task"]["primary"]["direction"] = "lower"
        if each["result"]:
            each["result"]["primary"]["direction"] = "lower"
    (table,) = make_tables(records)
    assert [row.label for row in table.networks] == ["rnn", "lstm"]


def test_variants_are_told_apart_by_what_differs() -> None:
    records = [
        record("lstm", 0, 81.0),
        record("lstm", 0, 82.0, task__dropout=0.1),
        record("gru", 0, 80.0),
        record("gru", 0, 79.0, architecture__width=64, architecture__encoder={"width": 64}),
        record("tfidf_lr", 0, 75.0),
    ]
    (table,) = make_tables(records)
    assert [row.label for row in table.rows] == [
        "lstm task.dropout=0.1",
        "lstm task.dropout=0.5",
        "gru task.dropout=0.5 architecture.width=128",
        "gru task.dropout=0.5 architecture.width=64",
        "tfidf_lr",
    ]


def test_a_named_group_stands_for_its_options() -> None:
    short = {"name": "quickstart", "epochs": None, "steps": 150}
    (table,) = make_tables([record("lstm", 0, 81.0), record("lstm", 0, 80.0, budget=short)])
    assert [row.label for row in table.rows] == ["lstm budget=default", "lstm budget=quickstart"]


def test_devices_paths_and_seed_do_not_make_rows() -> None:
    (table,) = make_tables([FIVE[0], record("lstm", 1, 82.0, trainer__threads=2, paths__runs="elsewhere")])
    assert [(row.label, row.count("finished")) for row in table.rows] == [("lstm", 2)]


def test_another_way_is_another_table_and_has_the_same_baselines() -> None:
    ways = [{**record("lstm", 0, 80.0, task__protocol=way), "trial_id": way} for way in ("joint", "pretrain")]
    alone, pair = make_tables(ways[:1]), make_tables([*ways, record("tfidf_lr", 0, 50.0)])
    assert [table.title for table in alone] == ["sentiment on sst2"]
    assert [table.title for table in pair] == [f"sentiment on sst2 (protocol={way})" for way in ("joint", "pretrain")]
    assert [[row.name for row in table.rows] for table in pair] == [["lstm", "tfidf_lr"]] * 2


def test_another_problem_is_another_table() -> None:
    windows = {"task___target_": "unroll.tasks.forecasting.Forecasting"}
    near, far = (record("lstm", 0, 1.0, task__horizon=steps, **windows) for steps in (24, 48))
    fine = record("lstm", 0, 40.0, data__options={"classes": 5})
    titles = [table.title for table in make_tables([near, far, fine, FIVE[0]])]
    assert titles == [
        "sentiment on sst2 (classes=2)",
        "sentiment on sst2 (classes=5)",
        "sentiment on sst2 (horizon=24)",
        "sentiment on sst2 (horizon=48)",
    ]


def test_another_primary_metric_is_another_table() -> None:
    f1 = {"name": "macro_f1", "direction": "higher", "unit": "%"}
    tables = make_tables([record("lstm", 0, 80.0), record("lstm", 0, 70.0, task__primary=f1)])
    assert [table.title for table in tables] == ["sentiment on sst2 (by accuracy)", "sentiment on sst2 (by macro_f1)"]
    assert [table.rows[0].primary.mean for table in tables] == [80.0, 70.0]  # type: ignore[union-attr]


def test_another_data_content_is_said() -> None:
    other = record("rnn", 0, 99.0)
    other["data"]["content_sha256"] = "cd"
    (table,) = make_tables([FIVE[0], other])
    assert "Not comparable: these trials saw different data contents (ab, cd)." in table.notes


def test_a_row_over_the_rate_does_not_compete() -> None:
    heavy = record("png", 0, 99.0, task__rate=0.2)
    heavy["result"]["metrics"]["test"]["bits_per_pixel"] = 1.25
    (table,) = make_tables([record("lstm", 0, 20.0, task__rate=0.2), heavy])
    assert [(row.label, row.unranked is None) for row in table.rows] == [("lstm", True), ("png", False)]
    assert (
        "png stands beside the others, unranked: it takes 1.250 bits per pixel where the task allows 0.2."
        in table.notes
    )


def test_planned_trials_without_a_record_are_missing() -> None:
    planned = [Trial(each["config"], each["trial_id"]) for each in (FIVE[0], FIVE[1])]
    (table,) = make_tables([FIVE[0], FIVE[4]], planned)
    assert [(row.label, row.count("finished"), row.count("missing")) for row in table.rows] == [("lstm", 1, 1)]
    assert "| 1, 1 missing |" in markdown([FIVE[0]], "x", planned)
    assert "| lstm | — | 0, 2 missing |" in markdown([], "x", planned)


def test_rich_tables_show_the_same_and_an_overview() -> None:
    other = record("lstm", 0, 33.0, data__name="other")
    tables = rich_table(make_tables([*FIVE, other]))
    screen = io.StringIO()
    Console(file=screen, width=200).print(*tables)
    shown = " ".join(screen.getvalue().split())
    assert len(tables) == 3
    for words in ("81.50 ± 0.71", "1, 1 failed", "tfidf_lr", "every network", "33.00"):
        assert words in shown


@pytest.mark.parametrize(
    ("name", "width", "shown"),
    [
        ("etth1", 12, "etth1"),
        ("rotten_tomatoes_snippets", 12, "rotten"),
        ("frechet_mnist_classifier_1000", 9, "frechet"),
        ("unpronounceable_words", 9, "unpronou…"),
    ],
)
def test_names_are_cut_between_their_parts(name: str, width: int, shown: str) -> None:
    assert short(name, width) == shown


def test_an_overview_fits_its_terminal_and_breaks_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"data_set_{number}" for number in range(8)]
    many = [record("a_network_of_some_name", 0, 33.0 + number, data__name=name) for number, name in enumerate(names)]
    overview = rich_table(make_tables(many))[len(names) :]
    screen = io.StringIO()
    Console(file=screen, width=60).print(*overview)
    lines = screen.getvalue().splitlines()
    assert len(overview) > 1
    assert sum("a_network_of_some_name" in line for line in lines) == len(overview)
    for name in names:
        assert sum(name in line for line in lines) == 1


def test_report_reads_both_layouts_and_writes_the_same_bytes(tmp_path: Path) -> None:
    runs, committed = tmp_path / "runs", tmp_path / "committed"
    for each in FIVE:
        written = write_record(runs / each["trial_id"], each)
        committed.mkdir(exist_ok=True)
        (committed / f"{each['trial_id']}.json").write_bytes(written.read_bytes())
    assert read_records(runs) == read_records(committed)
    first, page = report(runs)
    second, _ = report(committed, out=tmp_path / "one.md")
    assert (first, page) == (runs / "report.md", runs / "report.html")
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in report(committed, out=tmp_path / "tables")] == ["sentiment-sst2.md", "index.html"]


def test_the_summary_sets_the_best_network_beside_the_best_baseline() -> None:
    row = "| sentiment on sst2 | accuracy, % ↑ | lstm 81.50 ± 0.71 (n = 2) | tfidf_lr 83.12 |"
    assert summary(FIVE, scores=lambda found: None).splitlines()[2:] == [row]


def test_a_missing_folder_and_a_damaged_record_are_clear(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        report(tmp_path / "absent")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UserError, match=r"bad\.json cannot be read"):
        read_records(tmp_path)
    damaged: list[UserError] = []
    assert read_records(tmp_path, damaged) == []
    assert len(damaged) == 1


def test_frame_has_a_column_a_leaf() -> None:
    table = frame(FIVE)
    assert table.height == 5
    assert table["result.metrics.test.accuracy"].to_list() == [81.0, 82.0, 70.0, None, 83.125]
    assert table["config.seed"].to_list() == [0, 1, 0, 1, 0]
    assert frame([]).height == 0


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [(81.456, 2, "81.46"), (0.0, 2, "0.00"), (0.001, 2, "1.00e-03"), (-4.5, 0, "-4"), (2.5e9, 2, "2.50e+09")],
)
def test_numbers_never_round_to_nothing(value: float, places: int, shown: str) -> None:
    assert number(value, places) == shown


def test_decimals_give_four_digits() -> None:
    assert [decimals([value]) for value in (81.5, 0.365, 1234.0, 0.0)] == [2, 4, 0, 2]


def test_units_survive_counts_and_suffixes() -> None:
    def unit(task: str, metric: str) -> str:
        return facts({"_target_": f"unroll.tasks.{task}"}).unit(metric)

    assert unit("generation.Generation", "frechet_mnist_classifier_2000_prior") == "squared feature distance"
    assert unit("translation.Translation", "nll_per_token_parallel") == "nats"
    assert unit("forecasting.Forecasting", "mse") == "standardised²"
    assert unit("generation.Generation", "importance_bound_500") == "nats"
    assert unit("forecasting.Forecasting", "mse_drop_first") == ""
    assert unit("somewhere.Else", "mse") == ""


def sized(row: str, value: float, counted: int, outside: str | None = None) -> dict[str, Any]:
    """A record of a trial that should have 1,000 parameters."""
    found = record(row, 0, value)
    off = round(100 * (counted / 1000 - 1), 4)
    sizing = {"target": 1000, "achieved": counted, "off_per_cent": off, "width": 5, "outside": outside}
    found["parameters"] = {"total": counted + 50, "counted": counted, "embeddings": 50, "sizing": sizing}
    return found


def test_parameters_off_by_more_than_a_hundredth_are_told_of() -> None:
    (table,) = make_tables([sized("lstm", 81.0, 1010), sized("gru", 80.0, 1025), sized("rnn", 79.0, 985)])
    assert table.notes == (
        "gru has 1,025 parameters, +2.5 % from what the budget asks for.",
        "rnn has 985 parameters, -1.5 % from what the budget asks for.",
    )


def test_what_has_no_width_stands_outside_the_equal_parameter_ranks() -> None:
    reason = "the architecture has no width"
    (table,) = make_tables([sized("lstm", 81.0, 1000), sized("linear", 90.0, 1000, reason)])
    assert [(row.name, row.unranked) for row in table.rows] == [
        ("lstm", None),
        ("linear", f"outside equal-parameter ranks: {reason}"),
    ]
    assert table.notes == (f"linear stands beside the others, unranked: outside equal-parameter ranks: {reason}.",)


def test_different_devices_are_said_below_the_table() -> None:
    def on(name: str, *arguments: Any) -> dict[str, Any]:
        found = record(*arguments)
        found["run"]["device"] = {"kind": "cpu" if name == "cpu" else "cuda", "name": name}
        return found

    def said(*records: dict[str, Any]) -> list[str]:
        (table,) = make_tables([*records, record("tfidf_lr", 0, 83.0)])
        return [note for note in table.notes if "devices" in note]

    lstm, rnn = record("lstm", 0, 81.0), record("rnn", 0, 70.0)  # older: no GPU was in sight
    assert said(lstm, rnn, on("cpu", "lstm", 1, 82.0)) == []
    assert said(on("H100", "lstm", 0, 81.0), on("H100", "rnn", 0, 70.0)) == []
    apart = "Different devices (H100, cpu) round differently and take other times"
    assert said(lstm, on("H100", "rnn", 0, 70.0)) == [f"{apart}."]
    assert said(lstm, rnn, on("H100", "lstm", 1, 82.0)) == [f"{apart}, within a row: lstm."]


def test_what_beats_its_baselines_is_counted() -> None:
    assert winners(make_tables([*FIVE, record("lstm", 0, 33.0, data__name="other")])) == [
        "In 0 of 1 problems the best network's mean on test is better than every ranked baseline's:",
        "  - sentiment on sst2, accuracy: lstm 81.50, tfidf_lr 83.12",
    ]
    assert winners([]) == []

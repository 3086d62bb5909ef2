"""A second run of a trial beside the one that counts: what it is called, and what becomes of its row."""

import copy
from pathlib import Path
from typing import Any

import pytest
from table_records import record

from unroll.analysis.hypotheses import answer
from unroll.analysis.render import cells, markdown
from unroll.analysis.render.page import sections
from unroll.analysis.tables import make_tables
from unroll.records.pool import Place, Pool, pool
from unroll.verification.replications import of, reopened, with_replications

Record = dict[str, Any]
LATER = "2026-02-01T00:00:00+00:00"
HERE = {"cpu": "EPYC", "cpu_capability": "AVX512"}


def ran(row: str, seed: int, accuracy: float | None, nll: float = 0.45, cpu: str = "EPYC", **run: Any) -> Record:
    found = copy.deepcopy(record(row, seed, accuracy))
    found["run"] |= {"hardware": {**HERE, "cpu": cpu}, **run}
    if found["result"]:
        found["result"]["metrics"]["test"]["nll"] = nll
        found["result"]["examples"] = {"train": 100, "validation": 1000, "test": 1000}
    return found


def labs(*runs: tuple[str, Record]) -> Pool:
    return pool((Place(lab, Path(lab) / f"{one['trial_id']}.json"), one) for lab, one in runs)


def only(*runs: tuple[str, Record]) -> Any:
    (found,) = of(with_replications(labs(*runs)))
    return found


def test_the_same_bits_elsewhere_are_bit_identical() -> None:
    found = only(("a", ran("lstm", 0, 81.0)), ("b", ran("lstm", 0, 81.0, cpu="Xeon", started=LATER)))
    assert (found.counts, found.labs, found.outcome) == (("a",), ("b",), "bit-identical")
    assert not found.contradicts


@pytest.mark.parametrize(
    ("accuracy", "nll", "outcome", "contradicts"),
    [
        (81.5, 0.45, "within tolerance, largest gap 0.61 % (test.accuracy)", False),  # 1 % of 81 is allowed
        (81.0, 0.4504, "within tolerance, largest gap 0.089 % (test.nll)", False),  # 0.1 % of 0.45
        (81.0, 0.4506, "beyond tolerance, largest gap 0.13 % (test.nll)", True),
        (75.0, 0.45, "beyond tolerance, largest gap 7.4 % (test.accuracy)", True),
    ],
)
def test_the_largest_gap_and_whether_rounding_may_do_it(
    accuracy: float, nll: float, outcome: str, contradicts: bool
) -> None:
    found = only(("a", ran("lstm", 0, 81.0)), ("b", ran("lstm", 0, accuracy, nll, "Xeon", started=LATER)))
    assert found.outcome == outcome
    assert found.contradicts is contradicts


def test_other_predictions_of_equal_metrics_are_no_gap() -> None:
    other = ran("lstm", 0, 81.0, cpu="Xeon", started=LATER)
    other["result"]["predictions_sha256"] = "0" * 64
    assert only(("a", ran("lstm", 0, 81.0)), ("b", other)).outcome == "within tolerance, all metrics equal"


def test_other_bits_on_the_same_machine_are_said() -> None:
    found = only(("a", ran("lstm", 0, 81.0)), ("b", ran("lstm", 0, 81.5, started=LATER)))
    assert found.outcome.endswith("on the same CPU, threads and packages")
    assert not found.contradicts


def test_other_data_contradict_whatever_the_numbers() -> None:
    other = ran("lstm", 0, 81.0, started=LATER)
    other["result"]["data_sha256"] = "cd"
    found = only(("a", ran("lstm", 0, 81.0)), ("b", other))
    assert found.contradicts
    assert "data_sha256: ab -> cd (b)" in found.said()


def test_a_failed_run_is_shown_and_contradicts_no_number() -> None:
    found = only(("a", ran("lstm", 0, 81.0)), ("b", ran("lstm", 0, None, started=LATER)))
    assert (found.outcome, found.contradicts) == ("failed", False)


def test_both_values_are_said_and_which_counts() -> None:
    found = only(("a", ran("lstm", 0, 81.0)), ("b", ran("lstm", 0, 75.0, started=LATER)))
    trial = ran("lstm", 0, 81.0)["trial_id"]
    assert found.said() == f"`{trial}` gave test.accuracy 81 (a, which counts) and 75 (b), where rounding explains 0.81"


AGREE = [("a", ran(row, seed, value + seed)) for row, value in (("lstm", 81.0), ("rnn", 70.0)) for seed in (0, 1)]


def page(*runs: tuple[str, Record]) -> str:
    return markdown.page(sections(make_tables(with_replications(labs(*runs))), "x"))


def test_a_replication_counts_in_no_mean_and_is_shown() -> None:
    again = ("b", ran("lstm", 0, 81.5, cpu="Xeon", started=LATER))
    (alone,), (pooled,) = (make_tables(with_replications(labs(*runs))) for runs in (AGREE, (*AGREE, again)))
    assert [row.primary for row in pooled.rows] == [row.primary for row in alone.rows]
    shown = page(*AGREE, again)
    assert "| lstm | 81.50 ± 0.71 |" in shown
    trial = again[1]["trial_id"]
    assert (
        "- Replications, which count in no mean: 1 of 4 trials ran again (b): 1 run within the tolerance of `unroll "
        f"verify`, at most 0.61 % apart (test.accuracy of `{trial}`)."
    ) in shown
    assert "| b: within tolerance, largest gap 0.61 % (test.accuracy) |" in shown
    assert "run again by" not in page(*AGREE)


def test_a_contradiction_reopens_the_row_with_both_values() -> None:
    against = ("b", ran("lstm", 1, 60.0, cpu="Xeon", started=LATER))
    (table,) = make_tables(with_replications(labs(*AGREE, against)))
    lstm = next(row for row in table.rows if row.name == "lstm")
    assert (lstm.reopened, lstm.primary.mean if lstm.primary else None) == (True, 81.5)
    assert str(lstm.unranked).startswith("reopened, since")
    assert [(row.name, row.to_best) for row in table.rows] == [("rnn", None), ("lstm", None)]
    shown = page(*AGREE, against)
    assert "| lstm | 81.50 ± 0.71 (reopened) |" in shown
    assert "test.accuracy 82 (a, which counts) and 60 (b), where rounding explains 0.82" in shown
    assert cells.values([table])[1][0][cells.values([table])[0].index("run_again")] == 0


def test_a_claim_leaves_out_what_is_contradicted_and_says_so() -> None:
    hypothesis = {
        "says": "LSTM beats RNN",
        "note": "",
        "option": "architecture",
        "pairs": [["lstm", "rnn"]],
        "metric": "primary",
        "unit": "",
        "direction": "higher",
    }
    against = ("b", ran("lstm", 1, 60.0, started=LATER))
    whole = answer("x", hypothesis, with_replications(labs(*AGREE)), lambda record: None)
    open_ = answer("x", hypothesis, with_replications(labs(*AGREE, against)), lambda record: None)
    assert [test.comparison.seeds for test in whole.tests] == [(2, 2)]
    assert [test.comparison.seeds for test in open_.tests] == [(1, 2)]
    assert open_.stale == f"Left out, since another run contradicts them: {against[1]['trial_id']}."


def test_records_without_another_run_are_as_they_were() -> None:
    records = with_replications(labs(*AGREE))
    assert records == [one for _, one in AGREE]
    assert reopened(records) is None

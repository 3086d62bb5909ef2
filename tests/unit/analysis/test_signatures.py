"""What stands under a BLEU: sacreBLEU's signature and its case, wherever the number is shown."""

from pathlib import Path
from typing import Any

import pytest
from table_records import record

from unroll.analysis.render import latex
from unroll.analysis.render.page import sections
from unroll.analysis.render.terminal import rich_table
from unroll.analysis.report import markdown, summary
from unroll.analysis.signatures import signatures
from unroll.analysis.tables import make_tables

LOWER = "nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:2.6.0"
MIXED = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"
SAID = f"sacrebleu is `{LOWER}` (of lower-cased text)."


def translated(row: str, seed: int, value: float, signature: str | None = LOWER, **metrics: float) -> dict[str, Any]:
    found = record(
        row,
        seed,
        value,
        task__name="translation",
        task__protocol_version=2,
        task___target_="unroll.tasks.translation.Translation",
        task__primary={"name": "sacrebleu", "direction": "higher", "unit": "BLEU"},
    )
    found["result"]["metrics"]["test"] = {"sacrebleu": value, **metrics}
    found["result"]["primary"] = {"name": "sacrebleu", "value": value, "unit": "BLEU", "direction": "higher"}
    found["result"]["labels"] = {} if signature is None else {"sacrebleu_signature": signature, "chrf_signature": "c"}
    return found


def test_one_signature_is_said_once_with_its_case_in_words() -> None:
    records = [translated("lstm", 0, 20.0), translated("gru", 0, 21.0)]
    assert signatures(records) == [SAID]
    assert signatures([translated("lstm", 0, 20.0, MIXED)]) == [f"sacrebleu is `{MIXED}` (of text as it is written)."]
    assert signatures([record("lstm", 0, 81.0), record("lstm", 1, None)]) == []


def test_each_metric_has_its_own() -> None:
    records = [translated("lstm", 0, 20.0, chrf=40.0)]
    assert signatures(records) == [SAID, "chrf is `c`."]
    assert signatures(records, ["chrf", "accuracy"]) == ["chrf is `c`."]


def test_several_signatures_do_not_compare() -> None:
    records = [translated("lstm", 0, 20.0), translated("lstm", 1, 20.0), translated("gru", 0, 21.0, None)]
    assert signatures(records) == [
        "sacrebleu has several signatures, which do not compare: "
        f"2 trials `{LOWER}` (of lower-cased text); 1 trials `not recorded`."
    ]


def test_it_stands_in_every_format(tmp_path: Path) -> None:
    records = [translated("lstm", 0, 20.0), record("lstm", 0, 81.0)]
    assert markdown(records, "Report").count(f"- {SAID}") == 2  # under the overview and under the table
    assert summary(records).endswith(f"- {SAID}")
    tables = make_tables(records)
    in_latex = latex.document(sections(tables, "Report"))
    assert in_latex.count(r"\texttt{nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:2.6.0}") >= 1
    captions = [str(table.caption) for table in rich_table(make_tables(records))]
    assert [SAID in caption for caption in captions] == [False, True, True]


def test_a_baseline_may_stand_beside_the_ranks() -> None:
    floor = record("tfidf_lr", 0, 99.0, baseline__unranked="it is the floor")
    rivals = [record("lstm", 0, 81.0), record("tfidf_lr", 1, 70.0, baseline__unranked=None, baseline__name="majority")]
    (table,) = make_tables([*rivals, floor])
    assert [(row.name, row.unranked) for row in table.rows] == [
        ("lstm", None),
        ("majority", None),
        ("tfidf_lr", "it is the floor"),
    ]
    assert [note for note in table.notes if "tfidf_lr" in note] == [
        "tfidf_lr stands beside the others, unranked: it is the floor."
    ]
    assert "| lstm 81.00 (n = 1) | majority 70.00 |" in summary([*rivals, floor])


@pytest.mark.parametrize("protocol", [1, 2])
def test_signatures_are_of_earlier_protocols_too(protocol: int) -> None:
    found = translated("lstm", 0, 20.0)
    found["config"]["task"]["protocol_version"] = protocol
    assert signatures([found]) == [SAID]

"""What stands below a table of where its trials were made."""

import copy
from pathlib import Path
from typing import Any

from table_records import record

from unroll.analysis.provenance import notes
from unroll.analysis.tables import make_tables
from unroll.records.pool import Place, pool
from unroll.verification.replications import with_replications

Record = dict[str, Any]


def made(row: str, seed: int, commit: str | None = "a" * 40, day: str = "2026-01-01", **run: Any) -> Record:
    found = copy.deepcopy(record(row, seed, 80.0 + seed))
    code = {"version": "0.1.0", "commit": commit, "dirty": False if commit else None}
    machine = {"cpu": "EPYC", "cpu_capability": "AVX512"}
    found["run"] |= {"code": code, "started": f"{day}T00:00:00+00:00", "hardware": machine, "threads": 1, **run}
    return found


def said(*records: Record) -> list[str]:
    (table,) = make_tables(records)
    return notes(table)


def test_what_all_share_is_said_once() -> None:
    assert said(made("lstm", 0), made("lstm", 1), made("rnn", 0)) == [
        "All trials: trained 2026-01-01, code aaaaaaa, EPYC (AVX512), 1 thread, 32-true."
    ]


def test_what_differs_is_said_with_the_rows_and_what_a_row_mixes() -> None:
    found = said(made("lstm", 0), made("lstm", 1), made("gru", 0), made("rnn", 0, "b" * 40, "2026-01-03", threads=2))
    assert found == [
        "All trials: trained 2026-01-01 to 2026-01-03, EPYC (AVX512), 32-true.",
        "Different code: aaaaaaa (3 trials); bbbbbbb (1 trial: rnn).",
        "Different threads: 1 thread (3 trials); 2 threads (1 trial: rnn).",
    ]
    mixed = said(made("lstm", 0), made("lstm", 1, "b" * 40), made("rnn", 0))
    assert "Different code: aaaaaaa (2 trials); bbbbbbb (1 trial: lstm). Within a row: lstm." in mixed


def test_many_commits_stay_one_line() -> None:
    records = [made(f"net{number}", 0, f"{number:x}" * 40) for number in range(1, 10)]
    records += [made(f"more{number}", 0, "f" * 40) for number in range(5)]
    (_, code) = said(*records)
    assert code == (
        "Different code: fffffff (5 trials); 1111111 (1 trial: net1); 2222222 (1 trial: net2); "
        "3333333 (1 trial: net3); 4444444 (1 trial: net4); 5 more (5 trials)."
    )
    (_, code) = said(*records, *(made(f"new{number}", 0, "e" * 40) for number in range(6)))
    assert "fffffff (5 trials: more0, more1, more2 and 2 more)" in code


def test_gpus_ranks_precision_and_packages_are_told_apart() -> None:
    h100 = {"kind": "cuda", "count": 2, "name": "H100", "precision": "bf16-mixed", "tf32": True}
    packages = {"torch": "2.13.0", "python": "3.11.7"}
    found = said(
        made("lstm", 0, packages={**packages, "threadpoolctl": "3.8.0"}),
        made("rnn", 0, device=h100, world_size=2, packages={**packages, "torch": "2.14.0"}),
    )
    assert found[1:] == [
        "Different machine: EPYC (AVX512) (1 trial); H100 x 2 (1 trial: rnn).",
        "Different threads: 1 thread (1 trial); 2 ranks, 1 thread each (1 trial: rnn).",
        "Different precision: 32-true (1 trial); bf16-mixed with TF32 (1 trial: rnn).",
        "Different torch: 2.13.0 (1 trial); 2.14.0 (1 trial: rnn).",
    ]


def test_code_without_a_commit_or_with_changes_is_called_so() -> None:
    changed = made("rnn", 0)
    changed["run"]["code"]["dirty"] = True
    found = said(made("lstm", 0, None), changed)
    assert "Different code: aaaaaaa with changes (1 trial); version 0.1.0 (1 trial: lstm)." in found


def test_a_baseline_computes_in_no_precision() -> None:
    half = made("lstm", 0)
    half["config"]["trainer"]["precision"] = "bf16-true"
    assert said(half, made("tfidf_lr", 0))[0].endswith("1 thread, bf16-true.")


def test_nothing_finished_has_no_footer() -> None:
    assert said(record("lstm", 0, None)) == []


def mixes(*records: Record) -> list[str]:
    return [note for note in said(*records) if "mixes" in note]


def test_a_row_of_two_code_versions_whose_results_hold_other_things_is_named() -> None:
    old, new = made("lstm", 0), made("lstm", 1, "b" * 40)
    assert mixes(old, new) == []
    new["result"]["metrics"]["test"]["ece"] = 3.0
    new["result"]["labels"] = {"sacrebleu_signature": "case:mixed", "filled 1": "I am [hungry]."}
    assert mixes(old, new) == [
        "lstm mixes code versions whose results differ: aaaaaaa and bbbbbbb differ in which metrics there are, "
        "variants of a metric."
    ]
    assert mixes(old, made("rnn", 1, "b" * 40)) == [], "of two rows, it is no mix"
    same = made("lstm", 1)
    same["result"]["metrics"]["test"]["ece"] = 3.0
    assert mixes(old, same) == [], "of one version, it is none"


def test_two_code_versions_that_gave_one_trial_other_bits_are_named_where_a_row_mixes_them() -> None:
    old, new = made("lstm", 0), made("lstm", 1, "b" * 40)
    again = made("lstm", 0, "b" * 40, "2026-02-01")
    again["result"]["predictions_sha256"] = "0" * 64
    labs = [("a", old), ("a", new), ("b", again)]

    def mixed() -> list[str]:
        found = pool((Place(lab, Path(lab) / one["trial_id"]), one) for lab, one in labs)
        (table,) = make_tables(with_replications(found))
        return [note for note in notes(table) if "mixes" in note]

    assert mixed() == [
        "lstm mixes code versions whose results differ: aaaaaaa and bbbbbbb differ in other bits of one trial on the "
        "same CPU, threads and packages."
    ]
    again["run"]["hardware"] = {"cpu": "Xeon"}
    assert mixed() == [], "then the CPU may have done it"

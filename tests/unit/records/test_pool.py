"""Pools of records: copies, runs, which run counts; by hand on literals, then the laws of merging on drawn pools."""

import copy
import functools
import operator
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_records import record

from unroll.errors import UserError
from unroll.records.audit import pooled
from unroll.records.pool import Lab, Place, Pool, digest, labs_of, pool
from unroll.records.record import write_record
from unroll.records.seal import sealed
from unroll.records.store import read_records

Record = dict[str, Any]


def ran(value: float | None = 81.0, started: str = "2026-01-02T00:00:00+00:00", seed: int = 0, **run: Any) -> Record:
    found = copy.deepcopy(record("lstm", seed, value))
    found["run"] |= {"started": started, **run}
    return found


def pool_of(*runs: tuple[str, Record]) -> Pool:
    return pool((Place(lab, Path(lab) / f"{one['trial_id']}.json"), one) for lab, one in runs)


def counts(*records: Record) -> float | None:
    """The value of the record that counts, the same in either order."""
    forth = pool_of(*((str(number), one) for number, one in enumerate(records))).records
    back = pool_of(*((str(number), one) for number, one in enumerate(records[::-1]))).records
    assert forth == back
    (found,) = forth
    return None if found["result"] is None else float(found["result"]["primary"]["value"])


def test_what_publishing_changes_makes_no_other_run() -> None:
    trained, published = ran(command="unroll train paths.runs=/me"), ran(command="unroll train")
    trained["config"]["paths"] = {"runs": "/me"}
    trained["run"]["tracking"] = {"wandb": "pending"}
    (runs,) = pool_of(("a", trained), ("b", published)).runs.values()
    assert [(run.labs, run.paths) for run in runs] == [
        (("a", "b"), (Path(f"a/{trained['trial_id']}.json"), Path(f"b/{trained['trial_id']}.json")))
    ]
    assert digest(trained) == digest(published)


@pytest.mark.parametrize("changed", [{"started": "2026-01-03T00:00:00+00:00"}, {"seconds": 13.0}, {"value": 82.0}])
def test_any_other_difference_is_another_run(changed: dict[str, Any]) -> None:
    (runs,) = pool_of(("a", ran()), ("b", ran(**changed))).runs.values()
    assert len(runs) == 2


def test_the_first_run_counts_however_much_better_the_second_is() -> None:
    assert counts(ran(81.0), ran(99.0, "2026-01-03T00:00:00+00:00")) == 81.0
    assert counts(ran(81.0, "2026-01-02T00:30:00+01:00"), ran(82.0, "2026-01-02T00:00:00+00:00")) == 81.0
    assert counts(ran(81.0, "2026-01-01T23:59:59"), ran(82.0, "2026-01-02T00:00:00Z")) == 81.0


def test_a_date_counts_before_none() -> None:
    assert counts(ran(81.0, "now"), ran(82.0, "2030-01-01T00:00:00+00:00")) == 82.0


def test_a_finished_run_counts_before_a_failed_and_a_reportable_one_before_another() -> None:
    assert counts(ran(None, "2020-01-01T00:00:00+00:00"), ran(81.0)) == 81.0
    early = ran(90.0, "2020-01-01T00:00:00+00:00") | {"reportable": False, "why_not_reportable": ["dirty"]}
    assert counts(early, ran(81.0)) == 81.0


def test_runs_of_one_start_are_told_apart_by_content() -> None:
    assert counts(ran(81.0), ran(82.0)) in (81.0, 82.0)


@pytest.fixture
def two_layouts(tmp_path: Path) -> Path:
    """One folder with two runs of a trial: one in a trial's directory, one as committed records lie."""
    first, second = ran(81.0), ran(82.0, "2026-01-03T00:00:00+00:00")
    write_record(tmp_path / second["trial_id"], second)
    (tmp_path / f"{first['trial_id']}.json").write_bytes(sealed(first))
    return tmp_path


@pytest.mark.usefixtures("believed")
def test_two_runs_in_one_folder_are_told_apart_as_those_of_two_are(two_layouts: Path, tmp_path: Path) -> None:
    damaged: list[UserError] = []
    assert [one["result"]["primary"]["value"] for one in read_records(two_layouts, damaged)] == [81.0]
    assert damaged == []
    name = ran()["trial_id"]
    (tmp_path / "other").mkdir()
    shutil.move(tmp_path / name, tmp_path / "other" / name)
    alone = pooled([tmp_path, tmp_path / "other"], damaged)
    (runs,) = alone.runs.values()
    assert [(run.labs, run.record["result"]["primary"]["value"]) for run in runs] == [
        ((tmp_path.name,), 81.0),
        (("other",), 82.0),
    ]


def test_labs_are_called_by_their_folders_or_as_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "theirs/runs", "ours/runs", "a=b"):
        Path(name).mkdir(parents=True)
    assert labs_of("mine") == [Lab("mine", Path("mine"))]
    assert labs_of(["mine", tmp_path / "mine", "mine/"]) == [Lab("mine", min(Path("mine"), tmp_path / "mine"))]
    assert [lab.name for lab in labs_of(["theirs/runs", "ours/runs"])] == ["ours/runs", "theirs/runs"]
    assert labs_of(["MIT=ours/runs", "ours/runs"]) == [Lab("MIT", Path("ours/runs"))]
    assert labs_of(["a=b"]) == [Lab("a=b", Path("a=b"))]
    assert labs_of(["MIT=mine", "ours/runs"]) == labs_of(["ours/runs", "MIT=mine"])
    with pytest.raises(UserError, match="no name of a lab"):
        labs_of(["../x=mine"])


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """A few runs of two trials in three labs: copies, failures, odd dates and equal ones among them."""
    runs = st.builds(
        ran,
        value=st.sampled_from([81.0, 82.0, None]),
        started=st.sampled_from(["2026-01-01T00:00:00+00:00", "2026-01-02", "now"]),
        seed=st.integers(0, 1),
        command=st.sampled_from(["unroll train", "unroll train paths.runs=/me"]),
    )
    return pool_of(*draw(st.lists(st.tuples(st.sampled_from("abc"), runs), max_size=5)))


@given(pools(), pools(), pools())
def test_merging_is_commutative_associative_and_idempotent(one: Pool, two: Pool, three: Pool) -> None:
    assert one | two == two | one
    assert list((one | two).runs) == list((two | one).runs)
    assert (one | two) | three == one | (two | three)
    assert one | one == one
    assert one | pool(()) == one


@given(st.lists(pools(), min_size=1, max_size=4), st.randoms())
def test_what_counts_hangs_on_no_order_and_on_no_repetition(found: list[Pool], random: Any) -> None:
    merged = functools.reduce(operator.or_, found)
    again = [*found, *random.choices(found, k=2)]
    random.shuffle(again)
    assert functools.reduce(operator.or_, again).records == merged.records
    ids = [each["trial_id"] for each in merged.records]
    assert ids == sorted(set(ids))

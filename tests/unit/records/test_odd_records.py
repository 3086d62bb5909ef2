"""A record may hold anything at any place: what passes the audit's checks can be shown, and nothing raises."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unroll.analysis.figures.drawings import drawings
from unroll.analysis.render import latex, markdown
from unroll.analysis.render.page import sections
from unroll.analysis.report import comma_separated
from unroll.analysis.tables import make_tables
from unroll.errors import UserError
from unroll.records.audit import failures
from unroll.records.pool import Place, pool
from unroll.records.record import read_record
from unroll.records.schema import validate
from unroll.records.store import frame
from unroll.sweeps.show import _curves, _environment, _result
from unroll.sweeps.show_view import lines
from unroll.verification.replications import with_replications

RECORDS = Path(__file__).resolve().parents[3] / "results" / "records"
GONE = object()
ODD = (5, "x", [], {}, None, GONE)
DRAWN = 150  # changes of each record
NAMES = (
    "compression-mnist_5k-ae_complete-s1-74679a4e7a",  # with rate and distortion, of before `run.device`
    "forecasting-etth1-lstm-s0-7b10d2383a",  # with a device and a profile
    "sentiment-sst2-majority-s0-37b0c60d6f",  # a baseline without a seed
)
Record = dict[str, Any]
Path_ = tuple[str | int, ...]


def places(value: Any, above: Path_ = ()) -> Iterator[Path_]:
    """Every place of a record; of a list, the first entry."""
    found = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in found:
        yield (*above, key)
        yield from places(inner, (*above, key))


def changed(record: Record, place: Path_, value: Any) -> Record:
    found = copy.deepcopy(record)
    node: Any = found
    for key in place[:-1]:
        node = node[key]
    if value is GONE:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return found


def said_of(record: Record, path: Path) -> list[str]:
    """Why a record is not believed."""
    try:
        validate(record)
    except UserError as error:
        return [str(error)]
    return [f"{found.check}: {found.seen}" for found in failures(record, path)]


def failed(record: Record) -> Record:
    error = dict.fromkeys(("type", "message", "traceback"), "x")
    why = {"status": "failed", "reportable": False, "why_not_reportable": ["failed"], "error": error}
    return {**record, "result": None, **why}


def show_all(record: Record, like: Record) -> None:
    """What reports, exports, figures and `show` make of records."""
    of_two_labs = pool([(Place("a", Path("a")), record), (Place("b", Path("b")), like)])
    for records in ([record], [{**record, "trial_id": "another"}, like], with_replications(of_two_labs)):
        tables = make_tables(records)
        shown = sections(tables, "x")
        for text in (markdown.page(shown), latex.document(shown), comma_separated(tables)):
            assert text
        assert all(list(drawings(table, {})) for table in tables)
    assert frame([record, like]).height == 2
    whole = {**dict.fromkeys(("error", "data", "parameters", "flops", "result")), **record}
    found = {"trial_id": "x", "place": "x", "state": record["status"], "progress": None, "stale": None}
    found |= {"config": None, "command": None, "no_command": "x", "error": whole["error"]}
    found["result"] = _result(whole, Path())
    found |= {"environment": _environment(whole), "curves": _curves(None, whole["config"], whole)}
    assert list(lines(found))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", ["finished", "failed"])
def test_what_is_believed_can_be_shown_whatever_it_holds(name: str, status: str) -> None:
    path = RECORDS / f"{name}.json"
    record = read_record(path) if status == "finished" else failed(read_record(path))
    changes = [(place, value) for place in places(record) for value in ODD]
    believed = 0
    for place, value in random.Random(0).sample(changes, DRAWN):
        odd = changed(record, place, value)
        if not said_of(odd, path):
            believed += 1
            try:
                show_all(odd, record)
            except Exception as error:
                error.add_note(f"{'.'.join(map(str, place))} = {value!r}")
                raise
    assert believed > DRAWN / 20, "most of what is drawn tests nothing"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("run.hardware.gpus", 5, "run.hardware.gpus: Input should be a valid list (seen: 5)"),
        ("run.hardware.gpus", [5], "run.hardware.gpus.0: Input should be a valid string (seen: 5)"),
        ("data.profile", {"warnings": 5}, "data.profile.warnings: Input should be a valid list (seen: 5)"),
        ("result.curves.validation", [{"step": 5, "mse": "x"}], "result.curves.validation.0.mse: Input should be"),
        ("config.task.selection", {}, "config: task.selection.name: Field required task.selection.direction: Field"),
        ("config.trainer", 5, "config: trainer: Input should be a valid dictionary (seen: 5)"),
        ("config.budget", {}, "config: budget.name: Field required"),
    ],
)
def test_what_tables_read_has_a_type(place: str, value: object, said: str) -> None:
    path = RECORDS / f"{NAMES[0]}.json"
    odd = changed(read_record(path), tuple(place.split(".")), value)
    assert said in " ".join(said_of(odd, path))


@pytest.mark.parametrize("value", [5, "x", [], {}, None])
def test_a_seed_of_a_baseline_that_has_none_is_a_number(value: object) -> None:
    """The id says nothing of it."""
    path = RECORDS / f"{NAMES[2]}.json"
    found = said_of(changed(read_record(path), ("config", "seed"), value), path)
    assert [said.partition(":")[0] for said in found] == ([] if value == 5 else ["config"])

"""Records: what is accepted, what is refused with which words, and that writing is all or nothing."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from unroll.errors import UserError
from unroll.records.record import read_record, write_record
from unroll.records.schema import SCHEMA_VERSION, validate


@pytest.fixture
def finished() -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "trial_id": "sentiment-sst2-lstm-s0-0123456789",
        "status": "finished",
        "config": {"seed": 0, "task": {"name": "sentiment"}},
        "protocol_version": 1,
        "data": {"name": "sst2", "content_sha256": "ab", "source": "local sst", "verified": True},
        "parameters": {"total": 30, "counted": 10, "embeddings": 20},
        "flops": {"forward_per_example": 5, "training": 100},
        "result": {
            "metrics": {"validation": {"nll": 0.5}, "test": {"accuracy": 81.5, "nll": 0.45}},
            "primary": {"name": "accuracy", "value": 81.5, "unit": "%", "direction": "higher"},
            "selection": {"name": "nll", "value": 0.5, "direction": "lower", "step": 4},
            "examples": {"train": 100, "validation": 10, "test": 10},
            "steps": 4,
            "epochs": 1,
            "weights_sha256": "cd",
            "predictions_sha256": "ef",
            "data_sha256": "ab",
        },
        "run": {
            "started": "2026-01-01T00:00:00+00:00",
            "seconds": 12.5,
            "hardware": {"cores": 2},
            "packages": {"torch": "2.13.0"},
            "code": {"version": "0.1.0", "commit": None, "dirty": None},
        },
        "reportable": True,
        "why_not_reportable": [],
        "error": None,
    }


@pytest.fixture
def failed(finished: dict[str, Any]) -> dict[str, Any]:
    return finished | {
        "status": "failed",
        "result": None,
        "flops": None,
        "reportable": False,
        "why_not_reportable": ["failed"],
        "error": {"type": "ValueError", "message": "boom", "traceback": "Traceback ..."},
    }


def test_what_is_written_is_read(tmp_path: Path, finished: dict[str, Any], failed: dict[str, Any]) -> None:
    for name, record in (("a", finished), ("b", failed)):
        path = write_record(tmp_path / name, copy.deepcopy(record))
        assert path == tmp_path / name / "record.json"
        assert read_record(path) == read_record(tmp_path / name) == record
        assert [file.name for file in path.parent.iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("trial_id", 3, "trial_id: Input should be a valid string (seen: 3)"),
        ("status", "done", "status: Input should be 'finished' or 'failed' (seen: 'done')"),
        ("reprotable", True, "reprotable: Extra inputs are not permitted"),
        ("result", None, "a finished record needs result"),
        ("reportable", False, "why_not_reportable must be empty exactly when reportable is true"),
        ("schema_version", 99, "another schema version than this Unroll reads"),
        ("error", {"type": "E", "message": "", "traceback": ""}, "a finished record has no error"),
    ],
)
def test_a_wrong_field_is_named(finished: dict[str, Any], key: str, value: object, words: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(finished | {key: value})
    assert words in str(caught.value)


def test_numbers_must_be_finite_and_primary_must_be_a_test_metric(finished: dict[str, Any]) -> None:
    finished["result"]["metrics"]["validation"]["nll"] = float("nan")
    with pytest.raises(UserError, match="nll: Input should be a finite number"):
        validate(finished)
    finished["result"]["metrics"]["validation"]["nll"] = 1.0
    finished["result"]["primary"]["value"] = 90.0
    with pytest.raises(UserError, match="with that value"):
        validate(finished)


def test_a_failed_record_needs_its_error(failed: dict[str, Any]) -> None:
    validate(failed)
    with pytest.raises(UserError, match="a failed record needs error"):
        validate(failed | {"error": None})


def test_a_failed_write_leaves_the_old_record(tmp_path: Path, finished: dict[str, Any]) -> None:
    write_record(tmp_path, finished)
    with pytest.raises(UserError):
        write_record(tmp_path, finished | {"status": "?"})
    unwritable = finished | {"config": {"path": Path("x")}}
    with pytest.raises(TypeError):
        write_record(tmp_path, unwritable)
    assert read_record(tmp_path) == finished
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "cannot be read"), ("[]", "not a valid record"), ("{}", "not a valid record")],
)
def test_a_damaged_record_is_one_clear_message(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        read_record(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no record"):
        read_record(tmp_path / "absent.json")


def test_the_file_is_plain_json_that_ends_in_a_digest_of_what_stands_before_it(
    tmp_path: Path, finished: dict[str, Any]
) -> None:
    text = write_record(tmp_path, finished).read_text()
    before, found = text.split(',\n "sha256": "')
    assert found == hashlib.sha256(before.encode()).hexdigest() + '"\n}\n'
    assert json.loads(before + "\n}") == finished


def test_diagnostics_may_be_absent_and_are_checked_where_they_are_not(finished: dict[str, Any]) -> None:
    """Records from before there were any stay valid."""
    validate(finished | {"diagnostics": None})
    found = {
        "examples": 32,
        "gradient": {"norm": 1.0, "growth_per_step": None, "by_distance": [1.0, None], "layers": {"encoder": 1.0}},
        "gates": {"encoder.layers.0.ahead": {"forget": {"closed": 0.0, "open": 0.5}}},
        "code": {"jacobian_norm": 1.0, "dead_share": 0.0, "zero_share": 0.0, "kl_per_dimension": [0.5]},
    }
    validate(finished | {"diagnostics": found})
    found["gradient"]["by_distance"][1] = float("inf")
    with pytest.raises(UserError, match=r"diagnostics\.gradient\.by_distance\.1: Input should be a finite number"):
        validate(finished | {"diagnostics": found})


def test_a_path_that_an_ascii_locale_could_not_decode_is_written_as_the_bytes_that_it_is(
    tmp_path: Path, finished: dict[str, Any]
) -> None:
    finished["config"]["paths"] = {"runs": "/home/café".encode().decode("ascii", "surrogateescape")}
    path = write_record(tmp_path, finished)
    assert read_record(path)["config"]["paths"]["runs"] == "/home/café"


def test_a_path_that_is_no_utf8_at_all_comes_back(tmp_path: Path, finished: dict[str, Any]) -> None:
    finished["config"]["paths"] = {"runs": b"/home/caf\xe9".decode("utf-8", "surrogateescape")}
    assert read_record(write_record(tmp_path, finished)) == finished

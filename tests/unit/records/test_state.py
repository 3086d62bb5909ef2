"""How far a trial is, from its record and the lease beside it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trial_records import failed, made_up

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.lease import leased
from unroll.records.record import read_record, write_record
from unroll.records.state import read_head, state

DATA = "data=mnist"


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    paths = [f"paths.runs={tmp_path}", f"paths.cache={tmp_path / 'cache'}", "paths.data=null"]
    chosen = compose(["task=compression", DATA, "architecture=mlp", *paths])
    chosen.directory.mkdir()
    return chosen


def test_a_trial_without_a_record_is_missing_until_somebody_claims_it(trial: Trial) -> None:
    assert state(trial) == "missing"
    with leased(trial.directory, heartbeat=60.0):
        assert state(trial) == "running"
    assert state(trial) == "missing"


@pytest.mark.parametrize("change", [{}, {"schema_version": 0}], ids=["failed", "stale"])
def test_what_is_trained_again_is_running(trial: Trial, change: dict[str, Any]) -> None:
    trial.record_path.write_text(json.dumps({**failed(trial, "made up"), **change}))
    assert state(trial) == ("stale" if change else "failed")
    with leased(trial.directory, heartbeat=60.0):
        assert state(trial) == "running"


def test_a_finished_trial_stays_finished_while_it_is_verified(trial: Trial) -> None:
    write_record(trial.directory, made_up(trial))
    with leased(trial.directory, heartbeat=60.0):
        assert state(trial) == "finished"


def test_one_changed_place_anywhere_is_damaged(trial: Trial) -> None:
    """200 zeros in the middle, and every bit flipped in turn at places all over the file, in its digest too."""
    path = write_record(trial.directory, made_up(trial))
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    assert state(trial) == "damaged"
    for place in [*range(0, len(whole) - 100, 61), *range(len(whole) - 100, len(whole) - 1)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert state(trial) == "damaged", f"bit {place % 8} of byte {place}"
        with pytest.raises(UserError, match=r"cannot be read|not a valid record"):
            read_record(path)
    path.write_bytes(whole)
    assert state(trial) == "finished"


def test_a_record_from_before_the_digest_is_parsed_and_checked_whole(trial: Trial) -> None:
    path = trial.record_path
    path.write_text(json.dumps(made_up(trial), indent=1))
    assert state(trial) == "finished"
    path.write_text(path.read_text().replace('"steps": 1', '"steps": -1'))
    assert state(trial) == "damaged"


def test_the_record_of_another_trial_is_damaged_here(trial: Trial) -> None:
    write_record(trial.directory, {**made_up(trial), "trial_id": "compression-mnist-mlp-s1-0123456789"})
    assert state(trial) == "damaged"


def test_every_truncation_is_damaged(trial: Trial) -> None:
    path = write_record(trial.directory, made_up(trial))
    whole = path.read_bytes()
    closing = [place + 1 for place, byte in enumerate(whole) if byte == ord("}")][:-1]
    for length in sorted({*range(0, len(whole) - 2, 41), *closing, *(place + 1 for place in closing)}):
        path.write_bytes(whole[:length])
        assert state(trial) == "damaged", f"{length} of {len(whole)} bytes"
    path.write_bytes(whole[:-1])
    assert state(trial) == "finished", "only the last line's end is gone"


NO_RECORDS = {
    **{text: text.encode() for text in ("[]", "null", "3", "not json", "{}", '{"schema_version": "1"}')},
    "empty": b"",
    "nested": b"{" + b'"a":{' * 100_000,
    "lists": b'{"schema_version": ' + b"[" * 100_000,
    "huge": b'{"schema_version": 1' + b"0" * 400 + b"}",
    "no UTF-8": b'{"schema_version": 1, "trial_id": "\xff\xfe"}',
    "twice": b'{"schema_version": 0, "schema_version": 1}',
}


@pytest.mark.parametrize("content", NO_RECORDS.values(), ids=NO_RECORDS)
def test_what_is_no_record_is_damaged(trial: Trial, content: bytes) -> None:
    trial.record_path.write_bytes(content)
    with pytest.raises(UserError):
        read_record(trial.record_path)
    assert read_head(trial.record_path) == {}
    assert state(trial) == "damaged"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_record_that_is_a_folder_or_a_pipe_is_damaged(trial: Trial, make: Callable[[Path], None]) -> None:
    make(trial.record_path)
    assert state(trial) == "damaged"
    with pytest.raises(UserError):
        read_record(trial.record_path)


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("reverse", [False, True], ids=["config before protocol", "all reversed"])
def test_another_order_of_fields_reads_the_same(trial: Trial, reverse: bool, indent: int | None) -> None:
    """Records of before the head was written first have the config in its place."""
    record = made_up(trial, protocol_version=0)
    ordered = dict(reversed(record.items())) if reverse else record
    trial.record_path.write_text(json.dumps(ordered, indent=indent))
    assert state(trial) == "stale"
    trial.record_path.write_text(
        json.dumps({**ordered, "protocol_version": made_up(trial)["protocol_version"]}, indent=indent)
    )
    assert state(trial) == "finished"


def test_a_head_longer_than_what_is_read_first_is_read_whole(trial: Trial) -> None:
    write_record(trial.directory, failed(trial, "made up", trace="x" * 20_000))
    assert state(trial) == "failed"
    head = read_head(trial.record_path)
    assert head is not None
    assert len(head["error"]["traceback"]) == 20_000


def test_a_config_inside_the_error_is_not_the_config(trial: Trial) -> None:
    message = 'got {"a": 1,\n "config": {"seed": 0}}'
    write_record(trial.directory, failed(trial, message))
    head = read_head(trial.record_path)
    assert head is not None
    assert head["error"]["message"] == message
    assert state(trial) == "failed"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"schema_version": 0}, "stale"),
        ({"schema_version": 2}, "stale"),
        ({"protocol_version": 0}, "stale"),
        ({"protocol_version": 99}, "stale"),
        ({"data": None, "status": "failed"}, "failed"),
    ],
)
def test_another_schema_or_protocol_is_stale(trial: Trial, change: dict[str, Any], found: str) -> None:
    record = failed(trial, "made up") if change.get("status") == "failed" else made_up(trial)
    trial.record_path.write_text(json.dumps(record | change))
    assert state(trial) == found


def test_other_data_than_stated_are_stale_where_they_were_once_verified(trial: Trial) -> None:
    data = made_up(trial)["data"]
    write_record(trial.directory, made_up(trial, data={**data, "content_sha256": "f" * 64}))
    assert state(trial) == "stale"
    write_record(trial.directory, made_up(trial, data={**data, "content_sha256": "f" * 64, "verified": False}))
    assert state(trial) == "finished"


def test_data_without_a_stated_hash_are_not_compared(trial: Trial) -> None:
    data = made_up(trial)["data"]
    write_record(trial.directory, made_up(trial, data={**data, "content_sha256": "f" * 64}))
    trial.plain["data"]["origin"]["content_sha256"] = None
    assert state(trial) == "finished"

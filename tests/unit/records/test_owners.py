"""Who holds a lease, as its file says it, and whether that process still lives."""

import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from leaseholders import NEVER, edit, elsewhere

from unroll.records import owners
from unroll.records.lease import Lease, LeaseHeld, holder, leased


@pytest.mark.parametrize(
    ("job", "count", "cluster", "taken"),
    [
        ("7", "1", "a", True),
        ("7", "0", "a", False),
        ("8", "1", "a", False),
        ("7", "1", "b", False),
        ("", "", "", False),
    ],
)
def test_a_requeued_job_takes_over_at_once(
    job: str, count: str, cluster: str, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm("7", "0", "a", monkeypatch)
    elsewhere(Lease(tmp_path, NEVER))
    slurm(job, count, cluster, monkeypatch)
    if taken:
        Lease(tmp_path, NEVER).release()
    else:
        with pytest.raises(LeaseHeld):
            Lease(tmp_path, NEVER)


def test_what_is_left_of_an_earlier_start_of_the_job_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm("7", "10", "a", monkeypatch)
    elsewhere(Lease(tmp_path, NEVER))
    slurm("7", "9", "a", monkeypatch)
    with pytest.raises(LeaseHeld):
        Lease(tmp_path, NEVER)


def slurm(job: str, count: str, cluster: str, patch: pytest.MonkeyPatch) -> None:
    for name, value in {"JOB_ID": job, "RESTART_COUNT": count, "CLUSTER_NAME": cluster}.items():
        patch.setenv(f"SLURM_{name}", value)


@pytest.mark.parametrize("content", [b"", b"\0" * 200])
def test_a_claim_that_a_crash_left_empty_is_free(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "lease-4.json").write_bytes(content)
    assert holder(tmp_path) is None
    with leased(tmp_path, NEVER) as lease:
        assert lease.number == 5


@pytest.mark.parametrize("content", [b'{"token": "12', b'{"token": "1", "of": "a later version"}', b"[]", b"\xff"])
def test_a_claim_that_cannot_be_read_lives_a_minute(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "lease-4.json"
    path.write_bytes(content)
    with pytest.raises(LeaseHeld, match="an unknown machine"):
        Lease(tmp_path, NEVER)
    os.utime(path, (time.time() - 61, time.time() - 61))
    Lease(tmp_path, NEVER).release()


def test_a_pid_that_came_back_is_another_process(tmp_path: Path) -> None:
    edit(Lease(tmp_path, NEVER), pid=os.getpid(), born="1")
    assert holder(tmp_path) is None


def test_a_process_that_proc_hides_is_not_dead(
    process: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/proc mounted with hidepid shows no other user's processes."""
    owner, _ = process(NEVER)
    monkeypatch.setattr(owners, "_born", lambda pid: "")
    assert holder(tmp_path) is not None
    owner.kill()
    owner.join(60)
    assert holder(tmp_path) is None


OWNER = dataclasses.asdict(owners.Owner("a", "a host", 1, "a machine", "1", None, None, 60.0))


@pytest.mark.parametrize(
    "change",
    [{"expires_after": "60"}, {"expires_after": None}, {"expires_after": []}, {"pid": "1"}, {"host": 1}, {"job": 7}],
)
def test_a_claim_with_words_for_numbers_lives_as_one_that_cannot_be_read(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "lease-1.json"
    path.write_text(json.dumps({**OWNER, **change}), encoding="utf-8")
    found = holder(tmp_path)
    assert found is not None
    assert found.owner is not None
    assert found.owner.host == "an unknown machine"
    os.utime(path, (time.time() - 61, time.time() - 61))
    assert holder(tmp_path) is None


@pytest.mark.parametrize("leases_for", [1e300, float("inf"), 86_401])
def test_no_claim_lives_longer_than_a_day_without_a_heartbeat(leases_for: float, tmp_path: Path) -> None:
    path = tmp_path / "lease-1.json"
    path.write_text(json.dumps({**OWNER, "expires_after": leases_for}), encoding="utf-8")
    for age, lives in ((86_000, True), (86_500, False)):
        os.utime(path, (time.time() - age, time.time() - age))
        assert (holder(tmp_path) is not None) is lives

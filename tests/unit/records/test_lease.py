"""Leases: one owner at a time, whoever dies, sleeps, comes back or starts at the same moment."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disks import set_writable, small_disk
from leaseholders import HELD, LOST, NEVER, edit, elsewhere, race, server
from schedules import Stage

from unroll.records import lease, owners
from unroll.records.lease import PROGRESS, Lease, LeaseHeld, LeaseLost, holder, leased, leases_made


@pytest.mark.parametrize("before", ["nothing", "a released lease", "a dead lease"])
def test_one_of_many_wins(before: str, tmp_path: Path) -> None:
    directories = [tmp_path / str(number) for number in range(10)]
    for directory in directories:
        directory.mkdir()
        if before != "nothing":
            Lease(directory, NEVER).release()
        if before == "a dead lease":
            edit(Lease(directory, NEVER), born="1")
    ready, answered, wins = server.Barrier(8), server.Barrier(8), server.Array("i", len(directories))
    processes = [server.Process(target=race, args=(directories, ready, answered, wins)) for _ in range(8)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(60)
    assert [one.exitcode for one in processes] == [0] * 8
    assert list(wins) == [1] * len(directories)


def test_a_living_claim_is_refused(process: Callable[..., Any], tmp_path: Path) -> None:
    owner, go_on = process(NEVER)
    with pytest.raises(LeaseHeld, match=f"process {owner.pid} on "):
        Lease(tmp_path, NEVER)
    assert holder(tmp_path) is not None
    go_on.set()
    owner.join(60)
    assert owner.exitcode == HELD, "the refused one has changed nothing"
    assert holder(tmp_path) is None


def test_a_killed_process_is_succeeded_at_once(process: Callable[..., Any], tmp_path: Path) -> None:
    owner, _ = process(NEVER)
    owner.kill()
    owner.join(60)
    with leased(tmp_path, NEVER) as lease:
        assert lease.number == 2


def test_a_zombie_is_dead(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        Lease(tmp_path, NEVER)
        os._exit(0)
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody has asked how
        assert Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
        with leased(tmp_path, NEVER) as lease:
            assert lease.number == 2
    finally:
        os.waitpid(pid, 0)


def test_a_sleeping_owner_is_succeeded_after_its_time_and_notices(process: Callable[..., Any], tmp_path: Path) -> None:
    owner, go_on = process(0.1, LOST)
    go_on.set()
    os.kill(owner.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 60
    while True:
        try:
            lease = Lease(tmp_path, NEVER)
            break
        except LeaseHeld:
            assert time.monotonic() < deadline
    os.kill(owner.pid, signal.SIGCONT)
    owner.join(60)
    assert owner.exitcode == LOST
    lease.confirm()
    lease.release()


@pytest.mark.parametrize(
    ("age", "alive"), [(0, True), (50, True), (70, False), (-50, True), (-70, False)], ids="{}".format
)
def test_the_age_of_a_claim_on_another_machine_decides(age: float, alive: bool, tmp_path: Path) -> None:
    """One from the future, too: its owner's clock was wrong, and is no longer."""
    elsewhere(Lease(tmp_path, NEVER), age, expires_after=60.0)
    assert (holder(tmp_path) is not None) == alive
    if alive:
        with pytest.raises(LeaseHeld):
            Lease(tmp_path, NEVER)
    else:
        Lease(tmp_path, NEVER).release()


def test_heartbeats_keep_a_claim_young_and_tell_of_progress(tmp_path: Path) -> None:
    lease = Lease(tmp_path, 0.01)
    lease.progress = lambda: {"step": 7}
    path = tmp_path / "lease-1.json"
    os.utime(path, (1, 1))
    deadline = time.monotonic() + 60
    while path.stat().st_mtime == 1 or not (tmp_path / PROGRESS).exists():
        assert time.monotonic() < deadline
    assert json.loads((tmp_path / PROGRESS).read_text()) == {"step": 7}
    lease.release()
    assert not (tmp_path / PROGRESS).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["lease-1.json"]


def test_who_has_lost_removes_and_writes_nothing(tmp_path: Path) -> None:
    old = Lease(tmp_path, NEVER)
    record = tmp_path / "record.json"
    writing = old.replacing(record)
    early = writing.__enter__()
    early.write_text("old")
    os.utime(tmp_path / "lease-1.json", (1, 1))
    new = Lease(tmp_path, NEVER)
    assert not early.exists()
    (tmp_path / PROGRESS).write_text("{}")
    record.write_text("new")
    with pytest.raises(LeaseLost):
        writing.__exit__(None, None, None)
    with pytest.raises(LeaseLost), old.replacing(record) as late:
        late.write_text("late")
    with pytest.raises(LeaseLost):
        old.check()
    old.release()
    assert record.read_text() == "new"
    assert {path.name for path in tmp_path.glob("*[!0-9].json")} == {PROGRESS, "record.json"}
    assert not list(tmp_path.glob(".*"))
    with new.replacing(record) as draft:
        draft.write_text("newer")
    assert record.read_text() == "newer"
    new.release()


def test_a_successor_between_the_last_look_and_the_renaming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Lease(tmp_path, NEVER)
    look = old._look

    def then_sleep() -> None:
        look()
        if not old.lost and leases_made(tmp_path) == 1:
            os.utime(tmp_path / "lease-1.json", (1, 1))
            Lease(tmp_path, NEVER)

    monkeypatch.setattr(old, "_look", then_sleep)
    with pytest.raises(LeaseLost), old.replacing(tmp_path / "best.ckpt") as draft:
        draft.write_text("old")
    assert not (tmp_path / "best.ckpt").exists()


def test_whoever_wakes_up_looks_before_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Lease(tmp_path, NEVER)
    os.utime(tmp_path / "lease-1.json", (1, 1))
    new = Lease(tmp_path, NEVER)
    old.check()  # its last look was a moment ago
    now = owners.uptime()
    monkeypatch.setattr(lease, "uptime", lambda: now + 3 * NEVER)
    with pytest.raises(LeaseLost):
        old.check()
    new.check()


def test_another_takes_over_what_is_released(tmp_path: Path) -> None:
    got: list[Lease] = []
    refused, deadline = threading.Event(), time.monotonic() + 60

    def wait() -> None:
        while time.monotonic() < deadline:
            try:
                got.append(Lease(tmp_path, NEVER))
                return
            except LeaseHeld:
                refused.set()

    first = Lease(tmp_path, NEVER)
    waiter = threading.Thread(target=wait)
    waiter.start()
    assert refused.wait(60)
    first.release()
    waiter.join(60)
    assert [lease.number for lease in got] == [2]
    got[0].confirm()
    got[0].release()
    assert leases_made(tmp_path) == 2


def test_files_of_many_owners_do_not_pile_up(tmp_path: Path) -> None:
    for number in range(1, 6):
        with leased(tmp_path, NEVER) as lease:
            assert lease.number == number
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lease-4.json", "lease-5.json"]


def test_a_number_is_never_given_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process sleeps between its look and its lease, while others come and go and one trains."""
    elsewhere(Lease(tmp_path, NEVER), age=2 * 6 * NEVER)
    others: list[Lease] = []
    make = Lease._make

    def late(self: Lease, number: int) -> bool:
        if not others:
            others.append(None)  # type: ignore[arg-type]
            Lease(tmp_path, NEVER).release()
            others[:] = [Lease(tmp_path, NEVER)]
        return make(self, number)

    monkeypatch.setattr(Lease, "_make", late)
    with pytest.raises(LeaseHeld):
        Lease(tmp_path, NEVER)
    others[0].confirm()


def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        elsewhere(Lease(disk, NEVER))
        set_writable(disk, False)
        assert holder(disk) is not None, "still told by this machine's clock"
        with pytest.raises(LeaseHeld):
            Lease(disk, NEVER)
        set_writable(disk, True)
        elsewhere(_of_number(disk, 1), age=2 * 6 * NEVER)
        set_writable(disk, False)
        assert holder(disk) is None
        with pytest.raises(OSError, match="Read-only"):
            Lease(disk, NEVER)
        set_writable(disk, True)
        lease = Lease(disk, NEVER)
        set_writable(disk, False)
        lease.confirm()
        lease.release()  # cannot, and does not raise: the lease ends with its process, or by its age
        set_writable(disk, True)
        assert leases_made(disk) == 2


def _of_number(directory: Path, number: int) -> Any:
    owner = owners.Owner(**json.loads((directory / f"lease-{number}.json").read_text()))
    return type("Standing", (), {"directory": directory, "number": number, "owner": owner})


@pytest.mark.parametrize("death", [0.0, 0.02])
def test_no_schedule_lets_two_write_a_record(death: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gets the lease writes the record, unless there is one; owners are taken for dead at random."""
    written = 0
    for seed in range(150):
        stage, directory = Stage(seed, death), tmp_path / str(seed)
        directory.mkdir()
        records: list[str] = []

        def train(stage: Stage = stage, directory: Path = directory, records: list[str] = records) -> None:
            for _ in range(3):
                try:
                    lease = Lease(directory, NEVER)
                except LeaseHeld:
                    continue
                try:
                    if not (directory / "record.json").exists():
                        with lease.replacing(directory / "record.json") as draft:
                            draft.write_text("")
                        records.append(lease.owner.token)
                except LeaseLost:
                    continue
                lease.release()

        with monkeypatch.context() as patch:
            patch.setattr(lease, "has_ended", lambda owner, stage=stage: stage.random.random() < 0.4)
            stage.play([train] * 3, patch)
        assert len(records) <= 1, f"seed {seed}"
        written += len(records)
    assert written > 100


def test_a_directory_that_was_moved_is_told_as_that(tmp_path: Path) -> None:
    directory = tmp_path / "trial"
    directory.mkdir()
    lease = Lease(directory, NEVER)
    directory.rename(tmp_path / "moved")
    with (
        pytest.raises(LeaseLost, match="was moved or removed") as caught,
        lease.replacing(directory / "best.ckpt") as to,
    ):
        to.write_bytes(b"late")
    assert str(directory) in str(caught.value.saw)
    assert not (tmp_path / "moved" / "best.ckpt").exists()
    lease.release()

"""What processes of their own do with leases; they end by an exit code that says what became of it."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unroll.records.lease import Lease, LeaseHeld, LeaseLost

NEVER = 10_000.0  # seconds between heartbeats: none in a test
LOST, REFUSED, HELD = 3, 4, 5
server = multiprocessing.get_context("forkserver")
server.set_forkserver_preload(["leaseholders"])


def hold(directory: Path, heartbeat: float, held: Any, go_on: Any, end: int) -> None:
    """Lease, say so, wait; then give the lease back, or, to end with LOST, keep it until it is lost."""
    try:
        lease = Lease(directory, heartbeat)
    except LeaseHeld:
        os._exit(REFUSED)
    held.set()
    go_on.wait(60)
    try:
        while end == LOST:
            lease.check()
            os.sched_yield()
        lease.confirm()
        lease.release()
    except LeaseLost:
        os._exit(LOST)
    os._exit(end)


def race(directories: Sequence[Path], ready: Any, answered: Any, wins: Any) -> None:
    """Lease each directory at the same moment as the others; a winner holds on until all have tried."""
    for number, directory in enumerate(directories):
        ready.wait(60)
        lease = None
        with contextlib.suppress(LeaseHeld):
            lease = Lease(directory, NEVER)
        answered.wait(60)
        if lease is not None:
            lease.confirm()
            with wins.get_lock():
                wins[number] += 1


def edit(lease: Lease, age: float = 0.0, **changes: Any) -> None:
    """Make a lease's file that of another owner, touched so long ago."""
    path = lease.directory / f"lease-{lease.number}.json"
    path.write_text(json.dumps(dataclasses.asdict(dataclasses.replace(lease.owner, **changes))))
    os.utime(path, (time.time() - age, time.time() - age))


def elsewhere(lease: Lease, age: float = 0.0, **changes: Any) -> None:
    edit(lease, age, machine="another machine", token="another", **changes)

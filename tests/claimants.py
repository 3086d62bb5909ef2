"""What processes of their own do with claims; they end by an exit code that says what became of it."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unroll.records.lease import Claimed, ClaimLost, Lease

NEVER = 10_000.0  # seconds between heartbeats: none in a test
LOST, REFUSED, HELD = 3, 4, 5
server = multiprocessing.get_context("forkserver")
server.set_forkserver_preload(["claimants"])


def hold(directory: Path, heartbeat: float, held: Any, go_on: Any, end: int) -> None:
    """Claim, say so, wait; then give the claim back, or, to end with LOST, keep it until it is lost."""
    try:
        claim = Lease(directory, heartbeat)
    except Claimed:
        os._exit(REFUSED)
    held.set()
    go_on.wait(60)
    try:
        while end == LOST:
            claim.check()
            os.sched_yield()
        claim.confirm()
        claim.release()
    except ClaimLost:
        os._exit(LOST)
    os._exit(end)


def race(directories: Sequence[Path], ready: Any, answered: Any, wins: Any) -> None:
    """Claim each directory at the same moment as the others; a winner holds on until all have tried."""
    for number, directory in enumerate(directories):
        ready.wait(60)
        claim = None
        with contextlib.suppress(Claimed):
            claim = Lease(directory, NEVER)
        answered.wait(60)
        if claim is not None:
            claim.confirm()
            with wins.get_lock():
                wins[number] += 1


def edit(claim: Lease, age: float = 0.0, **changes: Any) -> None:
    """Make a claim's file that of another owner, touched so long ago."""
    path = claim.directory / f"claim-{claim.number}.json"
    path.write_text(json.dumps(dataclasses.asdict(dataclasses.replace(claim.owner, **changes))))
    os.utime(path, (time.time() - age, time.time() - age))


def elsewhere(claim: Lease, age: float = 0.0, **changes: Any) -> None:
    edit(claim, age, machine="another machine", token="another", **changes)

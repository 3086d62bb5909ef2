"""Processes of their own that hold a lease."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from leaseholders import HELD, hold, server


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """(heartbeat, exit code to end with) -> a process that holds the lease on tmp_path, and what lets it go on."""
    started = []

    def start(heartbeat: float, end: int = HELD) -> tuple[Any, Any]:
        held, go_on = server.Event(), server.Event()
        one = server.Process(target=hold, args=(tmp_path, heartbeat, held, go_on, end))
        one.start()
        started.append(one)
        assert held.wait(60)
        return one, go_on

    yield start
    for one in started:
        one.kill()
        one.join()

"""Worker processes that die before they do anything, and commands that are asked to leave."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unroll.errors import UserError
from unroll.planning.workers import WorkerKilled, run_all, run_one

LARGE = "x" * 300_000  # more than the pipe of a process's start holds
DIES = """
import os, signal, sys
from pathlib import Path
deaths = Path({deaths!r})
if any("spawn_main" in word for word in sys.orig_argv) and len(deaths.read_text()) < {count}:
    with deaths.open("a") as file:
        file.write("+")
    os.kill(os.getpid(), signal.SIGKILL)
"""

Stillborn = Callable[[int], Path]


@pytest.fixture
def stillborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stillborn:
    """(count) -> the deaths of that many workers, each killed before it has read anything."""

    def make(count: int) -> Path:
        deaths = tmp_path / "deaths"
        deaths.write_text("", encoding="utf-8")
        code = DIES.format(deaths=str(deaths), count=count)
        (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
        return deaths

    return make


@pytest.fixture(autouse=True)
def an_end() -> Iterator[None]:
    """A hang is a failure."""
    signal.alarm(240)
    yield
    signal.alarm(0)


def doubled(job: tuple[int, str]) -> int:
    return 2 * job[0]


def test_a_worker_killed_before_it_reads_costs_its_job_only(stillborn: Stillborn, tmp_path: Path) -> None:
    deaths = stillborn(2)
    found = run_all(doubled, [(number, LARGE) for number in range(5)], 2, tmp_path / "logs")
    assert deaths.read_text(encoding="utf-8") == "++"
    assert sum(isinstance(one, WorkerKilled) for one in found) == 2
    assert all(one == 2 * number or isinstance(one, WorkerKilled) for number, one in enumerate(found))


def test_a_process_that_prepares_is_started_again(stillborn: Stillborn, tmp_path: Path) -> None:
    deaths = stillborn(2)
    assert run_one(doubled, (21, LARGE), tmp_path / "logs", retries=2) == 42
    assert deaths.read_text(encoding="utf-8") == "++"


def test_one_that_always_dies_is_a_message(stillborn: Stillborn, tmp_path: Path) -> None:
    stillborn(100)
    with pytest.raises(UserError, match="ended 3 times before it was done") as error:
        run_one(doubled, (21, LARGE), tmp_path / "logs", retries=2)
    assert f"{tmp_path}/logs/worker-0.log" in str(error.value)

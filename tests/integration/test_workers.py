"""Worker processes that die before they do anything, and commands that are asked to leave."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from sweeping import LONG, workers, write_suite
from tiny_data import Tiny

from unroll.errors import UserError
from unroll.sweeps import workers as all_workers
from unroll.sweeps.workers import WorkerKilled, run_all, run_each

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
        monkeypatch.setattr(all_workers, "_context", lambda forked: multiprocessing.get_context("spawn"))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
        return deaths

    return make


@pytest.fixture(autouse=True)
def an_end() -> Iterator[None]:
    """A hang is a failure."""
    signal.alarm(900)
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
    assert run_each(doubled, [(21, LARGE), (4, LARGE)], 2, tmp_path / "logs", retries=2) == [42, 8]
    assert deaths.read_text(encoding="utf-8") == "++"


def test_one_that_always_dies_is_a_message(stillborn: Stillborn, tmp_path: Path) -> None:
    stillborn(100)
    with pytest.raises(UserError, match="ended 3 times before it was done") as error:
        run_each(doubled, [(21, LARGE)], 1, tmp_path / "logs", retries=2)
    assert f"{tmp_path}/logs/worker-*.log" in str(error.value)


def kills_its_origin(job: tuple[int, Path]) -> int:
    """Kill, once, the process that workers are forked from."""
    number, killed = job
    if number == 1 and not killed.exists():
        killed.touch()
        os.kill(os.getppid(), signal.SIGKILL)
    return number


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_workers_start_again_when_what_they_are_forked_from_was_killed(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    jobs = [(number, killed) for number in range(5)]
    assert run_each(kills_its_origin, jobs, 2, tmp_path / "logs", retries=2) == [0, 1, 2, 3, 4]
    assert killed.exists()


def test_workers_that_never_start_are_no_endless_loop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(all_workers, "LOOK_SECONDS", 0)
    monkeypatch.setattr(all_workers.ProcessPoolExecutor, "submit", refused)
    with pytest.raises(BrokenProcessPool, match="ConnectionRefusedError"):
        run_all(doubled, [(1, "")], 1, tmp_path / "logs")


class Command:
    """`unroll sweep` of two trials in a session of its own, as a terminal starts it."""

    def __init__(self, tiny: Tiny, tmp_path: Path):
        self.runs = tmp_path / "runs"
        conf = write_suite(tiny, self.runs, LONG[0], LONG[2])
        overrides = ["suite=six", "architecture=gru", "workers=2"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "unroll", "sweep", "--config-dir", str(conf), *overrides],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def lines(self) -> dict[Path, int]:
        """Lines of each trial's metrics."""
        return {path: path.read_bytes().count(b"\n") for path in self.runs.glob("*/metrics.jsonl")}

    def press(self) -> None:
        """Ctrl-C: to every process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ends(self) -> str:
        """What it printed, once it has ended with 130 and left no process behind."""
        said, _ = self.process.communicate(timeout=400)  # ends when the last process of the group has closed its output
        assert self.process.returncode == 130, said
        logs = [path.read_text(encoding="utf-8") for path in (self.runs / "six").glob("worker-*.log")]
        assert "Traceback" not in said + "".join(logs)
        return said


@pytest.fixture
def command(tiny: Tiny, tmp_path: Path) -> Iterator[Command]:
    one = Command(tiny, tmp_path)
    yield one
    if one.process.poll() is None:
        os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 400
    while not true():
        assert time.monotonic() < deadline, "it does not happen"
        threading.Event().wait(0.02)


def test_ctrl_c_saves_what_every_worker_does(command: Command) -> None:
    until(lambda: len(found := command.lines()) == 2 and min(found.values()) > 2)
    command.press()
    said = command.ends()
    assert "Stopping: each trial saves after its current step." in said
    assert said.endswith("Interrupted. The same command goes on from the last checkpoints.\n")
    trials = [path.parent for path in command.lines()]
    assert all((trial / "last.ckpt").exists() for trial in trials)
    assert not any((trial / "record.json").exists() for trial in trials)
    logs = [path.read_text(encoding="utf-8") for path in (command.runs / "six").glob("worker-*.log")]
    assert sum(log.count("Stopped by SIGTERM; what was done is saved.") for log in logs) == 2


def test_two_ctrl_c_end_everything_at_once(command: Command) -> None:
    until(lambda: workers(command.process.pid))
    command.press()
    threading.Event().wait(0.3)
    if command.process.poll() is None:  # else the first was enough
        command.press()
    assert "suite" in command.ends().lower()

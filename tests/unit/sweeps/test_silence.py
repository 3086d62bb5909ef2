"""What a sweep says when nothing has happened for long."""

import json
import socket
import threading
from pathlib import Path

import pytest
from leaseholders import NEVER
from stub_records import write_finished

from unroll.config.compose import compose
from unroll.config.planned import Planned
from unroll.config.trial import Trial
from unroll.records.lease import PROGRESS, leased
from unroll.sweeps.progress import Display
from unroll.sweeps.silence import Silence, telling, waits


@pytest.fixture
def trials(tmp_path: Path) -> list[Trial]:
    """Two trials that have not begun."""
    common = ["task=adding", "architecture=gru", f"paths.runs={tmp_path}"]
    return [compose([*common, f"seed={seed}"]) for seed in range(2)]


def test_silence_is_told_ever_more_rarely() -> None:
    silence = Silence(1000.0)
    times = [second for second in range(1000, 6000) if silence.is_due(second)]
    assert times == [1300, 1600, 2200, 3400, 5800]
    silence.event(6000.0)
    assert not silence.is_due(6299.0)
    assert silence.is_due(6300.0)


def test_who_is_waited_for_is_named(trials: list[Trial]) -> None:
    first = trials[0].directory
    first.mkdir(parents=True)
    with leased(first, NEVER) as lease:
        (first / PROGRESS).write_text(json.dumps({"step": 40, "steps": 200, "seconds": 3.0}), encoding="utf-8")
        said = waits(trials, 300.0, "runs/two/worker-*.log").splitlines()
    assert said == [
        "No trial has ended for 5 min; waiting for 2:",
        f"  {trials[0].trial_id}: process {lease.owner.pid} on {socket.gethostname()}, last sign of life 0 s ago, "
        "step 40 of 200",
        "  1 that no process trains yet",
        "  logs: runs/two/worker-*.log",
    ]
    assert waits(trials, 600.0).splitlines() == [
        "No trial has ended for 10 min; waiting for 2:",
        "  2 that no process trains yet",
    ]


def test_a_silent_display_says_what_it_waits_for(trials: list[Trial], capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    shown = Display([Planned(trial, ()) for trial in trials], None, "a log", clock=lambda: now)
    shown.look()
    assert capsys.readouterr().out == ""
    now = 301.0
    shown.look()
    shown.look()
    assert capsys.readouterr().out.count("waiting for 2") == 1
    shown.say("the launcher ended")
    now = 600.0
    shown.look()
    assert "waiting for" not in capsys.readouterr().out, "what was said is an event"


def test_a_long_preparation_is_told() -> None:
    said, told = [], threading.Event()
    times = iter([0.0, 299.0, 301.0])

    def say(line: str) -> None:
        said.append(line)
        told.set()

    with telling("Data are prepared", say, clock=lambda: next(times, 302.0)):
        assert told.wait(60)
    assert said == ["Data are prepared (for 5 min)"]


def test_results_come_with_the_time_that_is_left(trials: list[Trial], capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    shown = Display([Planned(trial, ()) for trial in trials], None, clock=lambda: now)
    now = 90.0
    write_finished(trials[0])
    shown.look()
    first = capsys.readouterr().out
    assert first.startswith(f"[1/2] finished  {trials[0].trial_id} ")
    assert first.endswith(", about 1 min 30 s left\n")
    write_finished(trials[1])
    shown.look()
    assert "left" not in capsys.readouterr().out

"""Requests to leave: who hears them, which is the first, and what a second Ctrl-C does."""

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from unroll import interruption
from unroll.interruption import Asked, interrupt
from unroll.training.preemption import Preempted, Preemption

ALL = (*interruption.ASKING, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ctrl-C as a terminal's foreground process has it, and each handler as it was in the end."""
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    before = {number: signal.getsignal(number) for number in ALL}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    after = {number: signal.getsignal(number) for number in ALL}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == {**before, signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}


def passing(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> None:
    """A clock that shows these times, one a look."""
    times = iter(seconds)
    monkeypatch.setattr(interruption.time, "monotonic", lambda: next(times))


@pytest.mark.parametrize("number", interruption.ASKING)
def test_the_first_request_interrupts(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), Asked(interrupt) as asked:
        signal.raise_signal(number)
    assert asked.signal is number


def test_one_ctrl_c_that_arrives_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    passing(monkeypatch, 10.0, 10.15)
    with Asked(lambda: None) as asked:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert asked.noticed


def test_a_second_ctrl_c_interrupts_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    passing(monkeypatch, 10.0, 10.3)
    with Asked(lambda: None):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_second_sigterm_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    passing(monkeypatch, 10.0)
    with Asked(lambda: None):
        signal.raise_signal(signal.SIGINT)
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Asked(interrupt) as asked:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGHUP)
    assert not asked.noticed
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_another_thread_cannot_listen() -> None:
    heard = []

    def listen() -> None:
        with Asked(interrupt) as asked:
            heard.append(asked.noticed)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert heard == [False]


def test_a_request_is_not_first_again_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    passing(monkeypatch, 10.0, 10.3)
    with Asked(interrupt) as outer:
        with Asked(lambda: None):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)  # would interrupt, were it the first
        assert outer.signal is signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", ALL)
def test_training_goes_on_to_the_end_of_its_step(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    def trains() -> None:
        with Preemption() as preemption:
            preemption.training_starts()
            assert not preemption.noticed
            signal.raise_signal(number)
            assert preemption.noticed, "and nothing was raised"
            preemption.training_ended(stopped=True)

    with pytest.raises(Preempted):
        trains()
    assert f"Stopped by {number.name}; what was done is saved." in capsys.readouterr().err


@pytest.mark.parametrize(("there", "said"), [(True, "what was done is saved"), (False, "before there was anything")])
def test_saved_is_said_of_what_is_there(
    tmp_path: Path, there: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if there:
        (tmp_path / "last.ckpt").touch()
    with pytest.raises(Preempted), Preemption(tmp_path / "last.ckpt"):
        signal.raise_signal(signal.SIGTERM)  # data are being prepared
    assert said in capsys.readouterr().err


def test_only_slurms_signals_requeue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []
    monkeypatch.setattr("unroll.training.preemption.why_not_requeued", lambda: asked.append("Slurm") or "it is a test")
    for number in (signal.SIGINT, signal.SIGHUP):
        with pytest.raises(Preempted), Preemption():
            signal.raise_signal(number)
    assert not asked
    with pytest.raises(Preempted), Preemption():
        signal.raise_signal(signal.SIGTERM)
    assert asked
    assert capsys.readouterr().err.count("Not requeued: it is a test.") == 1


def test_a_request_outlives_an_error_that_came_with_it() -> None:
    def trains() -> None:
        with Preemption() as preemption:
            preemption.training_starts()
            signal.raise_signal(signal.SIGINT)
            raise FloatingPointError("loss is not finite")

    with pytest.raises(Preempted):
        trains()


TALKS = """
import os, signal, sys, time
from unroll.interruption import Asked, interrupt, tell
with Asked({heed}, command=True):
    try:
        os.write({ready}, b"r")
        time.sleep(60)
        time.sleep(60)
    except KeyboardInterrupt:
        for _ in range(100):
            print("to a terminal that is gone", flush=True)
        tell("Interrupted.")
        sys.exit(130)
"""


def test_a_closed_terminal_ends_with_130() -> None:
    ours, theirs = pty.openpty()
    hears, says = os.pipe()
    code = TALKS.format(heed="interrupt", ready=says)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, pass_fds=[says], start_new_session=True
    )
    os.close(theirs)
    assert os.read(hears, 1) == b"r"
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 130


def test_a_second_ctrl_c_ends_a_command_without_a_traceback() -> None:
    hears, says = os.pipe()
    code = TALKS.format(heed=f"lambda: os.write({says}, b'1') and None", ready=says)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[says],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert os.read(hears, 1) == b"r"
    process.send_signal(signal.SIGINT)
    assert os.read(hears, 1) == b"1"
    while process.poll() is None:  # what comes within 0.2 s is still the first
        process.send_signal(signal.SIGINT)
        threading.Event().wait(0.05)
    assert process.returncode == 130
    assert process.stderr is not None
    assert process.stderr.read() == "Left at once.\n"


def test_a_second_ctrl_c_while_the_interpreter_ends_changes_no_exit_code() -> None:
    code = """
import atexit, os, signal, sys
from unroll.interruption import Asked, interrupt
with Asked(interrupt, command=True):
    atexit.register(os.kill, os.getpid(), signal.SIGINT)
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        sys.exit(130)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")

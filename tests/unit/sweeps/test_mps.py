"""MPS for a sweep, with a stand-in for nvidia-cuda-mps-control that writes down what it is told."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from unroll.sweeps import mps
from unroll.sweeps.capacity import Gpu
from unroll.sweeps.mps import shared

GPUS = [Gpu("0", "GPU-a", 40.0), Gpu("1", "GPU-b", 40.0)]
CONTROL = r"""#!/bin/sh
log() { echo "$1 $CUDA_VISIBLE_DEVICES" >>"$TOLD"; }
if [ "$1" = -d ]; then
  [ -z "$REFUSES" ] || { echo "An instance of this daemon is already running"; exit 1; }
  log start
  exec touch "$CUDA_MPS_PIPE_DIRECTORY/control"
fi
read -r word
log "$word"
[ -e "$CUDA_MPS_PIPE_DIRECTORY/control" ] || { echo "Cannot find MPS control daemon process"; exit 1; }
"""
SWEEP = """
import os, threading
from unroll.sweeps.capacity import Gpu
from unroll.sweeps.mps import shared
with shared([Gpu("0", "GPU-a", 40.0)], 2):
    print(os.environ["CUDA_MPS_PIPE_DIRECTORY"], flush=True)
    while True:  # pause() would miss a signal that comes just before it
        threading.Event().wait(0.05)
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the stand-in was told, with the GPUs that it saw."""
    (tmp_path / mps.CONTROL).write_text(CONTROL, encoding="utf-8")
    (tmp_path / mps.CONTROL).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.delenv(mps.PIPES, raising=False)
    monkeypatch.setattr(mps, "DEFAULT_PIPES", tmp_path / "default")
    (tmp_path / "told").touch()
    return tmp_path / "told"


def lines(told: Path) -> list[str]:
    return told.read_text(encoding="utf-8").splitlines()


def test_a_daemon_lives_as_long_as_the_sweep(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with shared(GPUS, 4) as workers:
        folder = Path(os.environ[mps.PIPES])
        assert (workers, os.environ["CUDA_VISIBLE_DEVICES"]) == (4, "GPU-a,GPU-b")
        assert lines(told) == ["start GPU-a,GPU-b"]
        assert folder.stat().st_mode & 0o777 == 0o700
        assert os.environ[mps.LOGS] == str(folder)
    assert lines(told) == ["start GPU-a,GPU-b", "quit GPU-a,GPU-b"]
    assert not folder.exists()
    assert mps.PIPES not in os.environ
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert capsys.readouterr().err == f"MPS: the workers share GPUs, by {folder}\n"


def test_it_ends_when_the_sweep_raises(told: Path) -> None:
    with pytest.raises(KeyboardInterrupt), shared(GPUS, 4):
        raise KeyboardInterrupt
    assert lines(told)[-1] == "quit GPU-a,GPU-b"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_a_sweep_that_is_killed(told: Path, number: signal.Signals) -> None:
    """Whether the whole group of a terminal gets Ctrl-C, or the sweep has no time to do anything."""
    sweep = subprocess.Popen([sys.executable, "-c", SWEEP], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert sweep.stdout is not None
    folder = Path(sweep.stdout.readline().strip())
    os.killpg(sweep.pid, number)
    sweep.wait()
    sweep.stdout.close()
    deadline = time.monotonic() + 60
    while folder.exists() and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert lines(told)[-1] == "quit GPU-a"
    assert not folder.exists()


def test_a_daemon_that_is_there_is_used(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "control").touch()
    monkeypatch.setenv(mps.PIPES, str(tmp_path / "theirs"))
    with shared(GPUS, 4) as workers:
        assert (workers, os.environ["CUDA_VISIBLE_DEVICES"]) == (4, "GPU-a,GPU-b")
    assert lines(told) == ["get_server_list 0,1"]
    assert "by the daemon that is there" in capsys.readouterr().err


def test_one_that_has_left_its_files_behind_is_not(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mps.PIPES, "/nowhere")
    with shared(GPUS, 4):
        assert lines(told) == ["get_server_list 0,1", "start GPU-a,GPU-b"]


def test_without_a_daemon_the_sweep_goes_on(
    told: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFUSES", "1")
    with shared(GPUS, 4) as workers:
        assert workers == 4
    assert lines(told) == []
    assert capsys.readouterr().err == "MPS does not start: An instance of this daemon is already running\n"


@pytest.mark.parametrize(("refuses", "workers"), [("", 4), ("1", 2)])
def test_exclusive_gpus_take_several_workers_by_mps_only(
    refuses: str, workers: int, told: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFUSES", refuses)
    with shared([GPUS[0], GPUS[1]._replace(exclusive=True)], 4) as found:
        assert found == workers
    assert ("one worker a GPU" in capsys.readouterr().err) == (workers == 2)


@pytest.mark.parametrize(("gpus", "workers", "allowed"), [([], 4, True), (GPUS, 2, True), (GPUS, 4, False)])
def test_nothing_is_started_where_nothing_is_shared(
    gpus: list[Gpu], workers: int, allowed: bool, told: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with shared(gpus, workers, allowed) as found:
        assert found == workers
    assert lines(told) == []
    assert capsys.readouterr().err == ""


def test_gpus_without_a_uuid_keep_their_names(told: Path) -> None:
    with shared([Gpu("MIG-a"), Gpu("1", "GPU-b")], 4):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert lines(told) == ["start 0,1", "quit 0,1"]

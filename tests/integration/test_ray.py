"""`hydra/launcher=ray` on one machine: what its workers return, what it survives, what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from sweeping import owners
from test_launchers import multirun
from test_survival import until
from tiny_data import Tiny

from unroll.records.record import read_record
from unroll.sweeps.workers import WorkerKilled

pytestmark = pytest.mark.skipif(
    find_spec("ray") is None and os.environ.get("CI") != "true", reason="an extra: pip install 'unroll-bench[ray]'"
)
SWEEP = """
import os, signal, sys, threading
from pathlib import Path
from unroll.interruption import Asked
from unroll.sweeps.ray_workers import Share, run_all
folder = Path(sys.argv[1])

def work(job):
    (folder / f"began-{job}").write_text(str(os.getpid()))
    with Asked(lambda: None, [signal.SIGTERM]) as asked:
        while not asked.noticed:
            threading.Event().wait(0.05)
        (folder / f"saved-{job}").touch()
        raise KeyboardInterrupt

try:
    run_all(work, [0, 1], "local", 1, Share(1, 0), folder)
except KeyboardInterrupt:
    sys.exit(130)
"""


def alive(session: int) -> list[str]:
    """What still runs of a session, by command, dead ones that nobody has asked for left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of = (path / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:4]
            command = (path / "cmdline").read_text(encoding="utf-8").replace("\0", " ")
        except OSError:  # it has ended
            continue
        if int(of) == session and state != "Z":
            found.append(command)
    return found


def raises_or_dies(job: int) -> int:
    if job == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if job == 2:
        raise ValueError("two")
    return os.getpid()


def test_a_killed_worker_costs_its_job_only(tmp_path: Path) -> None:
    from unroll.sweeps.ray_workers import Share, run_all

    first, killed, raised, last = run_all(raises_or_dies, [0, 1, 2, 3], "local", 1, Share(1, 0), tmp_path)
    assert isinstance(killed, WorkerKilled)
    assert (type(raised), str(raised)) == (ValueError, "two")
    assert len({os.getpid(), first, last}) == 3, "in processes of their own, a new one after the killed"


def test_three_trials_one_of_them_killed(tiny: Tiny, tmp_path: Path) -> None:
    saving = ["budget.epochs=6", "trainer.checkpoint_minutes=0.000001"]
    process = multirun(tiny, tmp_path, "ray", "seed=0,1,2", "hydra.launcher.workers=1", *saving)
    try:
        pids = until(lambda: list(owners(tmp_path)) or process.poll() is not None, seconds=400)
        assert process.poll() is None, process.communicate()[0]
        os.kill(pids[0], signal.SIGKILL)
        said, _ = process.communicate(timeout=400)
    finally:
        process.kill()
    assert process.returncode == 0, said
    records = [read_record(path) for path in tmp_path.glob("*/record.json")]
    assert [record["status"] for record in records] == ["finished"] * 3
    assert sum(record["run"]["attempts"] for record in records) >= 3


def test_ctrl_c_lets_workers_save_and_leaves_no_process(tmp_path: Path) -> None:
    sweep = subprocess.Popen(
        [sys.executable, "-c", SWEEP, str(tmp_path)], stderr=subprocess.PIPE, start_new_session=True
    )
    assert sweep.stderr is not None
    try:
        until(lambda: (tmp_path / "began-0").exists() or sweep.poll() is not None, seconds=400)
        os.killpg(sweep.pid, signal.SIGINT)
        _, said = sweep.communicate(timeout=400)
    finally:
        sweep.kill()
    assert sweep.returncode == 130, said
    assert (tmp_path / "saved-0").exists()
    assert not (tmp_path / "began-1").exists()
    deadline = time.monotonic() + 20
    while alive(sweep.pid) and time.monotonic() < deadline:
        os.sched_yield()
    assert alive(sweep.pid) == []

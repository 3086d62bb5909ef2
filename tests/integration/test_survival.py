"""Sweeps whose processes are killed, that run twice at once, and whose workers stay warm: the same bits in the end."""

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import LONG, owners, sweep, trained, workers, write_suite
from tiny_data import Tiny

from unroll.errors import TrialFailed
from unroll.records.record import read_record
from unroll.sweeps.workers import run_all

QUICK = ["budget.epochs=2"]
poll = threading.Event()


def until(true: Callable[[], Any], seconds: float = 240, every: float = 0.005) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it does not happen"
        poll.wait(every)
    return found


def results(runs: Path) -> dict[str, str]:
    paths = sorted(runs.glob("*/record.json"))
    return {path.parent.name: json.dumps(read_record(path)["result"], sort_keys=True) for path in paths}


def ends_well(process: "subprocess.Popen[str]") -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


@pytest.fixture
def started() -> Iterator[list["subprocess.Popen[str]"]]:
    """Sweeps that are not to outlive a test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("forked", "counts"),
    [(True, {"worker": 14, "newborn": 24, "sweeper": 2}), (False, {"worker": 1, "newborn": 9})],
    ids=["forked", "spawned"],
)
def test_fifty_kills_change_no_bit(
    forked: bool, counts: dict[str, int], tiny: Tiny, tmp_path: Path, started: list["subprocess.Popen[str]"]
) -> None:
    """Of workers in training, of those that take their place, from their first moments on, and of whole sweeps."""
    chance, runs = random.Random(0), tmp_path / "runs"
    victims = [victim for victim, count in counts.items() for _ in range(count)]
    chance.shuffle(victims)
    conf = write_suite(tiny, runs, *LONG, "trainer.heartbeat_seconds=0.5")

    def start() -> None:
        started.append(sweep(conf, "workers=2", f"sweep.retries={len(victims)}", forked=forked))

    def lines() -> int:
        return sum(path.read_bytes().count(b"\n") for path in runs.glob("*/metrics.jsonl"))

    def ended() -> bool:
        return started[-1].poll() is not None

    start()
    known: set[int] = set()
    for victim in victims:
        if victim == "newborn":
            pids = until(lambda known=known: sorted(set(workers(started[-1].pid)) - known) or ended(), every=0.002)
            poll.wait(chance.choice([0.001, 0.01, 0.1, 1.0]) * chance.random())
        else:
            for _ in range(chance.randrange(1, 8)):
                before = lines()
                until(lambda before=before: lines() != before or ended(), every=0.02)
            pids = until(lambda: list(owners(runs)) or ended(), every=0.02)
        assert not ended(), f"ended too early to be killed: {started[-1].communicate()[0]}"
        known = set(workers(started[-1].pid))
        with contextlib.suppress(ProcessLookupError):  # it had done its work
            os.kill(started[-1].pid if victim == "sweeper" else chance.choice(pids), signal.SIGKILL)
        if victim == "sweeper":
            started[-1].wait()
            start()
    said = ends_well(started[-1])
    logs = "".join(path.read_text(encoding="utf-8") for path in (runs / "six").glob("worker-*.log"))
    assert "Traceback" not in said + logs
    disturbed = results(runs)
    calm = tmp_path / "calm"
    ends_well(sweep(write_suite(tiny, calm, *LONG), "workers=2"))
    assert disturbed == results(calm)
    assert len(disturbed) == 6
    attempts = [read_record(path)["run"]["attempts"] for path in runs.glob("*/record.json")]
    assert max(attempts) > 1 or not forked, "a spawned worker is rarely killed after its first step"
    assert not [path for path in runs.glob("*/.*") if "of-lease" in path.name], "a draft is left"


def test_workers_do_not_outlive_a_killed_sweep(
    tiny: Tiny, tmp_path: Path, started: list["subprocess.Popen[str]"]
) -> None:
    runs = tmp_path / "runs"
    conf = write_suite(tiny, runs, *LONG, "trainer.heartbeat_seconds=1000")
    process = sweep(conf, "workers=2", forked=False)
    started.append(process)
    pids = until(lambda: len(found := list(owners(runs))) == 2 and found, every=0.05)
    process.kill()
    process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    assert not list(owners(runs)), "what they trained is free at once, long before their leases' time is over"


def test_two_sweeps_share_the_work(tiny: Tiny, tmp_path: Path, started: list["subprocess.Popen[str]"]) -> None:
    runs = tmp_path / "runs"
    conf = write_suite(tiny, runs, "budget.epochs=10")
    started += [sweep(conf, "workers=2", job="counted") for _ in range(2)]
    said = [ends_well(process) for process in started]
    assert len(results(runs)) == 6
    for directory in runs.glob("forecasting-*"):
        assert len((directory / "starts").read_text().split()) == 1, directory
    tables = [text[text.rindex("[6/6]") :].split("\n", 1)[1] for text in said]
    assert tables[0] == tables[1]
    assert "6 of 6 trials finished" in tables[0]
    logs = "".join(path.read_text() for path in (runs / "six").glob("worker-*.log"))
    assert logs.count("record.json") >= 6


def test_a_warm_worker_remembers_nothing(tiny: Tiny, tmp_path: Path) -> None:
    """The same trial first and last, with other tasks, another architecture and a failure between."""
    recurrent = ["architecture=deep_lstm", "architecture.dropout=0.3", *QUICK]
    wild = ["optimizer=sgd", "optimizer.learning_rate=1e30", "optimizer.clip_norm=null", "trainer.log_every=1"]
    jobs = [
        tiny.trial("sentiment", tmp_path / "first", *recurrent),
        tiny.trial("generation", tmp_path, "architecture=ae_variational", *QUICK),
        tiny.trial("forecasting", tmp_path, "architecture=gru", *wild, *QUICK),
        tiny.trial("compression", tmp_path, "baseline=pca"),
        tiny.trial("sentiment", tmp_path / "last", *recurrent),
    ]
    first, _, failed, _, last = run_all(trained, jobs, 1, tmp_path)
    assert isinstance(failed, TrialFailed)
    assert first["curves"]["validation"]
    assert first == last


def test_each_worker_has_its_own_gpu(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list["subprocess.Popen[str]"]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    runs = tmp_path / "runs"
    conf = write_suite(tiny, runs, *QUICK)
    started.append(sweep(conf, "architecture=mlp", forked=False, job="seen"))
    ends_well(started[0])
    assert {path.name: path.read_text() for path in runs.glob("gpu-*")} == {"gpu-3": "no torch", "gpu-5": "no torch"}

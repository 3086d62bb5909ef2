"""NCCL: the path of several ranks with one, and with two where there are two GPUs."""

import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as lightning
import torch
import torch.distributed as distributed
from pytorch_lightning.strategies import DDPStrategy
from tiny_data import Tiny, small_overrides

from unroll.records.record import read_record
from unroll.training import lightning_trainer
from unroll.training.train import train

TRIAL = ["architecture=deep_lstm", "architecture.dropout=0.3", "task.dropout=0.5", "budget.epochs=1"]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, device: torch.device) -> Any:
    """A process group of this process alone, and Lightning told to train in it as on several devices."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    store = distributed.TCPStore("127.0.0.1", port, 1, True, timeout=timedelta(seconds=60))
    distributed.init_process_group(backend, store=store, rank=0, world_size=1, timeout=timedelta(seconds=60))
    build, before = lightning.Trainer, dict(os.environ)

    def together(*given: Any, **options: Any) -> lightning.Trainer:
        return build(*given, **{**options, "strategy": DDPStrategy(broadcast_buffers=False)})

    monkeypatch.setattr(lightning_trainer.lightning, "Trainer", together)
    yield
    distributed.destroy_process_group()
    os.environ.clear()
    os.environ.update(before)  # Lightning leaves the rank there


def test_one_rank_does_what_one_process_does(
    tiny: Tiny, tmp_path: Path, on_device: str, request: pytest.FixtureRequest
) -> None:
    """Through DDP and its gradient buckets: an average over one rank is that rank's."""
    expected = train(tiny.trial("sentiment", tmp_path / "single", on_device, *TRIAL))
    request.getfixturevalue("alone")
    found = train(tiny.trial("sentiment", tmp_path / "ranked", on_device, *TRIAL))
    for split, metrics in expected["result"]["metrics"].items():
        assert found["result"]["metrics"][split] == pytest.approx(metrics, rel=1e-5), split


def test_two_ranks_do_what_one_process_does(tiny: Tiny, tmp_path: Path, device: torch.device, on_device: str) -> None:
    if device.type == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs: NCCL refuses two ranks on one")
    expected = train(tiny.trial("sentiment", tmp_path / "1", on_device, *TRIAL))
    given = {text.partition("=")[0]: text for text in (*tiny.overrides("sentiment", tmp_path / "2"), on_device)}
    overrides = [*given.values(), *small_overrides("sentiment", TRIAL[0]), *TRIAL, "trainer.devices=2"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "unroll", "train", "--config-dir", tiny.config_dir, *overrides]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    found = read_record(tmp_path / "2" / expected["trial_id"])
    assert found["run"]["world_size"] == found["run"]["device"]["count"] == 2
    for split, metrics in expected["result"]["metrics"].items():
        assert found["result"]["metrics"][split]["nll"] == pytest.approx(metrics["nll"], rel=1e-4), split
